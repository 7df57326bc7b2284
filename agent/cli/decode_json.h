// What the decode door says of a protocol's messages: the "fields" of docs/commands.md. One overload per protocol.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "decoders/fastcgi/message.h"
#include "decoders/http1/message.h"
#include "decoders/http2/message.h"
#include "decoders/postgresql/message.h"
#include "decoders/redis/message.h"
#include "decoders/websocket/message.h"

namespace wirespan::cli {

using Json = nlohmann::ordered_json;

// Bytes as a JSON string: those over 0x7f become U+0080 to U+00FF, one to one.
std::string BytesToText(std::string_view bytes);
// Text as it is where it is UTF-8, else as BytesToText.
std::string ToText(std::string_view bytes);

Json FieldsOf(const decoders::http1::Message& message);
// A request, a final answer, or something in between (1xx) that answers nothing.
bool IsRequest(const decoders::http1::Message& message);
bool IsFinal(const decoders::http1::Message& message);

Json FieldsOf(const decoders::fastcgi::Message& message);
bool IsRequest(const decoders::fastcgi::Message& message);
bool IsFinal(const decoders::fastcgi::Message& message);

// One block, end or reset of a stream: messages are parts of it (decoders/http2/README.md).
Json FieldsOf(const decoders::http2::Message& message);
bool IsRequest(const decoders::http2::Message& message);
bool IsFinal(const decoders::http2::Message& message);

Json FieldsOf(const decoders::redis::Message& message);
bool IsRequest(const decoders::redis::Message& message);
bool IsFinal(const decoders::redis::Message& message);

Json FieldsOf(const decoders::postgresql::Message& message);
bool IsRequest(const decoders::postgresql::Message& message);
bool IsFinal(const decoders::postgresql::Message& message);

// A message or control frame; none answers another.
Json FieldsOf(const decoders::websocket::Message& message);

}  // namespace wirespan::cli
