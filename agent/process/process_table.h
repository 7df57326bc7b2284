// ProcessTable: who each traced process is, from /proc, as an OpenTelemetry resource. Answers are kept per process until it execs or
// exits. Thread-safe: shards ask, the process thread forgets. Bounded: beyond the limit the least recently used answer is forgotten
// (and counted); spans that hold it keep it alive.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "agent/process/identity.h"
#include "agent/process/proc_fs.h"
#include "agent/process/resource_source.h"

namespace wirespan::process {

struct ProcessTableOptions {
  size_t max_processes = 16'384;
  std::string agent_version = "0.1.0";  // telemetry.sdk.version, telemetry.distro.version
};

class ProcessTable final : public ResourceSource {
 public:
  // What stands in /proc/stat, /etc/machine-id and uname of this host is read here, once.
  ProcessTable(ProcFs proc, HostFacts host, ProcessTableOptions options);

  std::shared_ptr<const exporters::Resource> ResourceOf(uint32_t tgid) override;

  // `tgid` exec'ed or exited: the next ResourceOf reads anew. A process that is gone by then is "unknown_service".
  void Forget(uint32_t tgid);
  // A child was forked: where its parent is known, its service name is kept until it execs, even if /proc/<child> cannot be read.
  void Forked(uint32_t parent_tgid, uint32_t child_tgid);

  struct Counts {
    uint64_t read = 0;        // resources built from /proc
    uint64_t unreadable = 0;  // of them: the process was gone or not readable
    uint64_t evicted = 0;     // forgotten because the table was full
    size_t held = 0;
  };
  Counts counts() const;

 private:
  struct Entry {
    std::shared_ptr<const exporters::Resource> resource;
    std::list<uint32_t>::iterator use;  // place in uses_
    uint64_t start_ticks = 0;           // of the process this was read from; 0: not readable
  };
  std::shared_ptr<const exporters::Resource> Store(uint32_t tgid, std::shared_ptr<const exporters::Resource> resource,
                                                   uint64_t start_ticks);

  const ProcFs proc_;
  const HostFacts host_;
  const ProcessTableOptions options_;

  mutable std::mutex mutex_;  // guards all below; never held while /proc is read
  std::unordered_map<uint32_t, Entry> entries_;
  std::list<uint32_t> uses_;  // most recent first
  uint64_t generation_ = 0;   // raised by Forget: an answer read meanwhile is not kept
  uint64_t next_id_ = 1;
  Counts counts_;
};

}  // namespace wirespan::process
