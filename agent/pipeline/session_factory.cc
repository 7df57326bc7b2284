#include "agent/pipeline/session_factory.h"

#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "agent/pipeline/multiplexed_session.h"
#include "agent/pipeline/protocol_session.h"
#include "agent/pipeline/websocket_session.h"

namespace wirespan::pipeline {
namespace {

constexpr size_t kMaxSpares = 256;

// The session that a protocol's entry asks for.
template <typename Protocol>
using SessionOf = std::conditional_t<
    Protocol::kPairing == decoders::Pairing::kByStream, MultiplexedSession<Protocol>,
    std::conditional_t<Protocol::kPairing == decoders::Pairing::kNone, WebSocketSession, ProtocolSession<Protocol>>>;

// What the sessions of a protocol share, and those that wait for a connection.
template <typename P>
struct Shelf {
  std::unique_ptr<typename SessionOf<P>::Memory> memory;
  std::vector<std::unique_ptr<SessionOf<P>>> spares;
};

template <typename List>
struct ShelvesOf;
template <typename... P>
struct ShelvesOf<decoders::ProtocolList<P...>> {
  using Type = std::tuple<Shelf<P>...>;

  static Type Make(size_t max_open) {
    Type shelves;
    ((std::get<Shelf<P>>(shelves).memory = std::make_unique<typename SessionOf<P>::Memory>(max_open)), ...);
    return shelves;
  }
};

template <typename P>
std::unique_ptr<stream::Session> OpenOf(Shelf<P>& shelf, const ShardServices& services, const stream::ConnectionFacts& facts) {
  std::unique_ptr<SessionOf<P>> session;
  if (shelf.spares.empty()) {
    session = std::make_unique<SessionOf<P>>(services, *shelf.memory);
  } else {
    session = std::move(shelf.spares.back());
    shelf.spares.pop_back();
  }
  session->Reset(facts);
  return session;
}

}  // namespace

struct SessionFactory::Shelves {
  using All = ShelvesOf<decoders::Protocols>;
  explicit Shelves(size_t max_open) : of(All::Make(max_open)) {}
  All::Type of;
};

SessionFactory::SessionFactory(const ShardServices& services, size_t max_open)
    : services_(&services), shelves_(std::make_unique<Shelves>(max_open)) {}
SessionFactory::~SessionFactory() = default;

std::unique_ptr<stream::Session> SessionFactory::Open(decoders::ProtocolId protocol, const stream::ConnectionFacts& facts) {
  std::unique_ptr<stream::Session> session;
  decoders::ForEachProtocol([&](auto entry) {
    using P = decltype(entry);
    if (session == nullptr && (decoders::IdOf<P>() == protocol || protocol > decoders::Protocols::kSize))
      session = OpenOf<P>(std::get<Shelf<P>>(shelves_->of), *services_, facts);
  });
  ++lent_;
  return session;
}

void SessionFactory::Close(std::unique_ptr<stream::Session> session) {
  --lent_;
  session->DropOpen(Loss::kLeftProtocol);  // there is none, unless its owner forgot
  decoders::ForEachProtocol([&](auto entry) {
    using P = decltype(entry);
    if (session == nullptr || session->protocol() != decoders::IdOf<P>()) return;
    auto& spares = std::get<Shelf<P>>(shelves_->of).spares;
    if (spares.size() < kMaxSpares) spares.emplace_back(static_cast<SessionOf<P>*>(session.release()));
  });
}

size_t SessionFactory::open_exchanges() const {
  return std::apply([](const auto&... shelf) { return (shelf.memory->open_exchanges() + ... + size_t{0}); }, shelves_->of);
}

}  // namespace wirespan::pipeline
