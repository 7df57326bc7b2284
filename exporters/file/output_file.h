// OutputFile: whole records to a file or an inherited descriptor. After a failed write a regular file is cut back to the last
// whole record, so that what is in it stays readable. One thread at a time. Writing to a closed pipe is an error here, never a
// signal.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "exporters/outcome.h"

namespace wirespan::exporters {

class OutputFile {
 public:
  // Creates or truncates `path`.
  static ValueOr<OutputFile> Create(const std::string& path);
  // Borrows a descriptor (1: standard output), which stays open.
  static OutputFile Borrow(int fd, std::string name);

  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  // Writes all of `bytes` (whole records). False: not all were written and error() says why; a later call tries again, unless the
  // reader has gone. `written`: how many of the bytes are in the file to stay.
  bool Write(std::string_view bytes, size_t& written);
  // From any thread: a Write that waits for a reader (a full pipe, a stopped terminal) ends by `deadline`.
  void Interrupt(std::chrono::steady_clock::time_point deadline) { *stop_ = deadline.time_since_epoch().count(); }
  const std::string& error() const { return error_; }  // of the last failed write; "" before one
  bool is_gone() const { return gone_; }               // the reader closed its end: nothing can be written any more
  bool is_terminal() const;
  int fd() const { return fd_; }

 private:
  OutputFile(int fd, bool owned, std::string name);
  bool WaitWritable();
  void Recover(std::string_view bytes, size_t done, size_t& written);

  int fd_ = -1;
  bool owned_ = false;
  bool regular_ = false;
  bool gone_ = false;
  bool broken_record_ = false;  // a pipe got part of a record: the next write starts with a line break
  std::string name_;
  std::string error_;
  using Ticks = std::chrono::steady_clock::rep;
  std::unique_ptr<std::atomic<Ticks>> stop_;  // Interrupt's deadline
};

}  // namespace wirespan::exporters
