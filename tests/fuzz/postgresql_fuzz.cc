// postgresql::Decoder on hostile input (decoder_fuzz.h).
#include "decoders/postgresql/decoder.h"
#include "decoders/postgresql/span.h"
#include "tests/fuzz/decoder_fuzz.h"

namespace wirespan::fuzzing {
namespace {

namespace postgresql = decoders::postgresql;

struct PostgreSql {
  using Decoder = postgresql::Decoder;
  static constexpr auto kDescribe = &postgresql::Describe;
  static constexpr size_t kMaxName = 256;

  static void Write(const postgresql::Message& m, std::string& log) {
    Require(m.text.size() <= decoders::sql::kMaxTextBytes && m.summary.size() <= decoders::sql::kMaxSummaryBytes,
            "stored text bounded");
    Require(m.statement.size() <= postgresql::kMaxNameBytes && m.database.size() <= postgresql::kMaxNameBytes,
            "stored names bounded");
    Require(m.tag.size() <= postgresql::kMaxTagBytes, "stored tag bounded");
    log.append(postgresql::Name(m.kind)).append(1, m.type).append(std::to_string(m.rows)).append(m.code());
    log.append(m.one_way ? "W" : "").append(m.unknown_statement ? "?" : "").append(m.skipped ? "S" : "");
    for (const std::string* part : {&m.text, &m.summary, &m.statement, &m.database, &m.tag}) log.append("|").append(*part);
  }
};

}  // namespace
}  // namespace wirespan::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  wirespan::fuzzing::RunAll<wirespan::fuzzing::PostgreSql>(data, size);
  return 0;
}
