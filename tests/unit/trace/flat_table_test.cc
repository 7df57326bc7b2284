#include "agent/base/flat_table.h"

#include <gtest/gtest.h>

#include <random>
#include <unordered_map>

namespace wirespan {
namespace {

struct Mixed {
  uint64_t operator()(uint64_t key) const { return MixBits(key); }
};
struct AllAlike {  // the worst hash there is: every key collides
  uint64_t operator()(uint64_t) const { return 7; }
};

TEST(FlatTable, FindsWhatWasInsertedAndNothingElse) {
  FlatTable<uint64_t, int, Mixed> table;
  EXPECT_EQ(table.Find(1), nullptr);
  auto [value, added] = table.Insert(1, 10);
  EXPECT_TRUE(added);
  EXPECT_EQ(*value, 10);
  auto [again, added_again] = table.Insert(1, 20);
  EXPECT_FALSE(added_again);
  EXPECT_EQ(*again, 10);
  EXPECT_EQ(table.size(), 1U);
  EXPECT_TRUE(table.Erase(1));
  EXPECT_FALSE(table.Erase(1));
  EXPECT_EQ(table.Find(1), nullptr);
  EXPECT_TRUE(table.empty());
}

template <typename Hash>
void AgreesWithTheStandardMap(uint64_t keys, int steps) {
  FlatTable<uint64_t, uint64_t, Hash> table;
  std::unordered_map<uint64_t, uint64_t> model;
  std::mt19937_64 random(keys);
  for (int i = 0; i < steps; ++i) {
    const uint64_t key = random() % keys;
    switch (random() % 3) {
      case 0:
        ASSERT_EQ(table.Insert(key, random()).second, model.find(key) == model.end());
        [[fallthrough]];
      case 1:
        if (const uint64_t* found = table.Find(key); found != nullptr) model[key] = *found;
        break;
      default:
        if (const uint64_t* found = table.Find(key); found != nullptr && i % 2 == 0) {
          table.EraseFound(found);
          ASSERT_EQ(model.erase(key), 1U);
        }
        ASSERT_EQ(table.Erase(key), model.erase(key) == 1);
    }
    ASSERT_EQ(table.size(), model.size());
  }
  for (uint64_t key = 0; key < keys; ++key) {
    const auto found = model.find(key);
    ASSERT_EQ(table.Find(key) != nullptr, found != model.end()) << key;
    if (found != model.end()) {
      ASSERT_EQ(*table.Find(key), found->second);
    }
  }
}

TEST(FlatTable, AgreesWithTheStandardMapInRandomUse) { AgreesWithTheStandardMap<Mixed>(500, 100'000); }
TEST(FlatTable, AgreesWithTheStandardMapWhereEveryKeyCollides) { AgreesWithTheStandardMap<AllAlike>(40, 50'000); }

TEST(FlatTable, ReserveKeepsPointersValidUntilItIsFull) {
  FlatTable<uint64_t, int, Mixed> table;
  table.Reserve(1000);
  const int* first = table.Insert(0, 42).first;
  for (uint64_t key = 1; key < 1000; ++key) table.Insert(key, 1);
  EXPECT_EQ(table.Find(0), first);
  table.Clear();
  EXPECT_EQ(table.Find(0), nullptr);
  EXPECT_TRUE(table.empty());
}

}  // namespace
}  // namespace wirespan
