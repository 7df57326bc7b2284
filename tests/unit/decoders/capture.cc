#include "tests/unit/decoders/capture.h"

#include <fstream>
#include <iterator>
#include <map>
#include <optional>

namespace wirespan::testing {
namespace {

constexpr size_t kFileHeaderBytes = 24;
constexpr size_t kRecordHeaderBytes = 16;
constexpr uint32_t kEthernet = 1;

uint32_t Little(std::string_view bytes) {
  uint32_t number = 0;
  for (size_t i = 4; i > 0; --i) number = number << 8U | static_cast<uint8_t>(bytes[i - 1]);
  return number;
}
uint32_t Big(std::string_view bytes, size_t at, size_t size) {
  uint32_t number = 0;
  for (size_t i = 0; i < size; ++i) number = number << 8U | static_cast<uint8_t>(bytes[at + i]);
  return number;
}

struct Segment {
  uint64_t client = 0;  // address and port
  Direction direction = kC2s;
  uint32_t sequence = 0;
  bool is_first = false;  // SYN
  std::string_view payload;
};

// nullopt: no TCP over IPv4 with that server.
std::optional<Segment> ReadSegment(std::string_view packet, uint32_t link, uint16_t server_port) {
  if (link == kEthernet) packet = packet.size() > 14 && Big(packet, 12, 2) == 0x0800 ? packet.substr(14) : "";
  if (packet.size() < 20 || Big(packet, 9, 1) != 6) return std::nullopt;
  const size_t ip_bytes = (Big(packet, 0, 1) & 15U) * 4;
  const size_t total = Big(packet, 2, 2);  // 0 where the device is to cut it (segmentation offload)
  packet = packet.substr(0, total == 0 ? packet.size() : total);
  if (packet.size() < ip_bytes + 20) return std::nullopt;
  const uint64_t addresses[2] = {Big(packet, 12, 4), Big(packet, 16, 4)};
  const std::string_view tcp = packet.substr(ip_bytes);
  const uint32_t ports[2] = {Big(tcp, 0, 2), Big(tcp, 2, 2)};
  if (ports[0] != server_port && ports[1] != server_port) return std::nullopt;
  const size_t client = ports[1] == server_port ? 0 : 1;
  const size_t tcp_bytes = Big(tcp, 12, 1) / 16 * 4;
  if (tcp.size() < tcp_bytes) return std::nullopt;
  return Segment{addresses[client] << 16U | ports[client], client == 0 ? kC2s : kS2c, Big(tcp, 4, 4), (Big(tcp, 13, 1) & 2U) != 0,
                 tcp.substr(tcp_bytes)};
}

struct Flow {
  Script script;
  std::optional<uint32_t> next[2];
};

void Take(const Segment& segment, Flow& flow) {
  std::optional<uint32_t>& next = flow.next[Index(segment.direction)];
  if (segment.is_first) {
    next = segment.sequence + 1;
    return;
  }
  if (!next) next = segment.sequence;
  const uint32_t seen = *next - segment.sequence;  // of its payload
  if (seen >= segment.payload.size()) return;
  flow.script.push_back(Bytes(segment.direction, std::string(segment.payload.substr(seen))));
  *next = segment.sequence + static_cast<uint32_t>(segment.payload.size());
}

}  // namespace

std::vector<Script> ReadCapture(const std::filesystem::path& path, uint16_t server_port) {
  std::ifstream input(path, std::ios::binary);
  const std::string file{std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>()};
  std::map<uint64_t, Flow> flows;
  std::string_view rest(file);
  if (rest.size() < kFileHeaderBytes || Little(rest) != 0xa1b2c3d4U) return {};
  const uint32_t link = Little(rest.substr(20));
  for (rest.remove_prefix(kFileHeaderBytes); rest.size() >= kRecordHeaderBytes;) {
    const size_t size = Little(rest.substr(8));
    rest.remove_prefix(kRecordHeaderBytes);
    const std::optional<Segment> segment = ReadSegment(rest.substr(0, size), link, server_port);
    if (segment) Take(*segment, flows[segment->client]);
    rest.remove_prefix(std::min(size, rest.size()));
  }
  std::vector<Script> scripts;
  for (auto& [client, flow] : flows) scripts.push_back(std::move(flow.script));
  return scripts;
}

}  // namespace wirespan::testing
