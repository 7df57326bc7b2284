// PostgreSQL through the whole shard, in the calls that servers and clients make of it, with what the turn's budget cuts off.
#include <gtest/gtest.h>

#include "tests/unit/decoders/postgresql_wire.h"
#include "tests/unit/pipeline/budget_teller.h"
#include "tests/unit/support/shard_harness.h"

namespace wirespan::testing {
namespace {

constexpr uint64_t kInode = 51;

struct World {
  explicit World(ws_role role = WS_ROLE_SERVER, size_t budget = 4096) : end(kInode, role), teller(end, budget) {
    h.Feed(end.Opened());
  }
  void Request(std::string_view call) { h.Feed(teller.Call(end.RequestSide(), call)); }
  void Reply(std::string_view call) { h.Feed(teller.Call(end.ResponseSide(), call)); }
  void Begin() {
    Request(PgSslRequest());
    Reply("N");
    Request(PgStartup({{"user", "bob"}, {"database", "shop"}}));
    Reply(PgFrame('R', PgInt32(5) + "salt"));
    Request(PgFrame('p', PgString("md5secret")));
    Reply(PgFrame('R', PgInt32(0)) + PgFrame('S', PgString("TimeZone") + PgString("UTC")) +
          PgFrame('K', PgInt32(1) + PgInt32(2)) + PgReady());
  }
  // Names and what is missing of the spans so far.
  std::vector<std::string> Names() {
    h.Tick(end.now);
    std::vector<std::string> names;
    for (const auto& fact : h.facts.finished) {
      const std::string missing = TextOf(fact.span->attributes, "wirespan.incomplete");
      names.push_back(std::string(fact.span->name) + (missing.empty() ? "" : " " + missing));
    }
    return names;
  }
  std::string Last(std::string_view key) { return TextOf(h.facts.finished.back().span->attributes, key); }
  void ExpectNothingLost() {
    for (size_t i = 0; i < kLossCount; ++i) EXPECT_EQ(h.Lost(static_cast<Loss>(i)), 0U) << LossName(static_cast<Loss>(i));
    EXPECT_TRUE(h.Balances());
  }

  ShardHarness h;
  EventMaker end;
  BudgetTeller teller;
};
using Names = std::vector<std::string>;

std::string Rows(size_t count, size_t size = 20) {
  std::string rows = PgRowDescription({"a"});
  for (; count > 0; --count) rows += PgRow({std::string(size, 'r')});
  return rows;
}

TEST(PostgreSqlShard, AConnectionFromItsBeginning) {
  for (const ws_role role : {WS_ROLE_SERVER, WS_ROLE_CLIENT}) {
    World w(role);
    w.Begin();
    EXPECT_EQ(w.Names(), Names{}) << "to connect is no exchange";
    w.Request(PgQuery("SELECT * FROM a"));
    w.Reply(Rows(3) + PgComplete("SELECT 3") + PgReady());
    w.Request(PgQuery("SELEC"));
    w.Reply(PgError("42601") + PgReady());
    EXPECT_EQ(w.Names(), (Names{"SELECT a", "shop"}));
    EXPECT_EQ(w.Last("error.type"), "42601");
    EXPECT_EQ(w.Last("db.namespace"), "shop");
    w.Request(PgFrame('X'));
    w.h.Feed({w.end.Ended(w.end.RequestSide()), w.end.Closed()});
    EXPECT_EQ(w.Names().size(), 2U);
    w.ExpectNothingLost();
  }
}

// As asyncpg does: it waits for the description before it executes.
TEST(PostgreSqlShard, AFlushedDescriptionIsNoPartOfTheNextReply) {
  for (const ws_role role : {WS_ROLE_SERVER, WS_ROLE_CLIENT}) {
    World w(role);
    w.Begin();
    w.Request(PgParse("s1", "SELECT a FROM b WHERE c = $1") + PgDescribe('S', "s1") + PgFrame('H'));
    w.Reply(PgFrame('1') + PgFrame('t', std::string("\0\1\0\0\0\x17", 6)) + PgRowDescription({"a"}));
    for (int i = 0; i < 2; ++i) {
      w.Request(PgBind("", "s1") + PgExecute() + PgSync());
      w.Reply(PgFrame('2') + PgRow({"one"}) + PgComplete("SELECT 1") + PgReady());
    }
    EXPECT_EQ(w.Names(), (Names{"PREPARE SELECT b", "SELECT b", "SELECT b"}));
    w.ExpectNothingLost();
  }
}

TEST(PostgreSqlShard, PreparedOnceAndExecutedOften) {
  World w(WS_ROLE_CLIENT);
  w.Begin();
  w.Request(PgParse("s1", "UPDATE a SET b = $1") + PgSync());
  w.Reply(PgFrame('1') + PgReady());
  for (int i = 0; i < 3; ++i) {
    w.end.now += uint64_t{5} * 1000 * 1000 * 1000;  // quiet times do not make it forget
    w.h.Tick(w.end.now);
    w.Request(PgBind("", "s1", {"1"}) + PgExecute() + PgSync());
    w.Reply(PgFrame('2') + PgComplete("UPDATE 1") + PgReady());
  }
  EXPECT_EQ(w.Names(), (Names{"PREPARE UPDATE a", "UPDATE a", "UPDATE a", "UPDATE a"}));
  w.ExpectNothingLost();
}

TEST(PostgreSqlShard, APipelineIsASpanForEachExecution) {
  World w;
  w.Begin();
  std::string calls;
  std::string answers;
  for (const char* table : {"a", "b", "c"}) {
    calls += PgParse("", std::string("INSERT INTO ") + table + " VALUES (1)") + PgBind("", "") + PgExecute();
    answers += PgFrame('1') + PgFrame('2') + PgComplete("INSERT 0 1");
  }
  w.Request(calls + PgSync());
  w.Reply(answers + PgReady());
  EXPECT_EQ(w.Names(), (Names{"INSERT a", "INSERT b", "INSERT c"}));
  w.Request(PgQuery("COMMIT"));
  w.Reply(PgComplete("COMMIT") + PgReady());
  EXPECT_EQ(w.Names().size(), 4U);
  w.ExpectNothingLost();
}

TEST(PostgreSqlShard, RowsBeyondTheBudgetCostNothing) {
  for (const ws_role role : {WS_ROLE_SERVER, WS_ROLE_CLIENT}) {
    World w(role);
    w.Begin();
    w.Request(PgQuery("SELECT * FROM a"));
    w.Reply(Rows(100));
    w.Reply(Rows(200) + PgComplete("SELECT 300") + PgReady());
    EXPECT_EQ(w.Names(), (Names{"SELECT a"})) << "a call ends with ReadyForQuery: its last bytes are copied";
    w.Request(PgBind("", "s1") + PgExecute() + PgSync());
    w.Reply(PgFrame('2') + Rows(300) + PgComplete("SELECT 300") + PgReady());
    w.Request(PgQuery("SELECT * FROM b"));
    w.Reply(Rows(1, 10000) + PgComplete("SELECT 1") + PgReady());
    EXPECT_EQ(w.Names(), (Names{"SELECT a", "EXECUTE shop", "SELECT b"}));
    w.ExpectNothingLost();
  }
}

TEST(PostgreSqlShard, ACopyBeyondTheBudget) {
  for (const ws_role role : {WS_ROLE_SERVER, WS_ROLE_CLIENT}) {
    World w(role);
    w.Begin();
    w.Request(PgQuery("COPY a FROM STDIN"));
    w.Reply(PgFrame('G', std::string(5, '\0')));
    std::string data;
    for (int i = 0; i < 1000; ++i) data += PgFrame('d', "1\tsecret\n");
    w.Request(data);
    w.Request(PgFrame('d', "2\tsecret\n") + PgFrame('c'));
    w.Reply(PgComplete("COPY 1001") + PgReady());
    w.Request(PgQuery("SELECT * FROM b"));
    w.Reply(Rows(1) + PgComplete("SELECT 1") + PgReady());
    EXPECT_EQ(w.Names(), (Names{"COPY a", "SELECT b"}));
    w.ExpectNothingLost();
  }
}

TEST(PostgreSqlShard, ALongTextIsToldAsFarAsItWasSeen) {
  World w;
  w.Begin();
  std::string sql = "INSERT INTO a VALUES (1)";
  for (int i = 0; i < 2000; ++i) sql += ", (" + std::to_string(i) + ")";
  w.Request(PgQuery(sql));
  w.Reply(PgComplete("INSERT 0 2001") + PgReady());
  w.Request(PgQuery("SELECT * FROM b"));
  w.Reply(Rows(1) + PgComplete("SELECT 1") + PgReady());
  EXPECT_EQ(w.Names(), (Names{"INSERT a request_not_seen", "SELECT b"}));
  EXPECT_EQ(w.h.policy.budgets.size(), 1U) << "a larger budget is asked for";
  EXPECT_TRUE(w.h.Balances());
}

TEST(PostgreSqlShard, EncryptionIsLeft) {
  World w;
  w.Request(PgSslRequest());
  w.Reply("S");
  EXPECT_EQ(w.h.policy.off.size(), 1U);
  EXPECT_EQ(w.Names(), Names{});
}

TEST(PostgreSqlShard, AConnectionThatWasThereBefore) {
  World w(WS_ROLE_CLIENT);
  w.Request(PgBind("", "s1") + PgExecute() + PgSync());
  w.Reply(PgFrame('2') + PgComplete("UPDATE 1") + PgReady());
  ASSERT_EQ(w.Names().size(), 1U);
  EXPECT_EQ(w.Last("wirespan.unknown_statement"), "s1");
  EXPECT_EQ(w.Last("db.operation.name"), "EXECUTE");
}

}  // namespace
}  // namespace wirespan::testing
