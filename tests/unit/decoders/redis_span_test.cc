// redis::Describe: what the database semantic conventions say of commands, transactions and errors, from both ends.
#include "decoders/redis/span.h"
#include "tests/unit/decoders/redis_wire.h"
#include "tests/unit/decoders/span_sink.h"

namespace wirespan::testing {
namespace {

using decoders::ExchangeContext;
using decoders::ExchangeEnd;
using decoders::SpanSide;
using decoders::SpanStatus;

ExchangeContext Context(SpanSide side, ExchangeEnd end = ExchangeEnd::kComplete) {
  ExchangeContext context;
  context.side = side;
  context.end = end;
  context.local_address = side == SpanSide::kServer ? "10.0.0.2" : "10.0.0.1";
  context.peer_address = side == SpanSide::kServer ? "10.0.0.1" : "10.0.0.2";
  context.local_port = side == SpanSide::kServer ? 6379 : 51000;
  context.peer_port = side == SpanSide::kServer ? 51000 : 6379;
  return context;
}
ToldSpan Tell(const std::string& requests, const std::string& responses,
              const ExchangeContext& context = Context(SpanSide::kClient)) {
  return TellLast<decoders::Redis>(requests, responses, context);
}

TEST(RedisSpan, ACommandFromBothEnds) {
  for (const SpanSide side : {SpanSide::kServer, SpanSide::kClient}) {
    const ToldSpan told = Tell(RedisCommand({"HSET", "user:1", "name", "Ada"}), ":1\r\n", Context(side));
    EXPECT_EQ(told.description.name, "HSET 10.0.0.2:6379");
    EXPECT_EQ(told.description.status, SpanStatus::kUnset);
    EXPECT_EQ(told.Of("db.system.name"), "redis");
    EXPECT_EQ(told.Of("db.operation.name"), "HSET");
    EXPECT_EQ(told.Of("db.query.text"), "HSET user:1 name ?");
    EXPECT_EQ(told.Of("server.address"), "10.0.0.2");
    EXPECT_EQ(told.Of("server.port"), "6379");
    EXPECT_EQ(told.Of("client.address"), side == SpanSide::kServer ? "10.0.0.1" : "(absent)");
    for (const char* absent : {"db.namespace", "db.response.status_code", "error.type", "db.operation.batch.size",
                               "db.query.summary", "db.collection.name", "wirespan.incomplete", "wirespan.truncated"}) {
      EXPECT_EQ(told.Of(absent), "(absent)") << absent;
    }
  }
}

TEST(RedisSpan, AnErrorIsItsFirstWord) {
  const ToldSpan told = Tell(RedisCommand({"lpush", "text", "secret"}), "-WRONGTYPE Operation against a key\r\n");
  EXPECT_EQ(told.description.name, "lpush 10.0.0.2:6379") << "as sent";
  EXPECT_EQ(told.description.status, SpanStatus::kError);
  EXPECT_EQ(told.Of("db.response.status_code"), "WRONGTYPE");
  EXPECT_EQ(told.Of("error.type"), "WRONGTYPE");
  EXPECT_EQ(told.Of("db.query.text"), "lpush text ?");
  const ToldSpan moved = Tell(RedisCommand({"GET", "a"}), "!30\r\nMOVED 3999 127.0.0.1:6381 here\r\n");
  EXPECT_EQ(moved.Of("db.response.status_code"), "MOVED");
}

TEST(RedisSpan, TheDatabaseIsSaidOnceItIsKnownAndNamesNothing) {
  const ToldSpan told = Tell(RedisCommand({"SELECT", "7"}) + RedisCommand({"GET", "a"}), "+OK\r\n$-1\r\n");
  EXPECT_EQ(told.Of("db.namespace"), "7");
  EXPECT_EQ(told.description.name, "GET 10.0.0.2:6379");
}

TEST(RedisSpan, TransactionsAreBatches) {
  const std::string multi = RedisCommand({"MULTI"});
  const std::string exec = RedisCommand({"EXEC"});
  const std::string incr = RedisCommand({"INCR", "a"});
  const ToldSpan same = Tell(multi + incr + incr + exec, "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:2\r\n");
  EXPECT_EQ(same.Of("db.operation.name"), "MULTI INCR");
  EXPECT_EQ(same.Of("db.operation.batch.size"), "2");
  EXPECT_EQ(same.Of("db.query.text"), "EXEC");
  const ToldSpan mixed =
      Tell(multi + incr + RedisCommand({"GET", "a"}) + exec, "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n$1\r\n1\r\n");
  EXPECT_EQ(mixed.Of("db.operation.name"), "MULTI");
  EXPECT_EQ(Tell(multi + incr + exec, "+OK\r\n+QUEUED\r\n*1\r\n:1\r\n").Of("db.operation.batch.size"), "(absent)") << "never 1";
  EXPECT_EQ(Tell(multi + exec, "+OK\r\n*0\r\n").Of("db.operation.batch.size"), "0");
  const ToldSpan queued = Tell(multi + incr, "+OK\r\n+QUEUED\r\n");
  EXPECT_EQ(queued.Of("db.operation.name"), "INCR");
}

TEST(RedisSpan, AScriptByNameIsAProcedure) {
  const ToldSpan told = Tell(RedisCommand({"FCALL", "totals", "1", "k", "v"}), ":1\r\n");
  EXPECT_EQ(told.Of("db.stored_procedure.name"), "totals");
  EXPECT_EQ(told.description.name, "FCALL totals");
  EXPECT_EQ(told.Of("db.query.text"), "FCALL totals 1 k ?");
}

TEST(RedisSpan, WhatIsMissingIsSaid) {
  const struct {
    ExchangeEnd end;
    std::string_view incomplete, error;
  } kCases[] = {
      {ExchangeEnd::kNoResponse, "no_response", "no_response"},
      {ExchangeEnd::kConnectionReset, "connection_reset", "connection_reset"},
      {ExchangeEnd::kResponseNotSeen, "response_not_seen", "(absent)"},
      {ExchangeEnd::kResponseCut, "response_cut", "response_cut"},
      {ExchangeEnd::kProcessExited, "process_exited", "process_exited"},
      {ExchangeEnd::kAgentStopped, "agent_stopped", "(absent)"},
  };
  for (const auto& c : kCases) {
    const ToldSpan told = Tell(RedisCommand({"GET", "a"}), "", Context(SpanSide::kClient, c.end));
    EXPECT_EQ(told.Of("wirespan.incomplete"), c.incomplete);
    EXPECT_EQ(told.Of("error.type"), c.error) << c.incomplete;
    EXPECT_EQ(told.description.status, c.error == "(absent)" ? SpanStatus::kUnset : SpanStatus::kError);
  }
  const ToldSpan unseen = Tell("", "+OK\r\n", Context(SpanSide::kServer, ExchangeEnd::kRequestNotSeen));
  EXPECT_EQ(unseen.description.name, "10.0.0.2:6379");
  EXPECT_EQ(unseen.Of("db.operation.name"), "(absent)");
  EXPECT_EQ(unseen.Of("wirespan.incomplete"), "request_not_seen");
}

}  // namespace
}  // namespace wirespan::testing
