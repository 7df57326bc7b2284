// Which container a process runs in, from the text of its cgroup and mountinfo files. Pure; total on all inputs; any thread.
#pragma once

#include <string>
#include <string_view>

namespace wirespan::process {

// The container's id as its runtime knows it: 64 lower-case hexadecimal digits, or on Amazon ECS
// "<32 hex>-<digits>". Empty: none. `mount_info` is looked at where the process sees only "/" of its
// cgroup (v2 with a cgroup namespace): a mount that the runtime made then carries the id. (Docker's carries the id of the
// container whose network it shares, where it was started with --network container:ID.)
std::string ContainerIdOf(std::string_view cgroup, std::string_view mount_info);

// The path of the process's cgroup: of the unified hierarchy ("0::"), else of the first one named. Empty where there is none.
std::string_view CgroupPathOf(std::string_view cgroup);

}  // namespace wirespan::process
