// ProcessTable: who each traced process is, from /proc, as an OpenTelemetry resource. Answers are kept until the process execs,
// and beyond its end, since its last spans come after it. Thread-safe: shards ask and tell at once. Bounded: beyond the limit the
// answer that was not asked for the longest is forgotten (and counted); spans that hold it keep it alive.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "agent/process/identity.h"
#include "agent/process/proc_fs.h"
#include "agent/process/resource_source.h"

namespace wirespan::process {

struct ProcessTableOptions {
  size_t max_processes = 16'384;
  std::string agent_version = "0.1.0";  // telemetry.sdk.version, telemetry.distro.version
  std::string passwd_path = "/etc/passwd";
};

// What /proc says of a process now; absent where it is gone. Text is kept only as far as a resource needs it.
std::optional<ProcessFacts> ReadProcessFacts(const ProcFs& proc, uint32_t tgid);

class ProcessTable final : public ResourceSource {
 public:
  ProcessTable(ProcFs proc, HostFacts host, ProcessTableOptions options);

  std::shared_ptr<const exporters::Resource> ResourceOf(uint32_t tgid) override;

  // A child was forked. While it has not exec'ed it has its parent's service name, even where it ends before anybody could look.
  void Forked(uint32_t parent_tgid, uint32_t child_tgid);
  // `tgid` exec'ed: reads it anew, at once, since it may live for milliseconds only; `comm` names it where it is gone already.
  void Execed(uint32_t tgid, std::string_view comm);
  // `tgid` ended: its answer stays, until the number belongs to another process.
  void Exited(uint32_t tgid);

  struct Counts {
    uint64_t read = 0;        // processes looked up in /proc
    uint64_t unreadable = 0;  // of them: gone, or not readable
    uint64_t evicted = 0;     // forgotten because the table was full
    size_t held = 0;
  };
  Counts counts() const;

 private:
  struct Entry {
    ProcessFacts facts;
    std::shared_ptr<const exporters::Resource> resource;  // null: not asked for yet (a forked child)
    bool exited = false;
    std::list<uint32_t>::iterator use;  // its place in uses_
  };
  std::optional<ProcessFacts> Look(uint32_t tgid);
  // mutex_ held by these three. `looked`: what /proc says now; absent: the process is gone.
  std::shared_ptr<const exporters::Resource> Settle(uint32_t tgid, std::optional<ProcessFacts> looked);
  std::shared_ptr<const exporters::Resource> Answer(Entry& entry);
  Entry& Store(uint32_t tgid, ProcessFacts facts);
  std::string UserName(uid_t user) const;

  const ProcFs proc_;
  const HostFacts host_;
  const ProcessTableOptions options_;
  std::unordered_map<uid_t, std::string> users_;  // read once

  mutable std::mutex mutex_;  // guards all below; never held while /proc is read
  std::unordered_map<uint32_t, Entry> entries_;
  std::list<uint32_t> uses_;  // the last one asked for first
  uint64_t changes_ = 0;      // forks, execs and exits so far: a look during which one came is looked again
  uint64_t next_id_ = 1;
  Counts counts_;
};

}  // namespace wirespan::process
