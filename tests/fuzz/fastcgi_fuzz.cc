// fastcgi::Decoder on hostile input (decoder_fuzz.h).
#include "decoders/fastcgi/decoder.h"
#include "decoders/fastcgi/span.h"
#include "tests/fuzz/decoder_fuzz.h"

namespace wirespan::fuzzing {
namespace {

namespace fastcgi = decoders::fastcgi;

struct FastCgi {
  using Decoder = fastcgi::Decoder;
  static constexpr auto kDescribe = &fastcgi::Describe;
  static constexpr size_t kMaxName = 16;

  static void Write(const fastcgi::Message& m, std::string& log) {
    Require(m.text.size() <= fastcgi::kMaxTextBytes && m.fields.size() <= fastcgi::kParameterCount, "stored parameters bounded");
    for (const uint64_t number : {uint64_t{m.status_code}, uint64_t{m.request_id}, uint64_t{m.application_status}, m.body_length,
                                  static_cast<uint64_t>(m.role)}) {
      log.append(std::to_string(number)).append(" ");
    }
    log.append(m.body_length_unknown ? "?" : "").append(m.aborted ? "A" : "");
    for (const auto& field : m.fields) log.append("\n").append(m.Name(field)).append(":").append(m.Value(field));
  }
};

}  // namespace
}  // namespace wirespan::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  wirespan::fuzzing::RunAll<wirespan::fuzzing::FastCgi>(data, size);
  return 0;
}
