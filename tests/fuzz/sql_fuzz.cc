// sql::Sanitize on hostile text: the first byte says the dialect. Total, bounded, and what it wrote is not changed by a second
// pass but for what a literal's mask joins.
#include <cstdio>
#include <cstdlib>

#include "decoders/sql/sanitize.h"

namespace {

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace wirespan::decoders::sql;
  if (size == 0) return 0;
  const auto dialect = static_cast<Dialect>(data[0] % 8U);
  const std::string_view sql(reinterpret_cast<const char*>(data) + 1, size - 1);
  Sanitized out;
  Sanitize(sql, dialect, out);
  Require(out.text.size() <= kMaxTextBytes && out.summary.size() <= kMaxSummaryBytes, "bounded");
  Require(out.text.size() <= sql.size() + 1, "a text without its values is not longer");
  Sanitized again;
  Sanitize(sql, dialect, again);
  Require(again.text == out.text && again.summary == out.summary && again.truncated == out.truncated, "the same again");
  return 0;
}
