// empty_hooks: attaches two programs that do nothing to the entry and the return of every system call, prints `ready`, and lets
// go of them when its input ends. What an agent's hooks cost beyond that is the agent's doing.
#include <bpf/libbpf.h>

#include <array>
#include <cstdio>
#include <memory>

// The skeleton names the structures of config.h, so that comes first.
// clang-format off
#include "bpf/shared/config.h"
#include "bpf/hooks.skel.h"
// clang-format on

int main() {
  struct Deleter {
    void operator()(hooks* object) const { hooks__destroy(object); }
  };
  const std::unique_ptr<hooks, Deleter> object(hooks__open_and_load());
  if (!object || hooks__attach(object.get()) != 0) {
    std::perror("attach empty programs to system calls");
    return 1;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::puts("ready");
  std::array<char, 64> line{};
  while (std::fgets(line.data(), line.size(), stdin) != nullptr) {
  }
  return 0;
}
