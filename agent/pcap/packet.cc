#include "agent/pcap/packet.h"

#include <algorithm>
#include <optional>

namespace wirespan::pcap {
namespace {

using Bytes = std::span<const std::byte>;

constexpr uint16_t kIpv4 = 0x0800;
constexpr uint16_t kIpv6 = 0x86dd;
constexpr uint8_t kTcp = 6;
constexpr size_t kMaxTags = 8;        // VLAN tags of a frame
constexpr size_t kMaxExtensions = 8;  // IPv6 extension headers

uint8_t U8(Bytes bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }
uint16_t U16(Bytes bytes, size_t at) { return static_cast<uint16_t>(U8(bytes, at) << 8U | U8(bytes, at + 1)); }
uint32_t U32(Bytes bytes, size_t at) { return uint32_t{U16(bytes, at)} << 16U | U16(bytes, at + 2); }

// What is carried, and where it begins; by EtherType.
struct Payload {
  uint16_t type = 0;
  size_t at = 0;
};

std::optional<Payload> BehindTags(Bytes frame, Payload payload) {
  for (size_t tags = 0; payload.type == 0x8100 || payload.type == 0x88a8 || payload.type == 0x9100; ++tags) {
    if (tags == kMaxTags || frame.size() < payload.at + 4) return std::nullopt;
    payload = {U16(frame, payload.at + 2), payload.at + 4};
  }
  return payload;
}

// The IP version by the packet itself: raw IP, and BSD's loopback, whose family has another number on each system.
Payload ByVersion(Bytes frame, size_t at) {
  if (frame.size() <= at) return {0, at};
  const uint32_t version = U8(frame, at) >> 4U;
  return {version == 4 ? kIpv4 : version == 6 ? kIpv6 : uint16_t{0}, at};
}

PacketFate ReadLink(const Packet& packet, Payload& payload) {
  const Bytes frame = packet.bytes;
  const auto typed = [&](size_t type_at, size_t header) {
    if (frame.size() < header) return PacketFate::kTooShort;
    const std::optional<Payload> found = BehindTags(frame, {U16(frame, type_at), header});
    if (!found) return PacketFate::kTooShort;
    payload = *found;
    return PacketFate::kSegment;
  };
  switch (packet.link_type) {
    case 1:  // Ethernet
      return typed(12, 14);
    case 113:  // SLL
      return typed(14, 16);
    case 276:  // SLL2
      return typed(0, 20);
    case 104:  // Cisco HDLC
      return typed(2, 4);
    case 0:    // NULL
    case 108:  // LOOP
      payload = ByVersion(frame, 4);
      return frame.size() > 4 ? PacketFate::kSegment : PacketFate::kTooShort;
    case 12:   // raw IP, as some systems number it
    case 14:   //
    case 101:  // raw IP
    case 228:  // IPv4
    case 229:  // IPv6
      payload = ByVersion(frame, 0);
      return frame.empty() ? PacketFate::kTooShort : PacketFate::kSegment;
    default:
      return PacketFate::kUnknownLink;
  }
}

// What IP carries.
struct Datagram {
  FragmentTable::Key key;
  AddressFamily family = AddressFamily::kUnknown;
  uint8_t protocol = 0;
  size_t fragment_offset = 0;
  bool is_fragment = false;
  bool more_fragments = false;
  size_t size = 0;  // of the payload on the wire
  Bytes bytes;      // of it, captured
};

PacketFate ReadIpv4(Bytes bytes, size_t on_wire, Datagram& out) {
  if (bytes.size() < 20) return PacketFate::kTooShort;
  const size_t header = size_t{U8(bytes, 0) & 0x0fU} * 4;
  size_t total = U16(bytes, 2);
  if (total == 0) total = on_wire;  // longer than 64 KiB before the network card cuts it
  if (header < 20 || total < header || total > on_wire) return PacketFate::kMalformed;
  if (bytes.size() < header) return PacketFate::kTooShort;
  const uint16_t fragment = U16(bytes, 6);
  out.family = AddressFamily::kIpv4;
  out.protocol = U8(bytes, 9);
  out.fragment_offset = size_t{fragment & 0x1fffU} * 8;
  out.more_fragments = (fragment & 0x2000U) != 0;
  out.is_fragment = out.more_fragments || out.fragment_offset != 0;
  for (size_t i = 0; i < 4; ++i) {
    out.key.source[i] = U8(bytes, 12 + i);
    out.key.destination[i] = U8(bytes, 16 + i);
  }
  out.key.id = U16(bytes, 4);
  out.size = total - header;
  out.bytes = bytes.subspan(header, std::min(out.size, bytes.size() - header));
  return PacketFate::kSegment;
}

// RFC 8200 4: hop-by-hop, routing, fragment, destination options; RFC 4302: authentication.
PacketFate SkipExtensions(Bytes bytes, Datagram& out, size_t& at, size_t end) {
  for (size_t count = 0; out.protocol != kTcp; ++count) {
    const bool known = out.protocol == 0 || out.protocol == 43 || out.protocol == 44 || out.protocol == 51 || out.protocol == 60;
    if (!known) return PacketFate::kNotTcp;
    if (count == kMaxExtensions) return PacketFate::kMalformed;
    if (bytes.size() < at + 8) return PacketFate::kTooShort;
    size_t length = 8;
    if (out.protocol == 44) {
      const uint16_t fragment = U16(bytes, at + 2);
      out.fragment_offset = fragment & 0xfff8U;
      out.more_fragments = (fragment & 1U) != 0;
      out.is_fragment = out.more_fragments || out.fragment_offset != 0;
      out.key.id = U32(bytes, at + 4);
    } else {
      length = out.protocol == 51 ? (size_t{U8(bytes, at + 1)} + 2) * 4 : (size_t{U8(bytes, at + 1)} + 1) * 8;
    }
    out.protocol = U8(bytes, at);
    at += length;
    if (at > end) return PacketFate::kMalformed;
    if (out.is_fragment) return PacketFate::kSegment;  // what follows is a piece
  }
  return PacketFate::kSegment;
}

PacketFate ReadIpv6(Bytes bytes, size_t on_wire, Datagram& out) {
  if (bytes.size() < 40) return PacketFate::kTooShort;
  const size_t length = U16(bytes, 4);
  const size_t end = length == 0 ? on_wire : 40 + length;  // 0: a jumbogram, or not cut yet
  if (end > on_wire) return PacketFate::kMalformed;
  out.family = AddressFamily::kIpv6;
  out.protocol = U8(bytes, 6);
  for (size_t i = 0; i < 16; ++i) {
    out.key.source[i] = U8(bytes, 8 + i);
    out.key.destination[i] = U8(bytes, 24 + i);
  }
  size_t at = 40;
  if (const PacketFate fate = SkipExtensions(bytes, out, at, end); fate != PacketFate::kSegment) return fate;
  if (bytes.size() < at) return PacketFate::kTooShort;
  out.size = end - at;
  out.bytes = bytes.subspan(at, std::min(out.size, bytes.size() - at));
  return PacketFate::kSegment;
}

PacketFate ReadTcp(Bytes bytes, size_t on_wire, Segment& out) {
  if (on_wire < 20) return PacketFate::kMalformed;
  if (bytes.size() < 20) return PacketFate::kTooShort;
  const size_t header = size_t{U8(bytes, 12)} / 16 * 4;
  if (header < 20 || header > on_wire) return PacketFate::kMalformed;
  const uint8_t flags = U8(bytes, 13);
  out.source.port = U16(bytes, 0);
  out.destination.port = U16(bytes, 2);
  out.sequence = U32(bytes, 4);
  out.acknowledged = U32(bytes, 8);
  out.fin = (flags & 0x01U) != 0;
  out.syn = (flags & 0x02U) != 0;
  out.reset = (flags & 0x04U) != 0;
  out.ack = (flags & 0x10U) != 0;
  out.size = static_cast<uint32_t>(on_wire - header);
  out.bytes = bytes.size() > header ? bytes.subspan(header) : Bytes{};
  return PacketFate::kSegment;
}

}  // namespace

std::string_view Name(PacketFate fate) {
  constexpr std::array<std::string_view, kPacketFateCount> kNames = {
      "packet_used",      "packet_of_unknown_link", "packet_not_ip",   "packet_not_tcp",
      "packet_malformed", "packet_too_short",       "packet_fragment", "packet_fragment_lost"};
  return kNames[static_cast<size_t>(fate)];
}

FragmentTable::Datagram& FragmentTable::Find(const Key& key, uint64_t time_ns) {
  const auto is_old = [time_ns](const Datagram& d) { return d.since_ns + kPatienceNs < time_ns; };
  for (size_t i = datagrams_.size(); i-- > 0;) {
    if (datagrams_[i].key == key && !is_old(datagrams_[i])) return datagrams_[i];
    if (!is_old(datagrams_[i])) continue;
    given_up_ += datagrams_[i].pieces.size();
    datagrams_.erase(datagrams_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (datagrams_.size() == kMaxDatagrams) {
    given_up_ += datagrams_.front().pieces.size();
    datagrams_.erase(datagrams_.begin());
  }
  Datagram& added = datagrams_.emplace_back();
  added.key = key;
  added.since_ns = time_ns;
  return added;
}

uint64_t FragmentTable::held() const {
  uint64_t pieces = 0;
  for (const Datagram& datagram : datagrams_) pieces += datagram.pieces.size();
  return pieces;
}

void FragmentTable::Drop(const Key& key) {
  for (Datagram& datagram : datagrams_) {
    if (datagram.key == key) given_up_ += datagram.pieces.size();
  }
  std::erase_if(datagrams_, [&key](const Datagram& d) { return d.key == key; });
}

PacketFate FragmentTable::Add(const Key& key, uint64_t time_ns, size_t offset, bool is_last, Bytes piece) {
  const size_t end = offset + piece.size();
  if (piece.empty() || end > kMaxBytes || (!is_last && piece.size() % 8 != 0)) return PacketFate::kBadFragment;
  Datagram& datagram = Find(key, time_ns);
  const bool known = std::any_of(datagram.pieces.begin(), datagram.pieces.end(),
                                 [&](const Piece& p) { return p.begin == offset && p.end == end; });
  if (known) return PacketFate::kBadFragment;  // sent twice
  const bool overlaps = std::any_of(datagram.pieces.begin(), datagram.pieces.end(),
                                    [&](const Piece& p) { return offset < p.end && p.begin < end; });
  const bool beyond = datagram.size != 0 && (is_last || end > datagram.size);
  if (overlaps || beyond || datagram.pieces.size() == kMaxPieces) {
    Drop(key);
    return PacketFate::kBadFragment;
  }
  datagram.pieces.push_back({offset, end});
  if (datagram.bytes.size() < end) datagram.bytes.resize(end);
  std::copy(piece.begin(), piece.end(), datagram.bytes.begin() + static_cast<std::ptrdiff_t>(offset));
  if (is_last) datagram.size = end;
  size_t have = 0;
  for (const Piece& p : datagram.pieces) have += p.end - p.begin;
  if (datagram.size == 0 || have != datagram.size || datagram.bytes.size() != datagram.size) return PacketFate::kFragment;
  payload_.swap(datagram.bytes);
  std::erase_if(datagrams_, [&key](const Datagram& d) { return d.key == key; });
  return PacketFate::kSegment;
}

PacketFate ReadSegment(const Packet& packet, FragmentTable& fragments, Segment& segment) {
  segment = {};
  Payload link;
  if (const PacketFate fate = ReadLink(packet, link); fate != PacketFate::kSegment) return fate;
  if (link.type != kIpv4 && link.type != kIpv6) return PacketFate::kNotIp;
  if (link.at >= packet.bytes.size()) return PacketFate::kTooShort;
  const Bytes ip = packet.bytes.subspan(link.at);
  const size_t on_wire = packet.original_size - link.at;
  Datagram datagram;
  const PacketFate fate = link.type == kIpv4 ? ReadIpv4(ip, on_wire, datagram) : ReadIpv6(ip, on_wire, datagram);
  if (fate != PacketFate::kSegment) return fate;
  if (datagram.protocol != kTcp) return PacketFate::kNotTcp;
  if (datagram.is_fragment) {
    if (datagram.bytes.size() != datagram.size) return PacketFate::kBadFragment;
    datagram.key.protocol = datagram.protocol;
    const PacketFate added =
        fragments.Add(datagram.key, packet.time_ns, datagram.fragment_offset, !datagram.more_fragments, datagram.bytes);
    if (added != PacketFate::kSegment) return added;
    datagram.bytes = fragments.payload();
    datagram.size = datagram.bytes.size();
  }
  segment.time_ns = packet.time_ns;
  segment.family = datagram.family;
  segment.source.address = datagram.key.source;
  segment.destination.address = datagram.key.destination;
  return ReadTcp(datagram.bytes, datagram.size, segment);
}

}  // namespace wirespan::pcap
