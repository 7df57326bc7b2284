#include "agent/base/result.h"

#include <cstring>

namespace wirespan {

Error Error::FromErrno(std::string_view what, int error_number, std::string_view hint) {
  std::string message(what);
  message += ": ";
  message += std::strerror(error_number);  // NOLINT(concurrency-mt-unsafe): glibc's is thread-safe for known numbers
  if (!hint.empty()) {
    message += "; ";
    message += hint;
  }
  return Error(std::move(message));
}

}  // namespace wirespan
