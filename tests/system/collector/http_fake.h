// HttpFake: a small HTTP/1.1 server on a free loopback port that answers as it is told, to force faults that a real collector
// does not show on demand. One connection at a time, in its own thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace wirespan::testing_servers {

struct HttpRequest {
  std::string line;                            // "POST /v1/traces HTTP/1.1"
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  std::chrono::steady_clock::time_point time;
};

struct HttpAnswer {
  enum class Kind { kAnswer, kClose, kSilence };  // kSilence: keeps the connection open and says nothing until it is closed
  int status = 200;
  std::vector<std::string> headers{};  // "retry-after: 1"
  std::string body{};
  Kind kind = Kind::kAnswer;
};

class HttpFake {
 public:
  // Answers in this order, then 200 with an empty body for ever.
  explicit HttpFake(std::deque<HttpAnswer> answers);
  ~HttpFake();
  HttpFake(const HttpFake&) = delete;
  HttpFake& operator=(const HttpFake&) = delete;

  int port() const { return port_; }
  std::vector<HttpRequest> requests();
  void WaitForRequests(size_t count);  // blocks until so many have come

 private:
  void Run();
  bool ServeOne(int fd, std::string& buffer);

  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> ending_{false};
  std::atomic<int> connection_{-1};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<HttpAnswer> answers_;
  std::vector<HttpRequest> requests_;
  std::thread thread_;
};

}  // namespace wirespan::testing_servers
