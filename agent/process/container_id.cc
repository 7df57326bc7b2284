#include "agent/process/container_id.h"

#include <algorithm>
#include <array>

namespace wirespan::process {
namespace {

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}
bool IsDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool IsId(std::string_view text) {
  if (text.size() == 64) return IsHex(text);
  // Amazon ECS on Fargate: <task id of 32>-<number>
  return text.size() > 33 && text.size() <= 53 && text[32] == '-' && IsHex(text.substr(0, 32)) && IsDigits(text.substr(33));
}

// One name of a cgroup's path: "<id>", "docker-<id>.scope", "cri-containerd-<id>.scope", "crio-<id>.scope", "libpod-<id>.scope",
// and, by containerd with the systemd driver through the CRI, "<slice>:cri-containerd:<id>". CRI-O's and Podman's monitors
// ("crio-conmon-<id>", "libpod-conmon-<id>") are not in the container.
std::string_view IdOfName(std::string_view name) {
  if (name.find("conmon-") != std::string_view::npos) return {};
  if (name.ends_with(".scope")) {
    name.remove_suffix(6);
    const size_t dash = name.rfind('-');
    if (dash == std::string_view::npos) return {};
    name.remove_prefix(dash + 1);
    return IsId(name) ? name : std::string_view{};
  }
  if (const size_t colon = name.rfind(':'); colon != std::string_view::npos) name.remove_prefix(colon + 1);
  if (IsId(name)) return name;
  // cgroup v1 of Docker in its own naming, of Podman with cgroupfs: "libpod-<id>"
  if (name.starts_with("libpod-") && IsId(name.substr(7))) return name.substr(7);
  if (name.starts_with("docker-") && IsId(name.substr(7))) return name.substr(7);
  return {};
}

// The innermost name that is an id: a container may hold sub-groups ("<id>/init", "<id>/user.slice/...").
std::string_view IdOfPath(std::string_view path) {
  while (!path.empty()) {
    const size_t slash = path.rfind('/');
    const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
    if (const std::string_view id = IdOfName(name); !id.empty()) return id;
    if (slash == std::string_view::npos) break;
    path = path.substr(0, slash);
  }
  return {};
}

std::string_view TakeLine(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// "hierarchy:controllers:path"; the path may hold colons.
std::string_view PathOfLine(std::string_view line) {
  const size_t first = line.find(':');
  if (first == std::string_view::npos) return {};
  const size_t second = line.find(':', first + 1);
  return second == std::string_view::npos ? std::string_view{} : line.substr(second + 1);
}

// The id in the source of a mount that the runtime made for this one container: Docker's ".../containers/<id>/hostname", and
// ".../overlay-containers/<id>/userdata/.containerenv" of Podman and CRI-O. In a Kubernetes pod the host name is the sandbox's,
// which is another container, so it says nothing there (containerd's lies below "sandboxes/", CRI-O's below
// "overlay-containers/").
std::string_view IdOfMount(std::string_view line) {
  // mount-id parent major:minor root mount-point ...
  std::array<std::string_view, 5> fields;
  for (std::string_view& field : fields) {
    const size_t end = line.find(' ');
    field = line.substr(0, end);
    if (end == std::string_view::npos) return {};
    line.remove_prefix(end + 1);
  }
  const std::string_view root = fields[3];
  const std::string_view mount_point = fields[4];
  const bool is_docker = mount_point == "/etc/hostname" && root.ends_with("/hostname");
  const bool is_podman = mount_point == "/run/.containerenv" && root.ends_with("/.containerenv");
  if (!is_docker && !is_podman) return {};
  const std::string_view folder = is_docker ? "/containers/" : "/overlay-containers/";
  const size_t place = root.rfind(folder);
  if (place == std::string_view::npos) return {};
  const std::string_view name = root.substr(place + folder.size());
  const std::string_view id = name.substr(0, name.find('/'));
  return IsId(id) ? id : std::string_view{};
}

}  // namespace

std::string ContainerIdOf(std::string_view cgroup, std::string_view mount_info) {
  while (!cgroup.empty()) {
    if (const std::string_view id = IdOfPath(PathOfLine(TakeLine(cgroup))); !id.empty()) return std::string(id);
  }
  while (!mount_info.empty()) {
    if (const std::string_view id = IdOfMount(TakeLine(mount_info)); !id.empty()) return std::string(id);
  }
  return {};
}

std::string_view CgroupPathOf(std::string_view cgroup) {
  std::string_view first;
  while (!cgroup.empty()) {
    const std::string_view line = TakeLine(cgroup);
    if (line.starts_with("0::")) return line.substr(3);
    if (first.empty()) first = PathOfLine(line);
  }
  return first;
}

}  // namespace wirespan::process
