// The .wscap format, version 2 (1: other data events): records back to back, each padded with zeros to a multiple of 8 bytes. A
// record begins with the 16 bytes of ws_event_header (little-endian type, size without padding, time). Ring records stand as the
// kernel wrote them. Beside them the agent writes, with numbers little-endian and texts as a 32-bit length and bytes: | record |
// where                              | what                                                                | | CAPTURE_STARTED |
// first                              | "WSCAP\0\0\0", version, HZ, Unix minus boot time (ns), id key (16   | |                 |
// | bytes), host name, kernel, agent version, settings by name          | | RING            | before records of another ring |
// the ring of the records that follow; 0 until the first one          | | PROCESS         | before the first event of a        |
// tgid, service name, its resource's attributes                       | |                 | process, and after its exec        |
// | | TICK            | whenever a ring's shard was given  | the ring. Everything the ring's shard got before stands before it, |
// |                 | the time                           | and everything it got afterwards after it                           |
// | LOSS_NOTED      | where the shard was told           | the ring: events may be missing (trace::LossNoted)                  |
// | LOSSES          | last                               | counters by name, as they were at the end of the capture            |
// What is told to a shard by another ring's (process events) stands in the records of both. Settings, TICK and LOSS_NOTED make a
// replay decide as the capture did, bit for bit; recordings of agents that did not write them have none of the three. A reader
// passes over (and counts) records of types it does not know, and over what follows the fields it knows: only a change of those
// raises the version.
// Pure functions; decoding is total: any bytes give a value or nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exporters/attributes.h"

namespace wirespan::recording {

inline constexpr uint32_t kVersion = 2;
inline constexpr size_t kMaxRecordBytes = 1U << 20U;
inline constexpr size_t kMaxTextBytes = 64U << 10U;
inline constexpr size_t kMaxListed = 4096;  // attributes of a process, counters

constexpr size_t Padded(size_t size) { return (size + 7) & ~size_t{7}; }

using CounterList = std::vector<std::pair<std::string, uint64_t>>;

struct CaptureHeader {
  uint32_t version = kVersion;
  int64_t unix_minus_boot_ns = 0;
  std::array<uint8_t, 16> id_key{};
  uint32_t jiffies_per_second = 0;  // 0: not known
  std::string host_name;
  std::string kernel;
  std::string agent_version;
  CounterList settings;  // numbers that decide what becomes of the records; empty: not known
};

struct ProcessRecord {
  uint32_t tgid = 0;
  std::string service_name;
  exporters::AttributeList attributes;
};

// Appends one whole padded record.
void AppendCaptureHeader(const CaptureHeader& header, uint64_t time_ns, std::string& out);
void AppendProcess(const ProcessRecord& process, uint64_t time_ns, std::string& out);
void AppendRing(uint32_t ring, uint64_t time_ns, std::string& out);
void AppendTick(uint32_t ring, uint64_t time_ns, std::string& out);
void AppendLossNoted(uint32_t ring, uint64_t time_ns, std::string& out);
void AppendLosses(const CounterList& counters, uint64_t time_ns, std::string& out);
void AppendRingRecord(std::span<const std::byte> record, std::string& out);

// `record` is a whole record with its header, of that type. nullopt: it is not one of these.
std::optional<CaptureHeader> ReadCaptureHeader(std::span<const std::byte> record);
bool HasMagic(std::span<const std::byte> record);  // a capture header of any version
std::optional<ProcessRecord> ReadProcess(std::span<const std::byte> record);
std::optional<uint32_t> ReadRing(std::span<const std::byte> record);  // of TICK and LOSS_NOTED too
std::optional<CounterList> ReadLosses(std::span<const std::byte> record);

}  // namespace wirespan::recording
