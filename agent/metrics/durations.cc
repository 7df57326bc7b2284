#include "agent/metrics/durations.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <random>

namespace wirespan::metrics {
namespace {

constexpr size_t kMaxKeyStringBytes = 96;  // six strings with their lengths fit kMaxSeriesKeyBytes
constexpr size_t kFixedKeyBytes = 1 + 1 + 2 + 2;
static_assert(kFixedKeyBytes + 6 * (1 + kMaxKeyStringBytes) <= kMaxSeriesKeyBytes);
constexpr char kOverflow = 1;     // of the first byte of a key
constexpr unsigned kAsShift = 1;  // MeasuredAs is above it
constexpr size_t kFirstSlots = 64;
constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15U;

uint64_t Mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * kMultiplier;
  return hash ^ (hash >> 29);
}

char* PutString(char* to, std::string_view text) {
  const size_t size = std::min(text.size(), kMaxKeyStringBytes);
  *to++ = static_cast<char>(size);
  if (size > 0) std::memcpy(to, text.data(), size);
  return to + size;
}

// Of all but a request.
[[gnu::noinline]] char* PutTexts(char* to, const Measurement& m) {
  const bool is_call = m.database == nullptr;
  to = PutString(to, is_call ? m.rpc_method : m.database->operation);
  to = PutString(to, is_call ? m.rpc_system : m.database->system);
  return PutString(to, is_call ? m.rpc_status_code : m.database->name_space);
}

std::string_view TakeString(std::string_view& rest) {
  if (rest.empty()) return {};
  const auto size = std::min<size_t>(static_cast<uint8_t>(rest.front()), rest.size() - 1);
  const std::string_view out = rest.substr(1, size);
  rest.remove_prefix(1 + size);
  return out;
}

uint64_t RandomSeed() {
  std::random_device device;
  return static_cast<uint64_t>(device()) << 32 | device();
}

uint64_t NextShardId() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1);
}

std::shared_ptr<const exporters::Resource> MakeOverflowResource() {
  auto resource = std::make_shared<exporters::Resource>();
  resource->id = UINT64_MAX;
  resource->service_name = "unknown_service";
  resource->attributes.String("service.name", resource->service_name);
  return resource;
}

}  // namespace

// Layout: what it is (1), kind (1), status (2), port (2), then three texts, error type and address, each after its length. The
// texts are, of a request, method, scheme and version; of a call its method, the system and its status; of an operation its name,
// the system and the namespace, with its status behind the address. The status in front is a request's.
std::string_view SeriesKey::Of(const Measurement& m) {
  const MeasuredAs as = KindOf(m);
  const bool is_request = as == MeasuredAs::kHttpRequest;
  const auto status = is_request ? static_cast<uint16_t>(std::clamp<int64_t>(m.status_code, 0, UINT16_MAX)) : uint16_t{0};
  const auto port = static_cast<uint16_t>(std::clamp<int64_t>(m.server_port, 0, UINT16_MAX));
  char* to = buffer_;
  *to++ = static_cast<char>(static_cast<unsigned>(as) << kAsShift);
  *to++ = static_cast<char>(m.kind);
  std::memcpy(to, &status, sizeof status);
  std::memcpy(to + sizeof status, &port, sizeof port);
  to += sizeof status + sizeof port;
  if (is_request) [[likely]] {
    to = PutString(PutString(PutString(to, m.request_method), m.url_scheme), m.protocol_version);
  } else {
    to = PutTexts(to, m);
  }
  to = PutString(to, m.error_type);
  to = PutString(to, m.server_address);
  if (as == MeasuredAs::kDatabaseOperation) to = PutString(to, m.database->status_code);
  return {buffer_, static_cast<size_t>(to - buffer_)};
}

std::string SeriesKey::Overflow(exporters::SpanKind kind, MeasuredAs as) {
  std::string key(kFixedKeyBytes, '\0');
  key[0] = static_cast<char>(kOverflow | static_cast<unsigned>(as) << kAsShift);
  key[1] = static_cast<char>(kind);
  return key;
}

SeriesKey::Parts SeriesKey::Parse(std::string_view key) {
  Parts out;
  if (key.size() < kFixedKeyBytes) return out;
  uint16_t status = 0;
  uint16_t port = 0;
  std::memcpy(&status, key.data() + 2, sizeof status);
  std::memcpy(&port, key.data() + 4, sizeof port);
  out.overflow = (key[0] & kOverflow) != 0;
  out.as = static_cast<MeasuredAs>(static_cast<uint8_t>(key[0]) >> kAsShift);
  out.kind = static_cast<exporters::SpanKind>(key[1]);
  out.status_code = status;
  out.server_port = port;
  key.remove_prefix(kFixedKeyBytes);
  const bool is_request = out.as == MeasuredAs::kHttpRequest;
  const bool is_call = out.as == MeasuredAs::kRpcCall;
  (is_request ? out.request_method : is_call ? out.rpc_method : out.db_operation) = TakeString(key);
  (is_request ? out.url_scheme : is_call ? out.rpc_system : out.db_system) = TakeString(key);
  (is_request ? out.protocol_version : is_call ? out.rpc_status_code : out.db_namespace) = TakeString(key);
  out.error_type = TakeString(key);
  out.server_address = TakeString(key);
  out.db_status_code = TakeString(key);
  return out;
}

SeriesTable::SeriesTable(uint64_t seed) : seed_(seed == 0 ? RandomSeed() : seed), slots_(kFirstSlots, 0) {}

// Seeded, so that a client that chooses host names cannot choose collisions.
uint64_t SeriesTable::Hash(uint32_t resource, std::string_view key) const {
  uint64_t hash = Mix(seed_, resource ^ static_cast<uint64_t>(key.size()) << 32);
  for (; key.size() >= 8; key.remove_prefix(8)) {
    uint64_t word = 0;
    std::memcpy(&word, key.data(), sizeof word);
    hash = Mix(hash, word);
  }
  uint64_t tail = 0;
  if (!key.empty()) std::memcpy(&tail, key.data(), key.size());
  hash = Mix(hash, tail);
  return hash ^ (hash >> 32);
}

DurationSeries* SeriesTable::Find(uint32_t resource, std::string_view key) {
  const auto byte = [key](size_t i) { return static_cast<size_t>(static_cast<uint8_t>(key[i])); };
  // Kind and status are in the first bytes; what else differs has mostly another length.
  const size_t look = key.size() < kFixedKeyBytes ? 0 : resource * size_t{37} + byte(1) * 19 + byte(2) * 5 + key.size();
  uint32_t& recent = recent_[look % kRecent];
  if (recent != 0) {
    DurationSeries& series = series_[recent - 1];
    if (series.resource == resource && series.key == key) return &series;
  }
  DurationSeries* const found = FindHashed(resource, key);
  if (found != nullptr) recent = static_cast<uint32_t>(found - series_.data()) + 1;
  return found;
}

DurationSeries* SeriesTable::FindHashed(uint32_t resource, std::string_view key) {
  const uint64_t hash = Hash(resource, key);
  const size_t mask = slots_.size() - 1;
  for (size_t slot = hash & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
    DurationSeries& series = series_[slots_[slot] - 1];
    if (series.hash == hash && series.resource == resource && series.key == key) return &series;
  }
  return nullptr;
}

DurationSeries& SeriesTable::Insert(uint32_t resource, std::string_view key) {
  if ((series_.size() + 1) * 2 > slots_.size()) Grow();
  series_.push_back({std::string(key), Hash(resource, key), resource, {}});
  const size_t mask = slots_.size() - 1;
  size_t slot = series_.back().hash & mask;
  while (slots_[slot] != 0) slot = (slot + 1) & mask;
  slots_[slot] = static_cast<uint32_t>(series_.size());
  return series_.back();
}

void SeriesTable::Grow() {
  slots_.assign(slots_.size() * 2, 0);
  const size_t mask = slots_.size() - 1;
  for (size_t i = 0; i < series_.size(); ++i) {
    size_t slot = series_[i].hash & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<uint32_t>(i + 1);
  }
}

void SeriesTable::Clear() {
  series_.clear();
  slots_.assign(kFirstSlots, 0);
  recent_ = {};
}

Durations::Durations(CardinalityLimits limits, uint64_t seed)
    : id_(NextShardId()), limits_(limits), table_(seed), resource_slots_(kFirstSlots, 0) {
  resources_.push_back(MakeOverflowResource());
}

void Durations::Record(const Measurement& m) {
  if (m.request_method.empty() && m.status_code == 0) {  // of no HTTP
    const bool is_call = !m.rpc_system.empty();
    const bool is_operation =
        m.database != nullptr && m.kind == exporters::SpanKind::kClient;  // the conventions have no server's
    if (!is_call && !is_operation) return;
  }
  const uint32_t resource = ResourceIndex(m.resource);
  const std::string_view key = key_.Of(m);
  DurationSeries* series = table_.Find(resource, key);
  if (series == nullptr && table_.series().size() < limits_.series && resource != kOverflowResource) {
    series = &table_.Insert(resource, key);
  } else if (series == nullptr) {
    ++overflowed_;
    const std::string overflow = SeriesKey::Overflow(m.kind, KindOf(m));  // short enough to need no memory of its own
    series = table_.Find(resource, overflow);
    if (series == nullptr) series = &table_.Insert(resource, overflow);
  }
  if (series->histogram.count == 0) ++active_series_;
  series->histogram.Add(m.duration_ns);
}

uint32_t Durations::ResourceIndex(const exporters::Resource* resource) {
  if (resource == nullptr) return kOverflowResource;
  if (resource->id == last_resource_id_ && last_resource_ != kOverflowResource) return last_resource_;
  const uint64_t hash = Mix(0, resource->id);
  size_t mask = resource_slots_.size() - 1;
  size_t slot = (hash ^ (hash >> 32)) & mask;
  for (; resource_slots_[slot] != 0; slot = (slot + 1) & mask) {
    if (resources_[resource_slots_[slot] - 1]->id != resource->id) continue;
    last_resource_id_ = resource->id;
    return last_resource_ = resource_slots_[slot] - 1;
  }
  if (resources_.size() > limits_.resources) return kOverflowResource;
  resources_.push_back(std::make_shared<exporters::Resource>(*resource));
  if (resources_.size() * 2 > resource_slots_.size()) {
    RehashResources();
  } else {
    resource_slots_[slot] = static_cast<uint32_t>(resources_.size());
  }
  last_resource_id_ = resource->id;
  return last_resource_ = static_cast<uint32_t>(resources_.size() - 1);
}

void Durations::RehashResources() {
  resource_slots_.assign(resource_slots_.size() * 2, 0);
  const size_t mask = resource_slots_.size() - 1;
  for (size_t i = 1; i < resources_.size(); ++i) {  // 0 is the overflow resource, which is never looked up
    const uint64_t hash = Mix(0, resources_[i]->id);
    size_t slot = (hash ^ (hash >> 32)) & mask;
    while (resource_slots_[slot] != 0) slot = (slot + 1) & mask;
    resource_slots_[slot] = static_cast<uint32_t>(i + 1);
  }
}

void Durations::Reset() {
  const bool crowded = table_.series().size() * 2 > limits_.series || resources_.size() * 2 > limits_.resources;
  const bool mostly_unused = active_series_ * 4 < table_.series().size();
  active_series_ = 0;
  if (!crowded || !mostly_unused) {
    for (DurationSeries& series : table_.series()) series.histogram = {};
    return;
  }
  table_.Clear();
  resources_.resize(1);
  resource_slots_.assign(kFirstSlots, 0);
  last_resource_ = kOverflowResource;
}

}  // namespace wirespan::metrics
