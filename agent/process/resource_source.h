// ResourceSource: who a process is, as an OpenTelemetry resource. Live it is the process table (/proc), in a replay the
// recording. Called by shard threads once per process and exec, never per event; implementations are thread-safe.
#pragma once

#include <cstdint>
#include <memory>

#include "exporters/span.h"

namespace wirespan::process {

class ResourceSource {
 public:
  virtual ~ResourceSource() = default;
  // Never null: a process that is not known gets `unknown_service`. The pointer changes when the process execs.
  virtual std::shared_ptr<const exporters::Resource> ResourceOf(uint32_t tgid) = 0;
};

}  // namespace wirespan::process
