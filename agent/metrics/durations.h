// Durations: `http.server.request.duration`, `http.client.request.duration` and, of exchanges that are RPC calls, in their
// place `rpc.server.call.duration`, `rpc.client.call.duration`, of a database's clients `db.client.operation.duration`, of one
// shard, as what was added since the last hand-over. Owned and used by one shard thread; Record allocates nothing once a series
// exists. MetricTotals (metric_totals.h) takes the sums over.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/metrics/histogram.h"
#include "agent/metrics/measurement.h"
#include "exporters/span.h"

namespace wirespan::metrics {

struct CardinalityLimits {
  size_t series = 2000;     // of all resources together; further ones go to their resource's overflow series
  size_t resources = 1024;  // further ones go to one overflow resource
};

// The attributes of a series in their canonical form: the key that series are compared by. Never longer than kMaxSeriesKeyBytes.
inline constexpr size_t kMaxSeriesKeyBytes = 592;

struct DurationSeries {
  std::string key;  // canonical bytes; see SeriesKey
  uint64_t hash = 0;
  uint32_t resource = 0;  // index into resources
  DurationHistogram histogram;
};

// What an exchange is measured as.
enum class MeasuredAs : uint8_t { kHttpRequest = 0, kRpcCall = 1, kDatabaseOperation = 2 };
inline MeasuredAs KindOf(const Measurement& m) {
  if (m.database != nullptr) return MeasuredAs::kDatabaseOperation;
  return m.rpc_system.empty() ? MeasuredAs::kHttpRequest : MeasuredAs::kRpcCall;
}

// Writes and reads the canonical bytes of a series: what is equal has equal bytes.
class SeriesKey {
 public:
  // The key of `m`, in a buffer that the next call reuses. Long strings are cut (at 96 bytes).
  std::string_view Of(const Measurement& m);
  // The key of the series that takes what no series has room for.
  static std::string Overflow(exporters::SpanKind kind, MeasuredAs as);

  struct Parts {
    bool overflow = false;
    MeasuredAs as = MeasuredAs::kHttpRequest;
    exporters::SpanKind kind = exporters::SpanKind::kServer;
    int64_t status_code = 0;
    int64_t server_port = 0;
    std::string_view error_type, server_address;
    std::string_view request_method, url_scheme, protocol_version;           // kHttpRequest
    std::string_view rpc_system, rpc_method, rpc_status_code;                // kRpcCall
    std::string_view db_system, db_namespace, db_operation, db_status_code;  // kDatabaseOperation
  };
  static Parts Parse(std::string_view key);

 private:
  char buffer_[kMaxSeriesKeyBytes];
};

// Open addressing over (resource, key); series are never removed one by one.
class SeriesTable {
 public:
  explicit SeriesTable(uint64_t seed);  // 0: a random one
  // nullptr: not there.
  DurationSeries* Find(uint32_t resource, std::string_view key);
  DurationSeries& Insert(uint32_t resource, std::string_view key);
  std::vector<DurationSeries>& series() { return series_; }
  const std::vector<DurationSeries>& series() const { return series_; }
  void Clear();

 private:
  static constexpr size_t kRecent = 512;
  uint64_t Hash(uint32_t resource, std::string_view key) const;
  DurationSeries* FindHashed(uint32_t resource, std::string_view key);
  void Grow();

  uint64_t seed_;
  std::vector<DurationSeries> series_;
  std::vector<uint32_t> slots_;  // index into series_ + 1; 0: free
  // The series found last for a key of that look: most are found again, by one comparison.
  std::array<uint32_t, kRecent> recent_{};  // index into series_ + 1; 0: none
};

class Durations {
 public:
  // `seed`: of the hash of series; 0: a random one, so that a client that chooses host names cannot choose collisions.
  explicit Durations(CardinalityLimits limits = {}, uint64_t seed = 0);

  void Record(const Measurement& m);

  uint64_t id() const { return id_; }                  // unique within the process
  uint64_t overflowed() const { return overflowed_; }  // measurements that went to an overflow series, ever
  const std::vector<std::shared_ptr<const exporters::Resource>>& resources() const { return resources_; }
  SeriesTable& table() { return table_; }
  // Forgets every count (after a hand-over); series stay, until there are so many unused ones that it pays to start again.
  void Reset();

 private:
  static constexpr uint32_t kOverflowResource = 0;  // index of the one that takes what no resource has room for
  uint32_t ResourceIndex(const exporters::Resource* resource);
  void RehashResources();

  const uint64_t id_;
  CardinalityLimits limits_;
  SeriesKey key_;
  SeriesTable table_;
  // Copies: a Measurement lends its resource for the call only, and series outlive their process until they are exported.
  std::vector<std::shared_ptr<const exporters::Resource>> resources_;
  std::vector<uint32_t> resource_slots_;  // open addressing by Resource::id; index + 1
  uint64_t last_resource_id_ = 0;         // most measurements are of the resource before
  uint32_t last_resource_ = kOverflowResource;
  size_t active_series_ = 0;  // with a count since the last Reset
  uint64_t overflowed_ = 0;
};

}  // namespace wirespan::metrics
