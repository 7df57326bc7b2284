// What the two protobuf encoders share: resources, scope, attributes under another field number. Internal to exporters/otlp.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "exporters/otlp/options.h"
#include "exporters/span.h"

namespace wirespan::exporters::otlp {

// Appends `attributes` (kept under field 9) as repeated KeyValue under `field`.
void AppendAttributesAs(uint32_t field, const AttributeList& attributes, std::string& out);

std::string EncodeScope(const Scope& scope);  // InstrumentationScope

// Resource messages by Resource::id, which names one immutable object. Bounded: a full cache starts again.
class ResourceCache {
 public:
  // The encoded Resource; of no attributes for nullptr. Valid until the next call.
  std::string_view Get(const Resource* resource);

 private:
  static constexpr size_t kMaxResources = 4096;
  std::unordered_map<uint64_t, std::string> encoded_;
};

}  // namespace wirespan::exporters::otlp
