// Tracefs: ids of named tracepoints, from wherever tracefs is mounted, else from a private mount that no path leads to (fsopen,
// fsmount): so named tracepoints work on machines where nobody mounted it, and nothing is left behind. Main thread.
#pragma once

#include <cstdint>
#include <string>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"

namespace wirespan::kernel {

class Tracefs {
 public:
  static Result<Tracefs> Open();
  // The id of `group`/`name`, for perf_event_attr.config.
  Result<uint64_t> TracepointId(const std::string& group, const std::string& name) const;
  const std::string& where() const { return where_; }

 private:
  Tracefs(UniqueFd root, std::string where) : root_(std::move(root)), where_(std::move(where)) {}
  UniqueFd root_;
  std::string where_;
};

}  // namespace wirespan::kernel
