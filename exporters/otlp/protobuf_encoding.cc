#include "exporters/otlp/protobuf_encoding.h"

#include "exporters/wire.h"

namespace wirespan::exporters::otlp {

void AppendAttributesAs(uint32_t field, const AttributeList& attributes, std::string& out) {
  wire::Fields pairs(attributes.wire());
  while (pairs.Next()) {
    const size_t old_size = out.size();
    out.resize(old_size + wire::FieldSize(pairs.bytes().size(), wire::VarintSize(wire::Tag(field, wire::kBytes))));
    wire::PutField(out.data() + old_size, field, pairs.bytes());
  }
}

std::string EncodeScope(const Scope& scope) {
  constexpr uint32_t kName = 1, kVersion = 2;
  std::string out(wire::FieldSize(scope.name.size()) + wire::FieldSize(scope.version.size()), '\0');
  char* end = wire::PutField(out.data(), kName, scope.name);
  if (!scope.version.empty()) end = wire::PutField(end, kVersion, scope.version);
  out.resize(static_cast<size_t>(end - out.data()));
  return out;
}

std::string_view ResourceCache::Get(const Resource* resource) {
  if (resource == nullptr) return {};
  const auto found = encoded_.find(resource->id);
  if (found != encoded_.end()) return found->second;
  if (encoded_.size() >= kMaxResources) encoded_.clear();
  constexpr uint32_t kAttributes = 1;
  std::string& out = encoded_[resource->id];
  AppendAttributesAs(kAttributes, resource->attributes, out);
  return out;
}

}  // namespace wirespan::exporters::otlp
