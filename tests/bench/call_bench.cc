// call_bench: a process that makes cheap system calls, and says what each costs it. Whoever starts it traces it, or not.
//
//   call_bench
//
// Prints `ready`. Then each line "N" on standard input is answered by one line of JSON: kind -> ns of processor time per
// operation, over N operations of each kind (of `exchange` and `wake` a tenth). It ends with its input. An operation of
//   unrelated   is getppid: what nobody looks at
//   file        a read of one byte from /dev/zero
//   pipe        a write and a read of 8 bytes
//   eventfd     a write and a read
//   epoll       epoll_wait that waits for nothing
//   futex       a wake of nobody
//   wake        a wake of the other thread and a wait for its wake (both threads' time)
//   socket      a send and a recv of 64 bytes over TCP that are no known protocol
//   exchange    an HTTP request and its response over TCP: two sends, two recvs; both ends are this thread
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <thread>

namespace {

constexpr std::string_view kRequest = "GET /cheap HTTP/1.1\r\nHost: bench.test\r\nUser-Agent: call_bench\r\n\r\n";
constexpr std::string_view kResponse = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n";

[[noreturn]] void Fail(const char* what) {
  std::perror(what);
  std::exit(1);
}
void Check(bool ok, const char* what) {
  if (!ok) Fail(what);
}

uint64_t Ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

template <typename Operation>
double NsEach(uint64_t count, clockid_t clock, Operation&& operation) {
  const uint64_t begin = Ns(clock);
  for (uint64_t i = 0; i < count; ++i) operation();
  return static_cast<double>(Ns(clock) - begin) / static_cast<double>(count);
}

long Futex(std::atomic<uint32_t>& word, int operation, uint32_t value) {
  return syscall(SYS_futex, &word, operation, value, nullptr, nullptr, 0);
}

// Both ends of a TCP connection over loopback. Threads: any, one at a time.
struct Pair {
  int client = -1, server = -1;

  Pair() {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t length = sizeof address;
    Check(bind(listener, generic, length) == 0 && listen(listener, 1) == 0 && getsockname(listener, generic, &length) == 0,
          "listen");
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    Check(connect(client, generic, length) == 0, "connect");
    server = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    Check(server >= 0, "accept");
    const int one = 1;
    for (const int fd : {client, server}) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    close(listener);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() { close(client), close(server); }
};

void Move(int from, int to, std::string_view text) {
  std::array<char, 512> buffer{};
  Check(send(from, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()), "send");
  for (size_t got = 0; got < text.size();) {
    const ssize_t count = recv(to, buffer.data(), text.size() - got, 0);
    Check(count > 0, "recv");
    got += static_cast<size_t>(count);
  }
}

// Two threads, each of which wakes the other and sleeps until it is woken.
double Wakes(uint64_t count) {
  std::atomic<uint32_t> turn{0};
  const auto play = [&turn, count](uint32_t mine) {
    for (uint64_t i = 0; i < count; ++i) {
      while (turn.load() != mine) Futex(turn, FUTEX_WAIT_PRIVATE, 1 - mine);
      turn.store(1 - mine);
      Futex(turn, FUTEX_WAKE_PRIVATE, 1);
    }
  };
  const uint64_t begin = Ns(CLOCK_PROCESS_CPUTIME_ID);
  std::thread other(play, 1);
  play(0);
  other.join();
  return static_cast<double>(Ns(CLOCK_PROCESS_CPUTIME_ID) - begin) / static_cast<double>(count);
}

void Round(uint64_t count) {
  constexpr clockid_t kThread = CLOCK_THREAD_CPUTIME_ID;
  std::array<char, 64> bytes{};
  uint64_t number = 1;
  const int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC), event = eventfd(0, EFD_CLOEXEC), poll = epoll_create1(EPOLL_CLOEXEC);
  int ends[2];
  Check(zero >= 0 && event >= 0 && poll >= 0 && pipe2(ends, O_CLOEXEC) == 0, "open");
  std::atomic<uint32_t> word{0};
  epoll_event none{};
  std::printf("{\"unrelated\": %.1f", NsEach(count, kThread, [] { syscall(SYS_getppid); }));
  std::printf(", \"file\": %.1f", NsEach(count, kThread, [&] { Check(read(zero, bytes.data(), 1) == 1, "read"); }));
  std::printf(", \"pipe\": %.1f", NsEach(count, kThread, [&] {
                Check(write(ends[1], bytes.data(), 8) == 8 && read(ends[0], bytes.data(), 8) == 8, "pipe");
              }));
  std::printf(", \"eventfd\": %.1f", NsEach(count, kThread, [&] {
                Check(write(event, &number, sizeof number) == 8 && read(event, &number, sizeof number) == 8, "eventfd");
              }));
  std::printf(", \"epoll\": %.1f", NsEach(count, kThread, [&] { Check(epoll_wait(poll, &none, 1, 0) == 0, "epoll_wait"); }));
  std::printf(", \"futex\": %.1f", NsEach(count, kThread, [&] { Check(Futex(word, FUTEX_WAKE_PRIVATE, 1) == 0, "futex"); }));
  std::printf(", \"wake\": %.1f", Wakes(count / 10));
  bytes.fill('\x01');
  {
    const Pair pair;
    const std::string_view text(bytes.data(), bytes.size());
    std::printf(", \"socket\": %.1f", NsEach(count, kThread, [&] { Move(pair.client, pair.server, text); }));
  }
  {
    const Pair pair;
    std::printf(", \"exchange\": %.1f}\n", NsEach(count / 10, kThread, [&] {
                  Move(pair.client, pair.server, kRequest);
                  Move(pair.server, pair.client, kResponse);
                }));
  }
  for (const int fd : {zero, event, poll, ends[0], ends[1]}) close(fd);
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::puts("ready");
  std::array<char, 64> line{};
  while (std::fgets(line.data(), line.size(), stdin) != nullptr) {
    const uint64_t count = std::strtoull(line.data(), nullptr, 10);
    if (count < 10) return 2;
    Round(count);
  }
  return 0;
}
