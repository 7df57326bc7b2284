#include "agent/span/ids.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace wirespan::span {
namespace {

IdKey ReferenceKey() {
  IdKey key;
  for (uint8_t i = 0; i < 16; ++i) key.bytes[i] = i;
  return key;
}

std::string Hex(const Hash128& hash) {
  std::string text;
  for (const uint64_t word : {hash.first, hash.second}) {
    for (int i = 0; i < 8; ++i) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      const auto byte = static_cast<uint8_t>(word >> (8 * i));
      text += kDigits[byte / 16];
      text += kDigits[byte % 16];
    }
  }
  return text;
}

// Computed with OpenSSL's SIPHASH (size 16), for the inputs 00, 00 01, ... of the given lengths.
TEST(SipHash128, EqualsAnotherImplementation) {
  struct Case {
    size_t length;
    std::string_view expected;
  };
  const Case cases[] = {{0, "a3817f04ba25a8e66df67214c7550293"},  {1, "da87c1d86b99af44347659119b22fc45"},
                        {7, "a1f1ebbed8dbc153c0b84aa61ff08239"},  {8, "3b62a9ba6258f5610f83e264f31497b4"},
                        {9, "264499060ad9baabc47f8b02bb6d71ed"},  {15, "5493e99933b0a8117e08ec0f97cfc3d9"},
                        {16, "6ee2a4ca67b054bbfd3315bf85230577"}, {37, "0d62bf01e6fc0e1a0d3c4751c5d3692b"},
                        {63, "5150d1772f50834a503e069a973fbd7c"}, {64, "1eaf077dc0d4cd3f8cad4d383658a74b"}};
  std::vector<uint8_t> input(64);
  for (size_t i = 0; i < input.size(); ++i) input[i] = static_cast<uint8_t>(i);
  for (const Case& c : cases) {
    EXPECT_EQ(Hex(SipHash128(ReferenceKey(), std::span(input).first(c.length))), c.expected) << c.length;
  }
}

template <size_t kSize>
std::array<uint8_t, kSize> BigEndianOf(const Hash128& hash) {
  std::array<uint8_t, kSize> bytes{};
  for (size_t i = 0; i < kSize; ++i) bytes[i] = static_cast<uint8_t>((i < 8 ? hash.first : hash.second) >> (56 - 8 * (i % 8)));
  return bytes;
}

Address V4(std::array<uint8_t, 4> local, uint16_t local_port, std::array<uint8_t, 4> peer, uint16_t peer_port) {
  Address address;
  address.family = AddressFamily::kIpv4;
  std::copy(local.begin(), local.end(), address.local.begin());
  std::copy(peer.begin(), peer.end(), address.peer.begin());
  address.local_port = local_port;
  address.peer_port = peer_port;
  return address;
}

Address Swapped(Address address) {
  std::swap(address.local, address.peer);
  std::swap(address.local_port, address.peer_port);
  return address;
}

Address Mapped(const Address& v4) {
  Address address = v4;
  address.family = AddressFamily::kIpv6;
  for (auto* bytes : {&address.local, &address.peer}) {
    std::array<uint8_t, 16> mapped{};
    mapped[10] = mapped[11] = 0xff;
    std::copy_n(bytes->begin(), 4, mapped.begin() + 12);
    *bytes = mapped;
  }
  return address;
}

const Address kClientView = V4({10, 0, 0, 1}, 40000, {10, 0, 0, 2}, 80);

void Put(uint64_t value, size_t size, std::vector<uint8_t>& out) {
  for (size_t i = 0; i < size; ++i) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

// What ids.cc hashes word by word is the hash of these bytes: recordings made before keep their ids.
TEST(Ids, AreTheHashOfTheirBytes) {
  const IdKey key = ReferenceKey();
  for (const uint32_t position : {0U, 1U, 0x89abcdefU, 0xffffffffU}) {
    std::vector<uint8_t> tcp = {1};
    for (const auto* host : {&kClientView.local, &kClientView.peer}) {
      tcp.insert(tcp.end(), 10, 0), tcp.insert(tcp.end(), 2, 0xff), tcp.insert(tcp.end(), host->begin(), host->begin() + 4);
      Put(host == &kClientView.local ? kClientView.local_port : kClientView.peer_port, 2, tcp);
    }
    Put(position, 4, tcp);
    const Hash128 join = SipHash128(key, tcp);
    EXPECT_EQ(MakeJoinKey(key, kClientView, ConnectionRole::kClient, position), (trace::JoinKey{join.first, join.second}));

    constexpr uint64_t kStart = 0xfedcba9876543210;
    std::vector<uint8_t> span = {4};
    Put(join.first, 8, span), Put(join.second, 8, span), Put(2, 1, span), Put(kStart, 8, span);
    const trace::JoinKey exchange{join.first, join.second};
    const auto role = static_cast<ConnectionRole>(2);
    const Hash128 id = SipHash128(key, span);
    EXPECT_EQ(MakeSpanId(key, exchange, role, kStart), BigEndianOf<8>(id));
    span[0] = 5;
    EXPECT_EQ(MakeTraceId(key, exchange, role, kStart), BigEndianOf<16>(SipHash128(key, span)));
  }
}

TEST(JoinKey, BothEndsOfAConnectionAgree) {
  const IdKey key = ReferenceKey();
  const auto client = MakeJoinKey(key, kClientView, ConnectionRole::kClient, 77);
  EXPECT_TRUE(client.known());
  EXPECT_EQ(client, MakeJoinKey(key, Swapped(kClientView), ConnectionRole::kServer, 77));
}

TEST(JoinKey, MappedAddressesAreIpv4) {
  const IdKey key = ReferenceKey();
  EXPECT_EQ(MakeJoinKey(key, kClientView, ConnectionRole::kClient, 77),
            MakeJoinKey(key, Swapped(Mapped(kClientView)), ConnectionRole::kServer, 77));
}

TEST(JoinKey, IgnoresBytesBehindAnIpv4Address) {
  Address dirty = kClientView;
  dirty.local[9] = 0x55;
  EXPECT_EQ(MakeJoinKey(ReferenceKey(), dirty, ConnectionRole::kClient, 1),
            MakeJoinKey(ReferenceKey(), kClientView, ConnectionRole::kClient, 1));
}

TEST(JoinKey, EveryPartMakesADifference) {
  const IdKey key = ReferenceKey();
  std::set<std::pair<uint64_t, uint64_t>> seen;
  const auto add = [&seen](const trace::JoinKey& join) { return seen.insert({join.high, join.low}).second; };
  EXPECT_TRUE(add(MakeJoinKey(key, kClientView, ConnectionRole::kClient, 77)));
  EXPECT_TRUE(add(MakeJoinKey(key, kClientView, ConnectionRole::kClient, 78)));
  EXPECT_TRUE(add(MakeJoinKey(key, kClientView, ConnectionRole::kServer, 77)));
  EXPECT_TRUE(add(MakeJoinKey(key, V4({10, 0, 0, 3}, 40000, {10, 0, 0, 2}, 80), ConnectionRole::kClient, 77)));
  EXPECT_TRUE(add(MakeJoinKey(key, V4({10, 0, 0, 1}, 40001, {10, 0, 0, 2}, 80), ConnectionRole::kClient, 77)));
  EXPECT_TRUE(add(MakeJoinKey(key, V4({10, 0, 0, 1}, 40000, {10, 0, 0, 3}, 80), ConnectionRole::kClient, 77)));
  EXPECT_TRUE(add(MakeJoinKey(key, V4({10, 0, 0, 1}, 40000, {10, 0, 0, 2}, 81), ConnectionRole::kClient, 77)));
  EXPECT_TRUE(add(MakeJoinKey(IdKey{}, kClientView, ConnectionRole::kClient, 77)));
  EXPECT_TRUE(add(MakeUnixJoinKey(key, 5, 6, ConnectionRole::kClient, 77)));
  EXPECT_TRUE(add(MakeLocalKey(key, 5, 6, 77)));
}

TEST(JoinKey, IsNotKnownWithoutAddressRoleOrPeer) {
  const IdKey key = ReferenceKey();
  EXPECT_FALSE(MakeJoinKey(key, Address{}, ConnectionRole::kClient, 1).known());
  EXPECT_FALSE(MakeJoinKey(key, kClientView, ConnectionRole::kUnknown, 1).known());
  EXPECT_FALSE(MakeUnixJoinKey(key, 5, 0, ConnectionRole::kServer, 1).known());
  EXPECT_FALSE(MakeUnixJoinKey(key, 0, 5, ConnectionRole::kClient, 1).known());
  EXPECT_FALSE(MakeUnixJoinKey(key, 5, 6, ConnectionRole::kUnknown, 1).known());
}

TEST(JoinKey, SequenceNumbersNameARequestAlikeAtBothEnds) {
  const IdKey key = ReferenceKey();
  const trace::JoinKey name = MakeSequenceKey(key, ConnectionRole::kClient, 7, 9);
  EXPECT_EQ(MakeSequenceKey(key, ConnectionRole::kServer, 7, 9), name);
  EXPECT_NE(MakeSequenceKey(key, ConnectionRole::kServer, 9, 7), name);
  EXPECT_TRUE(MakeSequenceKey(key, ConnectionRole::kClient, 0, 0).known());
  EXPECT_FALSE(MakeSequenceKey(key, ConnectionRole::kUnknown, 7, 9).known());
}

TEST(JoinKey, BothEndsOfAUnixSocketAgree) {
  const IdKey key = ReferenceKey();
  const auto client = MakeUnixJoinKey(key, 5, 6, ConnectionRole::kClient, 77);
  EXPECT_TRUE(client.known());
  EXPECT_EQ(client, MakeUnixJoinKey(key, 6, 5, ConnectionRole::kServer, 77));
  EXPECT_EQ(client, MakeUnixJoinKey(key, 5, 0, ConnectionRole::kClient, 77)) << "not accepted yet: that end has no inode";
  EXPECT_NE(client, MakeUnixJoinKey(key, 5, 6, ConnectionRole::kServer, 77));
  EXPECT_NE(client, MakeUnixJoinKey(key, 5, 6, ConnectionRole::kClient, 78));
}

TEST(SpanIds, ClientServerAndLaterExchangesDiffer) {
  const IdKey key = ReferenceKey();
  const auto exchange = MakeJoinKey(key, kClientView, ConnectionRole::kClient, 77);
  const auto client = MakeSpanId(key, exchange, ConnectionRole::kClient, 1000);
  EXPECT_EQ(client, MakeSpanId(key, exchange, ConnectionRole::kClient, 1000));
  EXPECT_NE(client, MakeSpanId(key, exchange, ConnectionRole::kServer, 1000));
  EXPECT_NE(client, MakeSpanId(key, exchange, ConnectionRole::kClient, 1001));
  EXPECT_NE(MakeTraceId(key, exchange, ConnectionRole::kClient, 1000), MakeTraceId(key, exchange, ConnectionRole::kClient, 1001));
  EXPECT_NE(MakeTraceId(key, exchange, ConnectionRole::kClient, 1000), MakeTraceId(key, exchange, ConnectionRole::kServer, 1000));
}

TEST(SpanIds, AreDistinctAndNeverZeroOverManyPipelinedRequests) {
  const IdKey key = ReferenceKey();
  std::set<exporters::SpanId> ids;
  constexpr uint32_t kRequests = 50'000;
  for (uint32_t position = 0; position < kRequests; ++position) {
    const auto exchange = MakeJoinKey(key, kClientView, ConnectionRole::kClient, position * 90);
    for (const auto role : {ConnectionRole::kClient, ConnectionRole::kServer}) {
      const auto id = MakeSpanId(key, exchange, role, 1000);
      EXPECT_FALSE(exporters::IsZero(id));
      ids.insert(id);
    }
  }
  EXPECT_EQ(ids.size(), 2 * kRequests);
}

TEST(IdKey, IsDrawnAnewEveryTime) {
  const auto first = RandomIdKey();
  const auto second = RandomIdKey();
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE(*first, *second);
  EXPECT_NE(*first, IdKey{});
}

}  // namespace
}  // namespace wirespan::span
