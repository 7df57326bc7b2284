// A service of the zoo: a pool of C++ threads that makes two blocking calls for every request.
//   ws_zoo_pool --backend PORT --mode connection|queue [--threads 16] [--keep 0|1]
// connection: a worker takes a whole connection and serves it. queue: the connection's own thread reads requests and puts them
// into a queue, any worker makes the calls and answers. Calls go over a connection of the worker's own, or over a new one each
// (--keep 0).
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/zoo/programs/connection.h"

namespace wirespan::zoo {
namespace {

struct Options {
  uint16_t backend = 0;
  bool queue = false;
  bool keep = true;
  int threads = 16;
};

class Pool {
 public:
  using Work = std::function<void(Connection& outgoing)>;
  explicit Pool(int threads) {
    for (int i = 0; i < threads; ++i) std::thread([this] { Run(); }).detach();
  }
  void Add(Work work) {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(work));
    }
    changed_.notify_one();
  }

 private:
  void Run() {
    Connection outgoing;
    while (true) {
      Work work;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return !queue_.empty(); });
        work = std::move(queue_.front());
        queue_.pop_front();
      }
      work(outgoing);
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work> queue_;
};

bool Call(Connection& outgoing, const Options& options, const std::string& truth, int k) {
  if (!options.keep) outgoing.Close();
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (!outgoing.open() && !outgoing.Dial(options.backend, 20)) return false;
    const std::string text = "GET /b HTTP/1.1\r\nHost: backend\r\nX-Gt: " + truth + "/" + std::to_string(k) +
                             (options.keep ? "" : "\r\nConnection: close") + "\r\n\r\n";
    if (outgoing.Send(text) && outgoing.Receive(true)) return true;
  }
  return false;
}

std::string Answer(Connection& outgoing, const Options& options, const std::string& truth, bool close) {
  const bool good = Call(outgoing, options, truth, 0) && Call(outgoing, options, truth, 1);
  return std::string(good ? "HTTP/1.1 200 OK" : "HTTP/1.1 502 Bad Gateway") + "\r\nContent-Length: 3\r\n" +
         (close ? "Connection: close\r\n" : "") + "\r\nok\n";
}

struct Request {
  std::string truth;
  bool close = false;
};

std::optional<Request> Next(Connection& incoming) {
  const auto head = incoming.Receive(false);
  if (!head) return std::nullopt;
  const auto parsed = testprograms::ParseHead(*head);
  return Request{std::string(testprograms::FieldValue(parsed->block, "x-gt")), parsed->close};
}

void ServeConnection(Connection& incoming, Connection& outgoing, const Options& options) {
  while (const auto request = Next(incoming)) {
    if (!incoming.Send(Answer(outgoing, options, request->truth, request->close)) || request->close) return;
  }
}

// Reads requests here; the answer is sent by whichever worker did the work. One request at a time on a connection.
void ReadForQueue(const std::shared_ptr<Connection>& incoming, Pool& pool, const Options& options) {
  while (const auto request = Next(*incoming)) {
    pool.Add([incoming, request = *request, &options](Connection& outgoing) {
      incoming->Send(Answer(outgoing, options, request.truth, request.close));
    });
    if (request->close) return;
  }
}

int Main(int count, char** arguments) {
  static Options options;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string_view name = arguments[i];
    if (name == "--backend") options.backend = static_cast<uint16_t>(std::atoi(arguments[i + 1]));
    if (name == "--mode") options.queue = std::strcmp(arguments[i + 1], "queue") == 0;
    if (name == "--threads") options.threads = std::atoi(arguments[i + 1]);
    if (name == "--keep") options.keep = std::atoi(arguments[i + 1]) != 0;
  }
  const int listener = Listen(AF_INET, 0);
  if (listener < 0) return std::fprintf(stderr, "pool: cannot listen: %s\n", std::strerror(errno)), 1;
  static Pool pool(options.threads);
  std::printf("listening %u\n", unsigned{LocalPort(listener)});
  std::fflush(stdout);
  while (true) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    auto incoming = std::make_shared<Connection>(fd);
    if (options.queue) {
      std::thread([incoming] { ReadForQueue(incoming, pool, options); }).detach();
    } else {
      pool.Add([incoming](Connection& outgoing) { ServeConnection(*incoming, outgoing, options); });
    }
  }
}

}  // namespace
}  // namespace wirespan::zoo

int main(int count, char** arguments) { return wirespan::zoo::Main(count, arguments); }
