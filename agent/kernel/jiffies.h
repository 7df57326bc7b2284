// JiffiesMeter: the kernel's HZ, which no file tells everywhere, from two readings of its tick. Main thread, at start.
#pragma once

#include <cstdint>
#include <memory>

#include "agent/base/result.h"

namespace wirespan::kernel {

class JiffiesMeter {
 public:
  // Takes the first reading.
  static Result<std::unique_ptr<JiffiesMeter>> Start();
  ~JiffiesMeter();

  // Takes the second one, a tenth of a second after the first at the soonest (waits for it): 100, 250, 300 or 1000.
  Result<uint32_t> PerSecond();

 private:
  struct Reading;
  JiffiesMeter();
  Result<void> Read();
  std::unique_ptr<Reading> first_;
};

}  // namespace wirespan::kernel
