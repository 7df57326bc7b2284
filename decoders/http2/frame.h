// Frame headers (RFC 9113 4.1, 6) and how much nine bytes look like one. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "decoders/decoder.h"

namespace wirespan::decoders::http2 {

inline constexpr std::string_view kClientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";  // 3.4
inline constexpr size_t kFrameHeaderBytes = 9;
inline constexpr uint32_t kDefaultMaxFrameSize = 16384;     // 6.5.2
inline constexpr uint32_t kMaxFrameSize = (1U << 24U) - 1;  // 4.2
inline constexpr uint32_t kMaxStreamId = (1U << 31U) - 1;

enum class FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
  kAltSvc = 10,          // RFC 7838 4
  kOrigin = 12,          // RFC 8336 2
  kPriorityUpdate = 16,  // RFC 9218 7.1
};

inline constexpr uint8_t kEndStream = 0x1;  // DATA, HEADERS
inline constexpr uint8_t kAck = 0x1;        // SETTINGS, PING
inline constexpr uint8_t kEndHeaders = 0x4;
inline constexpr uint8_t kPadded = 0x8;
inline constexpr uint8_t kHasPriority = 0x20;  // HEADERS

struct FrameHeader {
  uint32_t length = 0;  // of the payload
  FrameType type = FrameType::kData;
  uint8_t flags = 0;
  uint32_t stream_id = 0;  // the reserved bit taken off
  bool reserved = false;   // that bit: to be ignored (4.1)

  bool Has(uint8_t flag) const { return (flags & flag) != 0; }
  bool EndsStream() const { return (type == FrameType::kData || type == FrameType::kHeaders) && Has(kEndStream); }
};

uint32_t ReadUint32(std::span<const std::byte> bytes);  // of the first 4
// Of the first kFrameHeaderBytes.
FrameHeader ReadFrameHeader(std::span<const std::byte> bytes);

// Why a frame of that length and stream cannot be, whatever came before it (the connection errors of 4.2 and 6); empty: it can.
std::string_view FrameObjection(const FrameHeader& header, Direction dir, uint32_t max_frame_size);

// Whether nine bytes that nothing is known of look like a header that senders really send: a known type with no flag that it has
// not, no reserved bit, a length that fits, a stream of the right parity, and no empty DATA that ends nothing (zeros are common).
// Of uniformly random bytes 1 in 2^22 or fewer does (a test computes it).
bool IsPlausible(const FrameHeader& header, Direction dir, uint32_t max_frame_size);

}  // namespace wirespan::decoders::http2
