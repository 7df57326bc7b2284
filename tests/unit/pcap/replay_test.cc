// Captures through the command: the same conversation in every form of file and link layer gives the same spans.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "agent/cli_replay/replay_door.h"
#include "tests/unit/support/capture_maker.h"

namespace wirespan::testing {
namespace {

using nlohmann::json;

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "capture.XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  struct Outcome {
    int code = 0;
    std::vector<json> spans;
    json summary;
    std::string err;
    std::string text;
  };
  Outcome Replay(const std::string& bytes) const {
    const std::string file = path_ + "/a.pcap";
    std::ofstream(file, std::ios::binary) << bytes;
    return ReplayFile(file);
  }
  static Outcome ReplayFile(const std::string& file) {
    std::ostringstream out, err;
    Outcome outcome;
    outcome.code = cli::RunReplay({.path = file, .format = "json", .port_hints = {}}, out, err);
    outcome.err = err.str();
    outcome.text = out.str();
    std::istringstream lines(outcome.text);
    for (std::string line; std::getline(lines, line);) {
      json parsed = json::parse(line);
      if (parsed.value("type", "") == "summary") {
        outcome.summary = parsed;
      } else {
        outcome.spans.push_back(parsed);
      }
    }
    return outcome;
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

// Captures of other projects, where they lie beside the tree; nothing of them is part of it.
std::filesystem::path SharedVectors() { return std::filesystem::path(WIRESPAN_SOURCE_DIR) / "../shared/vectors"; }

TEST(ReplayCapture, SharedCapturesAreReadToTheirEnds) {
  if (!std::filesystem::exists(SharedVectors())) GTEST_SKIP() << SharedVectors() << " is not here";
  int files = 0;
  uint64_t packets = 0;
  uint64_t spans = 0;
  std::map<std::string, uint64_t> dropped;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(SharedVectors() / "pcap")) {
    if (!entry.is_regular_file()) continue;
    const Folder::Outcome outcome = Folder::ReplayFile(entry.path());
    if (outcome.summary.is_null()) continue;  // in another form than pcap's
    EXPECT_EQ(outcome.code, 0) << entry.path() << outcome.err;
    ++files;
    packets += outcome.summary.at("packets").get<uint64_t>();
    spans += outcome.spans.size();
    for (const auto& [reason, count] : outcome.summary.at("dropped").items()) dropped[reason] += count.get<uint64_t>();
    EXPECT_EQ(outcome.summary.at("spans"), outcome.spans.size()) << entry.path();
  }
  std::cout << "captures: " << files << " files, " << packets << " packets, " << spans << " spans; dropped " << json(dropped)
            << "\n";
  EXPECT_GT(spans, 0U);
}

// "GET /path?query" of each exchange.
std::multiset<std::string> Exchanges(const std::vector<json>& spans) {
  std::multiset<std::string> exchanges;
  for (const json& span : spans) {
    const json& attributes = span.at("attributes");
    if (!attributes.contains("http.request.method")) continue;
    std::string target = attributes.value("url.path", "");
    if (attributes.contains("url.query")) target += "?";
    exchanges.insert(attributes.value("http.request.method", "") + " " + target);
  }
  return exchanges;
}
// A query is redacted in a span: only that there is one is compared.
std::multiset<std::string> Exchanges(const json& rows) {
  std::multiset<std::string> exchanges;
  for (const json& row : rows) {
    std::string target = row.value("uri", "");
    if (const size_t query = target.find('?'); query != std::string::npos) target.resize(query + 1);
    exchanges.insert(row.value("method", "") + " " + target);
  }
  return exchanges;
}

TEST(ReplayCapture, SharedCapturesHaveTheExchangesOfTheirLogs) {
  std::ifstream file(SharedVectors() / "neutral/replay/zeek_http1.jsonl");
  if (!file) GTEST_SKIP() << SharedVectors() << " is not here";
  const std::map<std::string, std::string> differs = {
      {"261/te-cl-desync", "two readers see two messages: no span is made of either"},
      {"http-connect", "the target of CONNECT is no path"},
      {"version-mismatch", "a version that is none is no request"}};
  int same = 0;
  int skipped = 0;
  for (std::string line; std::getline(file, line);) {
    const json vector = json::parse(line);
    const json logs = vector.at("expected").value("logs", json::object());
    const std::string id = vector.at("id");
    const bool is_known =
        std::any_of(differs.begin(), differs.end(), [&](const auto& known) { return id.ends_with(known.first); });
    if (!logs.contains("http.log") || !vector.at("pcap").is_string() || is_known) {
      ++skipped;
      continue;
    }
    const Folder::Outcome outcome = Folder::ReplayFile(SharedVectors() / vector.at("pcap").get<std::string>());
    EXPECT_EQ(Exchanges(outcome.spans), Exchanges(logs.at("http.log"))) << id << outcome.text;
    same += Exchanges(outcome.spans) == Exchanges(logs.at("http.log")) ? 1 : 0;
  }
  std::cout << "logs of exchanges: " << same << " the same, " << skipped << " not compared\n";
  for (const auto& [id, why] : differs) std::cout << "  " << id << ": " << why << "\n";
  EXPECT_GT(same, 0);
}

// What a filter of Suricata's log of events says of an exchange: "http.status" or "http": {"status"}; null where it does not.
json OfFilter(const json& match, const std::string& name) {
  if (match.contains("http." + name)) return match.at("http." + name);
  const json& nested = match.contains("http") ? match.at("http") : match;
  return nested.is_object() && &nested != &match && nested.contains(name) ? nested.at(name) : json();
}

bool Matches(const json& span, const json& match) {
  const json& attributes = span.at("attributes");
  const auto same = [&](const std::string& name, const json& said) {
    return said.is_null() || attributes.value(name, json()) == said;
  };
  json url = OfFilter(match, "url");
  if (url.is_string()) url = url.get<std::string>().substr(0, url.get<std::string>().find('?'));
  return attributes.contains("http.request.method") && same("http.request.method", OfFilter(match, "http_method")) &&
         same("http.response.status_code", OfFilter(match, "status")) && same("server.address", OfFilter(match, "hostname")) &&
         same("url.path", url);
}

// Of each capture all filters for exchanges hold. A filter for none tells of a rule that kept an event from the log, and the same
// capture stands in many tests: those count once.
TEST(ReplayCapture, SharedCapturesHaveTheEventsOfTheirFilters) {
  std::ifstream file(SharedVectors() / "neutral/replay/suricata_http1.jsonl");
  if (!file) GTEST_SKIP() << SharedVectors() << " is not here";
  const std::map<std::string, std::string> differs = {
      {"alert-testmyids-async", "only the server's packets are in it: without its request an answer is no exchange"}};
  std::map<std::string, bool> captures;
  std::map<std::string, std::string> explained;
  for (std::string line; std::getline(file, line);) {
    const json vector = json::parse(line);
    if (!vector.at("pcap").is_string()) continue;
    const std::string pcap = vector.at("pcap");
    for (const json& filter : vector.at("expected").value("eve_filters", json::array())) {
      const json& match = filter.at("match");
      if (match.value("event_type", "") != "http" || filter.at("count") == 0) continue;
      const Folder::Outcome outcome = Folder::ReplayFile(SharedVectors() / pcap);
      const auto count =
          std::count_if(outcome.spans.begin(), outcome.spans.end(), [&](const json& s) { return Matches(s, match); });
      const bool holds = count == filter.at("count").get<int64_t>();
      captures[pcap] = captures.emplace(pcap, true).first->second && holds;
      if (holds) continue;
      const auto known = std::find_if(differs.begin(), differs.end(),
                                      [&](const auto& one) { return pcap.find(one.first) != std::string::npos; });
      EXPECT_NE(known, differs.end()) << vector.at("id") << filter << count << outcome.text;
      if (known != differs.end()) explained.insert(*known);
    }
  }
  const auto same = std::count_if(captures.begin(), captures.end(), [](const auto& capture) { return capture.second; });
  std::cout << "events of captures: " << same << " of " << captures.size() << " captures have all\n";
  for (const auto& [pcap, why] : explained) std::cout << "  " << pcap << ": " << why << "\n";
  EXPECT_GE(same * 100, static_cast<int64_t>(captures.size()) * 95);
}

// Connections that were upgraded, and the frames on them.
TEST(ReplayCapture, SharedCapturesOfWebSocket) {
  if (!std::filesystem::exists(SharedVectors())) GTEST_SKIP() << SharedVectors() << " is not here";
  const auto connection = [](const std::string& name) {
    json found;
    for (const json& span : Folder::ReplayFile(SharedVectors() / "pcap" / name).spans) {
      if (span.at("name") == "websocket") found = span.at("attributes");
    }
    return found;
  };
  const json ping = connection("suricata-verify/websocket-ping.pcap");
  ASSERT_FALSE(ping.is_null());
  EXPECT_EQ(ping.at("wirespan.websocket.client.ping").get<int>() + ping.at("wirespan.websocket.server.ping").get<int>(), 1);
  EXPECT_EQ(ping.at("wirespan.websocket.client.pong").get<int>() + ping.at("wirespan.websocket.server.pong").get<int>(), 1);
  const json text = connection("suricata-verify/websocket.pcap");
  ASSERT_FALSE(text.is_null());
  EXPECT_GE(text.at("wirespan.websocket.client.text").get<int>(), 1);
  EXPECT_FALSE(connection("zeek/websocket/fragmented-http-reply.pcap").is_null());
}

}  // namespace
}  // namespace wirespan::testing
