// Captures through the command: the same conversation in every form of file and link layer gives the same spans.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/pcap/replayed.h"
#include "tests/unit/support/capture_maker.h"

namespace wirespan::testing {
namespace {

using nlohmann::json;

class Folder {
 public:
  using Outcome = Replayed;

  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "capture.XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  Outcome Replay(const std::string& bytes) const {
    const std::string file = path_ + "/a.pcap";
    std::ofstream(file, std::ios::binary) << bytes;
    return ReplayFile(file);
  }

 private:
  std::string path_;
};

constexpr uint64_t kStart = 1'700'000'000'000'000'000;

struct Part {
  bool from_client;
  uint32_t at;
  uint32_t acknowledged;
  uint8_t flags;
  std::string payload;
};

// One connection: a request with a B3 header, its answer, and a second exchange.
std::vector<Part> Conversation() {
  const std::string first = "GET /a HTTP/1.1\r\nHost: shop\r\nb3: 4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1\r\n\r\n";
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  const std::string second = "POST /b HTTP/1.1\r\nHost: shop\r\nContent-Length: 3\r\n\r\nabc";
  const std::string failure = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";
  const auto sent = static_cast<uint32_t>(1 + first.size());
  const auto got = static_cast<uint32_t>(1 + answer.size());
  const auto end = static_cast<uint32_t>(sent + second.size());
  const auto last = static_cast<uint32_t>(got + failure.size());
  return {{true, 0, 0, kSyn, ""},
          {false, 0, 1, kSyn | kAck, ""},
          {true, 1, 1, kAck, first.substr(0, 20)},
          {true, 21, 1, kAck, first.substr(20)},
          {false, 1, sent, kAck, answer.substr(0, 30)},
          {false, 31, sent, kAck, answer.substr(30)},
          {true, sent, got, kAck, second},
          {false, got, end, kAck, failure},
          {false, last, end, kAck | kFin, ""},
          {true, end, last + 1, kAck | kFin, ""}};
}

std::string SegmentOf(const Part& part) {
  return part.from_client ? Tcp(40000, 80, 100 + part.at, 900 + part.acknowledged, part.flags, part.payload)
                          : Tcp(80, 40000, 900 + part.at, 100 + part.acknowledged, part.flags, part.payload);
}

template <typename Wrap>
std::vector<CapturedPacket> Packets(const std::vector<Part>& parts, const Wrap& wrap) {
  std::vector<CapturedPacket> packets;
  for (const Part& part : parts) packets.push_back({kStart + packets.size() * 1'000'000, wrap(part)});
  return packets;
}
std::string InEthernet(const Part& part) {
  return Ethernet(part.from_client ? Ipv4(1, 2, SegmentOf(part)) : Ipv4(2, 1, SegmentOf(part)));
}

void ExpectTheTwoSpans(const Folder::Outcome& outcome, const std::string& client) {
  SCOPED_TRACE(outcome.text);
  ASSERT_EQ(outcome.spans.size(), 2U);
  ASSERT_TRUE(outcome.spans[0].at("attributes").contains("http.response.status_code"));
  const json& first = outcome.spans[0];
  EXPECT_EQ(first.at("name"), "GET");
  EXPECT_EQ(first.at("kind"), "server");
  EXPECT_EQ(first.at("trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(first.at("parent_span_id"), "00f067aa0ba902b7");
  EXPECT_EQ(first.at("attributes").at("wirespan.link.carrier"), "b3");
  EXPECT_EQ(first.at("attributes").at("url.path"), "/a");
  EXPECT_EQ(first.at("attributes").at("http.response.status_code"), 200);
  EXPECT_EQ(first.at("attributes").at("network.peer.address"), client);
  EXPECT_EQ(first.at("attributes").at("network.peer.port"), 40000);
  EXPECT_EQ(first.at("attributes").at("network.local.port"), 80);
  EXPECT_FALSE(first.at("attributes").contains("wirespan.on_cpu_ns"));
  EXPECT_FALSE(first.at("attributes").contains("wirespan.incomplete"));
  EXPECT_EQ(first.at("start_ns"), kStart + 2'000'000);
  EXPECT_EQ(first.at("end_ns"), kStart + 5'000'000);
  EXPECT_EQ(outcome.spans[1].at("attributes").at("http.response.status_code"), 503);
  EXPECT_EQ(outcome.summary.at("exchanges"), 2);
  EXPECT_EQ(outcome.summary.at("spans"), 2);
}

TEST(ReplayCapture, EveryFormOfFileAndLinkLayerGivesTheSameSpans) {
  const Folder folder;
  const std::string wanted = folder.Replay(PcapFile(Packets(Conversation(), InEthernet))).text;
  ExpectTheTwoSpans(folder.Replay(PcapFile(Packets(Conversation(), InEthernet))), "10.0.0.1");
  EXPECT_EQ(folder.Replay(PcapFile(Packets(Conversation(), InEthernet), {.big_endian = true, .nanoseconds = true})).text, wanted);
  const auto raw = [](const Part& part) { return InEthernet(part).substr(14); };
  EXPECT_EQ(folder.Replay(PcapFile(Packets(Conversation(), raw), {.link_type = 101})).text, wanted);
  const auto cooked = [](const Part& part) { return Big(0x0800, 2) + std::string(18, '\0') + InEthernet(part).substr(14); };
  EXPECT_EQ(folder.Replay(PcapFile(Packets(Conversation(), cooked), {.link_type = 276})).text, wanted);
  const auto tagged = [](const Part& part) { return Ethernet(Big(9, 2) + Big(0x0800, 2) + InEthernet(part).substr(14), 0x8100); };
  EXPECT_EQ(folder.Replay(PcapFile(Packets(Conversation(), tagged))).text, wanted);
  const PcapngMaker make(true);
  std::string next_generation = make.Section() + make.Interface(1, make.Option(9, "\x09"));
  for (const CapturedPacket& packet : Packets(Conversation(), InEthernet))
    next_generation += make.Enhanced(0, packet.time_ns, packet.bytes);
  EXPECT_EQ(folder.Replay(next_generation).text, wanted);
}

TEST(ReplayCapture, Ipv6) {
  const Folder folder;
  const auto wrap = [](const Part& part) {
    return Ethernet(part.from_client ? Ipv6(1, 2, SegmentOf(part)) : Ipv6(2, 1, SegmentOf(part)), 0x86dd);
  };
  ExpectTheTwoSpans(folder.Replay(PcapFile(Packets(Conversation(), wrap))), "2001:db8::1");
}

TEST(ReplayCapture, OrderRepetitionAndAMissingOpeningChangeNothing) {
  const Folder folder;
  std::vector<CapturedPacket> packets = Packets(Conversation(), InEthernet);
  std::swap(packets[2].bytes, packets[3].bytes);
  std::swap(packets[2].time_ns, packets[3].time_ns);
  packets.insert(packets.begin() + 6, packets[3]);
  ExpectTheTwoSpans(folder.Replay(PcapFile(packets)), "10.0.0.1");
  packets = Packets(Conversation(), InEthernet);
  packets.erase(packets.begin(), packets.begin() + 2);
  const Folder::Outcome middle = folder.Replay(PcapFile(packets));
  ExpectTheTwoSpans(middle, "10.0.0.1");
  EXPECT_EQ(middle.summary.at("unknown_connections"), 1);
}

TEST(ReplayCapture, WhatIsNotReadHasAName) {
  const Folder folder;
  std::vector<CapturedPacket> packets = Packets(Conversation(), InEthernet);
  packets.push_back({kStart, Ethernet("arp", 0x0806)});
  packets.push_back({kStart, Ethernet(Ipv4(1, 2, "udp", 0, 7, 17))});
  packets.push_back({kStart, Ethernet(Ipv4(1, 2, std::string(24, 'x'), 0x2000))});
  packets.push_back({kStart, "short"});
  const Folder::Outcome outcome = folder.Replay(PcapFile(packets));
  EXPECT_EQ(outcome.summary.at("packets"), 14);
  EXPECT_EQ(outcome.summary.at("dropped"),
            json({{"packet_not_ip", 1}, {"packet_not_tcp", 1}, {"packet_fragment_lost", 1}, {"packet_too_short", 1}}));
}

TEST(ReplayCapture, ACutFileIsSaidAndUsed) {
  const Folder folder;
  const std::string file = PcapFile(Packets(Conversation(), InEthernet));
  const Folder::Outcome cut = folder.Replay(file.substr(0, file.size() - 3));
  EXPECT_EQ(cut.code, 0);
  EXPECT_NE(cut.err.find("ends within a packet"), std::string::npos);
  EXPECT_EQ(cut.spans.size(), 2U);
}

// Damage anywhere: an answer, and books that balance.
TEST(ReplayCapture, DamagedCapturesAreHarmless) {
  const Folder folder;
  const PcapngMaker make(false);
  std::string next_generation = make.Section() + make.Interface(1);
  for (const CapturedPacket& packet : Packets(Conversation(), InEthernet)) {
    next_generation += make.Enhanced(0, packet.time_ns / 1000, packet.bytes);
  }
  std::mt19937 random(7);
  for (int round = 0; round < 400; ++round) {
    std::string file = round % 2 == 0 ? PcapFile(Packets(Conversation(), InEthernet)) : next_generation;
    for (int i = 0; i < 1 + round % 5; ++i) file[4 + random() % (file.size() - 4)] = static_cast<char>(random());
    const Folder::Outcome outcome = folder.Replay(file);
    EXPECT_LE(outcome.code, 1) << round;
    if (!outcome.summary.is_null()) {
      EXPECT_EQ(outcome.summary.at("spans"), outcome.spans.size()) << round;
    } else {
      EXPECT_EQ(outcome.code, 1) << round;
    }
  }
}

}  // namespace
}  // namespace wirespan::testing
