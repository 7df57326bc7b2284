// SessionFactory: sessions for every protocol of decoders/registry.h, kept for the next connection when one is done. A second
// protocol is a line there and nothing here. Shard's thread.
#pragma once

#include <memory>
#include <tuple>
#include <type_traits>
#include <vector>

#include "agent/pipeline/multiplexed_session.h"
#include "agent/pipeline/protocol_session.h"
#include "agent/pipeline/websocket_session.h"
#include "agent/stream/session.h"

namespace wirespan::pipeline {

// The session that a protocol's entry asks for.
template <typename Protocol>
using SessionOf = std::conditional_t<
    Protocol::kPairing == decoders::Pairing::kByStream, MultiplexedSession<Protocol>,
    std::conditional_t<Protocol::kPairing == decoders::Pairing::kNone, WebSocketSession, ProtocolSession<Protocol>>>;

class SessionFactory final : public stream::SessionSource {
 public:
  SessionFactory(const ShardServices& services, size_t max_open) : SessionFactory(services, max_open, decoders::Protocols{}) {}

  // Never null: `protocol` comes from a guess or ProtocolByName. `facts` outlives the session's use.
  std::unique_ptr<stream::Session> Open(decoders::ProtocolId protocol, const stream::ConnectionFacts& facts) override {
    std::unique_ptr<stream::Session> session;
    decoders::ForEachProtocol([&](auto entry) {
      using P = decltype(entry);
      if (session == nullptr && (decoders::IdOf<P>() == protocol || protocol > decoders::Protocols::kSize))
        session = OpenOf<P>(facts);
    });
    ++lent_;
    return session;
  }

  void Close(std::unique_ptr<stream::Session> session) override {
    --lent_;
    session->DropOpen(Loss::kLeftProtocol);  // there is none, unless its owner forgot
    decoders::ForEachProtocol([&](auto entry) {
      using P = decltype(entry);
      if (session == nullptr || session->protocol() != decoders::IdOf<P>()) return;
      auto& shelf = std::get<Shelf<P>>(shelves_);
      if (shelf.spares.size() >= kMaxSpares) return;
      shelf.spares.emplace_back(static_cast<SessionOf<P>*>(session.release()));
    });
  }

  size_t lent() const { return lent_; }
  size_t open_exchanges() const {
    return std::apply([](const auto&... shelf) { return (shelf.memory->open_exchanges() + ... + size_t{0}); }, shelves_);
  }

 private:
  static constexpr size_t kMaxSpares = 256;

  template <typename P>
  struct Shelf {
    std::unique_ptr<typename SessionOf<P>::Memory> memory;
    std::vector<std::unique_ptr<SessionOf<P>>> spares;
  };

  template <typename... P>
  SessionFactory(const ShardServices& services, size_t max_open, decoders::ProtocolList<P...> /*list*/) : services_(&services) {
    ((std::get<Shelf<P>>(shelves_).memory = std::make_unique<typename SessionOf<P>::Memory>(max_open)), ...);
  }

  template <typename P>
  std::unique_ptr<stream::Session> OpenOf(const stream::ConnectionFacts& facts) {
    auto& shelf = std::get<Shelf<P>>(shelves_);
    std::unique_ptr<SessionOf<P>> session;
    if (shelf.spares.empty()) {
      session = std::make_unique<SessionOf<P>>(*services_, *shelf.memory);
    } else {
      session = std::move(shelf.spares.back());
      shelf.spares.pop_back();
    }
    session->Reset(facts);
    return session;
  }

  template <typename List>
  struct ShelvesOf;
  template <typename... P>
  struct ShelvesOf<decoders::ProtocolList<P...>> {
    using Type = std::tuple<Shelf<P>...>;
  };

  const ShardServices* services_;
  typename ShelvesOf<decoders::Protocols>::Type shelves_;
  size_t lent_ = 0;
};

}  // namespace wirespan::pipeline
