#include "tests/bench/workload.h"

#include <algorithm>
#include <cstring>

namespace wirespan::bench {
namespace {

constexpr uint32_t kCurl = 60, kBrowser = 30;  // of 100 requests; the rest have 20 header fields
constexpr uint32_t kSplitIn = 50;              // one request of so many comes in two reads
constexpr uint32_t kMaxCaptured = WS_MAX_PAYLOAD;

constexpr std::string_view kBrowserFields =
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    "Referer: https://shop.example.com/catalogue/shoes\r\nConnection: keep-alive\r\n"
    "Cookie: session=6f2d9c1e7a; theme=dark; basket=1174; consent=yes\r\nUpgrade-Insecure-Requests: 1\r\n"
    "Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nPriority: u=0, i\r\n";
constexpr std::string_view kManyFields =
    "User-Agent: orders-client/4.17.2 (linux; java 21.0.4)\r\nAccept: application/json, application/problem+json\r\n"
    "Accept-Encoding: gzip\r\nAuthorization: Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6IjE3In0.eyJzdWIiOiJzdmMtb3JkZXJzIiwiYXVkIjoic2h"
    "vcCIsImV4cCI6MTczMjIzMzYwMCwic2NvcGUiOiJvcmRlcnM6cmVhZCBvcmRlcnM6d3JpdGUgY2F0YWxvZ3VlOnJlYWQifQ.c2lnbmF0dXJlLXdvdWxkLXN0YW"
    "5kLWhlcmUtaW4tYmFzZTY0\r\nConnection: keep-alive\r\nCache-Control: no-cache\r\nPragma: no-cache\r\n"
    "X-Request-Id: 0d5bb8e6-5a43-4f0c-9f5e-2f4c7d1b9a11\r\nX-Correlation-Id: 7a2f9e10-31c8-4b8e-8f5f-6c1f2b9d4e77\r\n"
    "X-Tenant: acme-industries\r\nX-Region: eu-central-1\r\nX-Api-Version: 2024-11-01\r\nX-Client-Name: orders\r\n"
    "X-Client-Version: 4.17.2\r\nX-Feature-Flags: new-basket,fast-checkout,price-rounding\r\nX-Retry-Count: 0\r\n"
    "X-Deadline-Ms: 2500\r\n";
constexpr std::string_view kResponseFields =
    "Server: nginx/1.26.2\r\nDate: Sun, 22 Nov 2026 10:15:00 GMT\r\nContent-Type: application/json\r\n"
    "Connection: keep-alive\r\nCache-Control: private, max-age=0\r\nVary: Accept-Encoding\r\n";

void AppendHex(uint64_t value, std::string& out) {
  for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[(value >> shift) & 15U];
}

}  // namespace

template <typename Wire>
void RecordRing::Put(const Wire& wire, std::string_view payload) {
  const uint64_t length = sizeof wire + payload.size();
  const size_t at = bytes_.size();
  bytes_.resize(at + sizeof length + (length + 7) / 8 * 8);
  std::byte* to = bytes_.data() + at;
  std::memcpy(to, &length, sizeof length);
  std::memcpy(to + sizeof length, &wire, sizeof wire);
  if (!payload.empty()) std::memcpy(to + sizeof length + sizeof wire, payload.data(), payload.size());
  ++records_;
}

Workload::Workload(const WorkloadOptions& options)
    : options_(options),
      random_(options.seed),
      fronts_(options.shape == Shape::kProxy ? options.connections / 2 : options.connections),
      step_ns_(std::max<uint64_t>(1, 500'000'000 / options.rate)),  // two records an exchange
      connections_(options.connections),
      workers_(kWorkers),
      next_front_(kProcesses),
      next_upstream_(kProcesses) {
  for (uint32_t i = 0; i < connections_.size(); ++i) {
    connections_[i] = {.position = {1000 + 7919 * i, 5000 + 104'729 * i}, .moved = {}, .turn = 0, .busy = false};
  }
  for (uint32_t i = 0; i < kWorkers; ++i) {
    workers_[i] = {};
    workers_[i].tid = 100'000 * options.first_process + i;
    workers_[i].process = i % kProcesses;
    workers_[i].woken_ns = now_ns_;
    workers_[i].run_delay_ns = 1'000;
  }
  for (uint32_t p = 0; p < kProcesses; ++p) next_front_[p] = p, next_upstream_[p] = fronts_ + p;
}

uint64_t Workload::InodeOf(uint32_t connection) const {
  return uint64_t{options_.first_process} * 16'000'000 + 4'000'000 + connection;
}

bool Workload::Open(uint32_t count, RecordRing& ring) {
  for (; count > 0 && opened_ < connections_.size(); --count, ++opened_) {
    const uint32_t process = (IsClient(opened_) ? opened_ - fronts_ : opened_) % kProcesses;
    ws_connection_event wire{};
    wire.header = {.type = WS_EVENT_CONNECTION_OPENED, .size = sizeof wire, .time_ns = ++now_ns_};
    wire.inode = InodeOf(opened_);
    wire.net_namespace = 4026531840;
    wire.opened_ns = now_ns_;
    wire.address.family = WS_FAMILY_IPV4;
    wire.address.local_port = IsClient(opened_) ? static_cast<__u16>(20'000 + opened_ % 40'000) : 8080;
    wire.address.peer_port = IsClient(opened_) ? 9000 : static_cast<__u16>(20'000 + opened_ % 40'000);
    const __u8 local[4] = {10, 0, static_cast<__u8>(options_.first_process), static_cast<__u8>(process)};
    const __u8 peer[4] = {10, static_cast<__u8>(IsClient(opened_) ? 2 : 1), static_cast<__u8>(opened_ >> 16U),
                          static_cast<__u8>(opened_ >> 8U)};
    std::memcpy(wire.address.local, local, sizeof local);
    std::memcpy(wire.address.peer, peer, sizeof peer);
    wire.tgid = options_.first_process + process;
    wire.fd = 7;
    wire.role = IsClient(opened_) ? WS_ROLE_CLIENT : WS_ROLE_SERVER;
    wire.send_position = connections_[opened_].position[WS_SEND];
    wire.receive_position = connections_[opened_].position[WS_RECEIVE];
    ring.Put(wire, {});
  }
  return opened_ < connections_.size();
}

void Workload::Round(RecordRing& ring) {
  const uint64_t end = now_ns_ + kRoundNs;
  while (now_ns_ + step_ns_ < end) Step(workers_[Pick(kWorkers)], ring);
  now_ns_ = end;
}

void Workload::Finish(RecordRing& ring) {
  for (Worker& worker : workers_) {
    while (worker.stage != Stage::kIdle) Step(worker, ring);
  }
}

// A connection of that process in [from, to) that nothing uses now.
uint32_t Workload::Choose(uint32_t process, uint32_t from, uint32_t to, uint32_t& next) {
  uint32_t chosen = next;
  if (next < to) {
    next += kProcesses;
  } else {
    const uint32_t count = (to - from - process + kProcesses - 1) / kProcesses;
    do {
      chosen = from + process + kProcesses * static_cast<uint32_t>(Pick(count));
    } while (connections_[chosen].busy);
  }
  connections_[chosen].busy = true;
  return chosen;
}

void Workload::Step(Worker& worker, RecordRing& ring) {
  now_ns_ += step_ns_;
  switch (worker.stage) {
    case Stage::kIdle:
      return BeginRequest(worker, ring);
    case Stage::kRequestHalf:
      Move(worker, worker.front, WS_RECEIVE, worker.request, 0, ring);
      worker.stage = Stage::kServing;
      return;
    case Stage::kServing:
      return options_.shape == Shape::kProxy ? Call(worker, ring) : Answer(worker, ring);
    case Stage::kCalled:
      return TakeAnswer(worker, ring);
    case Stage::kCallAnswered:
      return Answer(worker, ring);
  }
}

void Workload::BeginRequest(Worker& worker, RecordRing& ring) {
  ++requests_;
  worker.front = Choose(worker.process, 0, fronts_, next_front_[worker.process]);
  // It has slept until the request came.
  worker.cpu_ns += 40'000;
  worker.run_delay_ns += 2'000 + Pick(4'000);
  worker.woken_ns = now_ns_ - 1'000 - Pick(3'000);
  std::string request = Request(Pick(100), false);
  const bool is_split = Pick(kSplitIn) == 0;
  const size_t first = is_split ? request.size() / 2 : request.size();
  Move(worker, worker.front, WS_RECEIVE, std::string_view(request).substr(0, first), WS_DATA_FIRST_OF_TURN, ring);
  worker.exchange = WS_TOKEN(InodeOf(worker.front), connections_[worker.front].turn);
  worker.active = worker.exchange;
  worker.active_source = WS_ACTIVE_READ;
  ++worker.activations;
  worker.request = request.substr(first);
  worker.stage = is_split ? Stage::kRequestHalf : Stage::kServing;
}

void Workload::Call(Worker& worker, RecordRing& ring) {
  ++requests_;
  worker.upstream = Choose(worker.process, fronts_, static_cast<uint32_t>(connections_.size()), next_upstream_[worker.process]);
  Move(worker, worker.upstream, WS_SEND, Request(Pick(100), true), WS_DATA_FIRST_OF_TURN | WS_DATA_ACTIVE_OPEN, ring);
  worker.call = WS_TOKEN(InodeOf(worker.upstream), connections_[worker.upstream].turn);
  worker.stage = Stage::kCalled;
}

void Workload::TakeAnswer(Worker& worker, RecordRing& ring) {
  Move(worker, worker.upstream, WS_RECEIVE, Response(), WS_DATA_FIRST_OF_TURN | WS_DATA_ACTIVE_OPEN, ring);
  connections_[worker.upstream].busy = false;
  worker.active_source = WS_ACTIVE_RESPONSE;
  worker.last_call = worker.call;
  worker.stage = Stage::kCallAnswered;
}

void Workload::Answer(Worker& worker, RecordRing& ring) {
  const uint32_t flags = WS_DATA_FIRST_OF_TURN | WS_DATA_FIRST_OF_RESPONSE | WS_DATA_ACTIVE_OPEN;
  Move(worker, worker.front, WS_SEND, Response(), flags, ring);
  connections_[worker.front].busy = false;
  worker.active = 0;
  worker.active_source = WS_ACTIVE_NONE;
  worker.stage = Stage::kIdle;
}

void Workload::Move(Worker& worker, uint32_t connection, ws_direction direction, std::string_view text, uint32_t flags,
                    RecordRing& ring) {
  Connection& c = connections_[connection];
  const ws_role role = IsClient(connection) ? WS_ROLE_CLIENT : WS_ROLE_SERVER;
  if ((flags & WS_DATA_FIRST_OF_TURN) != 0) ++c.turn;
  const bool is_request = (role == WS_ROLE_CLIENT) == (direction == WS_SEND);
  ws_data_event wire{};
  wire.header = {.type = WS_EVENT_DATA, .size = 0, .time_ns = now_ns_};
  wire.thread.tgid = options_.first_process + worker.process;
  wire.thread.tid = worker.tid;
  wire.thread.sequence = worker.sequence++;
  wire.thread.turn = 1;
  wire.thread.cpu_ns = worker.cpu_ns;
  wire.thread.exec_start_ns = worker.woken_ns;
  wire.thread.run_delay_ns = worker.run_delay_ns;
  wire.thread.cpu = static_cast<__u16>(worker.tid % 2);
  wire.thread.activations = worker.activations;
  if (options_.has_tokens) {
    wire.thread.active = worker.active;
    wire.thread.last_call = worker.last_call;
    wire.thread.active_source = worker.active_source;
  } else {
    flags &= ~static_cast<uint32_t>(WS_DATA_ACTIVE_OPEN);
  }
  wire.inode = InodeOf(connection);
  wire.exchange = WS_TOKEN(wire.inode, is_request ? c.turn : c.turn - 1);
  wire.position = c.position[direction];
  wire.reverse_position = c.position[direction == WS_SEND ? WS_RECEIVE : WS_SEND];
  wire.position_high = static_cast<uint32_t>(c.moved[direction] >> 20U);
  wire.original_size = static_cast<uint32_t>(text.size());
  wire.captured_size = std::min(wire.original_size, kMaxCaptured);
  wire.header.size = static_cast<uint32_t>(sizeof wire) + wire.captured_size;
  wire.flags = flags;
  wire.turn = c.turn;
  wire.direction = static_cast<__u16>(direction);
  wire.role = static_cast<__u16>(role);
  wire.fd = 7;
  wire.srtt_us = 180;
  ring.Put(wire, text.substr(0, wire.captured_size));
  c.position[direction] += wire.original_size;
  c.moved[direction] += wire.original_size;
}

std::string Workload::Request(uint64_t kind, bool is_upstream) {
  const bool has_body = Pick(100) < 15;
  std::string out = has_body ? "POST " : "GET ";
  switch (Pick(4)) {
    case 0:
      out += "/api/v2/orders/" + std::to_string(Pick(100'000));
      break;
    case 1:
      out += "/catalogue/items/" + std::to_string(Pick(5'000)) + "/reviews?page=" + std::to_string(Pick(20)) + "&sort=newest";
      break;
    case 2:
      out += "/healthz";
      break;
    default:
      out += "/search?q=item+" + std::to_string(Pick(900)) + "&limit=25";
  }
  out += " HTTP/1.1\r\nHost: ";
  out += is_upstream ? "orders.internal:9000\r\n" : "shop.example.com\r\n";
  if (kind < kCurl) {
    out += "User-Agent: curl/8.10.1\r\nAccept: */*\r\n";
  } else if (kind < kCurl + kBrowser) {
    out += kBrowserFields;
  } else {
    out += kManyFields;
    out += "traceparent: 00-";
    AppendHex(random_() | 1U, out);
    AppendHex(random_(), out);
    out += '-';
    AppendHex(random_() | 1U, out);
    out += "-01\r\n";
  }
  const std::string body = has_body ? "{\"item\":" + std::to_string(Pick(10'000)) + ",\"count\":1}" : "";
  if (has_body) out += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  return out + "\r\n" + body;
}

std::string Workload::Response() {
  const uint64_t kind = Pick(100);
  const std::string_view line = kind < 94   ? "HTTP/1.1 200 OK\r\n"
                                : kind < 97 ? "HTTP/1.1 404 Not Found\r\n"
                                : kind < 99 ? "HTTP/1.1 201 Created\r\n"
                                            : "HTTP/1.1 503 Service Unavailable\r\n";
  const size_t size = 64 + Pick(600);
  std::string out(line);
  out += kResponseFields;
  out += "Content-Length: " + std::to_string(size) + "\r\n\r\n";
  return out.append(size, 'x');
}

}  // namespace wirespan::bench
