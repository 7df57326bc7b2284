#include <array>

#include "exporters/otlp/encoder.h"

namespace wirespan::exporters::otlp {
namespace {

constexpr size_t kEvidences = static_cast<size_t>(LinkEvidence::kInjected) + 1;
constexpr size_t kConfidences = static_cast<size_t>(LinkConfidence::kExact) + 1;
using Table = std::array<std::array<AttributeList, kConfidences>, kEvidences>;

Table MakeTable() {
  Table table;
  for (size_t evidence = 1; evidence < kEvidences; ++evidence) {
    for (size_t confidence = 0; confidence < kConfidences; ++confidence) {
      AttributeList& list = table[evidence][confidence];
      list.String("wirespan.link.evidence", Name(static_cast<LinkEvidence>(evidence)));
      const std::string_view word = Name(static_cast<LinkConfidence>(confidence));
      if (!word.empty()) list.String("wirespan.link.confidence", word);
    }
  }
  return table;
}

}  // namespace

const AttributeList& LinkAttributes(LinkEvidence evidence, LinkConfidence confidence) {
  static const Table table = MakeTable();
  const auto row = static_cast<size_t>(evidence);
  const auto column = static_cast<size_t>(confidence);
  return row < kEvidences && column < kConfidences ? table[row][column] : table[0][0];
}

}  // namespace wirespan::exporters::otlp
