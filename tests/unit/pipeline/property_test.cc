// Properties of the whole path, over random traffic: how bytes are cut into calls, and in which order calls are told within the
// window, changes no exchange; whatever goes missing, no span is wrong and every request is accounted for.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/unit/support/seeded.h"
#include "tests/unit/support/shard_harness.h"

namespace wirespan::testing {
namespace {

struct Traffic {
  struct Turn {
    std::string requests;
    std::string responses;
  };
  std::vector<Turn> turns;
  std::vector<std::tuple<std::string, std::string, int64_t>> truth;  // path, method, status
};

std::string ChunkedBody(Random& random) {
  std::string body;
  for (size_t i = Pick(random, 4); i > 0; --i) {
    const size_t size = 1 + Pick(random, 300);
    char head[32];
    std::snprintf(head, sizeof(head), "%zx\r\n", size);
    body += head + std::string(size, 'c') + "\r\n";
  }
  return body + "0\r\n\r\n";
}

// A body that looks like messages, to tempt whoever looks for a start in the wrong place.
std::string TemptingBody(Random& random) {
  std::string body;
  while (body.size() < 40 + Pick(random, 800)) body += Pick(random, 2) == 0 ? Get("/fake") : Ok("fake", 299);
  return body;
}

Traffic MakeTraffic(Random& random, bool pipelined, bool tempting = true) {
  Traffic traffic;
  const size_t turns = 1 + Pick(random, 12);
  for (size_t t = 0; t < turns; ++t) {
    Traffic::Turn turn;
    const size_t requests = pipelined ? 1 + Pick(random, 3) : 1;
    for (size_t i = 0; i < requests; ++i) {
      const std::string path = "/t" + std::to_string(t) + "/" + std::to_string(i) + "/" + std::to_string(random() % 1000);
      const int status = static_cast<int>(200 + Pick(random, 4) * 100 + (t * 3 + i) % 4);
      const std::string body =
          tempting && Pick(random, 4) == 0 ? TemptingBody(random) : std::string(Pick(random, 3) * Pick(random, 2000), 'b');
      switch (Pick(random, 4)) {
        case 0:
          turn.requests +=
              "POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
          traffic.truth.emplace_back(path, "POST", status);
          break;
        case 1:
          turn.requests += "PUT " + path + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + ChunkedBody(random);
          traffic.truth.emplace_back(path, "PUT", status);
          break;
        default:
          turn.requests += Get(path);
          traffic.truth.emplace_back(path, "GET", status);
      }
      const std::string head = "HTTP/1.1 " + std::to_string(status) + " X\r\n";
      if (Pick(random, 3) == 0) {
        turn.responses += head + "Transfer-Encoding: chunked\r\n\r\n" + ChunkedBody(random);
      } else {
        turn.responses += head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      }
    }
    traffic.turns.push_back(std::move(turn));
  }
  return traffic;
}

// Calls of at most `largest` bytes.
template <typename Emit>
void Cut(Random& random, std::string_view text, size_t largest, Emit&& emit) {
  while (!text.empty()) {
    const size_t size = std::min(text.size(), 1 + Pick(random, largest));
    emit(text.substr(0, size));
    text.remove_prefix(size);
  }
}

struct Told {
  Record record;
  bool is_data = true;
};

std::vector<Told> Tell(Random& random, const Traffic& traffic, EventMaker& end, size_t largest) {
  std::vector<Told> told;
  told.push_back({end.Opened(), false});
  for (const Traffic::Turn& turn : traffic.turns) {
    Cut(random, turn.requests, largest, [&](std::string_view t) { told.push_back({end.Request(t)}); });
    Cut(random, turn.responses, largest, [&](std::string_view t) { told.push_back({end.Response(t)}); });
  }
  told.push_back({end.Closed(), false});
  return told;
}

std::vector<std::tuple<std::string, std::string, int64_t>> Complete(const ShardHarness& h) {
  std::vector<std::tuple<std::string, std::string, int64_t>> spans;
  for (const SpanView& span : h.facts.spans) {
    if (span.complete()) spans.emplace_back(span.path, span.method, span.status);
  }
  return spans;
}

TEST(ShardProperty, AnyCutOfTheBytesGivesTheSameExchanges) {
  for (uint64_t seed = 0; seed < Seeds(150); ++seed) {
    Random random(seed);
    const Traffic traffic = MakeTraffic(random, seed % 3 == 0);
    const size_t largest = seed % 5 == 0 ? 1 : (seed % 5 == 1 ? 4096 : 1 + Pick(random, 200));
    ShardHarness h;
    EventMaker end(7, RoleOf(seed));
    end.position[0] = static_cast<uint32_t>(random());  // sequence numbers wrap anywhere
    end.position[1] = static_cast<uint32_t>(0 - Pick(random, 1000));
    for (const Told& t : Tell(random, traffic, end, largest)) h.Feed(t.record);
    h.shard.Stop();
    ASSERT_EQ(Complete(h), traffic.truth) << "seed " << seed;
    EXPECT_EQ(h.losses().requests_seen, traffic.truth.size());
    EXPECT_TRUE(h.Balances());
    EXPECT_EQ(h.shard.stores_in_use(), 0U) << "seed " << seed;
  }
}

TEST(ShardProperty, CallsOfOneDirectionToldOutOfOrderWithinTheWindowGiveTheSameExchanges) {
  for (uint64_t seed = 0; seed < Seeds(150); ++seed) {
    Random random(seed);
    const Traffic traffic = MakeTraffic(random, seed % 3 == 0);
    ShardHarness h;
    EventMaker end(7, WS_ROLE_SERVER);
    std::vector<Told> told = Tell(random, traffic, end, 1 + Pick(random, 300));
    // Within one turn's calls of one direction, beyond its first, neighbours change places.
    for (size_t i = 1; i + 1 < told.size(); ++i) {
      const auto turn_of = [&](size_t at) {
        const ws_data_event wire = DataOf(told[at].record);
        return std::pair(wire.turn, wire.flags & WS_DATA_FIRST_OF_TURN);
      };
      if (!told[i].is_data || !told[i + 1].is_data || Pick(random, 2) == 0) continue;
      if (turn_of(i).first == turn_of(i + 1).first && turn_of(i).second == 0) std::swap(told[i], told[i + 1]), ++i;
    }
    for (const Told& t : told) h.Feed(t.record);
    h.shard.Stop();
    ASSERT_EQ(Complete(h), traffic.truth) << "seed " << seed;
    EXPECT_TRUE(h.Balances());
  }
}

TEST(ShardProperty, LateEndsOfSendsOnAClientConnectionGiveTheSameExchanges) {
  for (uint64_t seed = 0; seed < Seeds(100); ++seed) {
    Random random(seed);
    const Traffic traffic = MakeTraffic(random, false);
    ShardHarness h;
    EventMaker client(7, WS_ROLE_CLIENT);
    h.Feed(client.Opened());
    for (const Traffic::Turn& turn : traffic.turns) {
      const Record request = client.Request(turn.requests);
      std::vector<Record> responses;
      Cut(random, turn.responses, 300, [&](std::string_view t) { responses.push_back(client.Response(t)); });
      const size_t early = Pick(random, std::min<size_t>(responses.size(), 6) + 1);  // read before the send's end was told
      for (size_t i = 0; i < early; ++i) h.Feed(responses[i]);
      h.Feed(request);
      for (size_t i = early; i < responses.size(); ++i) h.Feed(responses[i]);
    }
    h.shard.Stop();
    ASSERT_EQ(Complete(h), traffic.truth) << "seed " << seed;
    EXPECT_EQ(h.Lost(Loss::kResponseWithoutRequest), 0U);
  }
}

struct Damage {
  double lose = 0;      // of data events
  double uncopied = 0;  // of which only the size is told
  double doubled = 0;
  double late = 0;  // of server's answers: the end is told after the next request's first event
};

void MakeLate(Random& random, double chance, std::vector<Told>& told) {
  for (size_t i = 1; i + 1 < told.size(); ++i) {
    if (!told[i].is_data || !told[i + 1].is_data || std::uniform_real_distribution<>(0, 1)(random) >= chance) continue;
    const bool ends_answer = DataOf(told[i].record).direction == WS_SEND && DataOf(told[i + 1].record).direction == WS_RECEIVE;
    if (!ends_answer) continue;
    StampLate(told[i].record, told[i + 1].record);
    std::swap(told[i], told[i + 1]);
    ++i;
  }
}

void ExpectOnlyTruth(uint64_t seed, const Traffic& traffic, const ShardHarness& h) {
  const std::set<std::tuple<std::string, std::string, int64_t>> truth(traffic.truth.begin(), traffic.truth.end());
  std::set<std::string> seen;
  for (const SpanView& span : h.facts.spans) {
    EXPECT_TRUE(seen.insert(span.path).second) << "doubled " << span.path << " seed " << seed;
    if (span.complete()) {
      EXPECT_TRUE(truth.contains({span.path, span.method, span.status}))
          << "seed " << seed << ": " << span.method << " " << span.path << " " << span.status;
    } else {
      // What is known of an incomplete one is true as well.
      const auto found = std::find_if(truth.begin(), truth.end(), [&](const auto& t) { return std::get<0>(t) == span.path; });
      EXPECT_TRUE(found != truth.end() && (span.status == 0 || span.status == std::get<2>(*found)))
          << "seed " << seed << ": " << span.path << " " << span.status << " " << span.incomplete;
    }
  }
  EXPECT_TRUE(h.Balances()) << "seed " << seed;
  EXPECT_EQ(h.shard.open_exchanges(), 0U);
}

// Returns how many complete spans came out of how many requests.
std::pair<size_t, size_t> RunDamaged(uint64_t seed, bool tempting, const Damage& damage) {
  Random random(seed);
  const Traffic traffic = MakeTraffic(random, false, tempting);
  ShardHarness h;
  EventMaker end(7, RoleOf(seed));
  const auto chance = [&random](double p) { return std::uniform_real_distribution<>(0, 1)(random) < p; };
  std::vector<Told> told = Tell(random, traffic, end, 1 + Pick(random, 600));
  if (RoleOf(seed) == WS_ROLE_SERVER) MakeLate(random, damage.late, told);
  for (const Told& t : told) {
    if (!t.is_data) {
      h.Feed(t.record);
      continue;
    }
    if (chance(damage.lose)) continue;
    Record record = t.record;
    if (chance(damage.uncopied)) {
      ws_data_event wire = DataOf(record);
      wire.captured_size = 0;
      wire.header.size = sizeof(wire);
      record = ToRecord(wire);
    }
    h.Feed(record);
    if (chance(damage.doubled)) h.Feed(record);
    if (chance(0.05)) h.Tick(end.now + 20'000'000);
  }
  h.shard.Stop();
  ExpectOnlyTruth(seed, traffic, h);
  return {Complete(h).size(), traffic.truth.size()};
}

TEST(ShardProperty, RandomLossesNeverGiveAWrongSpanAndEveryRequestIsAccountedFor) {
  size_t complete = 0;
  size_t all = 0;
  for (uint64_t seed = 0; seed < Seeds(600); ++seed) {
    const Damage damage =
        seed % 2 == 0 ? Damage{.lose = 0.1, .uncopied = 0.05, .doubled = 0.05} : Damage{.lose = 0.02, .uncopied = 0.1};
    const auto [some, total] = RunDamaged(seed, seed % 4 < 2, damage);
    complete += some;
    all += total;
    if (HasFailure()) return;
  }
  EXPECT_GT(complete, all / 4) << "what was not hit must still be seen";
  EXPECT_LT(complete, all);
}

TEST(ShardProperty, EndsOfAnswersToldLateGiveTheSameExchanges) {
  for (uint64_t seed = 0; seed < Seeds(150); ++seed) {
    Random random(seed);
    const Traffic traffic = MakeTraffic(random, false);
    ShardHarness h;
    EventMaker end(7, WS_ROLE_SERVER);
    std::vector<Told> told = Tell(random, traffic, end, seed % 2 == 0 ? 100'000 : 1 + Pick(random, 600));
    MakeLate(random, 0.8, told);
    for (const Told& t : told) h.Feed(t.record);
    h.shard.Stop();
    ASSERT_EQ(Complete(h), traffic.truth) << "seed " << seed;
    for (size_t i = 0; i < kLossCount; ++i) EXPECT_EQ(h.Lost(static_cast<Loss>(i)), 0U) << LossName(static_cast<Loss>(i)) << seed;
    EXPECT_TRUE(h.Balances());
  }
}

// Later than anybody waits for, or with losses: not every span is whole then, but none is wrong.
TEST(ShardProperty, EndsOfAnswersToldTooLateNeverGiveAWrongSpan) {
  size_t complete = 0;
  size_t all = 0;
  for (uint64_t seed = 0; seed < Seeds(600); seed += 2) {
    const Damage damage{.lose = seed % 4 == 0 ? 0 : 0.02, .uncopied = seed % 3 == 0 ? 0.1 : 0, .late = 0.5};
    const auto [some, total] = RunDamaged(seed, seed % 8 < 4, damage);
    complete += some;
    all += total;
    if (HasFailure()) return;
  }
  EXPECT_GT(complete, all / 2);
}

TEST(ShardProperty, LossesOnAPipeliningConnectionStopItRatherThanPairWrongly) {
  for (uint64_t seed = 0; seed < Seeds(300); ++seed) {
    Random random(seed);
    Traffic traffic = MakeTraffic(random, true);
    // It is seen to pipeline before anything is lost.
    traffic.turns.insert(traffic.turns.begin(), {Get("/p1") + Get("/p2"), Ok("1", 201) + Ok("2", 202)});
    traffic.truth.insert(traffic.truth.begin(), {{"/p1", "GET", 201}, {"/p2", "GET", 202}});
    ShardHarness h;
    EventMaker end(7, RoleOf(seed));
    size_t data = 0;
    for (const Told& t : Tell(random, traffic, end, 8192)) {
      if (t.is_data && data++ >= 2 && Pick(random, 8) == 0) continue;
      h.Feed(t.record);
    }
    h.shard.Stop();
    ExpectOnlyTruth(seed, traffic, h);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace wirespan::testing
