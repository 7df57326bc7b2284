#include "agent/recording/format.h"

#include <bit>
#include <cstring>

#include "agent/kernel/event_reader.h"

namespace wirespan::recording {
namespace {

constexpr std::string_view kMagic("WSCAP\0\0\0", 8);

template <typename Number>
void Put(Number value, std::string& out) {
  for (size_t i = 0; i < sizeof(Number); ++i) out.push_back(static_cast<char>(static_cast<uint64_t>(value) >> (8 * i)));
}

void PutText(std::string_view text, std::string& out) {
  text = text.substr(0, kMaxTextBytes);
  Put(static_cast<uint32_t>(text.size()), out);
  out += text;
}

// Writes a record's header, and its size and padding once its content stands.
class RecordScope {
 public:
  RecordScope(uint32_t type, uint64_t time_ns, std::string& out) : out_(out), begin_(out.size()) {
    Put(type, out);
    Put(uint32_t{0}, out);
    Put(time_ns, out);
  }
  RecordScope(const RecordScope&) = delete;
  RecordScope& operator=(const RecordScope&) = delete;
  ~RecordScope() {
    const size_t size = out_.size() - begin_;
    for (size_t i = 0; i < 4; ++i) out_[begin_ + 4 + i] = static_cast<char>(size >> (8 * i));
    out_.append(Padded(size) - size, '\0');
  }

 private:
  std::string& out_;
  size_t begin_;
};

// A cursor over a record's content; once anything is missing, nothing more is read.
class Fields {
 public:
  Fields(std::span<const std::byte> record, uint32_t type) {
    const std::optional<RecordHeader> header = ReadRecordHeader(record);
    if (header && header->type == type) rest_ = record.subspan(kRecordHeaderBytes, header->size - kRecordHeaderBytes);
    ok_ = header && header->type == type;
  }
  bool ok() const { return ok_; }
  bool empty() const { return rest_.empty(); }
  template <typename Number>
  Number Take() {
    uint64_t value = 0;
    const std::span<const std::byte> bytes = TakeBytes(sizeof(Number));
    for (size_t i = 0; i < bytes.size(); ++i) value |= static_cast<uint64_t>(bytes[i]) << (8 * i);
    return static_cast<Number>(value);
  }
  std::string_view TakeText() {
    const auto size = Take<uint32_t>();
    if (size > kMaxTextBytes) ok_ = false;
    const std::span<const std::byte> bytes = TakeBytes(size);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  std::span<const std::byte> TakeBytes(size_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const std::span<const std::byte> taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

 private:
  std::span<const std::byte> rest_;
  bool ok_ = false;
};

void PutAttribute(const exporters::AttributeView& attribute, std::string& out) {
  Put(static_cast<uint32_t>(attribute.type), out);
  PutText(attribute.key, out);
  switch (attribute.type) {
    case exporters::AttributeView::Type::kString:
      PutText(attribute.string_value, out);
      break;
    case exporters::AttributeView::Type::kBool:
      Put(uint64_t{attribute.bool_value}, out);
      break;
    case exporters::AttributeView::Type::kInt:
      Put(attribute.int_value, out);
      break;
    case exporters::AttributeView::Type::kDouble:
      Put(std::bit_cast<uint64_t>(attribute.double_value), out);
      break;
  }
}

bool TakeAttribute(Fields& fields, exporters::AttributeList& out) {
  const auto type = fields.Take<uint32_t>();
  const std::string_view key = fields.TakeText();
  if (!fields.ok()) return false;
  switch (type) {
    case static_cast<uint32_t>(exporters::AttributeView::Type::kString): {
      const std::string_view value = fields.TakeText();
      if (fields.ok()) out.String(key, value);
      break;
    }
    case static_cast<uint32_t>(exporters::AttributeView::Type::kBool):
      out.Bool(key, fields.Take<uint64_t>() != 0);
      break;
    case static_cast<uint32_t>(exporters::AttributeView::Type::kInt):
      out.Int(key, fields.Take<int64_t>());
      break;
    case static_cast<uint32_t>(exporters::AttributeView::Type::kDouble):
      out.Double(key, std::bit_cast<double>(fields.Take<uint64_t>()));
      break;
    default:
      return false;
  }
  return fields.ok();
}

void PutCounters(const CounterList& counters, std::string& out) {
  const size_t count = counters.size() < kMaxListed ? counters.size() : kMaxListed;
  Put(static_cast<uint32_t>(count), out);
  for (size_t i = 0; i < count; ++i) {
    PutText(std::string_view(counters[i].first).substr(0, 128), out);
    Put(counters[i].second, out);
  }
}

std::optional<CounterList> TakeCounters(Fields& fields) {
  const auto count = fields.Take<uint32_t>();
  if (!fields.ok() || count > kMaxListed) return std::nullopt;
  CounterList counters;
  for (uint32_t i = 0; i < count; ++i) {
    std::string name(fields.TakeText());
    const auto value = fields.Take<uint64_t>();
    if (!fields.ok()) return std::nullopt;
    counters.emplace_back(std::move(name), value);
  }
  return counters;
}

}  // namespace

void AppendCaptureHeader(const CaptureHeader& header, uint64_t time_ns, std::string& out) {
  const RecordScope record(kRecordCaptureStarted, time_ns, out);
  out += kMagic;
  Put(header.version, out);
  Put(header.jiffies_per_second, out);
  Put(header.unix_minus_boot_ns, out);
  out.append(reinterpret_cast<const char*>(header.id_key.data()), header.id_key.size());
  PutText(header.host_name, out);
  PutText(header.kernel, out);
  PutText(header.agent_version, out);
  PutCounters(header.settings, out);
}

void AppendProcess(const ProcessRecord& process, uint64_t time_ns, std::string& out) {
  const RecordScope record(kRecordProcess, time_ns, out);
  Put(process.tgid, out);
  PutText(process.service_name, out);
  const size_t count_at = out.size();
  Put(uint32_t{0}, out);
  exporters::AttributeList::Reader reader(process.attributes);
  exporters::AttributeView attribute;
  uint32_t count = 0;
  // Half the bound leaves room for the longest attribute.
  for (; count < kMaxListed && out.size() - count_at < kMaxRecordBytes / 2 && reader.Next(attribute); ++count)
    PutAttribute(attribute, out);
  for (size_t i = 0; i < 4; ++i) out[count_at + i] = static_cast<char>(count >> (8 * i));
}

void AppendRing(uint32_t ring, uint64_t time_ns, std::string& out) {
  const RecordScope record(kRecordRing, time_ns, out);
  Put(ring, out);
}

void AppendTick(uint32_t ring, uint64_t time_ns, std::string& out) {
  const RecordScope record(kRecordTick, time_ns, out);
  Put(ring, out);
}

void AppendLossNoted(uint32_t ring, uint64_t time_ns, std::string& out) {
  const RecordScope record(kRecordLossNoted, time_ns, out);
  Put(ring, out);
}

void AppendLosses(const CounterList& counters, uint64_t time_ns, std::string& out) {
  const RecordScope record(kRecordLosses, time_ns, out);
  PutCounters(counters, out);
}

void AppendRingRecord(std::span<const std::byte> record, std::string& out) {
  out.append(reinterpret_cast<const char*>(record.data()), record.size());
  out.append(Padded(record.size()) - record.size(), '\0');
}

bool HasMagic(std::span<const std::byte> record) {
  Fields fields(record, kRecordCaptureStarted);
  const std::span<const std::byte> magic = fields.TakeBytes(kMagic.size());
  return fields.ok() && std::memcmp(magic.data(), kMagic.data(), kMagic.size()) == 0;
}

std::optional<CaptureHeader> ReadCaptureHeader(std::span<const std::byte> record) {
  if (!HasMagic(record)) return std::nullopt;
  Fields fields(record, kRecordCaptureStarted);
  fields.TakeBytes(kMagic.size());
  CaptureHeader header;
  header.version = fields.Take<uint32_t>();
  if (!fields.ok()) return std::nullopt;
  if (header.version != kVersion) return header;  // the rest may mean anything
  header.jiffies_per_second = fields.Take<uint32_t>();
  header.unix_minus_boot_ns = fields.Take<int64_t>();
  const std::span<const std::byte> key = fields.TakeBytes(header.id_key.size());
  if (fields.ok()) std::memcpy(header.id_key.data(), key.data(), key.size());
  header.host_name = fields.TakeText();
  header.kernel = fields.TakeText();
  header.agent_version = fields.TakeText();
  if (!fields.ok()) return std::nullopt;
  if (fields.empty()) return header;  // of an agent that wrote no settings
  std::optional<CounterList> settings = TakeCounters(fields);
  if (!settings) return std::nullopt;
  header.settings = std::move(*settings);
  return header;
}

std::optional<ProcessRecord> ReadProcess(std::span<const std::byte> record) {
  Fields fields(record, kRecordProcess);
  ProcessRecord process;
  process.tgid = fields.Take<uint32_t>();
  process.service_name = fields.TakeText();
  const auto count = fields.Take<uint32_t>();
  if (!fields.ok() || count > kMaxListed) return std::nullopt;
  for (uint32_t i = 0; i < count; ++i) {
    if (!TakeAttribute(fields, process.attributes)) return std::nullopt;
  }
  return process;
}

std::optional<uint32_t> ReadRing(std::span<const std::byte> record) {
  const std::optional<RecordHeader> header = ReadRecordHeader(record);
  if (!header || (header->type != kRecordRing && header->type != kRecordTick && header->type != kRecordLossNoted))
    return std::nullopt;
  Fields fields(record, header->type);
  const auto ring = fields.Take<uint32_t>();
  return fields.ok() ? std::optional(ring) : std::nullopt;
}

std::optional<CounterList> ReadLosses(std::span<const std::byte> record) {
  Fields fields(record, kRecordLosses);
  return TakeCounters(fields);
}

}  // namespace wirespan::recording
