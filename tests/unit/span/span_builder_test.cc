#include "agent/span/span_builder.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/support/allocation_counter.h"

namespace wirespan::fake {

// A protocol of no more than a span builder needs to know: it proves that nothing there is HTTP's.
struct Message {
  std::string word;
  bool says_incomplete = false;
  void Clear() { word.clear(), says_incomplete = false; }
};

struct Seen {
  const Message* request = nullptr;
  const Message* response = nullptr;
  decoders::ExchangeContext context;
};
Seen last_seen;

void Describe(const Message* request, const Message* response, const decoders::ExchangeContext& context,
              decoders::AttributeSink& sink, decoders::Description& description) {
  last_seen = {request, response, context};
  sink.String(semconv::kHttpRequestMethod, "GET");
  sink.String(semconv::kUrlPath, "/a/rather/long/path/that/no/small/string/holds");
  sink.String(semconv::kUrlScheme, "http");
  sink.String(semconv::kNetworkProtocolVersion, "1.1");
  sink.String(semconv::kServerAddress, "shop.example.internal.and.long");
  sink.Int(semconv::kServerPort, 8080);
  sink.Bool(semconv::kWirespanTruncated, true);
  if (response != nullptr) sink.Int(semconv::kHttpResponseStatusCode, 503);
  if (request != nullptr && request->says_incomplete) sink.String(semconv::kWirespanIncomplete, "from the protocol");
  description.name.assign("a span's name that is longer than a short string");
  description.status = decoders::SpanStatus::kError;
  description.error_type.assign("503");
  sink.String(semconv::kErrorType, "503");
}

}  // namespace wirespan::fake

namespace wirespan::span {
namespace {

using decoders::ExchangeEnd;
using exporters::AttributeView;

constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kSecond = 1'000'000'000;
constexpr Token kToken = (77ULL << 24U) | 5;

Address Ipv4() {
  Address address;
  address.family = AddressFamily::kIpv4;
  address.local = {10, 0, 0, 1};
  address.peer = {192, 168, 7, 9};
  address.local_port = 8080;
  address.peer_port = 40123;
  return address;
}

class SpanBuilderTest : public ::testing::Test {
 protected:
  SpanBuilderTest() : builder_({.unix_minus_boot_ns = 1'700'000'000'000'000'000, .jiffies_per_second = 250}) {
    connection_.Set(Ipv4(), "", ConnectionRole::kServer);
    resource_ = MakeResource("python");
    FillExchange();
  }

  static std::shared_ptr<const exporters::Resource> MakeResource(std::string_view language) {
    static uint64_t next_id = 1;
    auto resource = std::make_shared<exporters::Resource>();
    resource->id = next_id++;
    resource->service_name = "shop";
    resource->attributes.String("service.name", "shop");
    resource->attributes.String("telemetry.sdk.language", language);
    return resource;
  }

  // A request read at 100 s, its response written 10 ms later by the same thread.
  void FillExchange() {
    exchange_.Clear();
    auto& request = exchange_.request_facts;
    auto& response = exchange_.response_facts;
    request.seen = response.seen = true;
    request.token = response.token = kToken;
    request.first_byte_ns = request.last_byte_ns = 100 * kSecond;
    response.first_byte_ns = 100 * kSecond + 8 * kMillisecond;
    response.last_byte_ns = 100 * kSecond + 10 * kMillisecond;
    request.first = Stamp(request.first_byte_ns, 1'000, 50 * kMillisecond);
    request.first.sequence = 10;
    request.first.activations = 3;
    request.first.run_delay_ns = 1'000'000;
    request.last = request.first;
    response.last = Stamp(response.last_byte_ns, 500'000, 52 * kMillisecond);
    response.last.sequence = 11;
    response.last.activations = 4;
    response.last.active = kToken;
    response.last.run_delay_ns = 1'250'000;
    response.first = response.last;
    response.first.exec_start_ns -= 2 * kMillisecond;  // the first byte is 2 ms earlier
  }

  static ThreadStamp Stamp(uint64_t now_ns, uint64_t updated_ns_ago, uint64_t cpu_ns) {
    ThreadStamp stamp;
    stamp.tgid = 400;
    stamp.tid = 401;
    stamp.turn = 6;
    stamp.cpu = 1;
    stamp.exec_start_ns = now_ns - updated_ns_ago;
    stamp.cpu_ns = cpu_ns;
    return stamp;
  }

  void TeachClock() {
    for (uint64_t i = 0; i < 100; ++i) {
      const uint64_t now = 95 * kSecond + i * 50 * kMillisecond;
      builder_.cpu_clock().Observe(Stamp(now, 300, 0), now);
    }
  }

  bool Build(uint64_t ended_ns = 0, bool pipelined = false) {
    span_.Clear();
    SpanInput input;
    input.connection = &connection_;
    input.resource = resource_;
    input.ended_ns = ended_ns;
    input.pipelined = pipelined;
    input.incoming = incoming_;
    return builder_.Build(exchange_, std::move(input), span_, measurement_);
  }

  std::optional<int64_t> Int(const AttributeName& name) const {
    const auto found = span_.attributes.Find(name.text);
    if (!found) return std::nullopt;
    EXPECT_EQ(found->type, AttributeView::Type::kInt);
    return found->int_value;
  }
  std::string String(const AttributeName& name) const {
    const auto found = span_.attributes.Find(name.text);
    return found ? std::string(found->string_value) : "(absent)";
  }
  size_t CountOf(const AttributeName& name) const {
    size_t count = 0;
    exporters::AttributeList::Reader reader(span_.attributes);
    for (AttributeView view; reader.Next(view);) count += view.key == name.text ? 1U : 0U;
    return count;
  }

  SpanBuilder builder_;
  ConnectionProfile connection_;
  std::shared_ptr<const exporters::Resource> resource_;
  const trace::IncomingContext* incoming_ = nullptr;
  match::Exchange<fake::Message> exchange_;
  exporters::Span span_;
  metrics::Measurement measurement_;
};

TEST_F(SpanBuilderTest, ServerSpanHasTheProtocolsPartAndTheConnections) {
  ASSERT_TRUE(Build());
  EXPECT_EQ(span_.kind, exporters::SpanKind::kServer);
  EXPECT_EQ(span_.status, exporters::StatusCode::kError);
  EXPECT_EQ(span_.name, "a span's name that is longer than a short string");
  EXPECT_EQ(span_.start_unix_ns, 1'700'000'100'000'000'000U);
  EXPECT_EQ(span_.end_unix_ns, 1'700'000'100'010'000'000U);
  EXPECT_EQ(span_.resource, resource_);
  EXPECT_EQ(String(semconv::kUrlPath), "/a/rather/long/path/that/no/small/string/holds");
  EXPECT_EQ(String(semconv::kNetworkPeerAddress), "192.168.7.9");
  EXPECT_EQ(Int(semconv::kNetworkPeerPort), 40123);
  EXPECT_EQ(String(semconv::kNetworkLocalAddress), "10.0.0.1");
  EXPECT_EQ(Int(semconv::kNetworkLocalPort), 8080);
  EXPECT_EQ(String(semconv::kNetworkTransport), "tcp");
  EXPECT_EQ(String(semconv::kNetworkType), "ipv4");
  EXPECT_EQ(Int(semconv::kWirespanTimeToFirstByte), 8'000'000);
  EXPECT_EQ(CountOf(semconv::kWirespanIncomplete), 0U);
  EXPECT_TRUE(exporters::IsZero(span_.span_id));
  EXPECT_EQ(fake::last_seen.context.side, decoders::SpanSide::kServer);
  EXPECT_EQ(fake::last_seen.context.peer_address, "192.168.7.9");
  EXPECT_EQ(fake::last_seen.context.local_port, 8080);
}

TEST_F(SpanBuilderTest, ANegativeClockOffsetIsSubtracted) {
  SpanBuilder builder({.unix_minus_boot_ns = -5'000'000'000});
  SpanInput input;
  input.connection = &connection_;
  input.resource = resource_;
  ASSERT_TRUE(builder.Build(exchange_, std::move(input), span_, measurement_));
  EXPECT_EQ(span_.start_unix_ns, 95 * kSecond);
}

TEST_F(SpanBuilderTest, MeasurementHoldsWhatMetricsAreKeptBy) {
  ASSERT_TRUE(Build());
  EXPECT_EQ(measurement_.resource, resource_.get());
  EXPECT_EQ(measurement_.kind, exporters::SpanKind::kServer);
  EXPECT_EQ(measurement_.duration_ns, 10 * kMillisecond);
  EXPECT_EQ(measurement_.request_method, "GET");
  EXPECT_EQ(measurement_.url_scheme, "http");
  EXPECT_EQ(measurement_.protocol_version, "1.1");
  EXPECT_EQ(measurement_.error_type, "503");
  EXPECT_EQ(measurement_.status_code, 503);
  EXPECT_EQ(measurement_.server_address, "");  // the client's side only
  EXPECT_EQ(measurement_.server_port, 0);

  connection_.Set(Ipv4(), "", ConnectionRole::kClient);
  exchange_.response_facts.seen = false;
  exchange_.end = ExchangeEnd::kNoResponse;
  ASSERT_TRUE(Build());
  EXPECT_EQ(measurement_.kind, exporters::SpanKind::kClient);
  EXPECT_EQ(span_.kind, exporters::SpanKind::kClient);
  EXPECT_EQ(measurement_.server_address, "shop.example.internal.and.long");
  EXPECT_EQ(measurement_.server_port, 8080);
  EXPECT_EQ(measurement_.status_code, 0);  // nothing of the exchange before is left
}

TEST_F(SpanBuilderTest, NothingIsBuiltWithoutARoleOrAMessage) {
  connection_.Set(Ipv4(), "", ConnectionRole::kUnknown);
  EXPECT_FALSE(Build());
  connection_.Set(Ipv4(), "", ConnectionRole::kServer);
  exchange_.request_facts.seen = exchange_.response_facts.seen = false;
  EXPECT_FALSE(Build());
  EXPECT_EQ(span_.attributes.count(), 0U);
}

TEST_F(SpanBuilderTest, TheProtocolSeesOnlyMessagesThatWereSeen) {
  exchange_.end = ExchangeEnd::kRequestNotSeen;
  exchange_.request_facts.seen = false;
  ASSERT_TRUE(Build());
  EXPECT_EQ(fake::last_seen.request, nullptr);
  EXPECT_EQ(fake::last_seen.response, &exchange_.response);
  EXPECT_EQ(span_.start_unix_ns % kSecond, 8 * kMillisecond);  // the response's first byte is the first that was seen
  EXPECT_FALSE(Int(semconv::kWirespanTimeToFirstByte));
}

TEST_F(SpanBuilderTest, IncompleteIsSaidOnce) {
  exchange_.end = ExchangeEnd::kResponseCut;
  ASSERT_TRUE(Build());
  EXPECT_EQ(String(semconv::kWirespanIncomplete), "response_cut");
  exchange_.request.says_incomplete = true;
  ASSERT_TRUE(Build());
  EXPECT_EQ(CountOf(semconv::kWirespanIncomplete), 1U);
}

TEST_F(SpanBuilderTest, KeepsTheTraceStateOfTheRequest) {
  trace::IncomingContext incoming;
  incoming.trace_state = "a=1";
  incoming_ = &incoming;
  ASSERT_TRUE(Build());
  EXPECT_EQ(span_.trace_state, "a=1");
}

TEST_F(SpanBuilderTest, Ipv6AndUnixSockets) {
  Address address = Ipv4();
  address.family = AddressFamily::kIpv6;
  address.peer = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  connection_.Set(address, "", ConnectionRole::kServer);
  ASSERT_TRUE(Build());
  EXPECT_EQ(String(semconv::kNetworkPeerAddress), "2001:db8::1");
  EXPECT_EQ(String(semconv::kNetworkType), "ipv6");

  Address unix_address;
  unix_address.family = AddressFamily::kUnix;
  connection_.Set(unix_address, "/run/app.sock", ConnectionRole::kServer);
  exchange_.response_facts.srtt_us = 9;
  exchange_.response_facts.retransmits_last = 9;
  ASSERT_TRUE(Build());
  EXPECT_EQ(String(semconv::kNetworkLocalAddress), "/run/app.sock");
  EXPECT_EQ(String(semconv::kNetworkPeerAddress), "(absent)");
  EXPECT_EQ(String(semconv::kNetworkTransport), "unix");
  EXPECT_EQ(String(semconv::kNetworkType), "(absent)");
  EXPECT_EQ(CountOf(semconv::kNetworkPeerPort), 0U);
  EXPECT_FALSE(Int(semconv::kWirespanRetransmits));  // a unix socket has none
  EXPECT_FALSE(Int(semconv::kWirespanSmoothedRtt));
  connection_.Set(unix_address, "@abstract", ConnectionRole::kClient);
  ASSERT_TRUE(Build());
  EXPECT_EQ(String(semconv::kNetworkPeerAddress), "@abstract");
  EXPECT_EQ(String(semconv::kNetworkLocalAddress), "(absent)");
  connection_.Set(Address{}, "", ConnectionRole::kServer);
  ASSERT_TRUE(Build());
  EXPECT_EQ(String(semconv::kNetworkTransport), "(absent)");
}

TEST_F(SpanBuilderTest, SocketFactsOverTheExchange) {
  ASSERT_TRUE(Build());
  EXPECT_FALSE(Int(semconv::kWirespanRetransmits));
  EXPECT_FALSE(Int(semconv::kWirespanSmoothedRtt));
  EXPECT_FALSE(Int(semconv::kWirespanQueueWait));
  exchange_.request_facts.retransmits_first = 7;
  exchange_.response_facts.retransmits_last = 9;
  exchange_.request_facts.srtt_us = 80;
  exchange_.response_facts.srtt_us = 85;
  exchange_.request_facts.queue_wait_jiffies = 3;
  ASSERT_TRUE(Build());
  EXPECT_EQ(Int(semconv::kWirespanRetransmits), 2);
  EXPECT_EQ(Int(semconv::kWirespanSmoothedRtt), 85);
  EXPECT_EQ(Int(semconv::kWirespanQueueWait), 12);  // 3 jiffies of 4 ms
  exchange_.request_facts.queue_wait_jiffies = 1;
  ASSERT_TRUE(Build());
  EXPECT_FALSE(Int(semconv::kWirespanQueueWait));
  // A client waits for its response, not for its own request.
  exchange_.request_facts.queue_wait_jiffies = 50;
  connection_.Set(Ipv4(), "", ConnectionRole::kClient);
  ASSERT_TRUE(Build());
  EXPECT_FALSE(Int(semconv::kWirespanQueueWait));
  exchange_.response_facts.queue_wait_jiffies = 5;
  ASSERT_TRUE(Build());
  EXPECT_EQ(Int(semconv::kWirespanQueueWait), 20);
}

TEST(SpanTimes, RulesWhenPartsAreMissing) {
  match::MessageFacts request;
  request.seen = true;
  request.first_byte_ns = 100;
  request.last_byte_ns = 150;
  match::MessageFacts response;
  response.seen = true;
  response.first_byte_ns = 300;
  response.last_byte_ns = 400;
  const match::MessageFacts none;
  const auto times = [](const auto& a, const auto& b, ExchangeEnd end, uint64_t ended_ns) {
    const SpanTimes t = TimesOf(a, b, end, ended_ns);
    return std::pair(t.start_ns, t.end_ns);
  };
  using P = std::pair<uint64_t, uint64_t>;
  EXPECT_EQ(times(request, response, ExchangeEnd::kComplete, 900), P(100, 400));
  EXPECT_EQ(times(none, response, ExchangeEnd::kRequestNotSeen, 900), P(300, 400));
  EXPECT_EQ(times(request, none, ExchangeEnd::kNoResponse, 900), P(100, 900));
  EXPECT_EQ(times(request, none, ExchangeEnd::kNoResponse, 0), P(100, 150));
  EXPECT_EQ(times(request, response, ExchangeEnd::kConnectionReset, 900), P(100, 900));
  EXPECT_EQ(times(request, response, ExchangeEnd::kResponseCut, 900), P(100, 900));
  EXPECT_EQ(times(request, response, ExchangeEnd::kResponseCut, 0), P(100, 400));
  EXPECT_EQ(times(request, none, ExchangeEnd::kProcessExited, 120), P(100, 150));  // a late byte counts
  EXPECT_EQ(times(request, none, ExchangeEnd::kResponseNotSeen, 700), P(100, 700));
  response.first_byte_ns = response.last_byte_ns = 50;  // clocks of two rings: never negative
  EXPECT_EQ(times(request, response, ExchangeEnd::kComplete, 0), P(100, 100));
}

TEST_F(SpanBuilderTest, CpuTimesWhereOneThreadServedNothingElse) {
  TeachClock();
  ASSERT_TRUE(Build());
  // 2 ms between the scheduler's updates, 0.5 ms since the last one at the end, 1 us at the beginning.
  ASSERT_TRUE(Int(semconv::kWirespanOnCpu));
  EXPECT_NEAR(static_cast<double>(*Int(semconv::kWirespanOnCpu)), 2'499'000, 20'000);
  EXPECT_EQ(Int(semconv::kWirespanRunDelay), 250'000);
}

// Each of these facts alone makes the thread's times another's too, or unknown.
TEST_F(SpanBuilderTest, NoCpuTimesWhereTheyWouldNotBeThisExchangesAlone) {
  TeachClock();
  struct Case {
    const char* what;
    void (*spoil)(match::Exchange<fake::Message>&);
  };
  using Exchange = match::Exchange<fake::Message>;
  const Case cases[] = {
      {"another thread", [](Exchange& e) { e.response_facts.last.tid = 9; }},
      {"another process", [](Exchange& e) { e.response_facts.last.tgid = 9; }},
      {"a multiplexed wait", [](Exchange& e) { ++e.response_facts.last.turn; }},
      {"another request was read", [](Exchange& e) { ++e.response_facts.last.activations; }},
      {"its own request was not counted", [](Exchange& e) { --e.response_facts.last.activations; }},
      {"a saturated counter",
       [](Exchange& e) { e.request_facts.first.activations = 0xfffe, e.response_facts.last.activations = 0xffff; }},
      {"both saturated", [](Exchange& e) { e.request_facts.first.activations = e.response_facts.last.activations = 0xffff; }},
      {"it works for another exchange", [](Exchange& e) { e.response_facts.last.active = kToken + 1; }},
      {"stamps out of order", [](Exchange& e) { e.response_facts.last.sequence = 9; }},
      {"the same stamp", [](Exchange& e) { e.response_facts.last.sequence = 10; }},
      {"another goroutine", [](Exchange& e) { e.response_facts.last.runtime_id = 3; }},
      {"a later request of its turn", [](Exchange& e) { e.request_facts.index = 1; }},
      {"no thread", [](Exchange& e) { e.request_facts.first.tid = e.response_facts.last.tid = 0; }},
      {"an end that is not the response's", [](Exchange& e) { e.end = ExchangeEnd::kResponseCut; }},
      {"no response", [](Exchange& e) { e.response_facts.seen = false, e.end = ExchangeEnd::kNoResponse; }},
  };
  for (const Case& c : cases) {
    FillExchange();
    ASSERT_TRUE(Build() && Int(semconv::kWirespanOnCpu)) << c.what;
    c.spoil(exchange_);
    ASSERT_TRUE(Build()) << c.what;
    EXPECT_FALSE(Int(semconv::kWirespanOnCpu)) << c.what;
    EXPECT_FALSE(Int(semconv::kWirespanRunDelay)) << c.what;
  }
  FillExchange();
  ASSERT_TRUE(Build(0, true));
  EXPECT_FALSE(Int(semconv::kWirespanOnCpu)) << "pipelined";
  for (const char* language : {"go", "erlang"}) {
    resource_ = MakeResource(language);
    ASSERT_TRUE(Build());
    EXPECT_FALSE(Int(semconv::kWirespanOnCpu)) << language;
    EXPECT_FALSE(Int(semconv::kWirespanRunDelay)) << language;
  }
}

TEST_F(SpanBuilderTest, AClosedExchangeAndAWrappedSequenceStillCount) {
  TeachClock();
  exchange_.response_facts.last.active = 0;  // the response's first bytes had closed it
  exchange_.request_facts.first.sequence = 0xffffffff;
  exchange_.response_facts.last.sequence = 3;
  ASSERT_TRUE(Build());
  EXPECT_TRUE(Int(semconv::kWirespanOnCpu));
}

TEST_F(SpanBuilderTest, AClientsThreadThatReadNothingElse) {
  TeachClock();
  connection_.Set(Ipv4(), "", ConnectionRole::kClient);
  exchange_.response_facts.last.activations = exchange_.request_facts.first.activations;
  ASSERT_TRUE(Build());
  EXPECT_TRUE(Int(semconv::kWirespanOnCpu));
  exchange_.response_facts.last.last_call = kToken;  // its own response in several reads
  ASSERT_TRUE(Build());
  EXPECT_TRUE(Int(semconv::kWirespanOnCpu));
  exchange_.response_facts.last.last_call = kToken + 1;  // another call's response came in between
  ASSERT_TRUE(Build());
  EXPECT_FALSE(Int(semconv::kWirespanOnCpu));
}

TEST_F(SpanBuilderTest, RunDelayNeedsNoClockButAKernelThatCounts) {
  ASSERT_TRUE(Build());
  EXPECT_FALSE(Int(semconv::kWirespanOnCpu));  // nothing was learned of the clocks
  EXPECT_EQ(Int(semconv::kWirespanRunDelay), 250'000);
  exchange_.request_facts.first.run_delay_ns = exchange_.response_facts.last.run_delay_ns = 0;
  ASSERT_TRUE(Build());
  EXPECT_FALSE(Int(semconv::kWirespanRunDelay));
  exchange_.request_facts.first.run_delay_ns = 5;
  exchange_.response_facts.last.run_delay_ns = 4;
  ASSERT_TRUE(Build());
  EXPECT_FALSE(Int(semconv::kWirespanRunDelay));
  exchange_.response_facts.last.run_delay_ns = kSecond;  // longer than the exchange
  ASSERT_TRUE(Build());
  EXPECT_FALSE(Int(semconv::kWirespanRunDelay));
}

TEST_F(SpanBuilderTest, LearnsItsClocksFromWhatItBuilds) {
  for (int i = 0; i < 8; ++i) {
    const uint64_t now = 90 * kSecond + static_cast<uint64_t>(i) * kSecond;
    exchange_.request_facts.first_byte_ns = exchange_.request_facts.last_byte_ns = now;
    exchange_.request_facts.first = exchange_.request_facts.last = Stamp(now, 700, 0);
    exchange_.response_facts.first_byte_ns = exchange_.response_facts.last_byte_ns = now + kMillisecond;
    ASSERT_TRUE(Build());
  }
  FillExchange();
  ASSERT_TRUE(Build());
  EXPECT_TRUE(Int(semconv::kWirespanOnCpu));
}

TEST_F(SpanBuilderTest, AllocatesNothingInTheSteadyState) {
  TeachClock();
  trace::IncomingContext incoming;
  incoming.trace_state = "vendor=a-state-that-is-longer-than-a-short-string";
  incoming_ = &incoming;
  exchange_.request_facts.queue_wait_jiffies = 3;
  exchange_.response_facts.retransmits_last = 1;
  exchange_.response_facts.srtt_us = 80;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Build());
  wirespan::testing::ResetAllocationCount();
  auto probe = std::make_unique<std::string>(100, 'x');
  probe->reserve(1'000);
  EXPECT_EQ(wirespan::testing::AllocationCount(), 3U);  // the counter counts
  wirespan::testing::ResetAllocationCount();
  bool all_built = true;
  for (int i = 0; i < 1'000; ++i) all_built = Build() && all_built;
  const size_t allocations = wirespan::testing::AllocationCount();
  EXPECT_TRUE(all_built);
  EXPECT_EQ(allocations, 0U);
}

}  // namespace
}  // namespace wirespan::span
