// HiddenProcesses: says, once per capability, what is not known of selected processes because this user may not read it. Spans
// are the same without; names, runtimes and links may be poorer. Main thread.
#pragma once

#include <cstdint>

#include "agent/kernel/capabilities.h"

namespace wirespan::live {

class HiddenProcesses {
 public:
  // Looks at what /proc shows of the process, and warns of the first that hides something.
  void Look(uint32_t tgid);

 private:
  void Warn(bool& told, uint32_t tgid, const char* file, const kernel::Capability& capability);

  bool told_ptrace_ = false;
  bool told_read_search_ = false;
};

}  // namespace wirespan::live
