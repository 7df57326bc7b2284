// The zoo's load client: N clients, a thread each, one request at a time, a seeded pause before each. It gives every request its
// ground truth (X-Gt) and logs which connection carried it.
//   ws_zoo_driver --port P --log FILE [--seed N] [--path /run] [--pause-us 2000] [--limit-s 20]
// Standard input: `PHASE REQUESTS CLIENTS keep|close` per line; each is answered with `done PHASE ANSWERED FAILED`. Ends at its
// end. Log, tab-separated: phase, local port, connection, ordinal on it, X-Gt, status (0: no answer), begun (ns), ended (ns).
#include <atomic>
#include <cstring>
#include <iostream>
#include <mutex>
#include <sstream>
#include <thread>
#include <vector>

#include "tests/zoo/programs/connection.h"

namespace wirespan::zoo {
namespace {

struct Options {
  uint16_t port = 0;
  const char* log = nullptr;
  uint64_t seed = 1;
  std::string path = "/run";
  uint64_t pause_us = 2000;
  int limit_s = 20;
};

struct Phase {
  std::string name;
  uint64_t number = 0;
  uint64_t requests = 0;
  uint64_t clients = 0;
  bool keep = true;
};

class Driver {
 public:
  explicit Driver(Options options) : options_(std::move(options)) {}

  bool Open() { return (log_ = std::fopen(options_.log, "w")) != nullptr; }

  void Run(const Phase& phase) {
    next_ = 0;
    answered_ = 0;
    std::vector<std::thread> clients;
    for (uint64_t client = 0; client < phase.clients; ++client) {
      clients.emplace_back([this, &phase, client] { Client(phase, client); });
    }
    for (auto& client : clients) client.join();
    std::fflush(log_);
    std::printf("done %s %llu %llu\n", phase.name.c_str(), static_cast<unsigned long long>(answered_),
                static_cast<unsigned long long>(phase.requests - answered_));
    std::fflush(stdout);
  }

 private:
  void Client(const Phase& phase, uint64_t client) {
    uint64_t random = testprograms::Mix(options_.seed ^ (phase.number << 32U) ^ client);
    Connection connection;
    uint64_t connection_number = 0;
    uint64_t ordinal = 0;
    uint16_t port = 0;
    for (uint64_t request = next_++; request < phase.requests; request = next_++) {
      random = testprograms::Mix(random);
      Pause(random % (options_.pause_us + 1));
      if (!connection.open()) {
        if (!connection.Dial(options_.port, options_.limit_s)) continue;
        connection_number = connections_++;
        ordinal = 0;
        port = connection.local_port();
      }
      char truth[64];
      std::snprintf(truth, sizeof truth, "%s.%llu.%08x", phase.name.c_str(), static_cast<unsigned long long>(request),
                    static_cast<unsigned>(random >> 32U));
      const int64_t begun_ns = UnixNow();
      const int status = Ask(connection, truth, phase.keep);
      Write(phase, port, connection_number, ordinal++, truth, status, begun_ns);
      if (status == 0 || !phase.keep) connection.Close();
      if (status != 0) ++answered_;
    }
  }

  int Ask(Connection& connection, const char* truth, bool keep) {
    const std::string text = "GET " + options_.path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options_.port) +
                             "\r\nUser-Agent: zoo\r\nAccept: */*\r\nX-Gt: " + truth + (keep ? "" : "\r\nConnection: close") +
                             "\r\n\r\n";
    if (!connection.Send(text)) return 0;
    const auto answer = connection.Receive(true);
    if (!answer || answer->size() < 12) return 0;
    const auto head = testprograms::ParseHead(*answer);
    if (head && head->close) connection.Close();
    return std::atoi(answer->c_str() + 9);
  }

  void Write(const Phase& phase, uint16_t port, uint64_t connection, uint64_t ordinal, const char* truth, int status,
             int64_t begun_ns) {
    const int64_t ended_ns = UnixNow();
    const std::lock_guard lock(mutex_);
    std::fprintf(log_, "%s\t%u\t%llu\t%llu\t%s\t%d\t%lld\t%lld\n", phase.name.c_str(), unsigned{port},
                 static_cast<unsigned long long>(connection), static_cast<unsigned long long>(ordinal), truth, status,
                 static_cast<long long>(begun_ns), static_cast<long long>(ended_ns));
  }

  const Options options_;
  std::FILE* log_ = nullptr;
  std::mutex mutex_;
  std::atomic<uint64_t> next_{0};
  std::atomic<uint64_t> answered_{0};
  std::atomic<uint64_t> connections_{0};
};

int Main(int count, char** arguments) {
  Options options;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string_view name = arguments[i];
    const char* value = arguments[i + 1];
    if (name == "--port") options.port = static_cast<uint16_t>(std::atoi(value));
    if (name == "--log") options.log = value;
    if (name == "--seed") options.seed = std::strtoull(value, nullptr, 10);
    if (name == "--path") options.path = value;
    if (name == "--pause-us") options.pause_us = std::strtoull(value, nullptr, 10);
    if (name == "--limit-s") options.limit_s = std::atoi(value);
  }
  if (options.port == 0 || options.log == nullptr) return std::fprintf(stderr, "driver: --port P and --log FILE are needed\n"), 2;
  Driver driver(options);
  if (!driver.Open()) return std::fprintf(stderr, "driver: cannot write %s: %s\n", options.log, std::strerror(errno)), 1;
  std::printf("ready\n");
  std::fflush(stdout);
  std::string line;
  for (uint64_t number = 1; std::getline(std::cin, line); ++number) {
    std::istringstream words(line);
    Phase phase;
    std::string mode;
    if (!(words >> phase.name >> phase.requests >> phase.clients >> mode)) {
      return std::fprintf(stderr, "driver: not a phase: %s\n", line.c_str()), 2;
    }
    phase.number = number;
    phase.keep = mode == "keep";
    driver.Run(phase);
  }
  return 0;
}

}  // namespace
}  // namespace wirespan::zoo

int main(int count, char** arguments) { return wirespan::zoo::Main(count, arguments); }
