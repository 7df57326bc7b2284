#include "agent/status/listener.h"

#include <httplib.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <string_view>
#include <utility>

#include "agent/status/exposition.h"

namespace wirespan::status {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kBacklog = 16;
constexpr milliseconds kDrainTime{200};

struct AddressDeleter {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

std::string_view HintFor(int error_number) {
  switch (error_number) {
    case EADDRINUSE:
      return "another program has that port; take another, or port 0 for any free one";
    case EADDRNOTAVAIL:
      return "no interface of this machine has that address";
    case EACCES:
      return "ports below 1024 need CAP_NET_BIND_SERVICE; take a higher one";
    default:
      return {};
  }
}

std::string Text(const ListenAddress& address) {
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  return (is_ipv6 ? '[' + address.host + ']' : address.host) + ':' + std::to_string(address.port);
}

// Waits until `fd` is ready for `events`; false at the deadline or once Stop was called.
bool Wait(int fd, short events, int stop_fd, SteadyClock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - SteadyClock::now()).count();
    if (left <= 0) return false;
    std::array<pollfd, 2> fds{{{fd, events, 0}, {stop_fd, POLLIN, 0}}};
    const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(std::min<int64_t>(left, 60'000)));
    if (ready < 0 && errno != EINTR) return false;
    if (fds[1].revents != 0) return false;
    if (ready > 0 && fds[0].revents != 0) return true;
  }
}

// One connection as httplib reads and writes it: never longer than its deadline, never more bytes in than its limit.
class BoundedStream final : public httplib::Stream {
 public:
  BoundedStream(int fd, int stop_fd, const ListenerOptions& options)
      : fd_(fd), stop_fd_(stop_fd), deadline_(SteadyClock::now() + options.deadline), allowance_(options.max_request_bytes) {}

  // What is virtual here differs between the releases of httplib that Debian has (0.11 in 12, 0.18 in 13), so none says override.
  // NOLINTBEGIN(modernize-use-override)
  bool is_readable() const { return at_ < size_ || Wait(fd_, POLLIN, stop_fd_, deadline_); }
  bool is_writable() const { return Wait(fd_, POLLOUT, stop_fd_, deadline_); }
  bool wait_readable() const { return is_readable(); }
  bool wait_writable() const { return is_writable(); }
  time_t duration() const { return 0; }

  ssize_t read(char* to, size_t size) {
    if (at_ == size_ && !Fill()) return -1;
    const size_t taken = std::min(size, size_ - at_);
    std::memcpy(to, buffer_.data() + at_, taken);
    at_ += taken;
    return static_cast<ssize_t>(taken);
  }
  ssize_t write(const char* from, size_t size) {
    size_t sent = 0;
    while (sent < size) {
      const ssize_t more = ::send(fd_, from + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (more > 0) {
        sent += static_cast<size_t>(more);
      } else if (errno != EINTR && (errno != EAGAIN || !is_writable())) {
        return -1;
      }
    }
    return static_cast<ssize_t>(sent);
  }
  // Takes what the client has sent beyond its request: closing a socket with unread bytes would take back the response.
  void Drain() {
    ::shutdown(fd_, SHUT_WR);
    deadline_ = std::min(deadline_, SteadyClock::now() + kDrainTime);
    at_ = size_;
    while (Fill()) at_ = size_;
  }

  void get_remote_ip_and_port(std::string& ip, int& port) const { ip.clear(), port = 0; }
  void get_local_ip_and_port(std::string& ip, int& port) const { ip.clear(), port = 0; }
  socket_t socket() const { return fd_; }
  // NOLINTEND(modernize-use-override)

 private:
  bool Fill() {
    while (allowance_ > 0 && Wait(fd_, POLLIN, stop_fd_, deadline_)) {
      const ssize_t size = ::recv(fd_, buffer_.data(), std::min(buffer_.size(), allowance_), MSG_DONTWAIT);
      if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (size <= 0) return false;
      at_ = 0;
      size_ = static_cast<size_t>(size);
      allowance_ -= size_;
      return true;
    }
    return false;
  }

  const int fd_;
  const int stop_fd_;
  SteadyClock::time_point deadline_;
  size_t allowance_;
  std::array<char, 2048> buffer_;
  size_t at_ = 0;
  size_t size_ = 0;
};

void Say(httplib::Response& response, int status, const std::string& line) {
  response.status = status;
  response.set_content(line + '\n', "text/plain; charset=utf-8");
}

void Judge(httplib::Response& response, const Verdict& verdict) { Say(response, verdict.good ? 200 : 503, verdict.line); }

}  // namespace

// httplib's part: one request read and parsed, one response written. Accepting, waiting and limits are the Listener's.
class Listener::Answers final : public httplib::Server {
 public:
  Answers(StatusBoard& board, milliseconds patience) : board_(board), patience_(patience) {
    // Instead of its routes, which are regular expressions.
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      Answer(request, response);
      return HandlerResponse::Handled;
    });
    set_default_headers({{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}});
  }

  void Serve(int fd, int stop_fd, const ListenerOptions& options) {
    BoundedStream stream(fd, stop_fd, options);
    bool closed = false;
    // A response is given whole: ranges would let a short request ask for it hundreds of times over.
    const std::function<void(httplib::Request&)> without_ranges = [](httplib::Request& request) { request.ranges.clear(); };
    const auto process = [&](auto& self) {
      if constexpr (requires { self.process_request(stream, true, closed, without_ranges); }) {
        self.process_request(stream, true, closed, without_ranges);
      } else {  // httplib 0.18: with both addresses, which nobody asks for here
        self.process_request(stream, std::string(), 0, std::string(), 0, true, closed, without_ranges);
      }
    };
    process(*this);
    stream.Drain();
  }

 private:
  void Answer(const httplib::Request& request, httplib::Response& response) {
    if (request.method != "GET" && request.method != "HEAD") {
      response.set_header("Allow", "GET, HEAD");
      return Say(response, 405, "only GET and HEAD");
    }
    if (request.path == "/healthz") return Judge(response, board_.Health());
    if (request.path == "/readyz") return Judge(response, board_.Readiness());
    if (request.path == "/metrics") return Metrics(request, response);
    Say(response, 404, "not here; here are /healthz, /readyz, /metrics");
  }

  void Metrics(const httplib::Request& request, httplib::Response& response) {
    const std::shared_ptr<const Snapshot> snapshot = board_.Await(patience_);
    if (!snapshot) return Say(response, 503, "nothing is measured yet: " + board_.Readiness().line);
    const Format format = Negotiate(request.get_header_value("Accept"));
    response.status = 200;
    response.set_content(Expose(*snapshot, format), std::string(ContentType(format)));
  }

  StatusBoard& board_;
  const milliseconds patience_;
};

Result<std::unique_ptr<Listener>> Listener::Open(const ListenAddress& address, ListenerOptions options) {
  std::unique_ptr<Listener> listener(new Listener());
  listener->options_ = options;
  if (Result<void> done = listener->Bind(address); !done.ok()) return done.error();
  return listener;
}

Listener::~Listener() { Stop(); }

Result<void> Listener::Bind(const ListenAddress& address) {
  const std::string what = "--status-listen: listen on " + Text(address);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &wanted, &found);
  if (failed != 0) return Error(what + ": " + ::gai_strerror(failed));
  const std::unique_ptr<addrinfo, AddressDeleter> list(found);
  int error_number = EADDRNOTAVAIL;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    UniqueFd fd(::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int on = 1;
    // Not SO_REUSEPORT: two agents on one port would each get a part of the questions.
    if (fd.ok() && ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        ::bind(fd.get(), one->ai_addr, one->ai_addrlen) == 0 && ::listen(fd.get(), kBacklog) == 0) {
      socket_ = std::move(fd);
      return FinishOpen(address);
    }
    error_number = errno;
  }
  return Error::FromErrno(what, error_number, HintFor(error_number));
}

Result<void> Listener::FinishOpen(const ListenAddress& address) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  std::array<char, NI_MAXSERV> service{};
  if (::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0 ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&bound), size, nullptr, 0, service.data(), service.size(), NI_NUMERICSERV) != 0) {
    return Error::FromErrno("--status-listen: find out the port", errno);
  }
  port_ = static_cast<uint16_t>(std::stoul(service.data()));
  url_ = "http://" + Text({address.host, port_});
  stop_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_.ok()) return Error::FromErrno("--status-listen: make an eventfd", errno);
  return {};
}

void Listener::Serve(StatusBoard& board) {
  answers_ = std::make_unique<Answers>(board, options_.snapshot_patience);
  for (size_t i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this, i] {
      pthread_setname_np(pthread_self(), ("http-" + std::to_string(i)).c_str());
      Run(*answers_);
    });
  }
}

void Listener::Stop() {
  if (stop_.ok()) {
    const uint64_t one = 1;
    (void)!::write(stop_.get(), &one, sizeof(one));  // it can fail only where the counter is full: then it is readable
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  socket_.Reset();
}

void Listener::Run(Answers& answers) {
  while (Wait(socket_.get(), POLLIN, stop_.get(), SteadyClock::now() + std::chrono::hours(1)) || !stopped()) {
    const UniqueFd connection = Accept();
    if (connection.ok()) answers.Serve(connection.get(), stop_.get(), options_);
  }
}

// The next connection; none where another thread was quicker, or this process has no descriptors left: then after a pause.
UniqueFd Listener::Accept() {
  UniqueFd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection.ok() && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
    pollfd stop{stop_.get(), POLLIN, 0};
    ::poll(&stop, 1, 100);
  }
  return connection;
}

bool Listener::stopped() const {
  pollfd stop{stop_.get(), POLLIN, 0};
  return ::poll(&stop, 1, 0) > 0;
}

}  // namespace wirespan::status
