// other_calls: an HTTP/1.1 client whose request bodies leave by calls that carry no buffer of the caller, or that are not system
// calls of their own: what a tracer cannot read, but must count.
//
//   other_calls PORT splice|io_uring|compat [BODY_BYTES]
//
// One connection, three exchanges: GET /a, POST /b with a body of BODY_BYTES (default 100000) sent in the named way, GET /c.
// `compat` is the 32-bit write(2) by `int 0x80` (x86-64 only). Prints the status of each answer, a line each. Exit code 77: this
// machine does not know the call; 1: an exchange failed; 2: wrong usage.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

constexpr int kUnknownCall = 77;

[[noreturn]] void End(int status, const char* text) {
  std::fprintf(stderr, "other_calls: %s: %s\n", text, std::strerror(errno));
  std::exit(status);
}

int Connect(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) End(1, "connect");
  return fd;
}

void WriteAll(int fd, const std::string& bytes) {
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t moved = write(fd, bytes.data() + done, bytes.size() - done);
    if (moved <= 0) End(1, "write");
    done += static_cast<size_t>(moved);
  }
}

// Reads one answer with Content-Length and returns its status.
int ReadAnswer(int fd) {
  std::string answer;
  char buffer[65536];
  for (;;) {
    const size_t head = answer.find("\r\n\r\n");
    if (head != std::string::npos) {
      const size_t field = answer.find("Content-Length: ");
      const size_t length = field < head ? std::strtoull(answer.c_str() + field + 16, nullptr, 10) : 0;
      if (answer.size() >= head + 4 + length) return std::atoi(answer.c_str() + 9);
    }
    const ssize_t moved = read(fd, buffer, sizeof(buffer));
    if (moved <= 0) End(1, "read");
    answer.append(buffer, static_cast<size_t>(moved));
  }
}

void SpliceBody(int fd, const std::string& body) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) End(1, "pipe2");
  for (size_t done = 0; done < body.size();) {
    const ssize_t filled = write(ends[1], body.data() + done, std::min<size_t>(body.size() - done, 16384));
    if (filled <= 0) End(1, "write to the pipe");
    for (ssize_t left = filled; left > 0;) {
      const ssize_t moved = splice(ends[0], nullptr, fd, nullptr, static_cast<size_t>(left), 0);
      if (moved <= 0) End(1, "splice");
      left -= moved;
    }
    done += static_cast<size_t>(filled);
  }
}

// The smallest ring there can be: one entry, submitted and awaited at once.
class Ring {
 public:
  Ring() {
    io_uring_params params{};
    fd_ = static_cast<int>(syscall(SYS_io_uring_setup, 1, &params));
    if (fd_ < 0) End(kUnknownCall, "io_uring_setup");
    const size_t sq_bytes = params.sq_off.array + params.sq_entries * sizeof(uint32_t);
    const size_t cq_bytes = params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe);
    sq_ = Map(sq_bytes, IORING_OFF_SQ_RING);
    cq_ = Map(cq_bytes, IORING_OFF_CQ_RING);
    sqes_ = reinterpret_cast<io_uring_sqe*>(Map(params.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES));
    params_ = params;
  }

  int Send(int socket, const char* data, size_t size) {
    std::memset(sqes_, 0, sizeof(*sqes_));
    sqes_->opcode = IORING_OP_SEND;
    sqes_->fd = socket;
    sqes_->addr = reinterpret_cast<uint64_t>(data);
    sqes_->len = static_cast<uint32_t>(size);
    Word(sq_, params_.sq_off.array) = 0;
    std::atomic_ref<uint32_t>(Word(sq_, params_.sq_off.tail)).fetch_add(1, std::memory_order_release);
    if (syscall(SYS_io_uring_enter, fd_, 1, 1, IORING_ENTER_GETEVENTS, nullptr, 0) < 0) End(kUnknownCall, "io_uring_enter");
    uint32_t& head = Word(cq_, params_.cq_off.head);
    const uint32_t at = head & Word(cq_, params_.cq_off.ring_mask);
    const auto* completions = reinterpret_cast<const io_uring_cqe*>(cq_ + params_.cq_off.cqes);
    const int result = completions[at].res;
    std::atomic_ref<uint32_t>(head).fetch_add(1, std::memory_order_release);
    return result;
  }

 private:
  char* Map(size_t bytes, off_t offset) {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, offset);
    if (memory == MAP_FAILED) End(1, "mmap of the ring");
    return static_cast<char*>(memory);
  }
  static uint32_t& Word(char* base, uint32_t offset) { return *reinterpret_cast<uint32_t*>(base + offset); }

  int fd_ = -1;
  io_uring_params params_{};
  char* sq_ = nullptr;
  char* cq_ = nullptr;
  io_uring_sqe* sqes_ = nullptr;
};

void RingBody(int fd, const std::string& body) {
  Ring ring;
  for (size_t done = 0; done < body.size();) {
    const int moved = ring.Send(fd, body.data() + done, body.size() - done);
    if (moved <= 0) End(1, "io_uring send");
    done += static_cast<size_t>(moved);
  }
}

void CompatBody(int fd, const std::string& body) {
#if defined(__x86_64__)
  void* low = mmap(nullptr, body.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  if (low == MAP_FAILED) End(1, "mmap below 4 GiB");
  std::memcpy(low, body.data(), body.size());
  for (size_t done = 0; done < body.size();) {
    long moved = 0;
    __asm__ volatile("int $0x80"
                     : "=a"(moved)
                     : "a"(4L), "b"(static_cast<long>(fd)), "c"(static_cast<char*>(low) + done), "d"(body.size() - done)
                     : "memory", "r8", "r9", "r10", "r11");
    if (moved <= 0) {
      errno = static_cast<int>(-moved);
      End(moved == -ENOSYS ? kUnknownCall : 1, "32-bit write");
    }
    done += static_cast<size_t>(moved);
  }
#else
  (void)fd;
  (void)body;
  errno = ENOSYS;
  End(kUnknownCall, "32-bit write");
#endif
}

}  // namespace

int main(int argc, char** argv) {
  const std::string way = argc > 2 ? argv[2] : "";
  if (argc < 3 || argc > 4 || (way != "splice" && way != "io_uring" && way != "compat")) {
    std::fprintf(stderr, "usage: other_calls PORT splice|io_uring|compat [BODY_BYTES]\n");
    return 2;
  }
  const int fd = Connect(static_cast<uint16_t>(std::atoi(argv[1])));
  const std::string body(argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 100'000, 'b');
  const std::string host = " HTTP/1.1\r\nHost: other.test\r\n";

  WriteAll(fd, "GET /s/200/a" + host + "\r\n");
  std::printf("%d\n", ReadAnswer(fd));
  WriteAll(fd, "POST /s/200/b" + host + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n");
  if (way == "splice") SpliceBody(fd, body);
  if (way == "io_uring") RingBody(fd, body);
  if (way == "compat") CompatBody(fd, body);
  std::printf("%d\n", ReadAnswer(fd));
  WriteAll(fd, "GET /s/200/c" + host + "\r\n");
  std::printf("%d\n", ReadAnswer(fd));
  return 0;
}
