// CaptureFile: the packets of a pcap or pcapng file (https://ietf-opsawg-wg.github.io/draft-ietf-opsawg-pcap/), in either byte
// order, with times of any resolution. One thread. Total on all bytes: a file that ends within a packet, or is no capture from
// some point on, gives what stands before.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <istream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"

namespace wirespan::pcap {

inline constexpr size_t kMaxBlockBytes = size_t{16} << 20U;  // of a packet, or of a pcapng block; a longer one is no capture
inline constexpr size_t kMaxInterfaces = 4096;               // of a pcapng section

struct Packet {
  uint64_t time_ns = 0;        // Unix time; a packet without one (pcapng's simple packets) has the one before it
  uint32_t link_type = 0;      // LINKTYPE_ of https://www.tcpdump.org/linktypes.html
  uint32_t original_size = 0;  // on the wire; >= bytes.size()
  std::span<const std::byte> bytes;
};

// The first four bytes of a capture, in any of its forms.
bool IsCapture(std::string_view magic);

class CaptureFile {
 public:
  enum class Next : uint8_t { kPacket, kEnd, kCut, kDamaged };

  // The file's format is known by its first bytes; an error says why they are of none.
  static Result<std::unique_ptr<CaptureFile>> Open(const std::string& path);
  static Result<std::unique_ptr<CaptureFile>> Read(std::unique_ptr<std::istream> in, const std::string& name);

  // kPacket: `packet` is the next one, valid until the next call. Else there are no more; problem() says why, but for kEnd.
  Next ReadPacket(Packet& packet);
  const std::string& problem() const { return problem_; }

 private:
  struct Interface {
    uint32_t link_type = 0;
    uint32_t snap_length = 0;               // 0: no limit
    uint64_t units_per_second = 1'000'000;  // of its times
    uint64_t offset_seconds = 0;
  };

  CaptureFile(std::unique_ptr<std::istream> in, std::string name) : in_(std::move(in)), name_(std::move(name)) {}
  Result<void> ReadStart();
  uint16_t U16(size_t at) const;
  uint32_t U32(size_t at) const;
  bool Fill(size_t size);  // buffer_ becomes the next `size` bytes; false: there are fewer
  Next Stop(Next next, const char* why);

  Next ReadRecord(Packet& packet);
  Next ReadBlock(Packet& packet);
  Next BeginSection();
  Next AddInterface();
  bool ReadOptions(size_t at, Interface& interface) const;
  Next EnhancedPacket(Packet& packet, bool obsolete);
  Next SimplePacket(Packet& packet);
  bool SetTime(const Interface& interface, uint64_t units, Packet& packet);

  std::unique_ptr<std::istream> in_;
  std::string name_;
  std::string problem_;
  std::vector<std::byte> buffer_;  // a record or a block, with its header
  std::vector<Interface> interfaces_;
  uint64_t last_time_ns_ = 0;
  size_t record_header_bytes_ = 0;  // of pcap
  bool is_next_generation_ = false;
  bool is_big_endian_ = false;
};

}  // namespace wirespan::pcap
