// What the turn's budget cuts off costs no exchange: random conversations, told as the kernel tells them with budgets of 64 to
// 8192 bytes. Every request gets exactly one span with its method, path and status, which says whether it is whole.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/unit/pipeline/budget_teller.h"
#include "tests/unit/support/seeded.h"
#include "tests/unit/support/shard_harness.h"

namespace wirespan::testing {
namespace {

bool OneIn(Random& random, size_t n) { return Pick(random, n) == 0; }

// Bytes of a message; those of a file move without passing user memory.
struct Segment {
  std::string text;
  bool is_file = false;
};
struct Wire {
  std::vector<Segment> segments;
  size_t head_bytes = 0;

  void Add(std::string text) { segments.push_back({std::move(text), false}); }
  void AddFile(size_t size) { segments.push_back({std::string(size, 'f'), true}); }
};

struct Planned {
  std::string path;
  std::string method;
  int64_t status = 0;
  Wire request;
  Wire continued;  // of the request, after an interim response; empty: none
  Wire response;
};

// What makes conversations differ.
struct Style {
  bool tempting = false;  // bodies hold what looks like messages and like ends of bodies
  bool big_heads = true;
  bool files = true;
};

std::string Fields(Random& random, const Style& style) {
  std::string fields;
  const size_t filler = !style.big_heads || !OneIn(random, 3) ? Pick(random, 60) : Pick(random, 9000);
  while (fields.size() < filler) {
    fields += "X-Filler-" + std::to_string(fields.size()) + ": " + std::string(Pick(random, 200), 'f') + "\r\n";
  }
  return fields;
}

std::string Body(Random& random, const Style& style, size_t size) {
  if (!style.tempting) return std::string(size, 'b');
  std::string body;
  while (body.size() < size) {
    switch (Pick(random, 4)) {
      case 0:
        body += "GET /fake HTTP/1.1\r\nHost: f\r\n\r\n";
        break;
      case 1:
        body += "HTTP/1.1 299 Fake\r\nContent-Length: 0\r\n\r\n";
        break;
      case 2:
        body += "\r\n0\r\n\r\n";
        break;
      default:
        body += std::string(Pick(random, 300), 't');
    }
  }
  body.resize(size);
  return body;
}

void AddChunks(Random& random, const Style& style, bool may_be_file, Wire& wire) {
  for (size_t n = Pick(random, 5); n > 0; --n) {
    const std::string data = Body(random, style, 1 + Pick(random, OneIn(random, 2) ? 9000 : 60));
    char size[32];
    std::snprintf(size, sizeof(size), OneIn(random, 2) ? "%zx\r\n" : "%zX;note=1\r\n", data.size());
    wire.Add(size);
    if (may_be_file && style.files && OneIn(random, 4)) {
      wire.AddFile(data.size());
    } else {
      wire.Add(data);
    }
    wire.Add("\r\n");
  }
  wire.Add(OneIn(random, 3) ? "0\r\nX-Sum: 1\r\n\r\n" : "0\r\n\r\n");
}

void PlanRequest(Random& random, const Style& style, size_t number, Planned& plan) {
  constexpr std::array<std::string_view, 5> kMethods = {"GET", "HEAD", "POST", "PUT", "DELETE"};
  plan.method = kMethods[Pick(random, kMethods.size())];
  plan.path = "/p" + std::to_string(number) + "/" + std::to_string(Pick(random, 1000));
  std::string head = plan.method + " " + plan.path + " HTTP/1.1\r\nHost: h\r\n" + Fields(random, style);
  const bool has_body = plan.method == "POST" || plan.method == "PUT";
  const bool chunked = has_body && OneIn(random, 2);
  const bool waits = has_body && OneIn(random, 4);
  const std::string body = has_body && !chunked ? Body(random, style, Pick(random, 12000)) : "";
  if (waits) head += "Expect: 100-continue\r\n";
  if (has_body) head += chunked ? "Transfer-Encoding: chunked\r\n" : "Content-Length: " + std::to_string(body.size()) + "\r\n";
  head += Fields(random, style) + "\r\n";
  plan.request.head_bytes = head.size();
  plan.request.Add(head);
  Wire& rest = waits ? plan.continued : plan.request;
  if (chunked) AddChunks(random, style, false, rest);
  if (!body.empty()) rest.Add(body);
}

void PlanResponse(Random& random, const Style& style, Planned& plan) {
  constexpr std::array<int64_t, 6> kStatuses = {200, 201, 204, 304, 404, 503};
  plan.status = kStatuses[Pick(random, kStatuses.size())];
  std::string head = "HTTP/1.1 " + std::to_string(plan.status) + " X\r\n" + Fields(random, style);
  const bool has_body = plan.status != 204 && plan.status != 304 && plan.method != "HEAD";
  const bool chunked = OneIn(random, 2);
  const size_t size = Pick(random, 20000);
  if (plan.status != 204) {
    head += chunked ? "Transfer-Encoding: chunked\r\n" : "Content-Length: " + std::to_string(has_body ? size : 77) + "\r\n";
  }
  head += Fields(random, style) + "\r\n";
  plan.response.head_bytes = head.size();
  plan.response.Add(head);
  if (!has_body) return;
  if (chunked) {
    AddChunks(random, style, true, plan.response);
  } else if (style.files && OneIn(random, 3)) {
    plan.response.AddFile(size);
  } else if (size > 0) {
    plan.response.Add(Body(random, style, size));
  }
}

std::vector<Planned> Plan(Random& random, const Style& style) {
  std::vector<Planned> plans(1 + Pick(random, 10));
  for (size_t i = 0; i < plans.size(); ++i) {
    PlanRequest(random, style, i, plans[i]);
    PlanResponse(random, style, plans[i]);
  }
  return plans;
}

// The records of one direction's turn, in calls of at most `largest` bytes that do not heed where segments begin.
std::vector<std::vector<Record>> Calls(Random& random, const Wire& wire, ws_direction direction, size_t largest,
                                       BudgetTeller& teller) {
  std::vector<std::vector<Record>> calls;
  std::string gathered;
  const auto flush = [&](bool all) {
    while (!gathered.empty()) {
      const size_t size = std::min(gathered.size(), 1 + Pick(random, largest));
      if (!all && size == gathered.size()) return;
      calls.push_back(teller.Call(direction, std::string_view(gathered).substr(0, size)));
      gathered.erase(0, size);
    }
  };
  for (const Segment& segment : wire.segments) {
    if (segment.is_file) {
      flush(true);
      calls.push_back(teller.FileCall(direction, segment.text.size(), OneIn(random, 2)));
    } else {
      gathered += segment.text;
      if (OneIn(random, 3)) flush(true);
    }
  }
  flush(true);
  return calls;
}

uint64_t TimeOf(const Record& record) {
  ws_event_header header;
  std::memcpy(&header, record.data(), sizeof(header));
  return header.time_ns;
}

struct Expected {
  const Planned* plan = nullptr;
  bool request_whole = false;
  bool response_whole = false;
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
};

// Tells one conversation and keeps what should come of it.
class Conversation {
 public:
  Conversation(uint64_t seed, ws_role role, size_t budget, bool policy_works, bool ends_late = false)
      : random(seed), end_(7, role), teller_(end_, budget), policy_works_(policy_works), ends_late_(ends_late) {
    end_.position[0] = static_cast<uint32_t>(random());
    end_.position[1] = static_cast<uint32_t>(0 - Pick(random, 5000));
    h.Feed(end_.Opened());
  }

  void Run(const std::vector<Planned>& plans, size_t largest) {
    for (const Planned& plan : plans) Exchange(plan, largest);
    h.Feed(held_back_);
    h.Feed({end_.Ended(end_.RequestSide()), end_.Ended(end_.ResponseSide()), end_.Closed()});
    h.shard.Tick(end_.now);
  }

  Random random;
  ShardHarness h;
  std::vector<Expected> expected;
  size_t cut_heads = 0;
  size_t beyond = 0;  // messages of which something was not copied
  size_t late = 0;    // answers whose last records were told after the next request's first

 private:
  void Exchange(const Planned& plan, size_t largest) {
    if (policy_works_ && !h.policy.budgets.empty()) teller_.budget = h.policy.budgets.back().second;
    Expected& e = expected.emplace_back();
    e.plan = &plan;
    e.start_ns = end_.now;
    e.request_whole = Turn(plan.request, end_.RequestSide(), largest);
    if (!plan.continued.segments.empty()) {
      Wire interim;
      interim.Add("HTTP/1.1 100 Continue\r\n\r\n");
      Turn(interim, end_.ResponseSide(), largest);
      Turn(plan.continued, end_.RequestSide(), largest);
    }
    if (policy_works_ && !h.policy.budgets.empty()) teller_.budget = h.policy.budgets.back().second;
    e.response_whole = Turn(plan.response, end_.ResponseSide(), largest, ends_late_);
    e.end_ns = last_told_ns_;
    cut_heads += (e.request_whole ? 0U : 1U) + (e.response_whole ? 0U : 1U);
  }

  // True: the message's head was copied whole.
  bool Turn(const Wire& wire, ws_direction direction, size_t largest, bool ends_late = false) {
    const size_t from = teller_.moved(direction);
    std::vector<Record> records;
    for (std::vector<Record>& call : Calls(random, wire, direction, largest, teller_)) {
      for (Record& record : call) records.push_back(std::move(record));
    }
    if (!records.empty()) last_told_ns_ = TimeOf(records.back());
    const size_t told_first = held_back_.empty() ? 0 : std::min<size_t>(records.size(), 1 + Pick(random, 4));
    for (size_t i = 0; i < told_first; ++i) h.Feed(records[i]);
    TellHeldBack(records);
    const size_t late_from = records.size() - (ends_late ? Pick(random, std::min<size_t>(records.size(), 3) + 1) : 0);
    for (size_t i = told_first; i < records.size(); ++i) {
      if (i < late_from) {
        h.Feed(records[i]);
      } else {
        held_back_.push_back(std::move(records[i]));
      }
    }
    beyond += teller_.Copied(direction, from, teller_.moved(direction)) ? 0U : 1U;
    return teller_.Copied(direction, from, from + wire.head_bytes);
  }

  void TellHeldBack(const std::vector<Record>& next_turn) {
    if (held_back_.empty()) return;
    ++late;
    for (Record& record : held_back_) {
      StampLate(record, next_turn.front());
      h.Feed(record);
    }
    held_back_.clear();
  }

  EventMaker end_;
  BudgetTeller teller_;
  std::vector<Record> held_back_;
  bool policy_works_;
  bool ends_late_;
  uint64_t last_told_ns_ = 0;
};

std::string IncompleteOf(const Expected& e) {
  if (!e.response_whole) return std::string(Name(decoders::ExchangeEnd::kResponseNotSeen));
  return e.request_whole ? "" : std::string(Name(decoders::ExchangeEnd::kRequestNotSeen));
}

// What a failure needs to be understood.
std::string Told(const Conversation& c) {
  std::string text = "\n";
  for (const Expected& e : c.expected) {
    text +=
        "  " + e.plan->method + " " + e.plan->path + " " + std::to_string(e.plan->status) + " " + IncompleteOf(e) + " request";
    for (const Segment& s : e.plan->request.segments) text += " " + std::to_string(s.text.size());
    text += " then";
    for (const Segment& s : e.plan->continued.segments) text += " " + std::to_string(s.text.size());
    text += " response";
    for (const Segment& s : e.plan->response.segments) text += (s.is_file ? " file " : " ") + std::to_string(s.text.size());
    text += "\n";
  }
  for (const SpanView& s : c.h.facts.spans)
    text += "  span " + s.path + " " + std::to_string(s.status) + " " + s.incomplete + "\n";
  for (size_t i = 0; i < kLossCount; ++i) {
    const Loss loss = static_cast<Loss>(i);
    if (c.h.Lost(loss) != 0) text += "  " + std::string(LossName(loss)) + " " + std::to_string(c.h.Lost(loss)) + "\n";
  }
  return text;
}

// The first thing that is not as it should be; empty: all is.
std::string Difference(const Conversation& c, bool times) {
  const std::vector<SpanView>& spans = c.h.facts.spans;
  for (size_t i = 0; i < std::min(spans.size(), c.expected.size()); ++i) {
    const Expected& e = c.expected[i];
    const SpanView& s = spans[i];
    if (s.path != e.plan->path || s.method != e.plan->method) return "request of span " + std::to_string(i);
    if (s.status != e.plan->status) return "status of " + s.path;
    if (s.incomplete != IncompleteOf(e)) return "wirespan.incomplete of " + s.path;
    const bool truncated = c.h.facts.finished[i].span->attributes.Find("wirespan.truncated").has_value();
    if (truncated != (!e.request_whole || !e.response_whole)) return "wirespan.truncated of " + s.path;
    if (s.start_ns != e.start_ns) return "start of " + s.path;
    if (s.end_ns > e.end_ns || (times && s.end_ns != e.end_ns)) return "end of " + s.path;
  }
  if (spans.size() != c.expected.size()) return "number of spans";
  for (size_t i = 0; i < kLossCount; ++i) {
    const Loss loss = static_cast<Loss>(i);
    // Small calls behind a file that no call was seen to send wait for it in vain.
    if (loss != Loss::kReorderOverflow && c.h.Lost(loss) != 0) return std::string(LossName(loss));
  }
  if (c.h.policy.budgets.size() != (c.cut_heads > 0 ? 1U : 0U)) return "budgets asked for";
  if (!c.h.Balances()) return "the books";
  if (c.h.shard.stores_in_use() != 0) return "stores in use";
  return "";
}

struct Sums {
  size_t exchanges = 0;
  size_t beyond = 0;
  size_t cut = 0;
};

void RunSeeds(uint64_t seeds, const Style& style, bool policy_works, Sums& sums) {
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    Random random(seed * 7919 + 1);
    const size_t budget = 64 + Pick(random, OneIn(random, 2) ? 8129 : 400);
    const size_t largest = OneIn(random, 6) ? 1 + Pick(random, 30) : 1 + Pick(random, 12000);
    const std::vector<Planned> plans = Plan(random, style);
    Conversation c(seed, RoleOf(seed), budget, policy_works);
    c.Run(plans, largest);
    ASSERT_EQ(Difference(c, !style.tempting), "") << "seed " << seed << " budget " << budget << Told(c);
    sums.exchanges += plans.size();
    sums.beyond += c.beyond;
    sums.cut += c.cut_heads;
  }
}

TEST(BudgetProperty, EveryExchangeHasItsSpanWhateverTheBudgetCutsOff) {
  Sums sums;
  RunSeeds(Seeds(150), {}, false, sums);
  EXPECT_GT(sums.beyond, sums.exchanges / 2) << "the budget must be felt";
  EXPECT_GT(sums.cut, sums.exchanges / 10);
}

TEST(BudgetProperty, BodiesThatLookLikeMessagesAndEndsAreNeverTakenForOne) {
  Sums sums;
  RunSeeds(Seeds(150), {.tempting = true}, false, sums);
  EXPECT_GT(sums.beyond, sums.exchanges / 2);
}

TEST(BudgetProperty, WithPlainHeadsEveryExchangeIsWhole) {
  Sums sums;
  RunSeeds(Seeds(80), {.big_heads = false}, true, sums);
  EXPECT_GT(sums.beyond, sums.exchanges / 3);
}

TEST(BudgetProperty, WhereThePolicyIsHeededOneExchangeOfAConnectionIsCutAtMost) {
  Sums sums;
  for (uint64_t seed = 0; seed < Seeds(80); ++seed) {
    Random random(seed + 5000);
    const std::vector<Planned> plans = Plan(random, {.files = false});  // a hole delays what is told
    Conversation c(seed, RoleOf(seed), 64 + Pick(random, 4000), true);
    c.Run(plans, 6000);
    ASSERT_EQ(Difference(c, true), "") << "seed " << seed << Told(c);
    EXPECT_LE(c.cut_heads, 1U) << seed << Told(c);
    sums.cut += c.cut_heads;
  }
  EXPECT_GT(sums.cut, 0U);
}

// A thread may read the next request and tell of it before another has told of the end of its answer to the last.
TEST(BudgetProperty, TheEndOfAnAnswerToldAfterTheNextRequestBelongsToTheAnswer) {
  size_t late = 0;
  for (uint64_t seed = 0; seed < Seeds(300); ++seed) {
    Random random(seed + 77000);
    const Style style{.tempting = seed % 3 == 0, .big_heads = seed % 2 == 0, .files = false};
    const std::vector<Planned> plans = Plan(random, style);
    const size_t budget = OneIn(random, 3) ? 1'000'000 : 64 + Pick(random, 6000);
    Conversation c(seed, WS_ROLE_SERVER, budget, false, true);
    c.Run(plans, OneIn(random, 2) ? 300 : 1 + Pick(random, 9000));
    ASSERT_EQ(Difference(c, !style.tempting), "") << "seed " << seed << " budget " << budget << Told(c);
    late += c.late;
  }
  EXPECT_GT(late, 300U);
}

// Where requests are sent without waiting, what is cut off may cost spans, counted, but never gives a wrong one.
TEST(BudgetProperty, OnConnectionsThatPipelineNothingIsPairedWrongly) {
  size_t exchanges = 0;
  size_t answered = 0;
  for (uint64_t seed = 0; seed < Seeds(150); ++seed) {
    Random random(seed + 90000);
    const std::vector<Planned> plans = Plan(random, {.tempting = seed % 2 == 0, .files = false});
    ShardHarness h;
    EventMaker end(7, RoleOf(seed));
    BudgetTeller teller(end, 64 + Pick(random, 8000));
    h.Feed(end.Opened());
    std::map<std::string, const Planned*> truth;
    for (size_t i = 0; i < plans.size();) {
      const size_t last = std::min(plans.size(), i + 1 + Pick(random, 3));
      Wire requests, responses;
      for (; i < last; ++i) {
        truth[plans[i].path] = &plans[i];
        for (const Wire* part : {&plans[i].request, &plans[i].continued}) {
          for (const Segment& segment : part->segments) requests.Add(segment.text);
        }
        for (const Segment& segment : plans[i].response.segments) responses.Add(segment.text);
      }
      for (const auto& call : Calls(random, requests, end.RequestSide(), 5000, teller)) h.Feed(call);
      for (const auto& call : Calls(random, responses, end.ResponseSide(), 5000, teller)) h.Feed(call);
    }
    h.Feed({end.Ended(end.RequestSide()), end.Ended(end.ResponseSide()), end.Closed()});
    h.Settle();
    std::set<std::string> seen;
    for (const SpanView& span : h.facts.spans) {
      ASSERT_TRUE(truth.contains(span.path)) << "seed " << seed << " " << span.path;
      ASSERT_TRUE(seen.insert(span.path).second) << "seed " << seed << " doubled " << span.path;
      ASSERT_EQ(span.method, truth[span.path]->method) << seed;
      ASSERT_TRUE(span.status == truth[span.path]->status || (span.status == 0 && !span.complete()))
          << "seed " << seed << " " << span.path << " " << span.status;
      answered += span.status != 0 ? 1U : 0U;
    }
    ASSERT_TRUE(h.Balances()) << seed;
    ASSERT_EQ(h.shard.open_exchanges(), 0U) << seed;
    exchanges += plans.size();
  }
  EXPECT_GT(answered, exchanges / 5);
  EXPECT_LT(answered, exchanges);
}

}  // namespace
}  // namespace wirespan::testing
