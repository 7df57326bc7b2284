// From a captured frame to a TCP segment: link layer, VLAN tags, IPv4 and IPv6 with their extension headers, fragments, TCP.
// Every length is compared with what was captured first; what is no TCP segment has a name. Checksums are not looked at: the
// sending host's own captures hold ones that its network card was to compute. Pure but for FragmentTable.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "agent/kernel/event.h"
#include "agent/pcap/capture_file.h"

namespace wirespan::pcap {

enum class PacketFate : uint8_t {
  kSegment,
  kUnknownLink,  // a link layer that is not read
  kNotIp,        // ARP and its like
  kNotTcp,
  kMalformed,    // lengths that contradict each other
  kTooShort,     // the capture cut a header off
  kFragment,     // kept until its others come
  kBadFragment,  // overlapping, cut, beyond a limit, or its others did not come
};
inline constexpr size_t kPacketFateCount = 8;
std::string_view Name(PacketFate fate);  // "packet_not_tcp"

struct Endpoint {
  std::array<uint8_t, 16> address{};  // network order; IPv4 in the first four bytes
  uint16_t port = 0;
  auto operator<=>(const Endpoint&) const = default;
};

struct Segment {
  uint64_t time_ns = 0;
  AddressFamily family = AddressFamily::kUnknown;
  Endpoint source;
  Endpoint destination;
  uint32_t sequence = 0;  // of the first byte of the payload (of SYN, where that is set)
  uint32_t acknowledged = 0;
  bool syn = false, ack = false, fin = false, reset = false;
  uint32_t size = 0;                 // of the payload on the wire
  std::span<const std::byte> bytes;  // of it, captured
};

// The pieces of IP datagrams that came in fragments (RFC 791 3.2, RFC 8200 4.5). One that overlaps another is given up with all
// of its datagram (RFC 5722). Bounded; allocates only where there are fragments.
class FragmentTable {
 public:
  static constexpr size_t kMaxDatagrams = 256;
  static constexpr size_t kMaxPieces = 64;
  static constexpr size_t kMaxBytes = 65'535;
  static constexpr uint64_t kPatienceNs = 30'000'000'000;

  struct Key {
    std::array<uint8_t, 16> source{};
    std::array<uint8_t, 16> destination{};
    uint32_t id = 0;
    uint8_t protocol = 0;
    bool operator==(const Key&) const = default;
  };
  // Puts a piece in. kSegment: the datagram is whole, its payload is in payload() until the next call.
  PacketFate Add(const Key& key, uint64_t time_ns, size_t offset, bool is_last, std::span<const std::byte> piece);
  std::span<const std::byte> payload() const { return payload_; }
  uint64_t given_up() const { return given_up_; }  // pieces of datagrams that were dropped, but for the one Add was called with
  uint64_t held() const;                           // pieces whose others did not come yet

 private:
  struct Piece {
    size_t begin = 0;
    size_t end = 0;
  };
  struct Datagram {
    Key key;
    uint64_t since_ns = 0;
    size_t size = 0;  // 0: the last piece did not come yet
    std::vector<Piece> pieces;
    std::vector<std::byte> bytes;
  };
  Datagram& Find(const Key& key, uint64_t time_ns);
  void Drop(const Key& key);

  std::vector<Datagram> datagrams_;
  std::vector<std::byte> payload_;
  uint64_t given_up_ = 0;
};

// kSegment: `segment` is filled; its bytes live as long as the packet's, or until the next call.
PacketFate ReadSegment(const Packet& packet, FragmentTable& fragments, Segment& segment);

}  // namespace wirespan::pcap
