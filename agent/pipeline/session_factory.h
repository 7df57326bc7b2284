// SessionFactory: sessions for every protocol of decoders/registry.h, kept for the next connection when one is done. A second
// protocol is a line there and nothing here. Shard's thread. What sessions are made of is known to session_factory.cc alone: it
// takes the compiler half a minute.
#pragma once

#include <cstddef>
#include <memory>

#include "agent/pipeline/shard_services.h"
#include "agent/stream/session.h"
#include "decoders/registry.h"

namespace wirespan::pipeline {

class SessionFactory final : public stream::SessionSource {
 public:
  // `services` outlives the factory; at most `max_open` exchanges are open in all its sessions of a protocol.
  SessionFactory(const ShardServices& services, size_t max_open);
  ~SessionFactory() override;
  SessionFactory(const SessionFactory&) = delete;
  SessionFactory& operator=(const SessionFactory&) = delete;

  // Never null: `protocol` comes from a guess or ProtocolByName. `facts` outlives the session's use.
  std::unique_ptr<stream::Session> Open(decoders::ProtocolId protocol, const stream::ConnectionFacts& facts) override;
  void Close(std::unique_ptr<stream::Session> session) override;

  size_t lent() const { return lent_; }
  size_t open_exchanges() const;

 private:
  struct Shelves;

  const ShardServices* services_;
  std::unique_ptr<Shelves> shelves_;
  size_t lent_ = 0;
};

}  // namespace wirespan::pipeline
