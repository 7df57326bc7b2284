// Any text as the files of a process in /proc, parts separated by 0x01: executable, comm, cmdline, environ, cgroup, mountinfo,
// stat, net/tcp.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/process/container_id.h"
#include "agent/process/identity.h"
#include "agent/process/proc_fs.h"
#include "agent/process/sockets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::array<std::string_view, 8> parts;
  for (std::string_view& part : parts) {
    part = rest.substr(0, rest.find('\x01'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  }
  namespace process = wirespan::process;
  process::ProcessFacts facts;
  facts.tgid = 7;
  facts.executable_path = parts[0];
  facts.comm = parts[1];
  for (const std::string_view argument : process::SplitNul(parts[2], 64)) facts.arguments.emplace_back(argument);
  facts.environment = parts[3];
  facts.cgroup = parts[4];
  facts.mount_info = parts[5];
  if (const auto stat = process::ParseStat(parts[6])) facts.start_ticks = stat->start_ticks;
  process::HostFacts host;
  host.boot_unix_ns = 1'700'000'000'000'000'000;
  const auto resource = process::BuildResource(facts, host, "1", 1);
  if (resource.service_name.empty() || resource.service_name.size() > process::kMaxServiceNameBytes) std::abort();
  for (const char c : resource.service_name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) std::abort();
  }
  const std::string id = process::ContainerIdOf(parts[4], parts[5]);
  if (!id.empty() && (id.size() < 34 || id.size() > 64)) std::abort();
  process::ForEachTcp(parts[7], [&](const process::TcpSocket& socket) {
    if (parts[7].find(std::to_string(socket.inode)) == std::string_view::npos) std::abort();  // no inode that is not there
  });
  return 0;
}
