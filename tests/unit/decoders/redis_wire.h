// Redis for tests, put together by its specification, not by the code under test.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "decoders/redis/decoder.h"
#include "tests/unit/decoders/harness.h"

namespace wirespan::testing {

using RedisWire = WireOf<decoders::redis::Decoder>;

template <>
struct Rendering<decoders::redis::Message> {
  static std::string Of(const decoders::redis::Message& message);
};

// A command as clients send it, an array of strings; a string; an array of values that are put together already.
std::string RedisCommand(const std::vector<std::string>& words);
std::string RedisString(std::string_view text);
std::string RedisArray(const std::vector<std::string>& values, char type = '*');

}  // namespace wirespan::testing
