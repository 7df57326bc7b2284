// CollectorProcess: a real OpenTelemetry Collector on free loopback ports, with what it received in files. Started, stopped and
// started again by the test; ended by its pid.
#pragma once

#include <sys/types.h>

#include <array>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace wirespan::testing_servers {

// The path of the Collector's binary, or nothing and why in `reason` (it was not built: no Go, no modules).
std::optional<std::string> FindCollector(std::string& reason);

// A certificate authority, a server's certificate for 127.0.0.1 and a client's, made by openssl for one test.
class ThrowawayCa {
 public:
  explicit ThrowawayCa(const std::string& dir);
  bool ok() const { return ok_; }
  std::string path(const std::string& name) const {
    return dir_ + "/" + name;
  }  // ca.crt, server.crt, server.key, client.crt, client.key
  std::string Read(const std::string& name) const;

 private:
  std::string dir_;
  bool ok_ = false;
};

enum class Security { kNone, kTls, kMutualTls };

class CollectorProcess {
 public:
  CollectorProcess(std::string binary, std::string dir, const ThrowawayCa* ca);
  ~CollectorProcess();
  CollectorProcess(const CollectorProcess&) = delete;
  CollectorProcess& operator=(const CollectorProcess&) = delete;

  // Returns once it says that it is ready; false: it ended instead, see log().
  bool Start();
  // Ends it in order: what it received is in the files when this returns.
  void Stop();

  int grpc_port(Security security) const { return ports_.at(2 * static_cast<size_t>(security)); }
  int http_port(Security security) const { return ports_.at(2 * static_cast<size_t>(security) + 1); }
  std::vector<std::string> TraceLines() const;   // one ExportTraceServiceRequest in JSON each
  std::vector<std::string> MetricLines() const;  // one ExportMetricsServiceRequest in JSON each
  const std::string& log() const { return log_; }

 private:
  void WriteConfig();
  bool Launch();
  std::vector<std::string> Lines(const std::string& name) const;

  const std::string binary_;
  const std::string dir_;
  const ThrowawayCa* ca_;
  std::array<int, 6> ports_{};
  bool has_ports_ = false;
  pid_t pid_ = -1;
  std::string log_;
  std::thread log_reader_;
  int log_fd_ = -1;
};

}  // namespace wirespan::testing_servers
