// libFuzzer: any bytes as ring records through ToEvent and the whole shard. The input is cut into records: two bytes of length,
// then that many bytes, which are taken as they are, or (high bit of the length) patched into a record that passes the size
// checks, so that the fuzzer reaches what lies behind them. Must never crash or loop, must stay within its bounds, and every
// request it saw must be a span, open, or counted.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "agent/pipeline/shard.h"
#include "bpf/shared/events.h"

namespace wirespan {
namespace {

class NoResources final : public process::ResourceSource {
 public:
  std::shared_ptr<const exporters::Resource> ResourceOf(uint32_t /*tgid*/) override { return resource_; }

 private:
  std::shared_ptr<const exporters::Resource> resource_ = std::make_shared<exporters::Resource>();  // shared: as in the product
};
class NoPolicy final : public stream::ConnectionPolicy {
 public:
  void Off(ConnectionId /*connection*/) override {}
  void Budget(ConnectionId /*connection*/, uint32_t /*bytes*/, ConnectionRole /*role*/) override {}
  void Frames(ConnectionId /*connection*/, uint32_t /*bytes*/, ConnectionRole /*role*/) override {}
};
class NoFacts final : public pipeline::FactSink {
 public:
  void Deliver(trace::FactBatch& /*batch*/) override {}
};
class NoMeasurements final : public pipeline::MeasurementSink {
 public:
  void Record(const metrics::Measurement& /*measurement*/) override {}
};

size_t StructSize(uint32_t type) {
  switch (type) {
    case WS_EVENT_DATA:
      return sizeof(ws_data_event);
    case WS_EVENT_CONNECTION_OPENED:
      return sizeof(ws_connection_event);
    case WS_EVENT_COMPLETION_WAKE:
      return sizeof(ws_wake_event);
    case WS_EVENT_STREAM_ENDED:
    case WS_EVENT_CONNECTION_CLOSED:
      return sizeof(ws_close_event);
    default:
      return sizeof(ws_process_event);
  }
}

// Eight bytes of plan, then payload: a valid record near what a kernel would say.
std::vector<std::byte> Patched(std::span<const uint8_t> plan, uint32_t (&positions)[4][2], uint64_t& now) {
  uint8_t p[8] = {};
  std::copy_n(plan.begin(), std::min<size_t>(plan.size(), 8), p);
  const std::span<const uint8_t> payload = plan.size() > 8 ? plan.subspan(8) : std::span<const uint8_t>{};
  const uint32_t type = p[0] % 16 < 12 ? static_cast<uint32_t>(WS_EVENT_DATA) : 1 + p[0] % 8;
  const size_t slot = p[1] % 4;
  now += static_cast<uint64_t>(p[2]) * p[2] * 1000;
  std::vector<std::byte> record(StructSize(type));
  ws_event_header header{.type = type, .size = static_cast<uint32_t>(record.size()), .time_ns = now};
  if (type != WS_EVENT_DATA) {
    std::memcpy(record.data(), &header, sizeof(header));
    if (type == WS_EVENT_CONNECTION_OPENED) {
      ws_connection_event wire{};
      wire.header = header;
      wire.inode = slot + 1;
      wire.role = p[3] % 3;
      wire.address.family = p[4] % 2 == 0 ? WS_FAMILY_IPV4 : WS_FAMILY_UNIX;
      wire.flags = p[5] % 2;
      std::memcpy(record.data(), &wire, sizeof(wire));
    } else if (type == WS_EVENT_STREAM_ENDED || type == WS_EVENT_CONNECTION_CLOSED) {
      ws_close_event wire{};
      wire.header = header;
      wire.inode = slot + 1;
      wire.direction = p[3] % 2;
      wire.position = positions[slot][p[3] % 2] + p[4];
      wire.error = p[5] % 2;
      std::memcpy(record.data(), &wire, sizeof(wire));
    }
    return record;
  }
  ws_data_event wire{};
  const uint32_t direction = p[3] % 2;
  wire.inode = slot + 1;
  wire.direction = static_cast<__u16>(direction);
  wire.role = static_cast<__u16>(p[3] / 2 % 3);
  wire.flags = p[4];
  wire.turn = p[5];
  wire.exchange = WS_TOKEN(wire.inode, p[5] / 2);
  wire.thread.tgid = 1 + p[1] / 64;
  wire.captured_size = static_cast<__u32>(std::min<size_t>(payload.size(), WS_MAX_PAYLOAD));
  wire.skipped_size = p[6] % 8 == 0 ? p[7] : 0;
  wire.original_size = wire.captured_size + wire.skipped_size + (p[6] % 8 == 1 ? p[7] * 100U : 0U);
  wire.position = positions[slot][direction] + (p[6] % 8 == 2 ? static_cast<uint32_t>(static_cast<int8_t>(p[7])) * 16U : 0U);
  if (p[6] % 8 == 3) wire.position_high = static_cast<uint32_t>(p[7]) << 8U;
  positions[slot][direction] += wire.original_size;
  header.size = static_cast<uint32_t>(sizeof(wire) + wire.captured_size);
  wire.header = header;
  record.resize(header.size);
  std::memcpy(record.data(), &wire, sizeof(wire));
  if (wire.captured_size > 0) std::memcpy(record.data() + sizeof(wire), payload.data(), wire.captured_size);
  return record;
}

void Check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

void Run(std::span<const uint8_t> input) {
  pipeline::ShardConfig config;
  config.max_connections = 8;
  config.max_open_exchanges = 64;
  config.max_open_per_connection = 16;
  config.stream.undecided_bytes = 8 * 1024;
  NoResources resources;
  NoPolicy policy;
  NoFacts facts;
  NoMeasurements measurements;
  pipeline::Shard shard(config, {.resources = resources, .policy = policy, .facts = facts, .measurements = measurements});
  uint32_t positions[4][2] = {};
  uint64_t now = 1'000'000;
  while (input.size() >= 2) {
    const uint32_t said = input[0] | static_cast<uint32_t>(input[1]) << 8U;
    input = input.subspan(2);
    const std::span<const uint8_t> piece = input.first(std::min<size_t>(input.size(), said & 0x7fffU));
    input = input.subspan(piece.size());
    if ((said & 0x8000U) == 0) {
      const std::vector<uint8_t> exact(piece.begin(), piece.end());  // so that a read past its end is seen
      shard.Accept(std::as_bytes(std::span(exact)));
    } else {
      const std::vector<std::byte> record = Patched(piece, positions, now);
      shard.Accept(std::span<const std::byte>(record));
      if (piece.size() % 5 == 0) shard.Tick(now);
    }
    const Losses& losses = shard.losses();
    Check(losses.requests_seen == losses.spans_emitted + shard.open_exchanges() + losses.ExchangesLost(),
          "every request is accounted for");
    Check(shard.connections() <= config.max_connections, "connections are bounded");
    Check(shard.open_exchanges() <= config.max_open_exchanges, "open exchanges are bounded");
  }
  shard.Stop();
  Check(shard.open_exchanges() == 0, "nothing stays open");
}

}  // namespace
}  // namespace wirespan

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  wirespan::Run({data, size});
  return 0;
}
