// http1::Decoder on hostile input (decoder_fuzz.h); every run of bytes goes also through the plain head parser by SSE2 and by the
// loop, which must agree.
#include "decoders/http1/block_scan.h"
#include "decoders/http1/decoder.h"
#include "decoders/http1/head_parser.h"
#include "decoders/http1/span.h"
#include "tests/fuzz/decoder_fuzz.h"

namespace wirespan::fuzzing {
namespace {

namespace http1 = decoders::http1;

struct Http1 {
  using Decoder = http1::Decoder;
  static constexpr auto kDescribe = &http1::Describe;
  static constexpr size_t kMaxName = 16;

  static void Write(const http1::Message& m, std::string& log) {
    Require(m.head.size() <= http1::kMaxHeadBytes && m.fields.size() <= http1::kMaxFields, "stored head bounded");
    for (const uint64_t number : {uint64_t{m.status}, m.body_length, uint64_t{m.minor_version}}) {
      log.append(std::to_string(number)).append(" ");
    }
    log.append(m.method()).append(" ").append(m.target()).append(m.reason());
    for (const auto& field : m.fields) log.append("\n").append(m.Name(field)).append(":").append(m.Value(field));
  }
};

void CompareBlocks(std::string_view bytes, bool is_request) {
  const std::vector<char> exact(bytes.begin(), bytes.end());
  const std::string_view text(exact.data(), exact.size());
  http1::Message messages[2];
  http1::HeadFacts facts[2];
  size_t lengths[2] = {};
  const auto simd =
      http1::ParsePlainHead<http1::SimdBlock>(text, is_request, http1::kAllFields, messages[0], facts[0], lengths[0]);
  const auto loop =
      http1::ParsePlainHead<http1::ScalarBlock>(text, is_request, http1::kAllFields, messages[1], facts[1], lengths[1]);
  Require(simd == loop, "SSE2 and the loop agree on the outcome");
  if (simd != http1::HeadOutcome::kDone) return;
  Require(lengths[0] == lengths[1] && lengths[0] <= text.size(), "and on the length");
  Require(messages[0].fields.size() == messages[1].fields.size(), "and on the number of fields");
  for (size_t i = 0; i < messages[0].fields.size(); ++i) {
    const http1::FieldRef& a = messages[0].fields[i];
    const http1::FieldRef& b = messages[1].fields[i];
    Require(a.name == b.name && a.name_length == b.name_length && a.value == b.value && a.value_length == b.value_length,
            "and on each field");
  }
}

}  // namespace
}  // namespace wirespan::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace wirespan::fuzzing;
  for (const Event& event : RunAll<Http1>(data, size)) {
    if (event.kind == Event::Kind::kBytes) CompareBlocks(event.bytes, event.direction == Direction::kClientToServer);
  }
  return 0;
}
