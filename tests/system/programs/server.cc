// server: an HTTP/1.1 server with an exact log, in the shape of many C++ services: T threads, each with its own epoll over one
// shared listening socket. GET or POST /s/STATUS/ID is answered with STATUS and a small body.
//
//   server --log FILE [--threads T] [--unix PATH | --host A]
//
// Prints `listening PORT` once it accepts. SIGTERM ends it; then the log is whole: one line per request: peer port, method,
// target, user agent, body bytes, status, in the order answered by each thread.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "tests/system/programs/http_text.h"

namespace wirespan::testprograms {
namespace {

struct Client {
  int fd = -1;
  uint16_t port = 0;
  bool continued = false;
  std::string in;
};

class Worker {
 public:
  Worker(int listener, int stop, std::string& log) : listener_(listener), stop_(stop), log_(log) {}

  void Run() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    Watch(listener_, EPOLLIN | EPOLLEXCLUSIVE);
    Watch(stop_, EPOLLIN);
    epoll_event events[128];
    while (true) {
      const int count = epoll_wait(epoll_, events, 128, -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[i].data.fd;
        if (fd == stop_) return;
        if (fd == listener_)
          Accept();
        else if (!Serve(*clients_.at(fd)))
          Drop(fd);
      }
    }
  }

 private:
  void Watch(int fd, uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void Accept() {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    const int fd = accept4(listener_, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    auto client = std::make_unique<Client>();
    client->fd = fd;
    if (peer.ss_family == AF_INET) client->port = ntohs(reinterpret_cast<sockaddr_in*>(&peer)->sin_port);
    if (peer.ss_family == AF_INET6) client->port = ntohs(reinterpret_cast<sockaddr_in6*>(&peer)->sin6_port);
    const int one = 1;
    if (peer.ss_family != AF_UNIX) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    clients_.emplace(fd, std::move(client));
    Watch(fd, EPOLLIN);
  }

  void Drop(int fd) {
    clients_.erase(fd);
    close(fd);
  }

  // False when the connection is over.
  bool Serve(Client& client) {
    char buffer[65536];
    const ssize_t count = recv(client.fd, buffer, sizeof buffer, 0);
    if (count == 0 || (count < 0 && errno != EAGAIN)) return false;
    if (count > 0) client.in.append(buffer, static_cast<size_t>(count));
    std::string out;
    bool keep = true;
    while (keep && Take(client, out, keep)) {
    }
    return Send(client.fd, out) && keep;
  }

  bool Take(Client& client, std::string& out, bool& keep) {
    const auto head = ParseHead(client.in);
    if (!head) return false;
    size_t size = head->block.size();
    uint64_t body = head->content_length.value_or(0);
    if (head->chunked) {
      const auto chunks = ChunkedSize(std::string_view(client.in).substr(size), body);
      if (!chunks) return Continue(client, *head, out);
      size += *chunks;
    } else {
      size += static_cast<size_t>(body);
    }
    if (client.in.size() < size) return Continue(client, *head, out);
    Answer(client, *head, body, out);
    keep = !head->close;
    client.in.erase(0, size);
    client.continued = false;
    return true;
  }

  static bool Continue(Client& client, const Head& head, std::string& out) {
    if (head.expects_continue && !client.continued) {
      out += "HTTP/1.1 100 Continue\r\n\r\n";
      client.continued = true;
    }
    return false;
  }

  void Answer(const Client& client, const Head& head, uint64_t body, std::string& out) {
    const size_t space = head.start_line.find(' ');
    const size_t second = head.start_line.find(' ', space + 1);
    const std::string method(head.start_line.substr(0, space));
    const std::string target(head.start_line.substr(space + 1, second - space - 1));
    int status = 404;
    if (target.starts_with("/s/")) status = std::atoi(target.substr(3, 3).c_str());
    const std::string text = target + "\n";
    out += "HTTP/1.1 " + std::to_string(status) + " Status\r\nServer: test\r\n";
    if (status != 204 && status != 304) out += "Content-Length: " + std::to_string(text.size()) + "\r\n";
    out += "\r\n";
    if (status != 204 && status != 304 && method != "HEAD") out += text;
    log_ += std::to_string(client.port) + "\t" + method + "\t" + target + "\t" +
            std::string(FieldValue(head.block, "user-agent")) + "\t" + std::to_string(body) + "\t" + std::to_string(status) +
            "\n";
  }

  static bool Send(int fd, const std::string& out) {
    for (size_t sent = 0; sent < out.size();) {
      const ssize_t count = send(fd, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
      if (count > 0)
        sent += static_cast<size_t>(count);
      else if (errno != EAGAIN && errno != EINTR)
        return false;
    }
    return true;
  }

  int listener_;
  int stop_;
  int epoll_ = -1;
  std::string& log_;
  std::unordered_map<int, std::unique_ptr<Client>> clients_;
};

int Listen(const std::string& host, const std::string& unix_path) {
  sockaddr_storage address{};
  socklen_t length = sizeof(sockaddr_in);
  if (!unix_path.empty()) {
    auto* target = reinterpret_cast<sockaddr_un*>(&address);
    target->sun_family = AF_UNIX;
    std::strncpy(target->sun_path, unix_path.c_str(), sizeof target->sun_path - 1);
    length = sizeof *target;
  } else if (auto* v6 = reinterpret_cast<sockaddr_in6*>(&address); inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    length = sizeof *v6;
  } else {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&address);
    v4->sin_family = AF_INET;
    inet_pton(AF_INET, host.c_str(), &v4->sin_addr);
  }
  const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0 || listen(fd, 4096) != 0) return -1;
  return fd;
}

uint16_t PortOf(int fd) {
  sockaddr_storage local{};
  socklen_t length = sizeof local;
  getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length);
  if (local.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in*>(&local)->sin_port);
  if (local.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6*>(&local)->sin6_port);
  return 0;
}

int Main(int argc, char** argv) {
  std::string host = "127.0.0.1";
  std::string unix_path;
  std::string log_path;
  size_t threads = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--log")
      log_path = argv[i + 1];
    else if (name == "--unix")
      unix_path = argv[i + 1];
    else if (name == "--host")
      host = argv[i + 1];
    else if (name == "--threads")
      threads = std::strtoul(argv[i + 1], nullptr, 10);
  }
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  sigaddset(&stop_signals, SIGINT);
  sigprocmask(SIG_BLOCK, &stop_signals, nullptr);
  const int listener = Listen(host, unix_path);
  if (listener < 0 || log_path.empty() || threads == 0) {
    std::fprintf(stderr, "server: cannot listen on %s, or no --log: %s\n", host.c_str(), std::strerror(errno));
    return 2;
  }
  const int stop = eventfd(0, EFD_CLOEXEC);
  std::vector<std::string> logs(threads);
  std::vector<std::thread> pool;
  for (size_t i = 0; i < threads; ++i) pool.emplace_back([&, i] { Worker(listener, stop, logs[i]).Run(); });
  std::printf("listening %u\n", static_cast<unsigned>(PortOf(listener)));
  std::fflush(stdout);
  int signal_number = 0;
  sigwait(&stop_signals, &signal_number);
  const uint64_t one = 1;
  if (write(stop, &one, sizeof one) < 0) return 1;
  for (auto& thread : pool) thread.join();
  FILE* log = std::fopen(log_path.c_str(), "w");
  if (log == nullptr) return 1;
  for (const auto& part : logs) std::fwrite(part.data(), 1, part.size(), log);
  std::fclose(log);
  return 0;
}

}  // namespace
}  // namespace wirespan::testprograms

int main(int argc, char** argv) { return wirespan::testprograms::Main(argc, argv); }
