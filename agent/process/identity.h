// Identity: from what /proc tells of a process to its OpenTelemetry resource. Pure functions over hostile text; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exporters/span.h"

namespace wirespan::process {

inline constexpr size_t kMaxServiceNameBytes = 255;
inline constexpr size_t kMaxResourceAttributes = 64;  // taken from one OTEL_RESOURCE_ATTRIBUTES

// What a process says of itself, as it was read.
struct ProcessFacts {
  uint32_t tgid = 0;
  std::string executable_path;  // target of /proc/<pid>/exe, without " (deleted)"; empty where not readable
  std::string comm;
  std::vector<std::string> arguments;  // cmdline
  std::string environment;             // NUL-separated, as read
  std::string cgroup;                  // text of /proc/<pid>/cgroup
  std::string mount_info;              // text of /proc/<pid>/mountinfo, as far as it was read
  std::string owner;                   // user name, or the number where it has none; empty where unknown
  uint64_t start_ticks = 0;            // since boot, USER_HZ; 0: unknown
  bool is_go = false;                  // the executable was made by Go
  std::string service_name;            // where it is already decided; empty: ServiceName decides
  std::string container_id;            // the same; empty: `cgroup` and `mount_info` decide
};

struct HostFacts {
  std::string name;
  std::string id;             // machine-id
  std::string boot_id;        // another one after every boot: process numbers and start times begin anew
  std::string architecture;   // as OpenTelemetry says it: amd64, arm64
  uint64_t boot_unix_ns = 0;  // 0: unknown
  uint64_t ticks_per_second = 100;
};
// Of the machine this runs on.
HostFacts ReadHostFacts(const std::string& proc_root = "/proc", const std::string& etc_root = "/etc");

enum class Runtime : uint8_t { kUnknown, kPython, kNode, kDeno, kBun, kJava, kRuby, kPhp, kPerl, kDotnet, kGo, kErlang };
struct RuntimeWords {
  std::string_view language;  // telemetry.sdk.language; empty where unknown
  std::string_view runtime;   // process.runtime.name; empty where unknown
};
RuntimeWords Words(Runtime runtime);
// By the executable's name (python3.11, node, java, ruby, php-fpm8.2, ...).
Runtime RuntimeOf(std::string_view executable_name);

// The value of a variable in a NUL-separated environment; empty and absent are the same.
std::string_view FindVariable(std::string_view environment, std::string_view name);
// OTEL_RESOURCE_ATTRIBUTES: pairs in order, percent-decoded. Absent where any part is wrong: then the whole variable counts for
// nothing.
std::optional<std::vector<std::pair<std::string, std::string>>> ParseResourceAttributes(std::string_view text);

// The name a process gets where its environment gives none: what an interpreter runs (script, -m module, jar, main class), else
// the executable's name. Printable, bounded; empty where nothing is known.
std::string NameFromCommand(std::string_view executable_path, std::string_view comm, const std::vector<std::string>& arguments);
// OTEL_SERVICE_NAME, else service.name of OTEL_RESOURCE_ATTRIBUTES, else NameFromCommand, else "unknown_service".
std::string ServiceName(const ProcessFacts& facts);

// All of it. `id` is Resource::id.
exporters::Resource BuildResource(const ProcessFacts& facts, const HostFacts& host, std::string_view agent_version, uint64_t id);

// RFC 9562 5.5 in the namespace that OpenTelemetry gives for service.instance.id.
std::string InstanceId(std::string_view host_id, uint32_t tgid, uint64_t start_ticks);

}  // namespace wirespan::process
