// ToEvent: the only place where the bytes of a ring record, live or recorded, become an Event. Checks every size and every
// enumerator first; a record that fails is counted by the caller as `malformed_event` and nothing of it is used. No libbpf, no
// allocation, any thread; the Event views the record and lives no longer than it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "agent/kernel/event.h"

namespace wirespan {

enum class EventFault : uint8_t {
  kNone,         // `out` holds the event
  kShort,        // the record ends before its header or its struct does
  kBadSize,      // header.size is larger than the record, or not what the type and its payload need
  kUnknownType,  // a type this build does not know; also the types that only recordings hold
  kBadField,     // an enumerator, a payload size or an identity is out of range
};

EventFault ToEvent(std::span<const std::byte> record, Event& out);

// The same for data events, the hot path: writes into `out` in place. ToEvent calls it.
EventFault ToDataChunk(std::span<const std::byte> record, DataChunk& out);

// What a record's header says. nullopt: shorter than a header, or header.size is not in [header, record].
struct RecordHeader {
  uint32_t type = 0;
  uint32_t size = 0;
  uint64_t time_ns = 0;
};
inline constexpr size_t kRecordHeaderBytes = 16;
std::optional<RecordHeader> ReadRecordHeader(std::span<const std::byte> record);
bool IsDataRecord(const RecordHeader& header);

// The record types that only a recording holds (enum ws_event_type).
extern const uint32_t kRecordCaptureStarted;
extern const uint32_t kRecordProcess;
extern const uint32_t kRecordLosses;
extern const uint32_t kRecordRing;
extern const uint32_t kRecordTick;
extern const uint32_t kRecordLossNoted;

// The process that acted in a valid data or connection record, and whether the record tells of an exec; 0: of no process.
struct RecordProcess {
  uint32_t tgid = 0;
  bool execed = false;
};
RecordProcess ProcessOf(std::span<const std::byte> record);

// The kernel's loss reasons (enum ws_loss_reason) and counters (enum ws_count) by name; empty where there is none.
extern const uint32_t kKernelLossCount;
extern const uint32_t kKernelCountCount;
std::string_view KernelLossName(uint32_t reason);
std::string_view KernelCountName(uint32_t count);

}  // namespace wirespan
