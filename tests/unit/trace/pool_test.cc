#include "agent/trace/pool.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace wirespan::trace {
namespace {

TEST(Pool, NumbersAreGivenAgainAndBuffersKept) {
  Pool<std::string> pool;
  const uint32_t first = pool.Take();
  pool[first] = "kept";
  pool.GiveBack(first);
  EXPECT_EQ(pool.Take(), first);
  EXPECT_EQ(pool[first], "kept");
  EXPECT_EQ(pool.out(), 1U);
}

TEST(Pool, RelaxKeepsWhatWasOutAtOnceSinceTheLastCall) {
  Pool<std::string> pool;
  std::vector<uint32_t> taken;
  for (int i = 0; i < 100; ++i) pool[taken.emplace_back(pool.Take())] = "something";
  for (const uint32_t at : taken) pool.GiveBack(at);
  EXPECT_EQ(pool.Relax(), 0U);  // all were out at once
  for (int i = 0; i < 10; ++i) taken[static_cast<size_t>(i)] = pool.Take();
  for (int i = 0; i < 4; ++i) pool.GiveBack(taken[static_cast<size_t>(i)]);
  EXPECT_EQ(pool.Relax(), 90U);  // 6 are out, 4 were
  EXPECT_EQ(pool.out(), 6U);
  for (int i = 4; i < 10; ++i) EXPECT_EQ(pool[taken[static_cast<size_t>(i)]], "something");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(pool[pool.Take()], "something");
  EXPECT_EQ(pool[pool.Take()], "");
  EXPECT_EQ(pool.size(), 100U);
}

}  // namespace
}  // namespace wirespan::trace
