// Completion wakes: blocking pools, whose workers have no context of their own.
#include <gtest/gtest.h>

#include "tests/unit/trace/world.h"

namespace wirespan::trace {
namespace {

using exporters::LinkConfidence;
using exporters::LinkEvidence;

// A server of `threads` threads hands each call to a worker and waits for it.
class Pool {
 public:
  explicit Pool(uint32_t tgid)
      : tgid_(tgid), front_(world.Thread(tgid, tgid, false)), worker_(world.Thread(tgid, tgid + 1, false)) {}

  // One request with `calls` calls, each awaited; returns the number of the request.
  int Serve(int calls) {
    WorldEnd& in = world.NewEnd();
    WorldEnd& out = world.NewEnd();
    const int root = world.NewRequest();
    world.ServerReads(front_, in, root);
    for (int i = 0; i < calls; ++i) {
      world.ClientSends(worker_, out, world.NewRequest(root));
      world.ClientReads(worker_, out);
      world.Wakes(worker_, front_);
    }
    world.ServerAnswers(front_, in);
    return root;
  }

  // The worker wakes the front thread, which serves another request than the one the call was made for, and a younger one.
  void Stray() {
    WorldThread other = world.Thread(tgid_, tgid_ + 2, false);
    WorldEnd& in = world.NewEnd();
    WorldEnd& young = world.NewEnd();
    WorldEnd& out = world.NewEnd();
    const int root = world.NewRequest();
    world.ServerReads(other, in, root);
    world.ClientSends(worker_, out, world.NewRequest(root));
    world.ServerReads(front_, young, world.NewRequest());
    world.ClientReads(worker_, out);
    world.Wakes(worker_, front_);
    world.ServerAnswers(front_, young);
    world.ServerAnswers(other, in);
  }

  World world;

 private:
  uint32_t tgid_;
  WorldThread front_, worker_;
};

TEST(Wake, LinksOnceTheProcessHasProvenItsWakes) {
  Pool pool(10);
  for (int i = 0; i < 80; ++i) pool.Serve(1);
  const Outcome outcome = Assemble(pool.world);
  const Verdict verdict = outcome.Judge();
  EXPECT_EQ(verdict.wrong, 0U) << verdict.first_wrong;
  EXPECT_EQ(verdict.links, 80U - 64U);
  const exporters::Span* last = outcome.Find("c159");
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(last->link_evidence, LinkEvidence::kCompletionWake);
  EXPECT_EQ(last->link_confidence, LinkConfidence::kProbable);
}

TEST(Wake, EveryCallOfTheExchangeIsLinked) {
  Pool pool(10);
  for (int i = 0; i < 64; ++i) pool.Serve(1);
  const int root = pool.Serve(3);
  const Outcome outcome = Assemble(pool.world);
  for (int call = root + 1; call <= root + 3; ++call) {
    EXPECT_EQ(outcome.ParentOf("c" + std::to_string(call)), "s" + std::to_string(root));
  }
}

TEST(Wake, AViolationTakesTheBeliefAway) {
  Pool pool(10);
  for (int i = 0; i < 64; ++i) pool.Serve(1);
  pool.Stray();
  const int root = pool.Serve(1);
  const Outcome outcome = Assemble(pool.world);
  EXPECT_EQ(outcome.ParentOf("c" + std::to_string(root + 1)), "");
  EXPECT_EQ(outcome.Judge().wrong, 0U);
}

TEST(Wake, OfAnotherThreadsExchangeLinksNothing) {
  Pool pool(10);
  for (int i = 0; i < 64; ++i) pool.Serve(1);
  // The woken thread never answers: another one does.
  WorldThread front = pool.world.Thread(10, 20, false);
  WorldThread worker = pool.world.Thread(10, 21, false);
  WorldThread answering = pool.world.Thread(10, 22, false);
  WorldEnd& in = pool.world.NewEnd();
  WorldEnd& out = pool.world.NewEnd();
  const int root = pool.world.NewRequest();
  pool.world.ServerReads(front, in, root);
  const int call = pool.world.NewRequest();
  pool.world.ClientSends(worker, out, call);
  pool.world.ClientReads(worker, out);
  pool.world.Wakes(worker, front);
  pool.world.ServerAnswers(answering, in);
  const Outcome outcome = Assemble(pool.world);
  EXPECT_EQ(outcome.ParentOf("c" + std::to_string(call)), "");
}

}  // namespace
}  // namespace wirespan::trace
