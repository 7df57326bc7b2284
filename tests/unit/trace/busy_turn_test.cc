// Turns of an event loop in which much is read before anything is answered.
#include <gtest/gtest.h>

#include "tests/unit/trace/world.h"

namespace wirespan::trace {
namespace {

// Two responses are read before either is answered: the one that is answered first need not be that of the response read last.
TEST(Link, AnswerAfterSeveralReadsProvesNothingOfTheLastOne) {
  World world;
  WorldThread loop = world.Thread(10, 10, true);
  WorldEnd& in_a = world.NewEnd();
  WorldEnd& in_b = world.NewEnd();
  WorldEnd& out_a = world.NewEnd();
  WorldEnd& out_b = world.NewEnd();
  out_a.fresh = out_b.fresh = false;
  const int a = world.NewRequest();
  const int b = world.NewRequest();
  const int call_a = world.NewRequest(a);
  const int call_b = world.NewRequest(b);
  world.Wait(loop);
  world.ServerReads(loop, in_a, a);
  world.ClientSends(loop, out_a, call_a);
  world.Wait(loop);
  world.ServerReads(loop, in_b, b);
  world.Wait(loop);
  world.ClientSends(loop, out_b, call_b);  // in a later turn, so nothing says whose it is
  world.Wait(loop);
  world.ClientReads(loop, out_a);
  world.ClientReads(loop, out_b);
  world.ServerAnswers(loop, in_a);
  world.ServerAnswers(loop, in_b);
  const Outcome outcome = Assemble(world);
  EXPECT_EQ(outcome.ParentOf("c2"), "s0");
  EXPECT_EQ(outcome.ParentOf("c3"), "");
  EXPECT_EQ(outcome.ReasonOf("c3"), "other-unresolved");
}

}  // namespace
}  // namespace wirespan::trace
