#include "tests/system/collector/collector_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>

extern char** environ;

namespace wirespan::testing_servers {
namespace {

// Runs a program to its end; its standard output in `out` where that is not null.
int RunProgram(const std::vector<std::string>& command, std::string* out) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return -1;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  std::vector<char*> argv;
  for (const auto& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int failed = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::array<char, 4096> buffer{};
  for (ssize_t count = 1; failed == 0 && count > 0;) {
    count = ::read(ends[0], buffer.data(), buffer.size());
    if (count > 0 && out != nullptr) out->append(buffer.data(), static_cast<size_t>(count));
  }
  ::close(ends[0]);
  if (failed != 0) return -1;
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Ports that nobody listens on now. Another may take one before the Collector does: then Start tries again with others.
template <size_t N>
std::array<int, N> FreePorts() {
  std::array<int, N> ports{};
  std::array<int, N> sockets{};
  for (size_t i = 0; i < N; ++i) {
    sockets[i] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(sockets[i], reinterpret_cast<sockaddr*>(&address), size) == 0) {
      ::getsockname(sockets[i], reinterpret_cast<sockaddr*>(&address), &size);
    }
    ports[i] = ntohs(address.sin_port);
  }
  for (const int fd : sockets) ::close(fd);
  return ports;
}

}  // namespace

std::optional<std::string> FindCollector(std::string& reason) {
  std::string path;
  const int code = RunProgram({std::string(WIRESPAN_SOURCE_DIR) + "/scripts/collector", "--cached"}, &path);
  if (code != 0) {
    reason = "no OpenTelemetry Collector here; scripts/collector builds one where Go and its modules can be had";
    return std::nullopt;
  }
  path.erase(path.find_last_not_of('\n') + 1);
  return path;
}

ThrowawayCa::ThrowawayCa(const std::string& dir) : dir_(dir) {
  const auto openssl = [](std::vector<std::string> words) {
    words.insert(words.begin(), "openssl");
    return RunProgram(words, nullptr) == 0;
  };
  std::ofstream(path("ext")) << "subjectAltName=IP:127.0.0.1,DNS:localhost\n";
  const std::vector<std::string> key = {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"};
  const auto request = [&](const std::string& name, std::vector<std::string> more) {
    std::vector<std::string> words = {"req", "-subj", "/CN=wirespan-test-" + name, "-keyout", path(name + ".key")};
    words.insert(words.end(), key.begin(), key.end());
    words.insert(words.end(), more.begin(), more.end());
    return openssl(words);
  };
  ok_ = request("ca", {"-x509", "-days", "2", "-out", path("ca.crt")});
  for (const std::string name : {"server", "client"}) {
    ok_ = ok_ && request(name, {"-out", path(name + ".csr")});
    ok_ = ok_ && openssl({"x509", "-req", "-in", path(name + ".csr"), "-CA", path("ca.crt"), "-CAkey", path("ca.key"),
                          "-CAcreateserial", "-days", "2", "-extfile", path("ext"), "-out", path(name + ".crt")});
  }
}

std::string ThrowawayCa::Read(const std::string& name) const {
  std::ostringstream out;
  out << std::ifstream(path(name)).rdbuf();
  return out.str();
}

CollectorProcess::CollectorProcess(std::string binary, std::string dir, const ThrowawayCa* ca)
    : binary_(std::move(binary)), dir_(std::move(dir)), ca_(ca) {}

CollectorProcess::~CollectorProcess() { Stop(); }

void CollectorProcess::WriteConfig() {
  std::ofstream out(dir_ + "/config.yaml");
  std::string receivers;
  out << "receivers:\n";
  const auto receiver = [&](const std::string& name, Security security, const std::string& tls) {
    if (!receivers.empty()) receivers += ", ";
    receivers += name;
    const auto endpoint = [&](const char* protocol, int port) {
      out << "      " << protocol << ": {endpoint: '127.0.0.1:" << port << "'" << (tls.empty() ? "" : ", tls: {" + tls + "}")
          << "}\n";
    };
    out << "  " << name << ":\n    protocols:\n";
    endpoint("grpc", grpc_port(security));
    endpoint("http", http_port(security));
  };
  receiver("otlp/plain", Security::kNone, "");
  if (ca_ != nullptr) {
    const std::string own = "cert_file: '" + ca_->path("server.crt") + "', key_file: '" + ca_->path("server.key") + "'";
    receiver("otlp/tls", Security::kTls, own);
    receiver("otlp/mtls", Security::kMutualTls, own + ", client_ca_file: '" + ca_->path("ca.crt") + "'");
  }
  out << "exporters:\n"
      << "  file/traces: {path: '" << dir_ << "/traces.jsonl', append: true, flush_interval: 100ms}\n"
      << "  file/metrics: {path: '" << dir_ << "/metrics.jsonl', append: true, flush_interval: 100ms}\n"
      << "service:\n  telemetry: {metrics: {level: none}}\n  pipelines:\n"
      << "    traces: {receivers: [" << receivers << "], exporters: [file/traces]}\n"
      << "    metrics: {receivers: [" << receivers << "], exporters: [file/metrics]}\n";
}

bool CollectorProcess::Start() {
  constexpr int kTries = 5;
  if (has_ports_) return Launch();  // again, where its clients know it
  for (int i = 0; i < kTries && !has_ports_; ++i) {
    ports_ = FreePorts<6>();
    has_ports_ = Launch();
  }
  return has_ports_;
}

bool CollectorProcess::Launch() {
  WriteConfig();
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  const std::string config = "--config=" + dir_ + "/config.yaml";
  std::array<char*, 3> argv = {const_cast<char*>(binary_.c_str()), const_cast<char*>(config.c_str()), nullptr};
  const int failed = ::posix_spawn(&pid_, binary_.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  log_fd_ = ends[0];
  if (failed != 0) return false;
  const size_t log_start = log_.size();
  std::array<char, 4096> buffer{};
  while (log_.find("Everything is ready", log_start) == std::string::npos) {
    const ssize_t count = ::read(log_fd_, buffer.data(), buffer.size());
    if (count <= 0) {  // it ended
      Stop();
      return false;
    }
    log_.append(buffer.data(), static_cast<size_t>(count));
  }
  log_reader_ = std::thread([this] {
    std::array<char, 4096> rest{};
    for (ssize_t count = 1; count > 0;) {
      count = ::read(log_fd_, rest.data(), rest.size());
      if (count > 0) log_.append(rest.data(), static_cast<size_t>(count));
    }
  });
  return true;
}

void CollectorProcess::Stop() {
  if (pid_ > 0) {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_ = -1;
  if (log_reader_.joinable()) log_reader_.join();
  if (log_fd_ >= 0) ::close(log_fd_);
  log_fd_ = -1;
}

std::vector<std::string> CollectorProcess::Lines(const std::string& name) const {
  std::vector<std::string> out;
  std::ifstream in(dir_ + "/" + name);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) out.push_back(line);
  }
  return out;
}

std::vector<std::string> CollectorProcess::TraceLines() const { return Lines("traces.jsonl"); }
std::vector<std::string> CollectorProcess::MetricLines() const { return Lines("metrics.jsonl"); }

}  // namespace wirespan::testing_servers
