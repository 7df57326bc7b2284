#include "decoders/guess.h"

#include "decoders/registry.h"

namespace wirespan::decoders {
namespace {

// What both directions say together: one that cannot be it decides; an empty one says nothing.
Likeness Together(Likeness client, Likeness server) {
  if (client == Likeness::kNo || server == Likeness::kNo) return Likeness::kNo;
  return client > server ? client : server;
}

}  // namespace

Guess GuessProtocol(std::span<const std::byte> client_to_server, std::span<const std::byte> server_to_client) {
  Guess best;
  ForEachProtocol([&]<typename P>(P) {
    const Likeness likeness = Together(P::kLikeness(Direction::kClientToServer, client_to_server),
                                       P::kLikeness(Direction::kServerToClient, server_to_client));
    if (likeness > best.likeness) best = {IdOf<P>(), likeness};
  });
  const bool long_enough = client_to_server.size() >= kMaxGuessBytes || server_to_client.size() >= kMaxGuessBytes;
  if (best.likeness == Likeness::kTooShort && long_enough) return {};
  return best;
}

}  // namespace wirespan::decoders
