// What a protocol's Describe says, in a form that tests compare.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

#include "decoders/description.h"
#include "tests/unit/decoders/harness.h"

namespace wirespan::testing {

// Attributes as text; one that is given twice fails the test.
class TextSink final : public decoders::AttributeSink {
 public:
  void String(const AttributeName& name, std::string_view value) override { Put(name, std::string(value)); }
  void Int(const AttributeName& name, int64_t value) override { Put(name, std::to_string(value)); }
  void Bool(const AttributeName& name, bool value) override { Put(name, value ? "true" : "false"); }
  std::map<std::string, std::string> attributes;

 private:
  void Put(const AttributeName& name, std::string value) {
    EXPECT_TRUE(attributes.emplace(name.text, std::move(value)).second) << name.text << " given twice";
  }
};

struct ToldSpan {
  std::map<std::string, std::string> attributes;
  decoders::Description description;
  std::string Of(const std::string& name) const {
    const auto found = attributes.find(name);
    return found == attributes.end() ? "(absent)" : found->second;
  }
};

// Describes the last exchange of what `requests` and `responses` decode to; empty: not seen.
template <typename Protocol>
ToldSpan TellLast(const std::string& requests, const std::string& responses, const decoders::ExchangeContext& context) {
  using Message = typename Protocol::Decoder::Message;
  WireOf<typename Protocol::Decoder> wire;
  wire.Feed(kC2s, requests);
  wire.Feed(kS2c, responses);
  wire.Close(kC2s);
  wire.Close(kS2c);
  const Message* request = nullptr;
  const Message* response = nullptr;
  for (const Message& message : wire.messages()) {
    if (!message.one_way) (message.is_request ? request : response) = &message;
  }
  ToldSpan told;
  TextSink sink;
  Protocol::kDescribe(request, response, context, sink, told.description);
  told.attributes = sink.attributes;
  return told;
}

}  // namespace wirespan::testing
