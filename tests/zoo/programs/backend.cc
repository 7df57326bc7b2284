// The zoo's backend: one thread per connection, each request answered after 0 to 8 ms (seeded), each logged with what tells which
// connection and which request on it: the half of the truth that the service's calls are held against.
//   ws_zoo_backend --log FILE [--seed N] [--limit-us 8000]     prints `listening PORT` (127.0.0.1 and, where there is, ::1)
// Paths: .../error answers 500, .../slow after 60 ms, .../reset closes without an answer; any other 200.
// Log, tab-separated: peer address, peer port, connection, ordinal on it, X-Gt, status, request whole (ns), answer sent (ns).
#include <atomic>
#include <cstring>
#include <mutex>
#include <thread>

#include "tests/zoo/programs/connection.h"

namespace wirespan::zoo {
namespace {

struct Options {
  const char* log = nullptr;
  uint64_t seed = 1;
  uint64_t limit_us = 8000;
};

class Log {
 public:
  bool Open(const char* path) { return (file_ = std::fopen(path, "w")) != nullptr; }
  void Write(const Peer& peer, uint64_t connection, uint64_t ordinal, const std::string& truth, int status, int64_t begun_ns) {
    const std::lock_guard lock(mutex_);
    std::fprintf(file_, "%s\t%u\t%llu\t%llu\t%s\t%d\t%lld\t%lld\n", peer.address.c_str(), unsigned{peer.port},
                 static_cast<unsigned long long>(connection), static_cast<unsigned long long>(ordinal),
                 truth.empty() ? "-" : truth.c_str(), status, static_cast<long long>(begun_ns),
                 static_cast<long long>(UnixNow()));
    std::fflush(file_);
  }

 private:
  std::mutex mutex_;
  std::FILE* file_ = nullptr;
};

int StatusFor(std::string_view target) {
  if (target.ends_with("/error")) return 500;
  return target.ends_with("/reset") ? 0 : 200;
}

void Serve(Connection connection, const Peer& peer, uint64_t number, const Options& options, Log& log) {
  for (uint64_t ordinal = 0;; ++ordinal) {
    const auto head = connection.Receive(false);
    if (!head) return;
    const int64_t begun_ns = UnixNow();
    const auto parsed = testprograms::ParseHead(*head);
    const std::string truth(testprograms::FieldValue(parsed->block, "x-gt"));
    std::string_view target = parsed->start_line.substr(parsed->start_line.find(' ') + 1);
    target = target.substr(0, target.find(' '));
    const int status = StatusFor(target);
    Pause(target.ends_with("/slow") ? 60'000
                                    : testprograms::Mix(options.seed ^ (number << 20U) ^ ordinal) % (options.limit_us + 1));
    // Logged before it is sent: whoever has the answer finds its line.
    log.Write(peer, number, ordinal, truth, status, begun_ns);
    if (status == 0) return;
    const std::string answer = "HTTP/1.1 " + std::string(status == 200 ? "200 OK" : "500 Internal Server Error") +
                               "\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n" +
                               (parsed->close ? "Connection: close\r\n" : "") + "\r\nok\n";
    if (!connection.Send(answer) || parsed->close) return;
  }
}

void Accept(int listener, const Options& options, Log& log, std::atomic<uint64_t>& connections) {
  while (true) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const int fd = accept4(listener, reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC);
    if (fd < 0) continue;
    std::thread([fd, peer = PeerOf(from), number = connections++, &options, &log] {
      Serve(Connection(fd), peer, number, options, log);
    }).detach();
  }
}

int Main(int count, char** arguments) {
  Options options;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string_view name = arguments[i];
    if (name == "--log") options.log = arguments[i + 1];
    if (name == "--seed") options.seed = std::strtoull(arguments[i + 1], nullptr, 10);
    if (name == "--limit-us") options.limit_us = std::strtoull(arguments[i + 1], nullptr, 10);
  }
  static Log log;
  if (options.log == nullptr || !log.Open(options.log)) return std::fprintf(stderr, "backend: --log FILE is needed\n"), 2;
  const int ipv4 = Listen(AF_INET, 0);
  if (ipv4 < 0) return std::fprintf(stderr, "backend: cannot listen: %s\n", std::strerror(errno)), 1;
  const uint16_t port = LocalPort(ipv4);
  const int ipv6 = Listen(AF_INET6, port);
  std::printf("listening %u\n", unsigned{port});
  std::fflush(stdout);
  static std::atomic<uint64_t> connections{0};
  if (ipv6 >= 0) std::thread([&options, ipv6] { Accept(ipv6, options, log, connections); }).detach();
  Accept(ipv4, options, log, connections);
  return 0;
}

}  // namespace
}  // namespace wirespan::zoo

int main(int count, char** arguments) { return wirespan::zoo::Main(count, arguments); }
