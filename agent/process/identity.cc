#include "agent/process/identity.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "agent/process/command_name.h"
#include "agent/process/container_id.h"
#include "agent/process/proc_fs.h"
#include "agent/process/sha1.h"

namespace wirespan::process {
namespace {

constexpr std::string_view kUnknownService = "unknown_service";

std::string_view Trim(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return decoded;
}

// ISO 8601 with milliseconds, in UTC.
std::string FormatTime(uint64_t unix_ns) {
  const auto seconds = static_cast<time_t>(unix_ns / 1'000'000'000U);
  tm parts{};
  if (gmtime_r(&seconds, &parts) == nullptr) return {};
  std::array<char, 32> text{};
  const size_t size = strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  const auto milliseconds = static_cast<unsigned>(unix_ns / 1'000'000U % 1'000U);
  std::string result(text.data(), size);
  result += '.';
  for (unsigned divisor = 100; divisor != 0; divisor /= 10) result += static_cast<char>('0' + milliseconds / divisor % 10);
  return result + 'Z';
}

std::string ArchitectureOf(std::string_view machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  if (machine.starts_with("arm")) return "arm32";
  if (machine.size() == 4 && machine[0] == 'i' && machine.ends_with("86")) return "x86";
  return std::string(machine);  // s390x, ppc64le, riscv64
}

uint64_t BootTimeNs(const ProcFs& proc) {
  const std::optional<std::string> stat = proc.ReadRoot("stat", size_t{4} * 1024 * 1024);
  if (!stat) return 0;
  constexpr std::string_view kLine = "\nbtime ";
  const size_t place = stat->find(kLine);
  if (place == std::string::npos) return 0;
  uint64_t seconds = 0;
  const char* begin = stat->data() + place + kLine.size();
  std::from_chars(begin, stat->data() + stat->size(), seconds);
  return seconds * 1'000'000'000U;
}

std::string BaseName(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

// Attributes go in once: what the process says of itself (`overridden`) beats what was found out.
class AttributeWriter {
 public:
  AttributeWriter(exporters::AttributeList& list, const std::vector<std::pair<std::string, std::string>>& own)
      : list_(list), own_(own) {}
  void String(std::string_view key, std::string_view value) {
    if (!value.empty() && !IsOwn(key)) list_.String(key, value);
  }
  void Int(std::string_view key, int64_t value) {
    if (!IsOwn(key)) list_.Int(key, value);
  }

 private:
  bool IsOwn(std::string_view key) const {
    return std::any_of(own_.begin(), own_.end(), [key](const auto& pair) { return pair.first == key; });
  }
  exporters::AttributeList& list_;
  const std::vector<std::pair<std::string, std::string>>& own_;
};

// What a target says in its environment about itself may not pretend to come from another telemetry source, nor from another
// process.
bool IsOurs(std::string_view key) {
  return key == "service.name" || key.starts_with("telemetry.") || key == "process.pid" || key == "process.creation.time";
}

}  // namespace

HostFacts ReadHostFacts(const std::string& proc_root, const std::string& etc_root) {
  HostFacts host;
  utsname names{};
  if (uname(&names) == 0) {
    host.name = names.nodename;
    host.architecture = ArchitectureOf(names.machine);
  }
  const ProcFs etc(etc_root);
  const std::optional<std::string> id = etc.ReadRoot("machine-id", 256);
  if (id) host.id = Trim(*id);
  const ProcFs proc(proc_root);
  host.boot_unix_ns = BootTimeNs(proc);
  host.boot_id = Trim(proc.ReadRoot("sys/kernel/random/boot_id", 256).value_or(""));
  const long ticks = sysconf(_SC_CLK_TCK);
  if (ticks > 0) host.ticks_per_second = static_cast<uint64_t>(ticks);
  return host;
}

std::string_view FindVariable(std::string_view environment, std::string_view name) {
  while (!environment.empty()) {
    const size_t end = environment.find('\0');
    const std::string_view entry = environment.substr(0, end);
    if (entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name)) return entry.substr(name.size() + 1);
    if (end == std::string_view::npos) break;
    environment.remove_prefix(end + 1);
  }
  return {};
}

std::optional<std::vector<std::pair<std::string, std::string>>> ParseResourceAttributes(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> attributes;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view pair = Trim(text.substr(0, comma));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    std::optional<std::string> key = PercentDecode(Trim(pair.substr(0, equals)));
    std::optional<std::string> value = PercentDecode(Trim(pair.substr(equals + 1)));
    if (!key || key->empty() || !value) return std::nullopt;
    const auto known = std::find_if(attributes.begin(), attributes.end(), [&](const auto& other) { return other.first == *key; });
    if (known != attributes.end()) {
      known->second = std::move(*value);  // the later one counts
    } else if (attributes.size() < kMaxResourceAttributes) {
      attributes.emplace_back(std::move(*key), std::move(*value));
    }
  }
  return attributes;
}

std::string ServiceName(const ProcessFacts& facts) {
  if (!facts.service_name.empty()) return facts.service_name;
  std::string named = Printable(FindVariable(facts.environment, "OTEL_SERVICE_NAME"));
  if (!named.empty()) return named;
  const auto attributes = ParseResourceAttributes(FindVariable(facts.environment, "OTEL_RESOURCE_ATTRIBUTES"));
  if (attributes) {
    for (const auto& [key, value] : *attributes) {
      if (key != "service.name") continue;
      std::string name = Printable(value);
      if (!name.empty()) return name;
    }
  }
  std::string name = NameFromCommand(facts.executable_path, facts.comm, facts.arguments);
  return name.empty() ? std::string(kUnknownService) : name;
}

exporters::Resource BuildResource(const ProcessFacts& facts, const HostFacts& host, std::string_view agent_version, uint64_t id) {
  exporters::Resource resource;
  resource.id = id;
  resource.service_name = ServiceName(facts);
  exporters::AttributeList& out = resource.attributes;
  out.String("service.name", resource.service_name);

  std::vector<std::pair<std::string, std::string>> own =
      ParseResourceAttributes(FindVariable(facts.environment, "OTEL_RESOURCE_ATTRIBUTES"))
          .value_or(std::vector<std::pair<std::string, std::string>>{});
  std::erase_if(own, [](const auto& pair) { return IsOurs(pair.first) || pair.second.empty(); });
  for (const auto& [key, value] : own) out.String(key, value);

  AttributeWriter writer(out, own);
  writer.String("service.instance.id",
                InstanceId((host.id.empty() ? host.name : host.id) + '/' + host.boot_id, facts.tgid, facts.start_ticks));
  const Runtime runtime =
      facts.is_go ? Runtime::kGo : RuntimeOf(facts.executable_path.empty() ? facts.comm : BaseName(facts.executable_path));
  writer.String("telemetry.sdk.language", Words(runtime).language);
  writer.String("telemetry.sdk.name", "wirespan");
  writer.String("telemetry.sdk.version", agent_version);
  writer.String("telemetry.distro.name", "wirespan");
  writer.String("telemetry.distro.version", agent_version);
  if (facts.tgid != 0) writer.Int("process.pid", facts.tgid);
  if (facts.start_ticks != 0 && host.boot_unix_ns != 0 && host.ticks_per_second != 0) {
    const uint64_t seconds = facts.start_ticks / host.ticks_per_second;
    const uint64_t rest_ns = facts.start_ticks % host.ticks_per_second * (1'000'000'000U / host.ticks_per_second);
    writer.String("process.creation.time", FormatTime(host.boot_unix_ns + seconds * 1'000'000'000U + rest_ns));
  }
  writer.String("process.executable.name", facts.executable_path.empty() ? facts.comm : BaseName(facts.executable_path));
  writer.String("process.executable.path", facts.executable_path);
  if (!facts.arguments.empty()) writer.String("process.command", facts.arguments.front());
  writer.String("process.owner", facts.owner);
  writer.String("process.runtime.name", Words(runtime).runtime);
  writer.String("container.id", facts.container_id.empty() ? ContainerIdOf(facts.cgroup, facts.mount_info) : facts.container_id);
  writer.String("host.name", host.name);
  writer.String("host.id", host.id);
  writer.String("host.arch", host.architecture);
  writer.String("os.type", "linux");
  return resource;
}

std::string InstanceId(std::string_view host_id, uint32_t tgid, uint64_t start_ticks) {
  // 4d63009a-8d0f-11ee-aad7-4c796ed8e320: the namespace of OpenTelemetry's service.instance.id
  std::string name("\x4d\x63\x00\x9a\x8d\x0f\x11\xee\xaa\xd7\x4c\x79\x6e\xd8\xe3\x20", 16);
  name += host_id;
  name += '/' + std::to_string(tgid) + '/' + std::to_string(start_ticks);
  std::array<uint8_t, 20> hash = Sha1(name);
  hash[6] = static_cast<uint8_t>((hash[6] & 0x0fU) | 0x50U);
  hash[8] = static_cast<uint8_t>((hash[8] & 0x3fU) | 0x80U);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kDigits[hash[i] / 16];
    text += kDigits[hash[i] % 16];
  }
  return text;
}

}  // namespace wirespan::process
