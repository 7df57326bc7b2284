// One blocking HTTP/1.1 connection of the zoo's programs: reads whole messages, sends whole texts. No exceptions; a connection
// that fails says so and is done. Owner: the thread that uses it. Bytes come from the zoo's own programs.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "tests/system/programs/http_text.h"

namespace wirespan::zoo {

// Unix time in ns, the clock that spans are written in.
inline int64_t UnixNow() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

inline void Pause(uint64_t microseconds) {
  if (microseconds == 0) return;
  const timespec span{static_cast<time_t>(microseconds / 1'000'000), static_cast<long>(microseconds % 1'000'000) * 1000};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &span, nullptr);
}

inline uint16_t LocalPort(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                                             : reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

class Connection {
 public:
  Connection() = default;
  explicit Connection(int fd) : fd_(fd) { NoDelay(); }
  Connection(Connection&& other) noexcept : fd_(std::exchange(other.fd_, -1)), bytes_(std::move(other.bytes_)) {}
  Connection& operator=(Connection&& other) noexcept {
    Close();
    fd_ = std::exchange(other.fd_, -1);
    bytes_ = std::move(other.bytes_);
    return *this;
  }
  ~Connection() { Close(); }

  bool Dial(uint16_t port, int limit_seconds) {
    Close();
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval limit{limit_seconds, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return Close();
    NoDelay();
    return true;
  }

  bool open() const { return fd_ >= 0; }
  uint16_t local_port() const { return LocalPort(fd_); }

  bool Send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return Close();
      text.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  // The next whole message: its head, the body read and left out. Nothing: the other end closed, or the limit passed.
  std::optional<std::string> Receive(bool is_response) {
    while (true) {
      if (auto head = Take(is_response)) return head;
      std::array<char, 16384> piece;
      const ssize_t read = recv(fd_, piece.data(), piece.size(), 0);
      if (read <= 0) break;
      bytes_.append(piece.data(), static_cast<size_t>(read));
    }
    const bool ends_with_close = is_response && testprograms::ParseHead(bytes_).has_value();
    std::string rest = std::exchange(bytes_, {});
    Close();
    if (ends_with_close) return rest;
    return std::nullopt;
  }

  bool Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
    bytes_.clear();
    return false;
  }

 private:
  void NoDelay() const {
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

  std::optional<std::string> Take(bool is_response) {
    const auto head = testprograms::ParseHead(bytes_);
    if (!head) return std::nullopt;
    size_t whole = head->block.size();
    if (head->chunked) {
      uint64_t body = 0;
      const auto size = testprograms::ChunkedSize(std::string_view(bytes_).substr(whole), body);
      if (!size) return std::nullopt;
      whole += *size;
    } else if (head->content_length) {
      whole += static_cast<size_t>(*head->content_length);
      if (bytes_.size() < whole) return std::nullopt;
    } else if (is_response) {
      return std::nullopt;  // its end is the end of the connection
    }
    std::string text(head->block);
    bytes_.erase(0, whole);
    return text;
  }

  int fd_ = -1;
  std::string bytes_;
};

// A listening socket on loopback; `port` 0: any free one. -1: not to be had.
inline int Listen(int family, uint16_t port) {
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_storage address{};
  socklen_t size = sizeof(sockaddr_in);
  if (family == AF_INET6) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    auto& ipv6 = reinterpret_cast<sockaddr_in6&>(address);
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_addr = in6addr_loopback;
    ipv6.sin6_port = htons(port);
    size = sizeof ipv6;
  } else {
    auto& ipv4 = reinterpret_cast<sockaddr_in&>(address);
    ipv4.sin_family = AF_INET;
    ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ipv4.sin_port = htons(port);
  }
  if (fd >= 0 && bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 && listen(fd, 4096) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

struct Peer {
  std::string address;
  uint16_t port = 0;
};

inline Peer PeerOf(const sockaddr_storage& from) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (from.ss_family == AF_INET6) {
    const auto& ipv6 = reinterpret_cast<const sockaddr_in6&>(from);
    inet_ntop(AF_INET6, &ipv6.sin6_addr, text.data(), text.size());
    return {text.data(), ntohs(ipv6.sin6_port)};
  }
  const auto& ipv4 = reinterpret_cast<const sockaddr_in&>(from);
  inet_ntop(AF_INET, &ipv4.sin_addr, text.data(), text.size());
  return {text.data(), ntohs(ipv4.sin_port)};
}

}  // namespace wirespan::zoo
