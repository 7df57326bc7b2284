// Workload: HTTP/1 load as the records that the kernel would put on a ring (bpf/shared/events.h), written from a seed: the same
// seed gives the same bytes. A few processes serve keep-alive connections with blocking worker threads; in the shape of a proxy
// each request makes one call upstream in the same turn of its thread, over a pooled connection, with the tokens that the
// kernel would stamp. One object writes one shard's ring. Not part of the measured path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/shared/events.h"

namespace wirespan::bench {

enum class Shape : uint8_t {
  kServer,  // every connection is a server's: a request, its response
  kProxy,   // half of the connections are the proxy's to its upstream: a request, a call, its response, the answer
};

struct WorkloadOptions {
  Shape shape = Shape::kServer;
  uint32_t connections = 1'000;  // at least 2 * kWorkers
  bool has_tokens = true;        // false: the threads' stamps say nothing of what they work for
  uint32_t first_process = 1;    // workloads of one run differ in it: their processes and connections are others
  uint64_t rate = 40'000;        // exchanges per second of the records' own time
  uint64_t seed = 1;
};

// Where records lie one behind another, each after 8 bytes with its length and at a multiple of 8, as on the kernel's ring.
class RecordRing {
 public:
  explicit RecordRing(size_t capacity) { bytes_.reserve(capacity); }
  void Clear() { bytes_.clear(), records_ = 0; }
  template <typename Wire>
  void Put(const Wire& wire, std::string_view payload);
  template <typename Take>
  void ForEach(Take&& take) const {
    for (size_t at = 0; at < bytes_.size();) {
      uint64_t length = 0;
      std::memcpy(&length, bytes_.data() + at, sizeof length);
      take(std::span<const std::byte>(bytes_).subspan(at + sizeof length, length));
      at += sizeof length + (length + 7) / 8 * 8;
    }
  }
  size_t bytes() const { return bytes_.size(); }
  size_t records() const { return records_; }

 private:
  std::vector<std::byte> bytes_;
  size_t records_ = 0;
};

class Workload {
 public:
  static constexpr uint32_t kWorkers = 64;  // threads, and so exchanges under way
  static constexpr uint32_t kProcesses = 20;
  static constexpr uint64_t kRoundNs = 10'000'000;
  static constexpr uint64_t kStartNs = 1'000'000'000'000;  // boot time of the first record

  explicit Workload(const WorkloadOptions& options);

  // Opens connections that are not open yet, `count` at most. False: all of them are open.
  bool Open(uint32_t count, RecordRing& ring);
  // What happens in the next kRoundNs. At first every connection is used once, in order; then they are chosen at random.
  void Round(RecordRing& ring);
  // Time passes, and nothing happens.
  void Rest() { now_ns_ += kRoundNs; }
  void RestUntil(uint64_t time_ns) { now_ns_ = now_ns_ < time_ns ? time_ns : now_ns_; }
  // Ends what is under way.
  void Finish(RecordRing& ring);

  uint64_t now_ns() const { return now_ns_; }           // of the last record, or the end of the last round
  uint64_t requests_sent() const { return requests_; }  // on either side: as many exchanges have begun
  uint32_t first_process() const { return options_.first_process; }

 private:
  struct Connection {
    uint32_t position[2];  // by ws_direction
    uint64_t moved[2];
    uint32_t turn;
    bool busy;
  };
  enum class Stage : uint8_t { kIdle, kRequestHalf, kServing, kCalled, kCallAnswered };
  struct Worker {
    uint32_t tid;
    uint32_t process;  // 0 .. kProcesses - 1
    Stage stage;
    uint32_t front, upstream;  // connections of the exchange under way
    uint64_t exchange, call;   // their tokens
    uint64_t active, last_call;
    uint32_t active_source;
    uint32_t sequence;
    uint16_t activations;
    uint64_t cpu_ns, woken_ns, run_delay_ns;
    std::string request;  // the second half of one that comes in two
  };

  bool IsClient(uint32_t connection) const { return connection >= fronts_; }
  uint64_t InodeOf(uint32_t connection) const;
  uint32_t Choose(uint32_t process, uint32_t from, uint32_t to, uint32_t& next);
  uint64_t Pick(uint64_t below) { return random_() % below; }
  void Step(Worker& worker, RecordRing& ring);
  void BeginRequest(Worker& worker, RecordRing& ring);
  void Call(Worker& worker, RecordRing& ring);
  void TakeAnswer(Worker& worker, RecordRing& ring);
  void Answer(Worker& worker, RecordRing& ring);
  void Move(Worker& worker, uint32_t connection, ws_direction direction, std::string_view text, uint32_t flags, RecordRing& ring);
  std::string Request(uint64_t kind, bool is_upstream);
  std::string Response();

  WorkloadOptions options_;
  std::mt19937_64 random_;
  uint32_t fronts_;  // connections [0, fronts_) are servers', the others clients'
  uint32_t opened_ = 0;
  uint64_t now_ns_ = kStartNs;
  uint64_t step_ns_;
  uint64_t requests_ = 0;
  std::vector<Connection> connections_;
  std::vector<Worker> workers_;
  std::vector<uint32_t> next_front_, next_upstream_;  // by process: the first connection that was not used yet
};

}  // namespace wirespan::bench
