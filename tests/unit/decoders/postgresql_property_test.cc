// Properties of postgresql::Decoder over generated connections, valid and not.
#include "tests/unit/decoders/postgresql_wire.h"
#include "tests/unit/decoders/properties.h"

namespace wirespan::testing {
namespace {

struct PgConversations {
  using Decoder = decoders::postgresql::Decoder;
  static constexpr std::string_view kHostile = std::string_view("QPBESDCHZTNAdcf123\0\0\0\4\5\xff", 25);

  class Generator : public Chance {
   public:
    using Chance::Chance;
    std::string Bytes(size_t size) override {
      std::string bytes;
      for (; size > 0; --size) bytes += OneIn(3) ? kHostile[Below(kHostile.size())] : static_cast<char>(Below(256));
      return bytes;
    }
    std::string Sql() { return "SELECT " + Word(30) + " FROM " + Word(12) + " WHERE a = '" + Word(OneIn(9) ? 900 : 20) + "'"; }
    std::string Rows() {
      std::string rows = PgRowDescription({Word(9), Word(9)});
      for (size_t n = Below(4); n > 0; --n) rows += PgRow({Bytes(Below(OneIn(6) ? 500 : 20)), Word(9)});
      return rows;
    }
    std::string Unasked() {
      switch (Below(6)) {
        case 0:
          return PgError("00000", 'N');
        case 1:
          return PgFrame('A', PgInt32(7) + PgString(Word(5)) + PgString(Word(20)));
        case 2:
          return PgFrame('S', PgString("TimeZone") + PgString("UTC"));
        default:
          return {};
      }
    }
    // A request, and the reply to it; true: the reply ends with ReadyForQuery by itself.
    void Query(std::string& request, std::string& reply) {
      request += PgQuery(Sql());
      reply += Unasked() + (OneIn(5) ? PgError("42601") : Rows() + PgComplete("SELECT 1")) + Unasked() + PgReady();
    }
    // Executions up to one Sync, of which one may fail.
    void Extended(std::string& request, std::string& reply) {
      bool failed = false;
      for (size_t n = OneIn(3) ? Below(4) + 1 : 1; n > 0; --n) {
        const std::string name = OneIn(2) ? "" : "s" + std::to_string(Below(3));
        const bool parses = OneIn(2);
        if (parses) request += PgParse(name, Sql());
        request += PgBind("", name, {Bytes(Below(60))});
        if (OneIn(2)) request += PgDescribe('P', "");
        request += PgExecute();
        if (failed) continue;
        if (parses) reply += PgFrame('1');
        reply += PgFrame('2') + Unasked() + Rows();
        failed = OneIn(6);
        reply += failed ? PgError("23505") : OneIn(6) ? PgFrame('s') : PgComplete("SELECT 3");
      }
      request += PgSync();
      reply += PgReady();
    }
    void Preparation(std::string& request, std::string& reply) {
      request += PgParse("s" + std::to_string(Below(3)), Sql()) + PgSync();
      reply += OneIn(5) ? PgError("42601") : PgFrame('1');
      reply += PgReady();
    }
    void Exchange(std::string& request, std::string& reply) {
      switch (Below(4)) {
        case 0:
          return Query(request, reply);
        case 1:
          return Preparation(request, reply);
        default:
          return Extended(request, reply);
      }
    }
  };

  static Script Conversation(uint32_t seed) {
    Generator generator(seed);
    Script script;
    if (generator.OneIn(2)) {
      script.push_back(Bytes(kC2s, PgSslRequest()));
      script.push_back(Bytes(kS2c, "N"));
      script.push_back(Bytes(kC2s, PgStartup({{"user", "bob"}, {"database", "shop"}})));
      script.push_back(Bytes(kS2c, PgFrame('R', PgInt32(0)) + PgFrame('K', PgInt32(1) + PgInt32(2)) + PgReady()));
    }
    for (size_t turn = generator.Below(4) + 1; turn > 0; --turn) {
      std::string requests;
      std::string replies;
      for (size_t n = generator.OneIn(3) ? generator.Below(4) + 1 : 1; n > 0; --n) generator.Exchange(requests, replies);
      script.push_back(Bytes(kC2s, requests));
      script.push_back(Bytes(kS2c, replies));
    }
    return script;
  }
  static std::string Beginning(Generator& generator, Direction dir) {
    std::string request;
    std::string reply;
    generator.Exchange(request, reply);
    return dir == kC2s ? request : reply;
  }
};
using Pg = Properties<PgConversations>;

TEST(PostgreSqlProperties, AnySplitEqualsTheWhole) { Pg::AnySplitEqualsTheWhole(200); }
TEST(PostgreSqlProperties, NoPrefixOfValidInputIsInvalid) { Pg::NoPrefixOfValidInputIsInvalid(20); }
TEST(PostgreSqlProperties, AppendedGarbageNeverChangesEarlierMessages) { Pg::AppendedGarbageNeverChangesEarlierMessages(300); }
TEST(PostgreSqlProperties, DamagedInputIsTotalAndIndependentOfSplits) { Pg::DamagedInputIsTotalAndIndependentOfSplits(600); }
TEST(PostgreSqlProperties, RandomBytesNeitherCrashNorLoop) { Pg::RandomBytesNeitherCrashNorLoop(300); }
TEST(PostgreSqlProperties, SearchingForAStartIsLinear) {
  const std::string zero(1, '\0');
  Pg::SearchingForAStartIsLinear(
      {"Q", "Q" + zero, "Q" + zero + zero, "Q" + zero + zero + zero, PgQuery("a").substr(0, 5), "C" + zero, "T"}, 3);
}

// Every request has its reply, numbered alike, whatever is in them and between them.
TEST(PostgreSqlProperties, EveryRequestHasItsReply) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    PostgreSqlWire wire;
    for (const Happening& happening : PgConversations::Conversation(seed)) wire.Feed(happening.direction, happening.bytes);
    uint64_t requests = 0;
    uint64_t replies = 0;
    for (const auto& message : wire.messages()) {
      EXPECT_TRUE(message.complete()) << "seed " << seed;
      if (message.one_way) continue;
      EXPECT_EQ(message.exchange, message.is_request ? ++requests : ++replies) << "seed " << seed;
    }
    EXPECT_GT(requests, 0U);
    EXPECT_EQ(requests, replies) << "seed " << seed << "\n" << wire.text();
  }
}

// One exchange at a time, of which the end of each direction's turn is not seen but for its last 16 bytes: every message is
// there, in order, and each reply answers its request.
TEST(PostgreSqlProperties, WhatABudgetCutsOffCostsNoExchange) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    PgConversations::Generator generator(seed + 9);
    PostgreSqlWire wire;
    const size_t count = generator.Below(4) + 1;
    for (size_t i = 0; i < count; ++i) {
      std::string turns[2];
      if (generator.OneIn(2)) {
        generator.Query(turns[0], turns[1]);
      } else {
        turns[0] = PgParse("", generator.Sql()) + PgBind("", "", {generator.Word(900)}) + PgExecute() + PgSync();
        turns[1] = PgFrame('1') + PgFrame('2') + generator.Rows() + PgComplete("SELECT 1") + PgReady();
      }
      for (const Direction dir : {kC2s, kS2c}) {
        const std::string_view bytes = turns[Index(dir)];
        const size_t copied = std::min(24 + generator.Below(600), bytes.size());
        const size_t tail = std::min<size_t>(16, bytes.size() - copied);
        wire.Feed(dir, bytes.substr(0, copied));
        if (bytes.size() > copied + tail) wire.Gap(dir, bytes.size() - copied - tail);
        wire.Feed(dir, bytes.substr(bytes.size() - tail));
        wire.EndCall(dir);
      }
    }
    wire.Close(kC2s);
    wire.Close(kS2c);
    uint64_t requests = 0;
    uint64_t replies = 0;
    for (const auto& message : wire.messages()) {
      if (message.one_way) continue;
      EXPECT_EQ(message.exchange, message.is_request ? ++requests : ++replies) << "seed " << seed << "\n" << wire.text();
      EXPECT_NE(message.incomplete, decoders::Incomplete::kAmbiguous) << "seed " << seed << "\n" << wire.text();
    }
    EXPECT_EQ(requests, count) << "seed " << seed << "\n" << wire.text();
    EXPECT_EQ(replies, count) << "seed " << seed << "\n" << wire.text();
  }
}

}  // namespace
}  // namespace wirespan::testing
