#include "agent/live/existing_connections.h"

#include <utility>

#include "agent/base/log.h"
#include "agent/process/sockets.h"

namespace wirespan::live {

ExistingConnections::ExistingConnections(kernel::Tracer& tracer, process::ProcFs proc)
    : tracer_(tracer),
      proc_(std::move(proc)),
      by_proc_(tracer.existing() == kernel::ExistingSource::kProc),
      reason_(tracer.ExistingReason()) {}

std::string ExistingConnections::Describe() const {
  return by_proc_ ? "proc, because " + reason_ : std::string(kernel::Name(kernel::ExistingSource::kIterator));
}

void ExistingConnections::LeaveIterator(const Error& error) {
  by_proc_ = true;
  reason_ = error.message();
  spdlog::warn("{}; open connections are looked for in /proc from now on", reason_);
}

void ExistingConnections::Scan() {
  if (!by_proc_) {
    const Result<void> done = tracer_.ScanExisting();
    if (done.ok()) return;
    LeaveIterator(done.error());
  }
  ScanByProc();
}

// TCP only: a unix socket's role is known to the kernel at its first byte, from the address that the accepting end has.
void ExistingConnections::ScanByProc() {
  const process::ExistingSockets found = process::FindExistingSockets(proc_, tracer_.Targets());
  for (const process::ExistingSockets::Listener& listener : found.listeners) {
    if (!tracer_.AddListener(listener.net_namespace, listener.port).ok()) ++failures_;
  }
  for (const process::ExistingSockets::Connection& connection : found.connections) {
    const ConnectionRole role = connection.is_server ? ConnectionRole::kServer : ConnectionRole::kClient;
    if (tracer_.SetPolicyRole(connection.inode, role)) {
      told_.push_back(connection.inode);
    } else {
      ++failures_;
    }
  }
  if (found.unreadable != 0) {
    spdlog::warn(
        "the sockets of {} traced processes cannot be read in /proc; their open connections are known from their next byte "
        "(CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH let it be read)",
        found.unreadable);
  }
}

void ExistingConnections::Sweep() {
  if (!by_proc_) {
    const Result<size_t> done = tracer_.Sweep();
    if (done.ok()) return;
    LeaveIterator(done.error());
  }
  SweepByProc();
}

void ExistingConnections::SweepByProc() {
  tracer_.BeginSweep();
  const std::optional<std::unordered_set<uint64_t>> open = process::OpenSockets(proc_, tracer_.Targets());
  if (!open) return;  // nothing is forgotten that may still be there
  tracer_.EndSweep(*open);
  std::erase_if(told_, [&](uint64_t inode) {
    if (open->contains(inode)) return false;
    tracer_.ErasePolicy(inode);
    return true;
  });
}

}  // namespace wirespan::live
