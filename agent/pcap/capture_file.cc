#include "agent/pcap/capture_file.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

namespace wirespan::pcap {
namespace {

constexpr uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr uint32_t kNanoseconds = 0xa1b23c4d;
constexpr uint32_t kExtended = 0xa1b2cd34;  // "modified" pcap of some embedded systems: microseconds, longer headers of records
constexpr uint32_t kSection = 0x0a0d0d0a;   // reads the same in both orders
constexpr uint32_t kByteOrder = 0x1a2b3c4d;
constexpr uint32_t kInterfaceBlock = 1;
constexpr uint32_t kObsoletePacketBlock = 2;
constexpr uint32_t kSimplePacketBlock = 3;
constexpr uint32_t kEnhancedPacketBlock = 6;
constexpr uint16_t kTimeResolution = 9;  // options of an interface
constexpr uint16_t kTimeOffset = 14;

constexpr size_t kFileHeaderBytes = 24;
constexpr size_t kRecordHeaderBytes = 16;
constexpr size_t kExtendedRecordHeaderBytes = 24;  // interface, protocol and type of packet follow
constexpr size_t kBlockHeaderBytes = 8;
constexpr size_t kSmallestBlockBytes = 12;  // with the length again at its end
constexpr uint64_t kNsPerSecond = 1'000'000'000;
constexpr uint64_t kMaxSeconds = 9'000'000'000;  // what nanoseconds in 64 bits, signed, hold

uint32_t BigEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (const char c : bytes) value = value << 8U | static_cast<uint8_t>(c);
  return value;
}
uint32_t LittleEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8U | static_cast<uint8_t>(bytes[i]);
  return value;
}

}  // namespace

bool IsCapture(std::string_view magic) {
  if (magic.size() < 4) return false;
  for (const uint32_t value : {BigEndian(magic.substr(0, 4)), LittleEndian(magic.substr(0, 4))}) {
    if (value == kMicroseconds || value == kNanoseconds || value == kExtended || value == kSection) return true;
  }
  return false;
}

Result<std::unique_ptr<CaptureFile>> CaptureFile::Open(const std::string& path) {
  auto file = std::make_unique<std::ifstream>(path, std::ios::binary);
  if (!*file) return Error::FromErrno("open capture '" + path + "'", errno);
  return Read(std::move(file), path);
}

Result<std::unique_ptr<CaptureFile>> CaptureFile::Read(std::unique_ptr<std::istream> in, const std::string& name) {
  std::unique_ptr<CaptureFile> file(new CaptureFile(std::move(in), name));
  if (Result<void> started = file->ReadStart(); !started) return started.error();
  return file;
}

Result<void> CaptureFile::ReadStart() {
  std::array<char, 4> magic{};
  in_->read(magic.data(), magic.size());
  const std::string_view seen(magic.data(), static_cast<size_t>(in_->gcount()));
  if (!IsCapture(seen)) return Error("read capture '" + name_ + "': neither pcap nor pcapng");
  in_->seekg(0);
  is_next_generation_ = BigEndian(seen) == kSection;
  if (is_next_generation_) return {};
  is_big_endian_ = BigEndian(seen) == kMicroseconds || BigEndian(seen) == kNanoseconds || BigEndian(seen) == kExtended;
  if (!Fill(kFileHeaderBytes)) return Error("read capture '" + name_ + "': it ends within its header");
  Interface interface;
  interface.link_type = U32(20) & 0xffffU;  // above it: how long the frames' checksums are
  interface.units_per_second = U32(0) == kNanoseconds ? kNsPerSecond : 1'000'000;
  interfaces_.push_back(interface);
  record_header_bytes_ = U32(0) == kExtended ? kExtendedRecordHeaderBytes : kRecordHeaderBytes;
  return {};
}

uint16_t CaptureFile::U16(size_t at) const {
  const auto first = static_cast<uint16_t>(buffer_[at]);
  const auto second = static_cast<uint16_t>(buffer_[at + 1]);
  return static_cast<uint16_t>(is_big_endian_ ? first << 8U | second : second << 8U | first);
}
uint32_t CaptureFile::U32(size_t at) const {
  return is_big_endian_ ? uint32_t{U16(at)} << 16U | U16(at + 2) : uint32_t{U16(at + 2)} << 16U | U16(at);
}

bool CaptureFile::Fill(size_t size) {
  buffer_.resize(size);
  in_->read(reinterpret_cast<char*>(buffer_.data()), static_cast<std::streamsize>(size));
  const auto got = static_cast<size_t>(in_->gcount());
  buffer_.resize(got);
  return got == size;
}

CaptureFile::Next CaptureFile::Stop(Next next, const char* why) {
  problem_ = "capture '" + name_ + "': " + why;
  return next;
}

CaptureFile::Next CaptureFile::ReadPacket(Packet& packet) {
  if (!problem_.empty()) return Next::kDamaged;
  if (!is_next_generation_) return ReadRecord(packet);
  Next next = Next::kEnd;
  do {
    next = ReadBlock(packet);
  } while (next == Next::kPacket && packet.bytes.data() == nullptr);
  return next;
}

CaptureFile::Next CaptureFile::ReadRecord(Packet& packet) {
  if (!Fill(record_header_bytes_)) return buffer_.empty() ? Next::kEnd : Stop(Next::kCut, "it ends within a packet");
  const uint64_t seconds = U32(0);
  const uint64_t fraction = U32(4);
  const uint32_t captured = U32(8);
  const uint32_t original = U32(12);
  if (captured > kMaxBlockBytes) return Stop(Next::kDamaged, "a packet is longer than 16 MiB");
  const bool whole = Fill(captured);
  const uint64_t ns = fraction * (kNsPerSecond / interfaces_.front().units_per_second);
  last_time_ns_ = seconds * kNsPerSecond + ns;
  packet = {.time_ns = last_time_ns_,
            .link_type = interfaces_.front().link_type,
            .original_size = std::max(original, captured),
            .bytes = std::span<const std::byte>(buffer_)};
  return whole ? Next::kPacket : Stop(Next::kCut, "it ends within a packet");
}

// Any block; one that is no packet leaves `packet.bytes` null.
CaptureFile::Next CaptureFile::ReadBlock(Packet& packet) {
  packet = {};
  if (!Fill(kBlockHeaderBytes + 4)) return buffer_.empty() ? Next::kEnd : Stop(Next::kCut, "it ends within a block");
  if (U32(0) == kSection) {
    const uint32_t order = U32(8);
    if (order != kByteOrder) is_big_endian_ = !is_big_endian_;
    if (U32(8) != kByteOrder) return Stop(Next::kDamaged, "a section without a byte order");
  }
  const uint32_t length = U32(4);
  if (length < kSmallestBlockBytes || length % 4 != 0 || length > kMaxBlockBytes)
    return Stop(Next::kDamaged, "a block of no length");
  const size_t had = buffer_.size();
  buffer_.resize(length);
  in_->read(reinterpret_cast<char*>(buffer_.data() + had), static_cast<std::streamsize>(length - had));
  if (static_cast<size_t>(in_->gcount()) != length - had) return Stop(Next::kCut, "it ends within a block");
  switch (U32(0)) {
    case kSection:
      return BeginSection();
    case kInterfaceBlock:
      return AddInterface();
    case kEnhancedPacketBlock:
      return EnhancedPacket(packet, false);
    case kObsoletePacketBlock:
      return EnhancedPacket(packet, true);
    case kSimplePacketBlock:
      return SimplePacket(packet);
    default:
      return Next::kPacket;
  }
}

CaptureFile::Next CaptureFile::BeginSection() {
  if (buffer_.size() < 28 || U16(12) != 1) return Stop(Next::kDamaged, "a section of an unknown version");
  interfaces_.clear();
  return Next::kPacket;
}

CaptureFile::Next CaptureFile::AddInterface() {
  if (buffer_.size() < 20 || interfaces_.size() == kMaxInterfaces)
    return Stop(Next::kDamaged, "an interface too short, or too many");
  Interface interface;
  interface.link_type = U16(8);
  interface.snap_length = U32(12);
  if (!ReadOptions(16, interface)) return Stop(Next::kDamaged, "an interface with a malformed option");
  interfaces_.push_back(interface);
  return Next::kPacket;
}

bool CaptureFile::ReadOptions(size_t at, Interface& interface) const {
  const size_t end = buffer_.size() - 4;
  while (at + 4 <= end) {
    const uint16_t code = U16(at);
    const uint16_t length = U16(at + 2);
    at += 4;
    if (code == 0) return true;
    if (length > end - at) return false;
    if (code == kTimeResolution && length == 1) {
      const auto resolution = static_cast<uint8_t>(buffer_[at]);
      const uint32_t exponent = resolution & 0x7fU;
      const bool is_binary = (resolution & 0x80U) != 0;
      if (exponent > (is_binary ? 63U : 19U)) return false;
      interface.units_per_second = 1;
      for (uint32_t i = 0; i < exponent; ++i) interface.units_per_second *= is_binary ? 2 : 10;
    }
    if (code == kTimeOffset && length == 8) {
      const uint64_t first = U32(at);
      const uint64_t second = U32(at + 4);
      interface.offset_seconds = is_big_endian_ ? first << 32U | second : second << 32U | first;
    }
    at += (size_t{length} + 3) / 4 * 4;
  }
  return true;
}

bool CaptureFile::SetTime(const Interface& interface, uint64_t units, Packet& packet) {
  const uint64_t per_second = interface.units_per_second;
  const uint64_t seconds =
      units / per_second + interface.offset_seconds;  // an offset may be negative: it wraps, and is found below
  if (seconds > kMaxSeconds) return false;
  const uint64_t fraction = units % per_second;
  const uint64_t ns = per_second <= kNsPerSecond ? fraction * kNsPerSecond / per_second : fraction / (per_second / kNsPerSecond);
  last_time_ns_ = packet.time_ns = seconds * kNsPerSecond + std::min(ns, kNsPerSecond - 1);
  return true;
}

CaptureFile::Next CaptureFile::EnhancedPacket(Packet& packet, bool obsolete) {
  constexpr size_t kHeader = 28;
  if (buffer_.size() < kHeader + 4) return Stop(Next::kDamaged, "a packet block too short");
  const uint32_t number = obsolete ? U16(8) : U32(8);
  const uint32_t captured = U32(20);
  const uint32_t original = U32(24);
  if (number >= interfaces_.size()) return Stop(Next::kDamaged, "a packet of an interface that is not described");
  if (captured > buffer_.size() - kHeader - 4) return Stop(Next::kDamaged, "a packet longer than its block");
  const Interface& interface = interfaces_[number];
  if (!SetTime(interface, uint64_t{U32(12)} << 32U | U32(16), packet)) return Stop(Next::kDamaged, "a packet of no time");
  packet.link_type = interface.link_type;
  packet.original_size = std::max(original, captured);
  packet.bytes = std::span<const std::byte>(buffer_).subspan(kHeader, captured);
  return Next::kPacket;
}

CaptureFile::Next CaptureFile::SimplePacket(Packet& packet) {
  constexpr size_t kHeader = 12;
  if (buffer_.size() < kHeader + 4 || interfaces_.empty()) return Stop(Next::kDamaged, "a simple packet block too short");
  const uint32_t original = U32(8);
  size_t captured = std::min<size_t>(original, buffer_.size() - kHeader - 4);
  if (interfaces_.front().snap_length != 0) captured = std::min<size_t>(captured, interfaces_.front().snap_length);
  packet = {.time_ns = last_time_ns_,
            .link_type = interfaces_.front().link_type,
            .original_size = original,
            .bytes = std::span<const std::byte>(buffer_).subspan(kHeader, captured)};
  return Next::kPacket;
}

}  // namespace wirespan::pcap
