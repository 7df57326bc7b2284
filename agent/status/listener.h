// Listener: answers GET /healthz, /readyz and /metrics over HTTP, from a StatusBoard and nothing else. A few threads (http-N),
// each with at most one connection, one request per connection; what finds no thread waits in the kernel's short queue. Every
// connection has a deadline and a limit of bytes, so neither a slow nor a greedy client holds a thread for long.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"
#include "agent/status/board.h"
#include "agent/status/listen_address.h"

namespace wirespan::status {

struct ListenerOptions {
  size_t threads = 3;
  std::chrono::milliseconds deadline{2'000};  // for one connection, from accept to close
  size_t max_request_bytes = 16'384;
  std::chrono::milliseconds snapshot_patience{1'000};
};

class Listener {
 public:
  // Binds; answers nothing yet. Error: one line, what to do with it.
  static Result<std::unique_ptr<Listener>> Open(const ListenAddress& address, ListenerOptions options = {});
  ~Listener();  // as Stop
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Starts the threads. `board` must outlive Stop. Once.
  void Serve(StatusBoard& board);
  // Ends at once, connections in mid-request too.
  void Stop();

  uint16_t port() const { return port_; }
  const std::string& url() const { return url_; }  // "http://127.0.0.1:9464"

 private:
  Listener() = default;
  Result<void> Bind(const ListenAddress& address);
  Result<void> FinishOpen(const ListenAddress& address);

  class Answers;
  void Run(Answers& answers);
  UniqueFd Accept();
  bool stopped() const;

  ListenerOptions options_;
  UniqueFd socket_;
  UniqueFd stop_;  // eventfd: readable once Stop was called
  uint16_t port_ = 0;
  std::string url_;
  std::unique_ptr<Answers> answers_;
  std::vector<std::thread> threads_;
};

}  // namespace wirespan::status
