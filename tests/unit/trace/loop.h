// An event loop with a kept server connection and a kept client connection, in a simulated process.
#pragma once

#include "tests/unit/trace/world.h"

namespace wirespan::trace {

struct Loop {
  World world;
  WorldThread thread = world.Thread(10, 10, true);
  WorldEnd& in = world.NewEnd();
  WorldEnd& out = world.NewEnd();
  int root = -1;

  // A keep-alive connection that is not fresh any more; afterwards a new turn begins, and its deadline has passed.
  void Begin() {
    world.Wait(thread);
    world.ClientSends(thread, out, world.NewRequest());
    world.Wait(thread);
    world.ClientReads(thread, out);
    world.Wait(thread);
    thread.timer_due = true;
  }
  int ReadAndCall() {
    root = world.NewRequest();
    world.ServerReads(thread, in, root);
    const int call = world.NewRequest(root);
    world.ClientSends(thread, out, call);
    return call;
  }
  // The answer comes of another turn, and verifies nothing.
  void Finish() {
    world.Wait(thread);
    world.ClientReads(thread, out);
    world.Wait(thread);
    world.ServerAnswers(thread, in);
  }
};

}  // namespace wirespan::trace
