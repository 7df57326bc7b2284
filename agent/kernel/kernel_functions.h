// What the running kernel has, by its BTF (/sys/kernel/btf/vmlinux), of the functions and tracepoints that matter here.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace wirespan::kernel {

// Reads the BTF once, when it is made: some 30 ms and, for that time, 7 MB. Thread: any, one at a time; read by any afterwards.
class KernelFunctions {
 public:
  KernelFunctions();

  // Number of parameters; -1: there is no such function, or no BTF. Of the functions that the .cc lists; so are all below.
  int Parameters(const char* function) const;
  bool Has(const char* function) const { return Parameters(function) >= 0; }
  // The function's number in the kernel's BTF, by which programs name it; 0: there is none.
  uint32_t Id(const char* function) const;
  bool HasTracepoint(const char* name) const;

 private:
  struct Found {
    uint32_t id = 0;
    int parameters = 0;
  };
  std::map<std::string, Found, std::less<>> found_;  // by name; of a tracepoint "btf_trace_" and its name
};

}  // namespace wirespan::kernel
