#include "agent/stream/connection_table.h"

#include <gtest/gtest.h>

#include <random>
#include <unordered_map>

namespace wirespan::stream {
namespace {

class NoSessions final : public SessionSource {
 public:
  std::unique_ptr<Session> Open(decoders::ProtocolId /*protocol*/, const ConnectionFacts& /*facts*/) override { return nullptr; }
  void Close(std::unique_ptr<Session> /*session*/) override {}
};
class NoPolicy final : public ConnectionPolicy {
 public:
  void Off(ConnectionId /*connection*/) override {}
  void Budget(ConnectionId /*connection*/, uint32_t /*bytes*/, ConnectionRole /*role*/) override {}
  void Frames(ConnectionId /*connection*/, uint32_t /*bytes*/, ConnectionRole /*role*/) override {}
};

struct Fixture {
  Losses losses;
  StorePool stores;
  NoSessions sessions;
  NoPolicy policy;
  PendingChunk scratch;
  StreamContext context;
  Fixture() {
    context.losses = &losses;
    context.stores = &stores;
    context.sessions = &sessions;
    context.policy = &policy;
    context.scratch = &scratch;
  }
};

TEST(ConnectionTable, AgreesWithAMapThroughRandomChanges) {
  Fixture f;
  ConnectionTable table(100'000);
  std::unordered_map<ConnectionId, Connection*> model;
  std::mt19937_64 random(7);
  for (int i = 0; i < 50'000; ++i) {
    const ConnectionId id =
        1 + random() % 3000 * (random() % 2 == 0 ? 1 : uint64_t{1} << 32U);  // close together, and alike below
    Connection* found = table.Find(id);
    ASSERT_EQ(found, model.contains(id) ? model[id] : nullptr);
    if (found == nullptr) {
      model[id] = table.Add(id, f.context);
      ASSERT_NE(model[id], nullptr);
      EXPECT_EQ(model[id]->facts.id, id);
    } else if (random() % 2 == 0) {
      table.Remove(id, f.context);
      model.erase(id);
    }
    ASSERT_EQ(table.size(), model.size());
  }
  for (const auto& [id, connection] : model) EXPECT_EQ(table.Find(id), connection) << "slots never move";
}

TEST(ConnectionTable, ForgetsTheQuietestIdleConnectionWhenFull) {
  Fixture f;
  ConnectionTable table(3);
  for (ConnectionId id = 1; id <= 3; ++id) table.Add(id, f.context)->last_event_ns = 10 - id;
  ASSERT_NE(table.Add(4, f.context), nullptr);
  EXPECT_EQ(table.Find(3), nullptr);
  EXPECT_NE(table.Find(1), nullptr);
  EXPECT_EQ(f.losses[Loss::kConnectionEvicted], 1U);
  EXPECT_FALSE(table.WasClosed(3)) << "its next event may begin it anew";
}

TEST(ConnectionTable, RemembersWhatWasClosedUntilItIsOpenedAgain) {
  Fixture f;
  ConnectionTable table(10);
  table.Add(5, f.context);
  table.Remove(5, f.context);
  EXPECT_TRUE(table.WasClosed(5));
  table.Add(5, f.context);
  EXPECT_FALSE(table.WasClosed(5));
}

TEST(ConnectionTable, TakesNoConnectionWithoutAnId) {
  Fixture f;
  ConnectionTable table(10);
  EXPECT_EQ(table.Add(0, f.context), nullptr);
}

TEST(ConnectionTable, AnIdleConnectionIsSmall) { EXPECT_LE(sizeof(Connection) + 2 * sizeof(void*) * 2, kMaxIdleConnectionBytes); }

}  // namespace
}  // namespace wirespan::stream
