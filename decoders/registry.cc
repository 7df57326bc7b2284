#include "decoders/registry.h"

namespace wirespan::decoders {

std::string_view ProtocolName(ProtocolId id) {
  std::string_view name = "unknown";
  ForEachProtocol([&]<typename P>(P) {
    if (IdOf<P>() == id) name = P::kName;
  });
  return name;
}

std::optional<ProtocolId> ProtocolByName(std::string_view name) {
  std::optional<ProtocolId> found;
  ForEachProtocol([&]<typename P>(P) {
    if (P::kName == name) found = IdOf<P>();
  });
  return found;
}

}  // namespace wirespan::decoders
