// redis::Decoder on hostile input (decoder_fuzz.h).
#include "decoders/redis/decoder.h"
#include "decoders/redis/span.h"
#include "tests/fuzz/decoder_fuzz.h"

namespace wirespan::fuzzing {
namespace {

namespace redis = decoders::redis;

struct Redis {
  using Decoder = redis::Decoder;
  static constexpr auto kDescribe = &redis::Describe;
  static constexpr size_t kMaxName = 256;

  static void Write(const redis::Message& m, std::string& log) {
    Require(m.text.size() <= redis::kMaxTextBytes && m.name.size() <= redis::kMaxNameBytes, "stored text bounded");
    Require(m.batch_name.size() <= redis::kMaxNameBytes && m.procedure.size() <= redis::kMaxShownBytes, "stored names bounded");
    for (const uint64_t number : {m.arguments, m.elements, uint64_t{m.database}, uint64_t{m.batch_size}}) {
      log.append(std::to_string(number)).append(" ");
    }
    log.append(m.one_way ? "W" : "").append(m.has_database ? "D" : "").append(m.is_transaction ? "X" : "");
    log.append(1, static_cast<char>(m.type)).append(m.name).append("|").append(m.text).append("|");
    log.append(m.batch_name).append("|").append(m.procedure);
  }
};

}  // namespace
}  // namespace wirespan::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  wirespan::fuzzing::RunAll<wirespan::fuzzing::Redis>(data, size);
  return 0;
}
