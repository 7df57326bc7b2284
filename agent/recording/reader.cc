#include "agent/recording/reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/kernel/event_reader.h"

namespace wirespan::recording {
namespace {

constexpr size_t kBufferBytes = 128U << 10U;  // grows to the largest record met

}  // namespace

Result<std::unique_ptr<RecordingReader>> RecordingReader::Open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return Error::FromErrno("open recording '" + path + "'", errno);
  auto reader = std::unique_ptr<RecordingReader>(new RecordingReader(std::move(fd), path));
  if (Result<void> read = reader->ReadHeader(); !read) return read.error();
  return reader;
}

Result<void> RecordingReader::ReadHeader() {
  buffer_.resize(kBufferBytes);
  const std::string what = "recording '" + path_ + "': ";
  std::span<const std::byte> record;
  const Raw raw = ReadRaw(record);
  if (read_errno_ != 0) return Error::FromErrno("read " + what.substr(0, what.size() - 2), read_errno_);
  if (raw == Raw::kCut && end_ - begin_ >= kRecordHeaderBytes + 8 && offset_ == 0) {
    return Error(what + "it ends within its first record; nothing can be replayed");
  }
  if (raw != Raw::kRecord || !HasMagic(record)) return Error(what + "not a recording of wirespan (it does not begin with WSCAP)");
  const std::optional<CaptureHeader> header = ReadCaptureHeader(record);
  if (header && header->version > kVersion) {
    return Error(what + "format version " + std::to_string(header->version) + " is newer than this program's (" +
                 std::to_string(kVersion) + "); use a newer wirespan");
  }
  if (header && header->version < kVersion) {
    return Error(what + "format version " + std::to_string(header->version) + " is older than this program's (" +
                 std::to_string(kVersion) + "); use the wirespan that made it (" + header->agent_version + ")");
  }
  if (!header) return Error(what + "its first record is damaged");
  header_ = *header;
  return {};
}

bool RecordingReader::Fill(size_t size) {
  if (end_ - begin_ >= size) return true;
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), buffer_.begin() + static_cast<std::ptrdiff_t>(end_),
            buffer_.begin());
  end_ -= begin_;
  begin_ = 0;
  if (size > buffer_.size()) buffer_.resize(size);
  while (end_ < size) {
    const ssize_t n = ::read(fd_.get(), buffer_.data() + end_, buffer_.size() - end_);
    if (n > 0) {
      end_ += static_cast<size_t>(n);
    } else if (n == 0) {
      return false;
    } else if (errno != EINTR) {
      read_errno_ = errno;
      return false;
    }
  }
  return true;
}

RecordingReader::Raw RecordingReader::ReadRaw(std::span<const std::byte>& record) {
  record_at_ = offset_;
  if (!Fill(kRecordHeaderBytes)) return end_ == begin_ ? Raw::kEnd : Raw::kCut;
  // The size field is read by the one who knows the header; a record of 16 bytes is the least.
  uint32_t size = 0;
  std::memcpy(&size, buffer_.data() + begin_ + 4, sizeof(size));
  if (size < kRecordHeaderBytes || size > kMaxRecordBytes) return Raw::kDamaged;
  if (!Fill(size)) return Raw::kCut;
  record = std::span<const std::byte>(buffer_).subspan(begin_, size);
  const size_t step = std::min(Fill(Padded(size)) ? Padded(size) : size, end_ - begin_);
  record = std::span<const std::byte>(buffer_).subspan(begin_, size);  // Fill may have moved it
  begin_ += step;
  offset_ += step;
  return Raw::kRecord;
}

RecordingReader::Next RecordingReader::Damaged() {
  problem_ = "recording '" + path_ + "': damaged at byte " + std::to_string(record_at_) + "; what comes after is not used";
  return Next::kDamaged;
}

RecordingReader::Next RecordingReader::Read(std::span<const std::byte>& record) {
  while (true) {
    switch (ReadRaw(record)) {
      case Raw::kRecord:
        break;
      case Raw::kEnd:
        if (read_errno_ == 0) return Next::kEnd;
        [[fallthrough]];
      case Raw::kCut:
        if (read_errno_ != 0) {
          problem_ = Error::FromErrno("read recording '" + path_ + "'", read_errno_).message();
          return Next::kDamaged;
        }
        problem_ =
            "recording '" + path_ + "': ends within a record, at byte " + std::to_string(record_at_) + "; all before it is used";
        return Next::kCut;
      case Raw::kDamaged:
        return Damaged();
    }
    const std::optional<RecordHeader> header = ReadRecordHeader(record);
    if (!header) return Damaged();
    if (header->type == kRecordProcess) {
      std::optional<ProcessRecord> process = ReadProcess(record);
      if (!process) return Damaged();
      process_ = std::move(*process);
      return Next::kProcess;
    }
    if (header->type == kRecordLosses) {
      std::optional<CounterList> losses = ReadLosses(record);
      if (!losses) return Damaged();
      losses_ = std::move(*losses);
      return Next::kLosses;
    }
    if (header->type == kRecordRing) {
      const std::optional<uint32_t> ring = ReadRing(record);
      if (!ring) return Damaged();
      ring_ = *ring;
      continue;
    }
    time_ns_ = header->time_ns;
    if (header->type == kRecordTick || header->type == kRecordLossNoted) {
      const std::optional<uint32_t> ring = ReadRing(record);
      if (!ring) return Damaged();
      told_ring_ = *ring;
      return header->type == kRecordTick ? Next::kTick : Next::kLossNoted;
    }
    told_ring_ = ring_;
    return Next::kRecord;
  }
}

}  // namespace wirespan::recording
