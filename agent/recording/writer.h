// RecordingWriter: keeps ring records in a .wscap file while a capture runs. Shards append from their threads (a copy under a
// mutex); one thread, `record`, writes. Never blocks a shard on the disk: past the buffer's bound records are dropped and
// counted. When the disk refuses, the file is cut back to its last whole record, the recording ends with one error, and
// everything after is counted.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"
#include "agent/process/resource_source.h"
#include "agent/recording/format.h"

namespace wirespan::recording {

struct RecordingCounters {
  uint64_t records = 0;  // ring records in the file
  uint64_t bytes = 0;    // of the file
  uint64_t dropped = 0;  // ring records and ticks that are not: the buffer was full, or the disk refused
};

class RecordingWriter {
 public:
  static constexpr size_t kMaxBufferBytes = 8U << 20U;

  // Creates or truncates `path`, for the owner's eyes only (it holds captured payload). `resources` outlives the writer.
  static Result<std::unique_ptr<RecordingWriter>> Create(const std::string& path, const CaptureHeader& header,
                                                         uint64_t now_boot_ns, process::ResourceSource& resources);
  ~RecordingWriter();  // as Finish without counters
  RecordingWriter(const RecordingWriter&) = delete;
  RecordingWriter& operator=(const RecordingWriter&) = delete;

  // One ring record as it came. A process that was not met yet is described first. Any thread; one ring is one thread.
  void Append(uint32_t ring, std::span<const std::byte> record);
  // The ring's shard was given the time, or told that events may be missing; in order with what is appended of the ring.
  void AppendTick(uint32_t ring, uint64_t now_boot_ns);
  void AppendLossNoted(uint32_t ring, uint64_t now_boot_ns);
  // Ends the file with the capture's counters and waits until it is written. The error, if the disk refused at any time.
  Result<void> Finish(const CounterList& counters, uint64_t now_boot_ns);

  RecordingCounters counters() const;
  // Why the recording ended early; nullopt while it goes on. Told once by the caller.
  std::optional<Error> error() const;

 private:
  RecordingWriter(UniqueFd fd, std::string path, process::ResourceSource& resources);
  void Describe(uint32_t tgid, uint64_t time_ns);
  bool HasRoom(size_t bytes) const;  // under mutex_
  void Run();
  void Write(const std::string& bytes, uint64_t records);
  void Stop();

  UniqueFd fd_;
  const std::string path_;
  process::ResourceSource& resources_;

  mutable std::mutex mutex_;  // guards all below; never held while a file or /proc is read or written
  std::condition_variable changed_;
  std::condition_variable described_one_;
  std::string buffer_;  // whole records
  uint64_t buffered_records_ = 0;
  uint32_t last_ring_ = 0;
  std::unordered_map<uint32_t, bool> described_;  // true: its record stands; false: a thread is at it
  RecordingCounters counters_;
  std::optional<Error> error_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace wirespan::recording
