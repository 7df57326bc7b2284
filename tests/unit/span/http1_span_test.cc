// HTTP/1 bytes through the real decoder and description into a span: the two folders fit together.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "agent/span/context.h"
#include "agent/span/span_builder.h"
#include "decoders/http1/decoder.h"
#include "decoders/http1/span.h"

namespace wirespan::span {
namespace {

using decoders::Direction;
using decoders::http1::Message;

Message Decode(decoders::http1::Decoder& decoder, Direction direction, std::string_view text) {
  std::vector<Message> messages;
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
    input.resource = resource_;
    input.incoming = incoming;
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
  std::shared_ptr<exporters::Resource> resource_ = std::make_shared<exporters::Resource>();
  match::Exchange<Message> exchange_;
  exporters::Span span_;
  metrics::Measurement measurement_;
};

TEST_F(Http1SpanTest, AWholeExchange) {
  TraceContextReader reader;
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
