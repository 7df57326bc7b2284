#include "agent/kernel/kernel_functions.h"

#include <bpf/btf.h>

#include <string>

namespace wirespan::kernel {

void KernelFunctions::Deleter::operator()(btf* b) const { btf__free(b); }

KernelFunctions::KernelFunctions() : btf_(btf__load_vmlinux_btf()) {}
KernelFunctions::~KernelFunctions() = default;

int KernelFunctions::Parameters(const char* function) const {
  if (!btf_) return -1;
  const int id = btf__find_by_name_kind(btf_.get(), function, BTF_KIND_FUNC);
  if (id < 0) return -1;
  const btf_type* prototype = btf__type_by_id(btf_.get(), btf__type_by_id(btf_.get(), static_cast<uint32_t>(id))->type);
  return btf_vlen(prototype);
}

// For each tracepoint the kernel defines a type: of its probes.
bool KernelFunctions::HasTracepoint(const char* name) const {
  const std::string type = std::string("btf_trace_") + name;
  return btf_ && btf__find_by_name_kind(btf_.get(), type.c_str(), BTF_KIND_TYPEDEF) >= 0;
}

}  // namespace wirespan::kernel
