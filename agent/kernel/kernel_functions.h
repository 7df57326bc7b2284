// The functions and tracepoints of the running kernel, by its BTF (/sys/kernel/btf/vmlinux).
#pragma once

#include <memory>

struct btf;

namespace wirespan::kernel {

// Reads the BTF once, when it is made; holds some 10 MB as long as it lives. Thread: any, one at a time.
class KernelFunctions {
 public:
  KernelFunctions();
  ~KernelFunctions();
  KernelFunctions(const KernelFunctions&) = delete;
  KernelFunctions& operator=(const KernelFunctions&) = delete;

  // Number of parameters; -1: there is no such function, or no BTF.
  int Parameters(const char* function) const;
  bool Has(const char* function) const { return Parameters(function) >= 0; }
  bool HasTracepoint(const char* name) const;

 private:
  struct Deleter {
    void operator()(btf* b) const;
  };
  std::unique_ptr<btf, Deleter> btf_;
};

}  // namespace wirespan::kernel
