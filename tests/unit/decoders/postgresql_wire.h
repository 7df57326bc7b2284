// PostgreSQL's frames for tests, put together by its documentation, not by the code under test.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "decoders/postgresql/decoder.h"
#include "tests/unit/decoders/harness.h"

namespace wirespan::testing {

using PostgreSqlWire = WireOf<decoders::postgresql::Decoder>;

template <>
struct Rendering<decoders::postgresql::Message> {
  static std::string Of(const decoders::postgresql::Message& message);
};

// A frame of that type; '\0': without one.
std::string PgFrame(char type, std::string_view content = {});
std::string PgInt16(unsigned value);
std::string PgInt32(unsigned value);
std::string PgString(std::string_view text);  // with its zero byte

std::string PgStartup(const std::vector<std::pair<std::string, std::string>>& parameters);
std::string PgSslRequest();
std::string PgQuery(std::string_view sql);
std::string PgParse(std::string_view name, std::string_view sql);
std::string PgBind(std::string_view portal, std::string_view statement, const std::vector<std::string>& values = {});
std::string PgDescribe(char what, std::string_view name);
std::string PgExecute(std::string_view portal = {}, unsigned rows = 0);
std::string PgSync();

std::string PgRowDescription(const std::vector<std::string>& columns);
std::string PgRow(const std::vector<std::string>& values);
std::string PgComplete(std::string_view tag);
std::string PgError(std::string_view code, char type = 'E');
std::string PgReady(char status = 'I');

}  // namespace wirespan::testing
