// FastCGI records for tests, put together by the specification, not by the code under test.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "decoders/fastcgi/decoder.h"
#include "tests/unit/decoders/harness.h"

namespace wirespan::testing {

using FastCgiWire = WireOf<decoders::fastcgi::Decoder>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

template <>
struct Rendering<decoders::fastcgi::Message> {
  static std::string Of(const decoders::fastcgi::Message& message);
};

std::string RecordOf(int type, int id, std::string_view content, int padding = 0);
std::string BeginRequest(int id, int role = 1, int flags = 0);
// One name-value pair; `long_form`: four bytes for both lengths.
std::string Pair(std::string_view name, std::string_view value, bool long_form = false);
std::string PairsOf(const Pairs& pairs);
// PARAMS, with the empty record that ends them.
std::string Params(int id, const Pairs& pairs);
std::string Stdin(int id, std::string_view content);
std::string Stdout(int id, std::string_view content);
std::string EndRequest(int id, unsigned application_status = 0, int protocol_status = 0);
// A whole request as nginx sends it; a response as PHP does.
std::string Request(int id, const Pairs& pairs, std::string_view body = {}, int flags = 0);
std::string Response(int id, std::string_view content);

}  // namespace wirespan::testing
