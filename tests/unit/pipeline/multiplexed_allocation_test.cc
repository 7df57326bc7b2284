// A session that carries many streams at once allocates nothing per stream once it is warm.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/decoders/http2_harness.h"
#include "tests/unit/pipeline/spent_world.h"
#include "tests/unit/support/allocation_counter.h"

namespace wirespan::testing {
namespace {

using decoders::http2::FrameType;
using decoders::http2::kEndHeaders;
using decoders::http2::kEndStream;
using h2::Frame;
using h2::Indexed;
using h2::Indexing;
using h2::Literal;
using h2::LiteralOf;

constexpr uint8_t kWhole = kEndHeaders | kEndStream;
constexpr uint32_t kStreams = 10;  // of a round

// One connection: in each round streams are opened together, half of them with a body, some of them gRPC; answered in another
// order, one is reset. New header fields keep the tables turning over.
struct Client {
  explicit Client(uint64_t inode, ws_role role) : end(inode, role) {}

  std::string Request(uint32_t stream, uint32_t at, int round) const {
    const std::string path = "/items/" + std::to_string(1000 + (round * 7 + static_cast<int>(at)) % 500) + "?q=1";
    std::string fields = Indexed(at % 2 == 0 ? 2 : 3) + Indexed(6) + LiteralOf(4, path, Indexing::kInsert);
    fields += LiteralOf(1, "shop", Indexing::kInsert) + LiteralOf(58, "test/1.0", Indexing::kInsert);
    if (at == 5) fields += Literal("content-type", "application/grpc", Indexing::kInsert);
    fields += Literal("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    if (at % 2 == 0) return Frame(FrameType::kHeaders, kWhole, stream, fields);
    return Frame(FrameType::kHeaders, kEndHeaders, stream, fields) + Frame(FrameType::kData, kEndStream, stream, "0123456789");
  }
  static std::string Response(uint32_t stream, uint32_t at) {
    if (at == 7) return Frame(FrameType::kRstStream, 0, stream, h2::Uint32(8));
    const std::string type = Literal("content-type", at == 5 ? "application/grpc" : "text/plain", Indexing::kInsert);
    std::string bytes = Frame(FrameType::kHeaders, kEndHeaders, stream, Indexed(8) + type);
    if (at != 5) return bytes + Frame(FrameType::kData, kEndStream, stream, std::string(200, 'x'));
    return bytes + Frame(FrameType::kHeaders, kWhole, stream, Literal("grpc-status", "0", Indexing::kInsert));
  }
  void Begin(std::vector<Record>& out) {
    out.push_back(end.Opened());
    out.push_back(end.Request(h2::ClientStart()));
    out.push_back(end.Response(h2::ServerStart()));
  }
  void Round(int round, std::vector<Record>& out) {
    std::string requests;
    for (uint32_t at = 0; at < kStreams; ++at) requests += Request(next_stream + 2 * at, at, round);
    out.push_back(end.Request(requests.substr(0, requests.size() / 2)));
    out.push_back(end.Request(requests.substr(requests.size() / 2)));
    for (uint32_t i = 0; i < kStreams; ++i) {
      const uint32_t at = (i * 3) % kStreams;
      out.push_back(end.Response(Response(next_stream + 2 * at, at)));
    }
    next_stream += 2 * kStreams;
  }

  EventMaker end;
  uint32_t next_stream = 1;
};

TEST(ShardAllocation, NothingPerStreamInTheSteadyState) {
  SpentWorld world;
  std::vector<Client> clients;
  for (uint64_t i = 0; i < 6; ++i) clients.emplace_back(100 + i, i % 2 == 0 ? WS_ROLE_SERVER : WS_ROLE_CLIENT);
  std::vector<Record> warm, measured;
  for (Client& client : clients) client.Begin(warm);
  for (int round = 0; round < 100; ++round) {
    for (Client& client : clients) client.Round(round, warm);
  }
  for (int round = 0; round < 100; ++round) {
    for (Client& client : clients) client.Round(round, measured);
  }
  world.Feed(warm);
  world.shard.Tick(1);
  ASSERT_EQ(world.facts.spans, 6000U);
  const uint64_t before = AllocationCount();
  world.Feed(measured);
  world.shard.Tick(2);
  EXPECT_EQ(AllocationCount() - before, 0U);
  EXPECT_EQ(world.facts.spans, 12000U);
}

}  // namespace
}  // namespace wirespan::testing
