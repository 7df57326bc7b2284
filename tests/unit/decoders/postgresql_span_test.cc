// postgresql::Describe: what the database semantic conventions say of queries, executions, preparations and errors.
#include "decoders/postgresql/span.h"
#include "tests/unit/decoders/postgresql_wire.h"
#include "tests/unit/decoders/span_sink.h"

namespace wirespan::testing {
namespace {

using decoders::ExchangeContext;
using decoders::ExchangeEnd;
using decoders::SpanSide;
using decoders::SpanStatus;

ExchangeContext Context(SpanSide side = SpanSide::kClient, ExchangeEnd end = ExchangeEnd::kComplete) {
  ExchangeContext context;
  context.side = side;
  context.end = end;
  context.local_address = side == SpanSide::kServer ? "10.0.0.2" : "10.0.0.1";
  context.peer_address = side == SpanSide::kServer ? "10.0.0.1" : "10.0.0.2";
  context.local_port = side == SpanSide::kServer ? 5432 : 51000;
  context.peer_port = side == SpanSide::kServer ? 51000 : 5432;
  return context;
}
ToldSpan Tell(const std::string& requests, const std::string& replies, const ExchangeContext& context = Context()) {
  return TellLast<decoders::PostgreSql>(requests, replies, context);
}

TEST(PostgreSqlSpan, AQueryFromBothEnds) {
  for (const SpanSide side : {SpanSide::kServer, SpanSide::kClient}) {
    const std::string startup = PgStartup({{"user", "bob"}, {"database", "shop"}});
    const ToldSpan told = Tell(startup + PgQuery("SELECT * FROM users WHERE name = 'secret'"),
                               PgFrame('R', PgInt32(0)) + PgReady() + PgComplete("SELECT 0") + PgReady(), Context(side));
    EXPECT_EQ(told.description.name, "SELECT users");
    EXPECT_EQ(told.description.status, SpanStatus::kUnset);
    EXPECT_EQ(told.Of("db.system.name"), "postgresql");
    EXPECT_EQ(told.Of("db.namespace"), "shop");
    EXPECT_EQ(told.Of("db.query.summary"), "SELECT users");
    EXPECT_EQ(told.Of("db.query.text"), "SELECT * FROM users WHERE name = ?");
    EXPECT_EQ(told.Of("server.address"), "10.0.0.2");
    EXPECT_EQ(told.Of("server.port"), "5432");
    for (const char* absent : {"db.operation.name", "db.collection.name", "db.response.status_code", "error.type",
                               "wirespan.incomplete", "wirespan.unknown_statement"}) {
      EXPECT_EQ(told.Of(absent), "(absent)") << absent;
    }
  }
}

TEST(PostgreSqlSpan, AnErrorIsItsSqlstate) {
  const ToldSpan told = Tell(PgQuery("INSERT INTO t VALUES (1)"), PgError("23505") + PgReady());
  EXPECT_EQ(told.Of("db.response.status_code"), "23505");
  EXPECT_EQ(told.Of("error.type"), "23505");
  EXPECT_EQ(told.description.status, SpanStatus::kError);
  for (const auto& [name, value] : told.attributes) EXPECT_EQ(value.find("secret"), std::string::npos) << name;
}

TEST(PostgreSqlSpan, AnExecutionHasThePreparedText) {
  const std::string prepared = PgParse("s1", "UPDATE t SET a = $1") + PgSync();
  const ToldSpan told = Tell(prepared + PgBind("", "s1", {"secret"}) + PgExecute() + PgSync(),
                             PgFrame('1') + PgReady() + PgFrame('2') + PgComplete("UPDATE 1") + PgReady());
  EXPECT_EQ(told.description.name, "UPDATE t");
  EXPECT_EQ(told.Of("db.query.text"), "UPDATE t SET a = $1");
  EXPECT_EQ(told.Of("db.operation.name"), "(absent)");
  const ToldSpan preparation = Tell(prepared, PgFrame('1') + PgReady());
  EXPECT_EQ(preparation.description.name, "PREPARE UPDATE t");
  EXPECT_EQ(preparation.Of("db.operation.name"), "PREPARE");
  EXPECT_EQ(preparation.Of("db.query.text"), "UPDATE t SET a = $1");
}

TEST(PostgreSqlSpan, AnUnknownStatementIsSaidToBe) {
  const ToldSpan told = Tell(PgBind("", "s1") + PgExecute() + PgSync(), PgFrame('2') + PgComplete("UPDATE 1") + PgReady());
  EXPECT_EQ(told.description.name, "EXECUTE 10.0.0.2:5432");
  EXPECT_EQ(told.Of("db.operation.name"), "EXECUTE");
  EXPECT_EQ(told.Of("db.query.text"), "(absent)");
  EXPECT_EQ(told.Of("wirespan.unknown_statement"), "s1");
  const ToldSpan unnamed = Tell(PgExecute() + PgSync(), PgComplete("UPDATE 1") + PgReady());
  EXPECT_EQ(unnamed.Of("wirespan.unknown_statement"), "(unnamed)");
}

TEST(PostgreSqlSpan, WhatWasPassedOverHasFailed) {
  const std::string insert = PgParse("", "INSERT INTO t VALUES (1)") + PgBind("", "") + PgExecute();
  const ToldSpan told = Tell(insert + insert + PgSync(), PgError("23505") + PgReady());
  EXPECT_EQ(told.Of("error.type"), "pipeline_aborted");
  EXPECT_EQ(told.Of("db.response.status_code"), "(absent)");
}

TEST(PostgreSqlSpan, WhatIsMissingIsSaid) {
  const ToldSpan told = Tell(PgQuery("SELECT 1"), "", Context(SpanSide::kClient, ExchangeEnd::kNoResponse));
  EXPECT_EQ(told.Of("wirespan.incomplete"), "no_response");
  EXPECT_EQ(told.Of("error.type"), "no_response");
  const ToldSpan unseen = Tell("", PgComplete("SELECT 1") + PgReady(), Context(SpanSide::kServer, ExchangeEnd::kRequestNotSeen));
  EXPECT_EQ(unseen.Of("wirespan.incomplete"), "request_not_seen");
  EXPECT_EQ(unseen.description.name, "10.0.0.2:5432");
}

}  // namespace
}  // namespace wirespan::testing
