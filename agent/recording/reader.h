// RecordingReader: the records of a .wscap file in order. Reads in pieces; a view lives until the next call. Believes nothing:
// every size is checked, and a file that ends in the middle of a record gives all records before it. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"
#include "agent/recording/format.h"

namespace wirespan::recording {

class RecordingReader {
 public:
  // Fails with one clear line: not there, not a recording, of a newer version, cut within its first record.
  static Result<std::unique_ptr<RecordingReader>> Open(const std::string& path);

  const CaptureHeader& header() const { return header_; }

  enum class Next : uint8_t {
    kRecord,     // `record` is a ring record of `ring()`
    kProcess,    // `process()` is new
    kTick,       // the shard of ring() is given time_ns()
    kLossNoted,  // and told that events may be missing
    kLosses,     // `losses()` are there: the recording was ended in order
    kEnd,        // the file ends at the end of a record
    kCut,        // it ends within a record: problem() says where
    kDamaged,    // what follows is no record: problem() says where
  };
  Next Read(std::span<const std::byte>& record);

  uint32_t ring() const { return told_ring_; }
  uint64_t time_ns() const { return time_ns_; }
  const ProcessRecord& process() const { return process_; }
  const CounterList& losses() const { return losses_; }
  const std::string& problem() const { return problem_; }

 private:
  RecordingReader(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  Result<void> ReadHeader();
  // Makes `size` bytes at the cursor readable; false: the file has fewer.
  bool Fill(size_t size);
  enum class Raw : uint8_t { kRecord, kEnd, kCut, kDamaged };
  Raw ReadRaw(std::span<const std::byte>& record);
  Next Damaged();

  UniqueFd fd_;
  std::string path_;
  std::vector<std::byte> buffer_;
  size_t begin_ = 0;  // of the unread bytes in buffer_
  size_t end_ = 0;
  uint64_t offset_ = 0;  // of begin_ in the file
  uint64_t record_at_ = 0;
  int read_errno_ = 0;
  CaptureHeader header_;
  ProcessRecord process_;
  CounterList losses_;
  std::string problem_;
  uint32_t ring_ = 0;       // of the ring records
  uint32_t told_ring_ = 0;  // of what was read last
  uint64_t time_ns_ = 0;
};

}  // namespace wirespan::recording
