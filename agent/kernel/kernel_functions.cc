#include "agent/kernel/kernel_functions.h"

#include <bpf/btf.h>

#include <algorithm>
#include <memory>
#include <string_view>

namespace wirespan::kernel {
namespace {

struct BtfDeleter {
  void operator()(btf* b) const { btf__free(b); }
};

constexpr std::string_view kFunctions[] = {"anon_pipe_read", "bpf_iter_task_file", "bpf_rdonly_cast",
                                           "pipe_read",      "tcp_recvmsg",        "tcp_sendmsg"};
// For each tracepoint the kernel defines a type: of its probes.
constexpr std::string_view kTracepoints[] = {"btf_trace_sock_recv_length", "btf_trace_sock_send_length"};

template <size_t N>
bool IsAmong(const std::string_view (&names)[N], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace

KernelFunctions::KernelFunctions() {
  const std::unique_ptr<btf, BtfDeleter> kernel(btf__load_vmlinux_btf());
  if (!kernel) return;
  for (uint32_t id = 1; id < btf__type_cnt(kernel.get()); ++id) {  // once for all names: a look-up by name is such a walk, too
    const btf_type* type = btf__type_by_id(kernel.get(), id);
    if (!btf_is_func(type) && !btf_is_typedef(type)) continue;
    const std::string_view name = btf__name_by_offset(kernel.get(), type->name_off);
    if (btf_is_func(type) && IsAmong(kFunctions, name)) {
      found_.emplace(name, Found{id, btf_vlen(btf__type_by_id(kernel.get(), type->type))});
    } else if (btf_is_typedef(type) && IsAmong(kTracepoints, name)) {
      found_.emplace(name, Found{id, 0});
    }
  }
}

int KernelFunctions::Parameters(const char* function) const {
  const auto found = found_.find(function);
  return found == found_.end() ? -1 : found->second.parameters;
}

uint32_t KernelFunctions::Id(const char* function) const {
  const auto found = found_.find(function);
  return found == found_.end() ? 0 : found->second.id;
}

bool KernelFunctions::HasTracepoint(const char* name) const { return Has((std::string("btf_trace_") + name).c_str()); }

}  // namespace wirespan::kernel
