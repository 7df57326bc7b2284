#include "agent/pcap/packet.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/unit/support/capture_maker.h"

namespace wirespan::pcap {
namespace {

using testing::Big;
using testing::Ethernet;
using testing::Ipv4;
using testing::Ipv6;
using testing::Tcp;

class Reader {
 public:
  // The payload of the segment, or the fate's name.
  std::string Read(const std::string& frame, uint32_t link_type = 1, size_t captured = SIZE_MAX, uint64_t time_ns = 1) {
    bytes_ = frame.substr(0, captured);
    const Packet packet{time_ns, link_type, static_cast<uint32_t>(frame.size()), std::as_bytes(std::span(bytes_))};
    const PacketFate fate = ReadSegment(packet, fragments, segment);
    if (fate != PacketFate::kSegment) return std::string(Name(fate));
    return {reinterpret_cast<const char*>(segment.bytes.data()), segment.bytes.size()};
  }
  FragmentTable fragments;
  Segment segment;

 private:
  std::string bytes_;
};

const std::string kHello = Tcp(40000, 80, 0x01020304, 0x05060708, testing::kAck, "hello");

TEST(ReadSegment, EveryLinkLayer) {
  const std::string v4 = Ipv4(1, 2, kHello);
  const std::string v6 = Ipv6(1, 2, kHello);
  Reader reader;
  EXPECT_EQ(reader.Read(Ethernet(v4)), "hello");
  EXPECT_EQ(reader.Read(Ethernet(v6, 0x86dd)), "hello");
  EXPECT_EQ(reader.Read(Ethernet(Big(5, 2) + Big(0x0800, 2) + v4, 0x8100)), "hello");
  EXPECT_EQ(reader.Read(Ethernet(Big(5, 2) + Big(0x8100, 2) + Big(6, 2) + Big(0x86dd, 2) + v6, 0x88a8)), "hello");
  EXPECT_EQ(reader.Read(std::string(14, '\0') + Big(0x0800, 2) + v4, 113), "hello");
  EXPECT_EQ(reader.Read(Big(0x86dd, 2) + std::string(18, '\0') + v6, 276), "hello");
  for (const uint32_t raw : {12U, 14U, 101U, 228U}) EXPECT_EQ(reader.Read(v4, raw), "hello") << raw;
  for (const uint32_t raw : {101U, 229U}) EXPECT_EQ(reader.Read(v6, raw), "hello") << raw;
  EXPECT_EQ(reader.Read(testing::Little(2, 4) + v4, 0), "hello");
  EXPECT_EQ(reader.Read(Big(30, 4) + v6, 108), "hello");
  EXPECT_EQ(reader.Read(std::string("\x0f\0", 2) + Big(0x0800, 2) + v4, 104), "hello");
  EXPECT_EQ(reader.Read(v4, 147), "packet_of_unknown_link");
}

TEST(ReadSegment, WhatItSays) {
  Reader reader;
  reader.Read(Ethernet(Ipv4(1, 2, Tcp(40000, 80, 7, 9, testing::kSyn | testing::kFin | testing::kAck, "xy", 5))), 1, SIZE_MAX,
              77);
  const Segment& segment = reader.segment;
  EXPECT_EQ(segment.time_ns, 77U);
  EXPECT_EQ(segment.family, AddressFamily::kIpv4);
  EXPECT_EQ(segment.source.port, 40000);
  EXPECT_EQ(segment.destination.port, 80);
  EXPECT_EQ(segment.source.address[3], 1);
  EXPECT_EQ(segment.destination.address[3], 2);
  EXPECT_EQ(segment.sequence, 7U);
  EXPECT_EQ(segment.acknowledged, 9U);
  EXPECT_TRUE(segment.syn && segment.fin && segment.ack && !segment.reset);
  EXPECT_EQ(segment.size, 2U);
}

TEST(ReadSegment, PaddingIsNotPayloadAndASnapLengthIsNotTheEnd) {
  Reader reader;
  EXPECT_EQ(reader.Read(Ethernet(Ipv4(1, 2, Tcp(1, 2, 3, 4, testing::kAck))) + std::string(6, '\0')), "");
  EXPECT_EQ(reader.segment.size, 0U);
  EXPECT_EQ(reader.Read(Ethernet(Ipv4(1, 2, kHello)), 1, 14 + 20 + 20 + 2), "he");
  EXPECT_EQ(reader.segment.size, 5U);
  std::string unsegmented = Ipv4(1, 2, kHello);
  unsegmented.replace(2, 2, Big(0, 2));  // left to the network card
  EXPECT_EQ(reader.Read(Ethernet(unsegmented)), "hello");
}

TEST(ReadSegment, ExtensionHeadersOfIpv6) {
  Reader reader;
  const std::string hop = std::string("\x2b\x00", 2) + std::string(6, '\0');       // hop-by-hop, then routing
  const std::string routing = std::string("\x06\x01", 2) + std::string(14, '\0');  // 16 bytes, then TCP
  EXPECT_EQ(reader.Read(Ethernet(Ipv6(1, 2, hop + routing + kHello, 0), 0x86dd)), "hello");
  EXPECT_EQ(reader.Read(Ethernet(Ipv6(1, 2, std::string("\x06\x02", 2) + std::string(14, '\0') + kHello, 51), 0x86dd)), "hello");
  EXPECT_EQ(reader.Read(Ethernet(Ipv6(1, 2, std::string("\x06\xff", 2) + std::string(6, '\0'), 60), 0x86dd)), "packet_malformed");
  EXPECT_EQ(reader.Read(Ethernet(Ipv6(1, 2, "x", 17), 0x86dd)), "packet_not_tcp");
}

TEST(ReadSegment, WhatIsNoTcpSegmentHasAName) {
  Reader reader;
  EXPECT_EQ(reader.Read(Ethernet("arp", 0x0806)), "packet_not_ip");
  EXPECT_EQ(reader.Read(Ethernet(Ipv4(1, 2, "x", 0, 7, 17))), "packet_not_tcp");
  std::string long_ip = Ipv4(1, 2, kHello);
  long_ip.replace(2, 2, Big(1000, 2));
  EXPECT_EQ(reader.Read(Ethernet(long_ip)), "packet_malformed");
  std::string short_header = Ipv4(1, 2, kHello);
  short_header[0] = 0x44;
  EXPECT_EQ(reader.Read(Ethernet(short_header)), "packet_malformed");
  std::string offset = kHello;
  offset[12] = '\x40';
  EXPECT_EQ(reader.Read(Ethernet(Ipv4(1, 2, offset))), "packet_malformed");
  offset[12] = '\xf0';
  EXPECT_EQ(reader.Read(Ethernet(Ipv4(1, 2, offset))), "packet_malformed");
}

TEST(ReadSegment, NoCutIsReadBeyond) {
  const std::string hop = std::string("\x06\x00", 2) + std::string(6, '\0');
  for (const std::string& frame : {Ethernet(Ipv4(1, 2, kHello)), Ethernet(Ipv6(1, 2, hop + kHello, 0), 0x86dd),
                                   Ethernet(Big(5, 2) + Big(0x0800, 2) + Ipv4(1, 2, kHello), 0x8100)}) {
    for (size_t size = 0; size <= frame.size(); ++size) {
      Reader reader;
      const std::string told = reader.Read(frame, 1, size);
      const size_t payload = size + 5 > frame.size() ? size + 5 - frame.size() : 0;
      EXPECT_EQ(told, size + 5 < frame.size() ? "packet_too_short" : std::string("hello").substr(0, payload)) << size;
    }
  }
}

TEST(Fragments, PiecesInAnyOrderMakeTheDatagram) {
  const std::string whole = Tcp(1, 80, 3, 4, testing::kAck, "a body that is long enough");  // 46 bytes: 24, 16, 6
  const auto piece = [&](size_t from, size_t size, bool more, uint16_t id) {
    return Ethernet(Ipv4(1, 2, whole.substr(from, size), static_cast<uint16_t>(from / 8 | (more ? 0x2000U : 0U)), id));
  };
  Reader reader;
  EXPECT_EQ(reader.Read(piece(40, 6, false, 1)), "packet_fragment");
  EXPECT_EQ(reader.Read(piece(0, 24, true, 2)), "packet_fragment");
  EXPECT_EQ(reader.Read(piece(0, 24, true, 1)), "packet_fragment");
  EXPECT_EQ(reader.Read(piece(24, 16, true, 1)), "a body that is long enough");
  EXPECT_EQ(reader.fragments.held(), 1U);
  // IPv6: the fragment header is 8 bytes: next header, reserved, offset and more, id.
  const auto piece6 = [&](size_t from, size_t size, bool more) {
    return Ethernet(
        Ipv6(1, 2, std::string("\x06\0", 2) + Big(from | (more ? 1U : 0U), 2) + Big(99, 4) + whole.substr(from, size), 44),
        0x86dd);
  };
  EXPECT_EQ(reader.Read(piece6(24, 22, false)), "packet_fragment");
  EXPECT_EQ(reader.Read(piece6(0, 24, true)), "a body that is long enough");
  EXPECT_EQ(reader.fragments.given_up(), 0U);
}

TEST(Fragments, WhatOverlapsOrIsCutIsGivenUp) {
  const std::string whole = Tcp(1, 80, 3, 4, testing::kAck, "a body that is long enough");
  const auto piece = [&](size_t from, size_t size, bool more) {
    return Ethernet(Ipv4(1, 2, whole.substr(from, size), static_cast<uint16_t>(from / 8 | (more ? 0x2000U : 0U))));
  };
  Reader reader;
  EXPECT_EQ(reader.Read(piece(0, 24, true)), "packet_fragment");
  EXPECT_EQ(reader.Read(piece(16, 16, true)), "packet_fragment_lost");  // overlaps: the datagram is given up
  EXPECT_EQ(reader.fragments.given_up(), 1U);
  EXPECT_EQ(reader.Read(piece(24, 22, false)), "packet_fragment");
  EXPECT_EQ(reader.Read(piece(24, 22, false)), "packet_fragment_lost");  // sent twice
  EXPECT_EQ(reader.Read(piece(0, 24, true)), "a body that is long enough");
  EXPECT_EQ(reader.Read(piece(0, 24, true), 1, 50), "packet_fragment_lost");
  EXPECT_EQ(reader.Read(piece(0, 23, true)), "packet_fragment_lost");
  EXPECT_EQ(reader.Read(Ethernet(Ipv4(1, 2, std::string(24, 'x'), 0x1fff))), "packet_fragment_lost");
}

TEST(Fragments, MemoryIsBoundedAndPatienceEnds) {
  Reader reader;
  const std::string piece(24, 'x');
  for (uint16_t id = 0; id < FragmentTable::kMaxDatagrams + 10; ++id) reader.Read(Ethernet(Ipv4(1, 2, piece, 0x2000, id)));
  EXPECT_EQ(reader.fragments.given_up(), 10U);
  EXPECT_EQ(reader.fragments.held(), FragmentTable::kMaxDatagrams);
  reader.Read(Ethernet(Ipv4(1, 2, piece, 0x2000, 9999)), 1, SIZE_MAX, FragmentTable::kPatienceNs + 2);
  EXPECT_EQ(reader.fragments.held(), 1U);
}

TEST(PacketFate, EveryOneHasItsOwnName) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kPacketFateCount; ++i) names.insert(Name(static_cast<PacketFate>(i)));
  EXPECT_EQ(names.size(), kPacketFateCount);
}

}  // namespace
}  // namespace wirespan::pcap
