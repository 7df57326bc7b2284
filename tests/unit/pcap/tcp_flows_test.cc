#include "agent/pcap/tcp_flows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "tests/unit/support/capture_maker.h"

namespace wirespan::pcap {
namespace {

using testing::kAck;
using testing::kFin;
using testing::kRst;
using testing::kSyn;

// What was told, as text: "open 1", "c:GET", "s:[3]" where bytes are missing before what follows, "c." its end, "close 104".
class Told final : public EventSink {
 public:
  void Tell(const Event& event) override {
    if (const auto* opened = std::get_if<ConnectionOpened>(&event)) {
      text += opened->preexisting ? "met " : "open ";
      next_[0] = next_[1] = 0;
      text += std::to_string(opened->address.peer_port) + ">" + std::to_string(opened->address.local_port) + " ";
    }
    if (const auto* chunk = std::get_if<DataChunk>(&event)) Add(*chunk);
    if (const auto* ended = std::get_if<StreamEnded>(&event)) text += ended->side == StreamSide::kReceive ? "c. " : "s. ";
    if (const auto* closed = std::get_if<ConnectionClosed>(&event))
      text += "close" + (closed->error != 0 ? std::to_string(closed->error) : "") + " ";
  }
  std::string text;
  std::string bytes[2];  // by StreamSide

 private:
  void Add(const DataChunk& chunk) {
    const auto side = static_cast<size_t>(chunk.side);
    text += chunk.side == StreamSide::kReceive ? "c" : "s";
    if (chunk.first_of_turn) text += std::to_string(chunk.turn);
    text += ":";
    if (next_[side] != 0 && chunk.position != next_[side]) text += "[" + std::to_string(chunk.position - next_[side]) + "]";
    const std::string moved(reinterpret_cast<const char*>(chunk.bytes.data()), chunk.bytes.size());
    text += moved + (chunk.original_size > moved.size() ? "~" + std::to_string(chunk.original_size - moved.size()) : "") + " ";
    bytes[side] += moved;
    next_[side] = chunk.position + chunk.original_size;
  }
  uint32_t next_[2] = {0, 0};
};

// The segments of one conversation: positions count from the SYN's.
class Talk {
 public:
  static constexpr uint32_t kClientBase = 0xfffffff0;  // wraps round soon
  static constexpr uint32_t kServerBase = 5000;

  Segment Client(uint32_t at, uint32_t acknowledged, uint8_t flags, const std::string& payload = {}) {
    return Make(40000, 80, kClientBase + at, kServerBase + acknowledged, flags, payload);
  }
  Segment Server(uint32_t at, uint32_t acknowledged, uint8_t flags, const std::string& payload = {}) {
    return Make(80, 40000, kServerBase + at, kClientBase + acknowledged, flags, payload);
  }
  uint64_t now = 1'000'000'000;

 private:
  Segment Make(uint16_t from, uint16_t to, uint32_t sequence, uint32_t acknowledged, uint8_t flags, const std::string& payload) {
    texts_.push_back(std::make_unique<std::string>(payload));
    Segment segment;
    segment.time_ns = now += 1'000'000;
    segment.family = AddressFamily::kIpv4;
    segment.source.port = from;
    segment.destination.port = to;
    segment.sequence = sequence;
    segment.acknowledged = acknowledged;
    segment.syn = (flags & kSyn) != 0;
    segment.ack = (flags & kAck) != 0;
    segment.fin = (flags & kFin) != 0;
    segment.reset = (flags & kRst) != 0;
    segment.size = static_cast<uint32_t>(payload.size());
    segment.bytes = std::as_bytes(std::span(*texts_.back()));
    return segment;
  }
  std::vector<std::unique_ptr<std::string>> texts_;
};

std::string Tell(const std::vector<Segment>& segments, FlowLimits limits = {}, FlowCounters* counters = nullptr) {
  Told told;
  TcpFlows flows(told, limits);
  for (const Segment& segment : segments) flows.Take(segment);
  flows.Finish();
  if (counters != nullptr) *counters = flows.counters();
  return told.text;
}

// Opening, "GET " "A" in two, "OK", "GET B", "OK2", both ends.
std::vector<Segment> Whole(Talk& talk) {
  return {talk.Client(0, 0, kSyn),          talk.Server(0, 1, kSyn | kAck),  talk.Client(1, 1, kAck),
          talk.Client(1, 1, kAck, "GET "),  talk.Client(5, 1, kAck, "A"),    talk.Server(1, 6, kAck, "OK"),
          talk.Client(6, 3, kAck, "GET B"), talk.Server(3, 11, kAck, "OK2"), talk.Server(6, 11, kAck | kFin),
          talk.Client(11, 7, kAck | kFin),  talk.Server(7, 12, kAck)};
}
const std::string kWhole = "open 40000>80 c1:GET  c:A s2:OK c3:GET B s4:OK2 s. c. close ";

TEST(TcpFlows, AConversationInOrder) {
  Talk talk;
  FlowCounters counters;
  EXPECT_EQ(Tell(Whole(talk), {}, &counters), kWhole);
  EXPECT_EQ(counters.opened, 1U);
  EXPECT_EQ(counters.unseen_openings + counters.holes + counters.repeated_segments + counters.out_of_window, 0U);
}

TEST(TcpFlows, AnyOrderBehindTheOpeningGivesTheSame) {
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    Talk talk;
    std::vector<Segment> segments = Whole(talk);
    std::mt19937 random(seed);
    std::shuffle(segments.begin() + 2, segments.end(), random);
    FlowCounters counters;
    EXPECT_EQ(Tell(segments, {}, &counters), kWhole) << seed;
    EXPECT_EQ(counters.holes, 0U) << seed;
  }
}

TEST(TcpFlows, WhatWasSentAgainCountsOnce) {
  Talk talk;
  std::vector<Segment> segments;
  for (const Segment& segment : Whole(talk)) segments.insert(segments.end(), 3, segment);
  FlowCounters counters;
  EXPECT_EQ(Tell(segments, {}, &counters), kWhole);
  EXPECT_GT(counters.repeated_segments, 0U);
  EXPECT_EQ(counters.opened, 1U);
}

TEST(TcpFlows, OverlapsAreTrimmedAndTheFirstBytesStay) {
  Talk talk;
  EXPECT_EQ(Tell({talk.Client(0, 0, kSyn), talk.Server(0, 1, kSyn | kAck), talk.Client(1, 1, kAck, "abcd"),
                  talk.Client(3, 1, kAck, "XXef"), talk.Client(1, 1, kAck, "YYYYYYgh")}),
            "open 40000>80 c1:abcd c:ef c:gh ");
  Talk other;
  EXPECT_EQ(Tell({other.Client(0, 0, kSyn), other.Client(5, 1, kAck, "ef"), other.Client(3, 1, kAck, "cdXX"),
                  other.Client(1, 1, kAck, "ab")}),
            "open 40000>80 c1:ab c:cdXX ");
}

TEST(TcpFlows, AMissingSegmentBecomesAGapAfterAWhile) {
  Talk talk;
  std::vector<Segment> segments = Whole(talk);
  segments.erase(segments.begin() + 4);  // "A"
  talk.now += 300'000'000;
  segments.push_back(talk.Server(7, 12, kAck));
  FlowCounters counters;
  EXPECT_EQ(Tell(segments, {}, &counters), "open 40000>80 c1:GET  s2:OK c3:[1]GET B s4:OK2 s. c. close ");
  EXPECT_EQ(counters.holes, 1U);
}

TEST(TcpFlows, WhatOnlyTheOtherEndSawIsToldByItsSize) {
  Talk talk;
  FlowCounters counters;
  EXPECT_EQ(Tell({talk.Client(0, 0, kSyn), talk.Server(0, 1, kSyn | kAck), talk.Client(1, 1, kAck, "GET"),
                  talk.Server(1, 9, kAck, "OK")},
                 {}, &counters),
            "open 40000>80 c1:GET c:~5 s2:OK ");
  EXPECT_EQ(counters.holes, 1U);
  Talk other;  // one number more is a FIN's
  EXPECT_EQ(Tell({other.Client(0, 0, kSyn), other.Server(0, 1, kSyn | kAck), other.Client(1, 1, kAck, "GET"),
                  other.Server(1, 5, kAck, "OK"), other.Server(3, uint32_t{1} << 30U, kAck, "!")}),
            "open 40000>80 c1:GET s2:OK s:! ")
      << "what is acknowledged far away is not believed";
}

TEST(TcpFlows, WhatTheCaptureCutIsToldByItsSize) {
  Talk talk;
  Segment cut = talk.Client(1, 1, kAck, "GET ABC");
  cut.bytes = cut.bytes.subspan(0, 4);
  Segment again = talk.Client(4, 1, kAck, " ABCDE");
  EXPECT_EQ(Tell({talk.Client(0, 0, kSyn), cut, again}), "open 40000>80 c1:GET ~3 c:DE ");
}

TEST(TcpFlows, FromTheMiddleTheRolesAreGuessed) {
  Talk talk;
  FlowCounters counters;
  EXPECT_EQ(Tell({talk.Server(10, 50, kAck), talk.Server(10, 50, kAck, "HTTP/1.1 200 OK\r\n\r\n"),
                  talk.Client(50, 29, kAck, "GET / HTTP/1.1\r\n\r\n")},
                 {}, &counters),
            "met 40000>80 s1:HTTP/1.1 200 OK\r\n\r\n c2:GET / HTTP/1.1\r\n\r\n ");
  EXPECT_EQ(counters.unseen_openings, 1U);
  // Neither looks like anything: the higher port is the client's.
  Talk other;
  EXPECT_EQ(Tell({other.Server(10, 50, kAck, "\xee\xee")}), "met 40000>80 s1:\xee\xee ");
}

TEST(TcpFlows, AResetThatBothEndsPassOver) {
  Talk talk;
  const std::string told =
      Tell({talk.Client(0, 0, kSyn), talk.Server(0, 1, kSyn | kAck), talk.Client(1, 1, kAck, "a"), talk.Client(2, 1, kRst | kAck),
            talk.Client(1, 1, kAck, "a"), talk.Client(2, 1, kAck, "bc"), talk.Server(1, 4, kAck, "d")});
  EXPECT_EQ(told, "open 40000>80 c1:a close104 met 40000>80 c1:bc s2:d ");
}

// Else nothing says where the answers begin.
TEST(TcpFlows, DataInASynWaitsForTheAnswerToIt) {
  class FirstChunk final : public EventSink {
   public:
    void Tell(const Event& event) override {
      const auto* chunk = std::get_if<DataChunk>(&event);
      if (chunk != nullptr && chunk->side == StreamSide::kReceive) reverse = chunk->reverse_position;
    }
    uint32_t reverse = 0;
  };
  Talk talk;
  FirstChunk sink;
  TcpFlows flows(sink);
  flows.Take(talk.Client(0, 0, kSyn, "ab"));
  EXPECT_EQ(sink.reverse, 0U);
  flows.Take(talk.Server(0, 3, kSyn | kAck));
  EXPECT_EQ(sink.reverse, Talk::kServerBase + 1);
}

TEST(TcpFlows, AResetAndPortsThatAreUsedAgain) {
  Talk talk;
  EXPECT_EQ(
      Tell({talk.Client(0, 0, kSyn), talk.Server(0, 1, kSyn | kAck), talk.Client(1, 1, kAck, "a"), talk.Server(1, 2, kRst | kAck),
            talk.Client(2, 1, kAck, "b"), talk.Client(1000, 0, kSyn), talk.Client(1001, 1, kAck, "c")}),
      "open 40000>80 c1:a close104 open 40000>80 c1:c ");
}

TEST(TcpFlows, DataMayComeWithTheSyn) {
  Talk talk;
  EXPECT_EQ(Tell({talk.Client(0, 0, kSyn, "GET A"), talk.Server(0, 6, kSyn | kAck), talk.Server(1, 6, kAck, "OK")}),
            "open 40000>80 c1:GET A s2:OK ");
}

TEST(TcpFlows, FarAwaySegmentsAreNotBelievedUntilThereAreMany) {
  Talk talk;
  constexpr uint32_t kFar = uint32_t{1} << 29U;
  std::vector<Segment> segments = {talk.Client(0, 0, kSyn), talk.Client(1, 0, 0, "a"), talk.Client(kFar, 0, 0, "x"),
                                   talk.Client(2, 0, 0, "b")};
  FlowCounters counters;
  EXPECT_EQ(Tell(segments, {}, &counters), "open 40000>80 c1:a c:b ");
  EXPECT_EQ(counters.out_of_window, 1U);
  for (uint32_t i = 0; i < 4; ++i) segments.push_back(talk.Client(kFar + i, 0, 0, "x"));
  EXPECT_EQ(Tell(segments).substr(0, 35), "open 40000>80 c1:a c:b c:[536870912");
}

TEST(TcpFlows, WaitingSegmentsAndFlowsAreBounded) {
  Talk talk;
  std::vector<Segment> segments = {talk.Client(0, 0, kSyn)};
  for (uint32_t i = 0; i < 1000; ++i) segments.push_back(talk.Client(10 + 2 * i, 0, 0, "x"));  // nothing follows on anything
  Told told;
  TcpFlows flows(told, {.max_pending = 16, .patience_ns = ~uint64_t{0} >> 1U});
  for (const Segment& segment : segments) flows.Take(segment);
  EXPECT_GE(told.bytes[0].size(), 1000U - 17U);
  Told others;
  TcpFlows few(others, {.max_flows = 4});
  for (uint16_t port = 1; port <= 10; ++port) {
    Segment segment = talk.Client(0, 0, kSyn);
    segment.source.port = port;
    few.Take(segment);
  }
  EXPECT_EQ(few.counters().evicted, 6U);
}

// Any segments whatever: no crash, no byte told twice or before its place, and every flow is told once.
TEST(TcpFlows, RandomSegmentsAreHarmless) {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    std::mt19937 generator(seed);
    const auto random = [&generator] { return static_cast<uint32_t>(generator()); };
    Talk talk;
    Told told;
    TcpFlows flows(told, {.max_flows = 3, .max_pending = 8});
    for (int i = 0; i < 300; ++i) {
      const auto flags = static_cast<uint8_t>(random() % 100 < 5 ? random() % 32 : uint32_t{kAck});
      const std::string payload(random() % 8, 'x');
      Segment segment = random() % 2 == 0 ? talk.Client(random() % 60, random() % 60, flags, payload)
                                          : talk.Server(random() % 60, random() % 60, flags, payload);
      if (random() % 10 == 0) segment.source.port = static_cast<uint16_t>(random() % 5);
      if (random() % 50 == 0) segment.sequence = random();
      talk.now += random() % 20'000'000;
      flows.Take(segment);
    }
    flows.Finish();
    EXPECT_GT(flows.counters().opened, 0U);
  }
}

}  // namespace
}  // namespace wirespan::pcap
