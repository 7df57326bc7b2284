#include "agent/recording/writer.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "agent/kernel/event_reader.h"

namespace wirespan::recording {
namespace {

constexpr size_t kMaxDescribed = 65'536;
constexpr size_t kMarkBytes = 24;  // a tick or a loss noted
constexpr size_t kWriteAtBytes = 256U << 10U;
constexpr auto kWriteAfter = std::chrono::milliseconds(200);

}  // namespace

Result<std::unique_ptr<RecordingWriter>> RecordingWriter::Create(const std::string& path, const CaptureHeader& header,
                                                                 uint64_t now_boot_ns, process::ResourceSource& resources) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!fd.ok()) return Error::FromErrno("create recording '" + path + "'", errno);
  auto writer = std::unique_ptr<RecordingWriter>(new RecordingWriter(std::move(fd), path, resources));
  std::string first;
  AppendCaptureHeader(header, now_boot_ns, first);
  writer->Write(first, 0);
  if (writer->error_) return *writer->error_;
  writer->thread_ = std::thread([w = writer.get()] { w->Run(); });
  return writer;
}

RecordingWriter::RecordingWriter(UniqueFd fd, std::string path, process::ResourceSource& resources)
    : fd_(std::move(fd)), path_(std::move(path)), resources_(resources) {}

RecordingWriter::~RecordingWriter() { Stop(); }

void RecordingWriter::Append(uint32_t ring, std::span<const std::byte> record) {
  const std::optional<RecordHeader> header = ReadRecordHeader(record);
  if (!header || header->size > kMaxRecordBytes) {
    const std::lock_guard lock(mutex_);
    ++counters_.dropped;
    return;
  }
  const RecordProcess process = ProcessOf(record);
  if (process.tgid != 0) Describe(process.execed ? 0 : process.tgid, header->time_ns);
  const std::lock_guard lock(mutex_);
  if (process.execed) described_.erase(process.tgid);
  if (!HasRoom(Padded(header->size))) {
    ++counters_.dropped;
    return;
  }
  if (ring != last_ring_) AppendRing(last_ring_ = ring, header->time_ns, buffer_);
  AppendRingRecord(record.first(header->size), buffer_);
  ++buffered_records_;
  if (buffer_.size() >= kWriteAtBytes) changed_.notify_one();
}

bool RecordingWriter::HasRoom(size_t bytes) const { return !error_ && !stopping_ && buffer_.size() + bytes <= kMaxBufferBytes; }

void RecordingWriter::AppendTick(uint32_t ring, uint64_t now_boot_ns) {
  const std::lock_guard lock(mutex_);
  if (HasRoom(kMarkBytes)) {
    recording::AppendTick(ring, now_boot_ns, buffer_);
  } else {
    ++counters_.dropped;
  }
}

void RecordingWriter::AppendLossNoted(uint32_t ring, uint64_t now_boot_ns) {
  const std::lock_guard lock(mutex_);
  if (HasRoom(kMarkBytes)) {
    recording::AppendLossNoted(ring, now_boot_ns, buffer_);
  } else {
    ++counters_.dropped;
  }
}

// Asks who a process is outside the lock: that may read /proc.
void RecordingWriter::Describe(uint32_t tgid, uint64_t time_ns) {
  if (tgid == 0) return;
  {
    std::unique_lock lock(mutex_);
    if (described_.size() >= kMaxDescribed) described_.clear();
    const auto [known, is_new] = described_.try_emplace(tgid, false);
    if (!is_new) {
      // Another shard is at it: the record must come first. Gone from the map: it was forgotten, which is as good.
      if (!known->second) {
        described_one_.wait(lock, [this, tgid] {
          const auto found = described_.find(tgid);
          return found == described_.end() || found->second;
        });
      }
      return;
    }
  }
  const std::shared_ptr<const exporters::Resource> resource = resources_.ResourceOf(tgid);
  const std::lock_guard lock(mutex_);
  AppendProcess({.tgid = tgid, .service_name = resource->service_name, .attributes = resource->attributes}, time_ns, buffer_);
  described_[tgid] = true;
  described_one_.notify_all();
}

void RecordingWriter::Run() {
  pthread_setname_np(pthread_self(), "record");
  std::string taken;
  bool last = false;
  while (!last) {
    uint64_t records = 0;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, kWriteAfter, [this] { return stopping_ || buffer_.size() >= kWriteAtBytes; });
      last = stopping_;
      taken.clear();
      taken.swap(buffer_);
      records = std::exchange(buffered_records_, 0);
    }
    if (!taken.empty()) Write(taken, records);
  }
}

// All of `bytes`, or the file ends where it did before them.
void RecordingWriter::Write(const std::string& bytes, uint64_t records) {
  std::optional<Error> failure;
  uint64_t before = 0;
  {
    const std::lock_guard lock(mutex_);
    failure = error_;
    before = counters_.bytes;
  }
  size_t done = 0;
  while (!failure && done < bytes.size()) {
    const ssize_t n = ::write(fd_.get(), bytes.data() + done, bytes.size() - done);
    if (n > 0) {
      done += static_cast<size_t>(n);
    } else if (n == 0 || errno != EINTR) {
      failure = Error::FromErrno("write recording '" + path_ + "'", n == 0 ? ENOSPC : errno,
                                 "the recording ends here; tracing goes on");
    }
  }
  // The whole records among what was written stay.
  size_t kept = 0;
  uint64_t kept_records = 0;
  if (failure) {
    const auto view = std::as_bytes(std::span(bytes)).first(done);
    while (kept < done) {
      const std::optional<RecordHeader> header = ReadRecordHeader(view.subspan(kept));
      if (!header || kept + Padded(header->size) > done) break;
      kept += Padded(header->size);
      if (header->type < kRecordCaptureStarted) ++kept_records;
    }
    if (done != kept && ::ftruncate(fd_.get(), static_cast<off_t>(before + kept)) != 0) {
      failure = failure->In("cut back to the last whole record failed too");
    }
  } else {
    kept = done;
    kept_records = records;
  }
  const std::lock_guard lock(mutex_);
  counters_.bytes += kept;
  counters_.records += kept_records;
  counters_.dropped += records - kept_records;
  if (!error_) error_ = std::move(failure);
}

void RecordingWriter::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

Result<void> RecordingWriter::Finish(const CounterList& counters, uint64_t now_boot_ns) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) AppendLosses(counters, now_boot_ns, buffer_);
  }
  Stop();
  if (std::optional<Error> failure = error()) return *failure;
  if (::fsync(fd_.get()) != 0 && errno != EINVAL && errno != EROFS)
    return Error::FromErrno("write recording '" + path_ + "'", errno);
  return {};
}

RecordingCounters RecordingWriter::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

std::optional<Error> RecordingWriter::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

}  // namespace wirespan::recording
