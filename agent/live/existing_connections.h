// ExistingConnections: what the targets had open before the agent came, told to the kernel: by its own iterator over open files,
// or, where that cannot be had, from /proc. Without either, a connection is known from its next byte, and its role from what it
// says. Owned by the Agent; main thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/kernel/tracer.h"
#include "agent/process/proc_fs.h"

namespace wirespan::live {

class ExistingConnections {
 public:
  explicit ExistingConnections(kernel::Tracer& tracer, process::ProcFs proc = process::ProcFs());

  // Finds what the targets have open now. After each selection.
  void Scan();
  // Forgets what nobody has open any more. Every quarter of a minute or so.
  void Sweep();

  bool by_proc() const { return by_proc_; }
  // "iterator", or "proc, because ...".
  std::string Describe() const;
  uint64_t failures() const { return failures_; }  // roles and listeners that the kernel's maps did not take

 private:
  void LeaveIterator(const Error& error);
  void ScanByProc();
  void SweepByProc();

  kernel::Tracer& tracer_;
  const process::ProcFs proc_;
  bool by_proc_;
  std::string reason_;
  std::vector<uint64_t> told_;  // sockets whose role was told
  uint64_t failures_ = 0;
};

}  // namespace wirespan::live
