// Spans for tests: one by hand, many at random with every field in play. The same seed gives the same spans.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "exporters/metric.h"
#include "exporters/span_exporter.h"

namespace wirespan::exporters {

inline std::shared_ptr<const Resource> MakeResource(uint64_t id, const std::string& service) {
  auto resource = std::make_shared<Resource>();
  resource->id = id;
  resource->service_name = service;
  resource->attributes.String("service.name", service);
  resource->attributes.Int("process.pid", static_cast<int64_t>(id) + 100);
  return resource;
}

template <typename Id>
Id IdOf(uint64_t value) {
  Id id{};
  for (size_t i = 0; i < 8; ++i) id[id.size() - 1 - i] = static_cast<uint8_t>(value >> (8 * i));
  return id;
}

inline Span& AddSpan(SpanBatch& batch, uint64_t trace, uint64_t id, uint64_t parent, std::shared_ptr<const Resource> resource) {
  Span& span = batch.Add();
  span.trace_id = IdOf<TraceId>(trace);
  span.span_id = IdOf<SpanId>(id);
  span.parent_span_id = IdOf<SpanId>(parent);
  span.name = "GET";
  span.start_unix_ns = 1'700'000'000'000'000'000;
  span.end_unix_ns = span.start_unix_ns + 2'500'000;
  span.resource = std::move(resource);
  return span;
}

class SpanMaker {
 public:
  explicit SpanMaker(uint64_t seed) : random_(seed) {
    for (uint64_t i = 1; i <= 5; ++i) resources_.push_back(MakeResource(i, "service-" + std::to_string(i)));
  }

  uint64_t Below(uint64_t bound) { return random_() % bound; }

  std::string Text(size_t max_bytes) {
    static constexpr const char* kPieces[] = {"a", "Z", "/", "?", "\"", "\\", "\n", "\x01", "é", "€", "𝄞", "\xff", "\xc3", " "};
    std::string out;
    const size_t pieces = Below(max_bytes + 1);
    for (size_t i = 0; i < pieces; ++i) out += kPieces[Below(std::size(kPieces))];
    return out;
  }

  void Attributes(AttributeList& list) {
    const size_t count = Below(12);
    for (size_t i = 0; i < count; ++i) {
      const std::string key = "key." + std::to_string(i) + (Below(8) == 0 ? Text(40) : "");
      switch (Below(4)) {
        case 0:
          list.String(key, Text(Below(20) == 0 ? 5000 : 40));
          break;
        case 1:
          list.Int(key, static_cast<int64_t>(random_() >> Below(64)));
          break;
        case 2:
          list.Double(key, std::ldexp(static_cast<double>(static_cast<int64_t>(random_())), static_cast<int>(Below(200)) - 100));
          break;
        default:
          list.Bool(key, Below(2) == 0);
      }
    }
  }

  void Fill(Span& span) {
    for (auto& byte : span.trace_id) byte = static_cast<uint8_t>(random_());
    for (auto& byte : span.span_id) byte = static_cast<uint8_t>(random_());
    if (Below(2) == 0) {
      for (auto& byte : span.parent_span_id) byte = static_cast<uint8_t>(random_());
    }
    span.flags = Below(3) == 0 ? 0 : static_cast<uint32_t>(Below(0x400));
    span.kind = static_cast<SpanKind>(1 + Below(5));
    span.status = static_cast<StatusCode>(Below(3));
    span.link_evidence = static_cast<LinkEvidence>(Below(11));
    span.link_confidence = static_cast<LinkConfidence>(Below(3));
    span.start_unix_ns = random_();
    span.end_unix_ns = random_();
    span.name = Text(30);
    if (Below(3) == 0) span.trace_state = "ot=th:8," + Text(20);
    if (span.status == StatusCode::kError && Below(2) == 0) span.status_message = Text(50);
    Attributes(span.attributes);
    if (Below(10) != 0) span.resource = resources_[Below(resources_.size())];
  }

  void Fill(SpanBatch& batch, size_t spans) {
    batch.Clear();
    for (size_t i = 0; i < spans; ++i) Fill(batch.Add());
  }

 private:
  std::mt19937_64 random_;
  std::vector<std::shared_ptr<const Resource>> resources_;
};

}  // namespace wirespan::exporters
