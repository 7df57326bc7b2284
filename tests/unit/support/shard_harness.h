// ShardHarness: a Shard with its world recorded, for tests that feed records and look at what came out.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/pipeline/shard.h"
#include "tests/unit/support/event_maker.h"

namespace wirespan::testing {

class FixedResources final : public process::ResourceSource {
 public:
  FixedResources() {
    auto resource = std::make_shared<exporters::Resource>();
    resource->id = 1;
    resource->service_name = "shop";
    resource->attributes.String("service.name", "shop");
    resource_ = std::move(resource);
  }
  std::shared_ptr<const exporters::Resource> ResourceOf(uint32_t /*tgid*/) override {
    ++asked;
    return resource_;
  }
  int asked = 0;

 private:
  std::shared_ptr<const exporters::Resource> resource_;  // shared: as in the product
};

class RecordedPolicy final : public stream::ConnectionPolicy {
 public:
  void Off(ConnectionId connection) override { off.push_back(connection); }
  void Budget(ConnectionId connection, uint32_t bytes, ConnectionRole role) override {
    budgets.emplace_back(connection, bytes);
    roles.push_back(role);
  }
  void Frames(ConnectionId connection, uint32_t bytes, ConnectionRole role) override {
    walked.push_back(connection);
    Budget(connection, bytes, role);
  }
  std::vector<ConnectionId> walked;
  std::vector<ConnectionId> off;
  std::vector<std::pair<ConnectionId, uint32_t>> budgets;
  std::vector<ConnectionRole> roles;  // told with them
};

class CountedMeasurements final : public pipeline::MeasurementSink {
 public:
  void Record(const metrics::Measurement& measurement) override {
    ++count;
    total_ns += measurement.duration_ns;
    if (!measurement.rpc_system.empty()) ++rpc_count;
    if (!measurement.request_method.empty()) ++http_count;
    if (measurement.database == nullptr) return;
    const metrics::DatabaseMeasurement& database = *measurement.database;
    operation.clear();
    for (const std::string_view part : {database.system, database.name_space, database.operation, database.status_code}) {
      operation.append(part).append("|");
    }
  }
  uint64_t count = 0;
  uint64_t total_ns = 0;
  uint64_t rpc_count = 0;
  uint64_t http_count = 0;
  std::string operation;  // "redis|3|HGET|WRONGTYPE|" of the last one with a database
};

// What a test compares of a span.
struct SpanView {
  std::string path;
  std::string method;
  int64_t status = 0;
  std::string incomplete;  // empty: complete
  exporters::SpanKind kind = exporters::SpanKind::kServer;
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
  Token token = 0;
  uint32_t index = 0;

  bool complete() const { return incomplete.empty(); }
  // Everything that must not depend on how the bytes were cut into calls.
  auto Identity() const { return std::tuple(path, method, status, incomplete, kind); }
};

inline std::string TextOf(const exporters::AttributeList& list, std::string_view key) {
  const auto found = list.Find(key);
  return found ? std::string(found->string_value) : std::string();
}

class RecordedFacts final : public pipeline::FactSink {
 public:
  void Deliver(trace::FactBatch& batch) override {
    ++batches;
    for (trace::Fact& fact : batch) {
      if (const auto* seen = std::get_if<trace::RequestSeen>(&fact)) requests.push_back(*seen);
      if (const auto* started = std::get_if<trace::ResponseStarted>(&fact)) responses.push_back(*started);
      if (const auto* wake = std::get_if<CompletionWake>(&fact)) wakes.push_back(*wake);
      if (const auto* ended = std::get_if<trace::ProcessEnded>(&fact)) processes.push_back(*ended);
      if (const auto* span = std::get_if<trace::SpanFinished>(&fact)) Add(*span);
      order += Letter(fact);
    }
  }

  std::vector<trace::RequestSeen> requests;
  std::vector<trace::ResponseStarted> responses;
  std::vector<trace::SpanFinished> finished;
  std::vector<CompletionWake> wakes;
  std::vector<trace::ProcessEnded> processes;
  std::vector<SpanView> spans;
  std::string order;  // Q request, R response, S span, C continued, W wake, P process, L loss
  int batches = 0;

 private:
  static char Letter(const trace::Fact& fact) { return "QRSCWPL"[fact.index()]; }
  void Add(const trace::SpanFinished& fact) {
    finished.push_back(fact);
    const exporters::AttributeList& attributes = fact.span->attributes;
    SpanView view;
    view.path = TextOf(attributes, "url.path");
    if (view.path.empty()) {
      const std::string url = TextOf(attributes, "url.full");
      const size_t scheme = url.find("://");
      const size_t slash = scheme == std::string::npos ? std::string::npos : url.find('/', scheme + 3);
      view.path = slash == std::string::npos ? url : url.substr(slash);
    }
    view.method = TextOf(attributes, "http.request.method");
    const auto status = attributes.Find("http.response.status_code");
    view.status = status ? status->int_value : 0;
    view.incomplete = TextOf(attributes, "wirespan.incomplete");
    view.kind = fact.span->kind;
    view.start_ns = fact.start_ns;
    view.end_ns = fact.time_ns;
    view.token = fact.token;
    view.index = fact.index;
    spans.push_back(std::move(view));
  }
};

class ShardHarness {
 public:
  explicit ShardHarness(pipeline::ShardConfig config = {})
      : shard(config, {.resources = resources, .policy = policy, .facts = facts, .measurements = measurements}) {}

  void Feed(const Record& record) { shard.Accept(std::span<const std::byte>(record)); }
  void Feed(const std::vector<Record>& records) {
    for (const Record& record : records) Feed(record);
  }
  // A tick far after anything fed so far: whatever waits is let go.
  void Settle() {
    now_ += uint64_t{1} << 42U;
    shard.Tick(now_);
  }
  void Tick(uint64_t now_ns) { shard.Tick(now_ = std::max(now_, now_ns)); }
  const Losses& losses() const { return shard.losses(); }
  uint64_t Lost(Loss loss) const { return shard.losses()[loss]; }
  // requests_seen == spans + open + losses of exchanges
  bool Balances() const {
    return losses().requests_seen == losses().spans_emitted + shard.open_exchanges() + losses().ExchangesLost();
  }

  FixedResources resources;
  RecordedPolicy policy;
  RecordedFacts facts;
  CountedMeasurements measurements;
  pipeline::Shard shard;

 private:
  uint64_t now_ = 0;
};

inline std::string Get(std::string_view path, std::string_view more = {}) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: shop\r\n" + std::string(more) + "\r\n";
}
inline std::string Ok(std::string_view body, int status = 200) {
  return "HTTP/1.1 " + std::to_string(status) + " OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

}  // namespace wirespan::testing
