// HTTP/1 bytes through the real decoder and description into a span: the two folders fit together.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "agent/span/carriers.h"
#include "agent/span/span_builder.h"
#include "decoders/http1/decoder.h"
#include "decoders/http1/span.h"

namespace wirespan::span {
namespace {

using decoders::Direction;
using decoders::http1::Message;

Message Decode(decoders::http1::Decoder& decoder, Direction direction, std::string_view text) {
  decoders::http1::Messages messages;
  const auto bytes = std::as_bytes(std::span(text));
  size_t consumed = 0;
  while (consumed < bytes.size()) {
    const auto step = decoder.Decode(direction, bytes.subspan(consumed), messages);
    if (step.consumed == 0) break;
    consumed += step.consumed;
  }
  EXPECT_EQ(messages.size(), 1U);
  return messages.empty() ? Message{} : std::move(messages[0]);
}

class Http1SpanTest : public ::testing::Test {
 protected:
  Http1SpanTest() {
    Address address;
    address.family = AddressFamily::kIpv4;
    address.local = {127, 0, 0, 1};
    address.peer = {127, 0, 0, 1};
    address.local_port = 8080;
    address.peer_port = 50000;
    profile_.Set(address, "", ConnectionRole::kServer);
    resource_->id = 1;
    decoders::http1::Decoder decoder;
    exchange_.request = Decode(decoder, Direction::kClientToServer,
                               "GET /cart?id=7 HTTP/1.1\r\nHost: shop.example:8080\r\nTraceParent: "
                               "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\ntracestate: a=1\r\n\r\n");
    exchange_.response = Decode(decoder, Direction::kServerToClient, "HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno");
    exchange_.request_facts.seen = exchange_.response_facts.seen = true;
    exchange_.request_facts.first_byte_ns = exchange_.request_facts.last_byte_ns = 1'000'000;
    exchange_.response_facts.first_byte_ns = exchange_.response_facts.last_byte_ns = 3'000'000;
  }

  std::map<std::string, std::string> BuildAttributes(const trace::IncomingContext* incoming = nullptr) {
    SpanInput input;
    input.connection = &profile_;
    input.repeated = repeated_;
    input.resource = resource_;
    input.incoming = incoming;
    span_.Clear();
    EXPECT_TRUE(builder_.Build(exchange_, std::move(input), span_, measurement_));
    std::map<std::string, std::string> attributes;
    exporters::AttributeList::Reader reader(span_.attributes);
    for (exporters::AttributeView view; reader.Next(view);) {
      const bool is_new =
          attributes
              .emplace(view.key,
                       view.type == exporters::AttributeView::Type::kInt ? std::to_string(view.int_value) : view.string_value)
              .second;
      EXPECT_TRUE(is_new) << view.key << " stands there twice";
    }
    return attributes;
  }

  SpanBuilder builder_{SpanBuilderOptions{}};
  ConnectionProfile profile_;
  RepeatedAttributes* repeated_ = nullptr;
  std::shared_ptr<exporters::Resource> resource_ = std::make_shared<exporters::Resource>();
  match::Exchange<Message> exchange_;
  exporters::Span span_;
  metrics::Measurement measurement_;
};

// Whatever came before on the connection, a span says what it says without any memory, and so do the measurements.
TEST_F(Http1SpanTest, WhatAConnectionRepeatsIsTheSameAsWhatItSaysAnew) {
  const std::string long_agent(2000, 'a');
  const std::array<std::string, 9> heads = {
      "GET /a HTTP/1.1\r\nHost: shop.example:8080\r\nUser-Agent: curl/8.5\r\n\r\n",
      "POST /b?x=1 HTTP/1.0\r\nHost: shop.example:8080\r\nUser-Agent: curl/8.5\r\n\r\n",
      "GET /a HTTP/1.1\r\nHost: shop.example:8080\r\n\r\n",
      "GET /a HTTP/1.1\r\nHost: shop.example:8080curl/8.5\r\n\r\n",
      "GET /a HTTP/1.1\r\n\r\n",
      "GET /a HTTP/1.1\r\nHost: other.example\r\nUser-Agent: curl/8.5\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n",
      "GET http://third.example:81/a HTTP/1.1\r\nHost: shop.example:8080\r\nUser-Agent: curl/8.5\r\n\r\n",
      "GET /a HTTP/1.1\r\nHost: other.example\r\nUser-Agent: \xff\xfe\r\n\r\n",
      "GET /a HTTP/1.1\r\nHost: shop.example:8080\r\nUser-Agent: " + long_agent + "\r\n\r\n"};
  RepeatedAttributes repeated;
  std::mt19937 random(3);
  for (int i = 0; i < 2000; ++i) {
    const std::string& head = heads[random() % heads.size()];
    decoders::http1::Decoder decoder;
    exchange_.request = Decode(decoder, Direction::kClientToServer, head);
    repeated_ = nullptr;
    const std::map<std::string, std::string> anew = BuildAttributes();
    const std::string wire(span_.attributes.wire());
    const uint32_t count = span_.attributes.count();
    const std::string scheme(measurement_.url_scheme);
    const std::string version(measurement_.protocol_version);
    repeated_ = &repeated;
    ASSERT_EQ(BuildAttributes(), anew) << head;
    ASSERT_EQ(span_.attributes.wire(), wire) << head;
    ASSERT_EQ(span_.attributes.count(), count);
    ASSERT_EQ(measurement_.url_scheme, scheme);
    ASSERT_EQ(measurement_.protocol_version, version);
  }
}

// On the other hand it does remember: what is kept is given without a look at the fields' meaning.
TEST(RepeatedAttributes, GivesWhatItKeptForTheSameInputsOnly) {
  RepeatedAttributes repeated;
  exporters::AttributeList list;
  MeasuredValues measured;
  const std::array<std::string_view, 2> inputs = {"ab", "c"};
  const std::array<std::string_view, 2> shifted = {"a", "bc"};
  list.String("before", "x");
  ASSERT_FALSE(repeated.Repeat(inputs, list, measured));
  const std::string_view kept = list.String("key", "value");
  measured.At(Measured::kScheme) = {static_cast<uint32_t>(list.wire().size() - kept.size()), 5};
  measured.server_port = 80;
  repeated.Remember(list, measured);

  exporters::AttributeList next;
  MeasuredValues again;
  next.String("first", "longer than before");
  ASSERT_TRUE(repeated.Repeat(inputs, next, again));
  EXPECT_EQ(next.count(), 2U);
  EXPECT_EQ(next.Find("key")->string_value, "value");
  EXPECT_FALSE(next.Find("before"));
  EXPECT_EQ(again.Of(Measured::kScheme, next.wire()), "value");
  EXPECT_EQ(again.server_port, 80);
  EXPECT_FALSE(repeated.Repeat(shifted, next, again));
  repeated.Clear();
  EXPECT_FALSE(repeated.Repeat(inputs, next, again));
}

TEST(RepeatedAttributes, KeepsAFewAtOnceAndGivesUpTheOldest) {
  RepeatedAttributes repeated;
  const auto repeats = [&repeated](size_t which) {
    exporters::AttributeList list;
    MeasuredValues measured;
    const std::string input(which + 1, 'i');
    const std::array<std::string_view, 1> inputs = {input};
    const bool kept = repeated.Repeat(inputs, list, measured);
    if (!kept) {
      list.Int("which", static_cast<int64_t>(which));
      repeated.Remember(list, measured);
    }
    EXPECT_EQ(list.Find("which")->int_value, static_cast<int64_t>(which));
    return kept;
  };
  for (size_t which = 0; which < RepeatedAttributes::kKept; ++which) EXPECT_FALSE(repeats(which)) << which;
  for (size_t which = 0; which < RepeatedAttributes::kKept; ++which) EXPECT_TRUE(repeats(which)) << which;
  EXPECT_FALSE(repeats(RepeatedAttributes::kKept));
  EXPECT_TRUE(repeats(1));
  EXPECT_FALSE(repeats(0));
}

TEST_F(Http1SpanTest, AWholeExchange) {
  CarrierReader reader;
  trace::IncomingContext context;
  ASSERT_EQ(ParseTraceContext(exchange_.request, reader, context), ContextReject::kNone);
  auto attributes = BuildAttributes(&context);
  EXPECT_EQ(span_.name, "GET");
  EXPECT_EQ(span_.status, exporters::StatusCode::kError);
  EXPECT_EQ(span_.trace_state, "a=1");
  EXPECT_EQ(attributes["http.response.status_code"], "500");
  EXPECT_EQ(attributes["error.type"], "500");
  EXPECT_EQ(attributes["url.path"], "/cart");
  EXPECT_EQ(attributes["network.peer.port"], "50000");
  EXPECT_EQ(attributes["wirespan.time_to_first_byte_ns"], "2000000");
  EXPECT_FALSE(attributes.contains("wirespan.incomplete"));
  EXPECT_EQ(measurement_.request_method, "GET");
  EXPECT_EQ(measurement_.url_scheme, "http");
  EXPECT_EQ(measurement_.protocol_version, "1.1");
  EXPECT_EQ(measurement_.status_code, 500);
  EXPECT_EQ(measurement_.error_type, "500");
}

TEST_F(Http1SpanTest, EveryWayAnExchangeEndsIsSaidOnce) {
  using decoders::ExchangeEnd;
  for (const ExchangeEnd end :
       {ExchangeEnd::kNoResponse, ExchangeEnd::kConnectionReset, ExchangeEnd::kRequestNotSeen, ExchangeEnd::kResponseNotSeen,
        ExchangeEnd::kResponseCut, ExchangeEnd::kProcessExited, ExchangeEnd::kAgentStopped}) {
    exchange_.end = end;
    exchange_.request_facts.seen = end != ExchangeEnd::kRequestNotSeen;
    exchange_.response_facts.seen = end == ExchangeEnd::kRequestNotSeen || end == ExchangeEnd::kResponseCut;
    span_.Clear();
    EXPECT_EQ(BuildAttributes()["wirespan.incomplete"], decoders::Name(end));
  }
}

TEST_F(Http1SpanTest, TheClientsSideIsMeasuredByItsServer) {
  Address address;
  address.family = AddressFamily::kIpv4;
  address.peer = {127, 0, 0, 1};
  address.peer_port = 8080;
  profile_.Set(address, "", ConnectionRole::kClient);
  auto attributes = BuildAttributes();
  EXPECT_EQ(span_.kind, exporters::SpanKind::kClient);
  EXPECT_EQ(measurement_.server_address, "shop.example");
  EXPECT_EQ(measurement_.server_port, 8080);
  EXPECT_EQ(attributes["server.address"], "shop.example");
}

}  // namespace
}  // namespace wirespan::span
