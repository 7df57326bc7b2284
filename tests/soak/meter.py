"""What an agent holds: memory, descriptors, threads, BPF objects. Only processes of the soak's own are looked at."""
import os

from support import bpf

BPF_KINDS = ("prog", "map", "link")


def memory_bytes(pid):
    """Resident memory without the pages of BPF maps (the rings), which are the kernel's: they fill up to the rings' size."""
    total = maps = 0
    is_map = False
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as lines:
        for line in lines:
            if line[0] in "0123456789abcdef" and "-" in line.split(maxsplit=1)[0]:
                is_map = line.rstrip().endswith("anon_inode:bpf-map")
            elif line.startswith("Rss:"):
                total += int(line.split()[1]) * 1024
                maps += int(line.split()[1]) * 1024 * is_map
    return total - maps


def sample(pid):
    """One row of the measurement."""
    objects = bpf.bpf_objects(pid)
    return {"memory": memory_bytes(pid), "fds": len(os.listdir(f"/proc/{pid}/fd")), "threads": len(os.listdir(f"/proc/{pid}/task")),
            **{kind: sum(1 for kind_of, _ in objects if kind_of == kind) for kind in BPF_KINDS}}


def mounts_of_tracefs():
    with open("/proc/self/mountinfo", encoding="utf-8") as lines:
        return sum(" - tracefs " in line for line in lines)


def slope(points):
    """Least squares of (x, y): how much y grows with x."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
