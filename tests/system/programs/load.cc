// load: an HTTP/1.1 client with an exact log. One thread, epoll, C connections, each with its own sequence of requests; every
// request has an id of its own in the path, in User-Agent and (every --traceparent-every-th) in traceparent.
//
//   load (--port P [--host A] | --unix PATH) --log FILE [--connections C] [--requests N] [--depth D] [--statuses 200,404]
//        [--post-every K] [--traceparent-every K] [--seed S] [--hold]
//
// --requests is the total; 0 means "until standard input ends". --hold prints `connected` once every connection stands and waits
// for a line on standard input before the first request, so that a test can attach to open connections. The log has one line per
// request: local port, connection, sequence, method, target, user agent, trace id or "-", status (0: no answer).
// Exit code 0 when every request was answered, 1 otherwise, 2 on wrong usage.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "tests/system/programs/http_text.h"

namespace wirespan::testprograms {
namespace {

struct Options {
  std::string host = "127.0.0.1";
  std::string unix_path;
  std::string log;
  uint16_t port = 0;
  uint32_t connections = 1;
  uint64_t requests = 1;
  uint32_t depth = 1;
  uint32_t post_every = 0;
  uint32_t traceparent_every = 0;
  uint64_t seed = 1;
  bool hold = false;
  std::vector<int> statuses{200};
};

struct Request {
  uint64_t sequence = 0;
  std::string method;
  std::string target;
  std::string agent;
  std::string trace_id;
};

struct Connection {
  int fd = -1;
  uint32_t index = 0;
  uint16_t local_port = 0;
  uint64_t sent = 0;
  uint64_t quota = 0;
  bool unlimited = false;
  std::deque<Request> open;
  std::string out;
  std::string in;
};

std::string Hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

class Load {
 public:
  Load(Options options, FILE* log) : options_(std::move(options)), log_(log) {}

  bool Connect() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    connections_.resize(options_.connections);
    const uint64_t share = options_.requests / options_.connections;
    const uint64_t rest = options_.requests % options_.connections;
    for (uint32_t i = 0; i < options_.connections; ++i) {
      Connection& connection = connections_[i];
      connection.index = i;
      connection.quota = share + (i < rest ? 1 : 0);
      connection.unlimited = options_.requests == 0;
      if (!Open(connection)) return false;
    }
    return true;
  }

  bool Run() {
    for (Connection& connection : connections_) {
      Fill(connection);
      if (!Flush(connection)) Fail(connection);
    }
    WatchInput();
    epoll_event events[256];
    while (live_ > 0) {
      const int count = epoll_wait(epoll_, events, 256, 30'000);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        std::fprintf(stderr, "load: no progress for 30 s, %u connections open\n", live_);
        for (Connection& connection : connections_) Fail(connection);
        break;
      }
      for (int i = 0; i < count; ++i) {
        if (events[i].data.ptr == nullptr) {
          EndByInput();
        } else {
          Serve(*static_cast<Connection*>(events[i].data.ptr), events[i].events);
        }
      }
    }
    std::printf("requests=%llu answered=%llu failed=%llu\n", static_cast<unsigned long long>(answered_ + failed_),
                static_cast<unsigned long long>(answered_), static_cast<unsigned long long>(failed_));
    return failed_ == 0;
  }

 private:
  bool Open(Connection& connection) {
    sockaddr_storage address{};
    socklen_t length = 0;
    if (!options_.unix_path.empty()) {
      auto* target = reinterpret_cast<sockaddr_un*>(&address);
      target->sun_family = AF_UNIX;
      std::strncpy(target->sun_path, options_.unix_path.c_str(), sizeof target->sun_path - 1);
      length = sizeof *target;
    } else if (auto* v6 = reinterpret_cast<sockaddr_in6*>(&address);
               inet_pton(AF_INET6, options_.host.c_str(), &v6->sin6_addr) == 1) {
      v6->sin6_family = AF_INET6;
      v6->sin6_port = htons(options_.port);
      length = sizeof *v6;
    } else {
      auto* v4 = reinterpret_cast<sockaddr_in*>(&address);
      v4->sin_family = AF_INET;
      v4->sin_port = htons(options_.port);
      inet_pton(AF_INET, options_.host.c_str(), &v4->sin_addr);
      length = sizeof *v4;
    }
    connection.fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection.fd < 0 || connect(connection.fd, reinterpret_cast<sockaddr*>(&address), length) != 0) {
      std::fprintf(stderr, "load: connection %u: %s\n", connection.index, std::strerror(errno));
      return false;
    }
    sockaddr_storage local{};
    socklen_t local_length = sizeof local;
    getsockname(connection.fd, reinterpret_cast<sockaddr*>(&local), &local_length);
    if (local.ss_family == AF_INET) connection.local_port = ntohs(reinterpret_cast<sockaddr_in*>(&local)->sin_port);
    if (local.ss_family == AF_INET6) connection.local_port = ntohs(reinterpret_cast<sockaddr_in6*>(&local)->sin6_port);
    const int one = 1;
    if (local.ss_family != AF_UNIX) setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(connection.fd, F_SETFL, O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = &connection;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
    ++live_;
    return true;
  }

  // Standard input ends an unlimited run: its end is an event like any other.
  void WatchInput() {
    if (options_.requests != 0) return;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLHUP;
    event.data.ptr = nullptr;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, STDIN_FILENO, &event);
  }

  void EndByInput() {
    char ignored[256];
    if (read(STDIN_FILENO, ignored, sizeof ignored) > 0) return;
    epoll_ctl(epoll_, EPOLL_CTL_DEL, STDIN_FILENO, nullptr);
    for (Connection& connection : connections_) {
      connection.unlimited = false;
      connection.quota = connection.sent;
      if (connection.fd >= 0 && connection.open.empty()) Close(connection);
    }
  }

  bool MaySend(const Connection& c) const { return (c.unlimited || c.sent < c.quota) && c.open.size() < options_.depth; }

  void Fill(Connection& connection) {
    while (MaySend(connection)) {
      Request request;
      request.sequence = connection.sent++;
      const uint64_t id = Mix(Mix(options_.seed) ^ (uint64_t{connection.index} << 32U) ^ request.sequence);
      const uint64_t number = connection.index + request.sequence;
      const int status = options_.statuses[number % options_.statuses.size()];
      const bool is_post = options_.post_every != 0 && number % options_.post_every == options_.post_every - 1;
      request.method = is_post ? "POST" : "GET";
      request.target = "/s/" + std::to_string(status) + "/" + std::to_string(connection.index) + "-" +
                       std::to_string(request.sequence) + "-" + Hex(id);
      request.agent = "load/" + Hex(Mix(id ^ 0x5555U));
      connection.out +=
          request.method + " " + request.target + " HTTP/1.1\r\nHost: load.test\r\nUser-Agent: " + request.agent + "\r\n";
      if (options_.traceparent_every != 0 && number % options_.traceparent_every == 0) {
        request.trace_id = Hex(Mix(id ^ 1U) | 1U) + Hex(Mix(id ^ 2U));
        connection.out += "traceparent: 00-" + request.trace_id + "-" + Hex(Mix(id ^ 3U) | 1U) + "-01\r\n";
      }
      if (is_post)
        AppendBody(connection.out, id);
      else
        connection.out += "\r\n";
      connection.open.push_back(std::move(request));
    }
  }

  static void AppendBody(std::string& out, uint64_t id) {
    const bool has_length = id % 2 == 0;
    // A chunked body stays below the capture's budget for one turn: what is longer has a test of its own.
    const size_t size = static_cast<size_t>(id % (has_length ? 9000 : 2800));
    if (has_length) {
      out += "Content-Length: " + std::to_string(size) + "\r\n\r\n";
      out.append(size, 'b');
      return;
    }
    out += "Transfer-Encoding: chunked\r\n\r\n";
    for (size_t left = size; left > 0;) {
      const size_t part = left < 1500 ? left : 1500;
      char text[24];
      std::snprintf(text, sizeof text, "%zx\r\n", part);
      out += text;
      out.append(part, 'c');
      out += "\r\n";
      left -= part;
    }
    out += "0\r\n\r\n";
  }

  bool Flush(Connection& connection) {
    while (!connection.out.empty()) {
      const ssize_t written = send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
      if (written < 0) return errno == EAGAIN || errno == EINTR;
      connection.out.erase(0, static_cast<size_t>(written));
    }
    return true;
  }

  void Serve(Connection& connection, uint32_t events) {
    if (connection.fd < 0) return;
    bool open = true;
    if ((events & EPOLLIN) != 0) open = Receive(connection);
    while (TakeResponse(connection)) {
    }
    Fill(connection);
    if (!Flush(connection)) open = false;
    if (connection.open.empty() && !MaySend(connection))
      Close(connection);
    else if (!open || (events & (EPOLLERR | EPOLLHUP)) != 0)
      Fail(connection);
  }

  static bool Receive(Connection& connection) {
    char buffer[65536];
    while (true) {
      const ssize_t count = recv(connection.fd, buffer, sizeof buffer, 0);
      if (count > 0)
        connection.in.append(buffer, static_cast<size_t>(count));
      else if (count == 0)
        return false;
      else
        return errno == EAGAIN || errno == EINTR;
    }
  }

  bool TakeResponse(Connection& connection) {
    const auto head = ParseHead(connection.in);
    if (!head || head->start_line.size() < 12 || connection.open.empty()) return false;
    const int status = std::atoi(std::string(head->start_line.substr(9, 3)).c_str());
    size_t size = head->block.size();
    uint64_t body = 0;
    if (head->chunked) {
      const auto chunks = ChunkedSize(std::string_view(connection.in).substr(size), body);
      if (!chunks) return false;
      size += *chunks;
    } else if (status >= 200 && status != 204 && status != 304) {
      size += static_cast<size_t>(head->content_length.value_or(0));
    }
    if (connection.in.size() < size) return false;
    connection.in.erase(0, size);
    if (status < 200) return true;
    Log(connection, connection.open.front(), status);
    connection.open.pop_front();
    ++answered_;
    return true;
  }

  void Log(const Connection& connection, const Request& request, int status) {
    std::fprintf(log_, "%u\t%u\t%llu\t%s\t%s\t%s\t%s\t%d\n", static_cast<unsigned>(connection.local_port), connection.index,
                 static_cast<unsigned long long>(request.sequence), request.method.c_str(), request.target.c_str(),
                 request.agent.c_str(), request.trace_id.empty() ? "-" : request.trace_id.c_str(), status);
  }

  void Fail(Connection& connection) {
    if (connection.fd < 0) return;
    for (const Request& request : connection.open) Log(connection, request, 0);
    failed_ += connection.open.size() + (connection.unlimited ? 0 : connection.quota - connection.sent);
    connection.open.clear();
    Close(connection);
  }

  void Close(Connection& connection) {
    close(connection.fd);
    connection.fd = -1;
    --live_;
  }

  Options options_;
  FILE* log_;
  int epoll_ = -1;
  uint32_t live_ = 0;
  uint64_t answered_ = 0;
  uint64_t failed_ = 0;
  std::vector<Connection> connections_;
};

bool ParseOptions(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--hold") {
      options.hold = true;
      continue;
    }
    if (i + 1 >= argc) return false;
    const std::string value = argv[++i];
    const uint64_t number = std::strtoull(value.c_str(), nullptr, 10);
    if (name == "--host")
      options.host = value;
    else if (name == "--unix")
      options.unix_path = value;
    else if (name == "--log")
      options.log = value;
    else if (name == "--port")
      options.port = static_cast<uint16_t>(number);
    else if (name == "--connections")
      options.connections = static_cast<uint32_t>(number);
    else if (name == "--requests")
      options.requests = number;
    else if (name == "--depth")
      options.depth = static_cast<uint32_t>(number);
    else if (name == "--post-every")
      options.post_every = static_cast<uint32_t>(number);
    else if (name == "--traceparent-every")
      options.traceparent_every = static_cast<uint32_t>(number);
    else if (name == "--seed")
      options.seed = number;
    else if (name == "--statuses") {
      options.statuses.clear();
      for (size_t at = 0; at < value.size(); at += 4) options.statuses.push_back(std::atoi(value.substr(at, 3).c_str()));
    } else
      return false;
  }
  return !options.log.empty() && options.connections > 0 && options.depth > 0 && !options.statuses.empty();
}

int Main(int argc, char** argv) {
  Options options;
  if (!ParseOptions(argc, argv, options)) {
    std::fprintf(stderr, "load: wrong usage; see the head of load.cc\n");
    return 2;
  }
  FILE* log = std::fopen(options.log.c_str(), "w");
  if (log == nullptr) {
    std::fprintf(stderr, "load: %s: %s\n", options.log.c_str(), std::strerror(errno));
    return 2;
  }
  const bool hold = options.hold;
  Load load(std::move(options), log);
  bool ok = load.Connect();
  if (ok) {
    if (hold) {
      std::printf("connected\n");
      std::fflush(stdout);
      while (true) {  // by hand, so that stdio does not take what epoll is to see
        char byte = 0;
        if (read(STDIN_FILENO, &byte, 1) <= 0 || byte == '\n') break;
      }
    }
    ok = load.Run();
  }
  std::fclose(log);
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace wirespan::testprograms

int main(int argc, char** argv) { return wirespan::testprograms::Main(argc, argv); }
