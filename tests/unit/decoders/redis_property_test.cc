// Properties of redis::Decoder over generated connections, valid and not.
#include "tests/unit/decoders/properties.h"
#include "tests/unit/decoders/redis_wire.h"

namespace wirespan::testing {
namespace {

struct RedisConversations {
  using Decoder = decoders::redis::Decoder;
  static constexpr std::string_view kHostile = std::string_view("*$+-:>%|\r\n0159\0a", 16);

  class Generator : public Chance {
   public:
    using Chance::Chance;
    std::string Bytes(size_t size) override {
      std::string bytes;
      for (; size > 0; --size) bytes += OneIn(3) ? kHostile[Below(kHostile.size())] : static_cast<char>(Below(256));
      return bytes;
    }
    std::string Value(int depth) {
      switch (Below(depth > 2 ? 6 : 12)) {
        case 0:
          return ":" + std::to_string(Below(100000)) + "\r\n";
        case 1:
          return "$-1\r\n";
        case 2:
          return "+" + Word(20) + "\r\n";
        case 3:
          return OneIn(2) ? "_\r\n" : "#t\r\n";
        case 4:
          return "-ERR " + Word(20) + "\r\n";
        case 5:
          return RedisString(Bytes(Below(OneIn(6) ? 900 : 30)));
        case 6:
          return "|1\r\n" + Value(depth + 1) + Value(depth + 1) + Value(depth + 1);
        case 7:
          return "*-1\r\n";
        default:
          break;
      }
      std::vector<std::string> values;
      for (size_t n = Below(5) * 2; n > 0; --n) values.push_back(Value(depth + 1));
      return RedisArray(values, "*%~"[Below(3)]);
    }
    std::string Command() {
      constexpr std::array<std::string_view, 9> kNames = {"GET", "set", "HSET", "XADD", "EVAL", "MSET", "FROB", "INFO", "SELECT"};
      std::vector<std::string> words = {std::string(kNames[Below(kNames.size())])};
      for (size_t n = Below(7); n > 0; --n) words.push_back(OneIn(4) ? Bytes(Below(OneIn(9) ? 500 : 40)) : Word(30));
      return RedisCommand(words);
    }
    // What stands between answers.
    std::string Push() { return RedisArray({RedisString("invalidate"), Value(1)}, '>'); }
  };

  static Script Conversation(uint32_t seed) {
    Generator generator(seed);
    Script script;
    for (size_t turn = generator.Below(4) + 1; turn > 0; --turn) {
      std::string commands;
      std::string replies;
      for (size_t n = generator.OneIn(3) ? generator.Below(8) + 1 : 1; n > 0; --n) {
        commands += generator.Command();
        if (generator.OneIn(9)) replies += generator.Push();
        replies += generator.Value(0);
      }
      script.push_back(Bytes(kC2s, commands));
      script.push_back(Bytes(kS2c, replies));
    }
    return script;
  }
  static std::string Beginning(Generator& generator, Direction dir) {
    return dir == kC2s ? generator.Command() : generator.Value(0);
  }
};
using Redis = Properties<RedisConversations>;

TEST(RedisProperties, AnySplitEqualsTheWhole) { Redis::AnySplitEqualsTheWhole(200); }
TEST(RedisProperties, NoPrefixOfValidInputIsInvalid) { Redis::NoPrefixOfValidInputIsInvalid(20); }
TEST(RedisProperties, AppendedGarbageNeverChangesEarlierMessages) { Redis::AppendedGarbageNeverChangesEarlierMessages(300); }
TEST(RedisProperties, DamagedInputIsTotalAndIndependentOfSplits) { Redis::DamagedInputIsTotalAndIndependentOfSplits(600); }
TEST(RedisProperties, RandomBytesNeitherCrashNorLoop) { Redis::RandomBytesNeitherCrashNorLoop(300); }
TEST(RedisProperties, SearchingForAStartIsLinear) {
  Redis::SearchingForAStartIsLinear({"*1\r\n$4\r\n", "*", "*11", "-ERR", "+OK\r", ":1", "*1\r\n*1\r\n", "%99999\r\n"}, 3);
}

// Every command has its reply, numbered alike, whatever is in their values and between them.
TEST(RedisProperties, EveryCommandHasItsReply) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    RedisWire wire;
    for (const Happening& happening : RedisConversations::Conversation(seed)) wire.Feed(happening.direction, happening.bytes);
    uint64_t requests = 0;
    uint64_t replies = 0;
    for (const auto& message : wire.messages()) {
      EXPECT_TRUE(message.complete()) << "seed " << seed;
      if (message.one_way) continue;
      EXPECT_EQ(message.exchange, message.is_request ? ++requests : ++replies) << "seed " << seed;
    }
    EXPECT_GT(requests, 0U);
    EXPECT_EQ(requests, replies) << "seed " << seed;
  }
}

// One exchange at a time, of which the end of each direction's turn is not seen but for its last 16 bytes: every message is
// there, in order, and each reply answers its command.
TEST(RedisProperties, WhatABudgetCutsOffCostsNoExchange) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    RedisConversations::Generator generator(seed + 9);
    RedisWire wire;
    for (size_t i = generator.Below(4) + 1; i > 0; --i) {
      const std::string turns[2] = {generator.Command(),
                                    RedisArray({generator.Value(1), generator.Value(1), generator.Value(1)})};
      for (const Direction dir : {kC2s, kS2c}) {
        const std::string_view bytes = turns[Index(dir)];
        const size_t copied = std::min(24 + generator.Below(400), bytes.size());
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
      if (message.exchange != 0) {
        EXPECT_EQ(message.exchange, message.is_request ? ++requests : ++replies) << "seed " << seed << "\n" << wire.text();
      }
      EXPECT_NE(message.incomplete, decoders::Incomplete::kAmbiguous) << "seed " << seed << "\n" << wire.text();
    }
    EXPECT_GE(requests, 1U) << "seed " << seed << "\n" << wire.text();
  }
}

}  // namespace
}  // namespace wirespan::testing
