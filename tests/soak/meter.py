"""What an agent holds: memory, descriptors, threads, BPF objects, entries of its maps. Only processes of the soak's own are looked at."""
import json
import os
import subprocess

BPF_KINDS = ("prog", "map", "link")
HASHES = ("hash", "lru_hash", "percpu_hash", "lru_percpu_hash")


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


def bpf_objects(pid):
    """(kind, id) of what the process holds by its descriptors."""
    found = set()
    for name in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{name}", encoding="ascii") as lines:
                text = lines.read()
        except OSError:
            continue
        for line in text.splitlines():
            key, _, value = line.partition(":")
            if key in ("prog_id", "map_id", "link_id"):
                found.add((key[:-3], int(value)))
    return found


def sample(pid):
    """One row of the measurement."""
    objects = bpf_objects(pid)
    return {"memory": memory_bytes(pid), "fds": len(os.listdir(f"/proc/{pid}/fd")), "threads": len(os.listdir(f"/proc/{pid}/task")),
            **{kind: sum(1 for kind_of, _ in objects if kind_of == kind) for kind in BPF_KINDS}}


def bpftool(*arguments):
    done = subprocess.run(["bpftool", "-j", *arguments], capture_output=True, text=True, check=False,
                          env={**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin"})
    return done.returncode == 0, json.loads(done.stdout or "null")


def map_entries(pid):
    """name -> (type, entries, bound) of every hash map that the process holds."""
    found = {}
    for kind, number in sorted(bpf_objects(pid)):
        if kind != "map":
            continue
        known, facts = bpftool("map", "show", "id", str(number))
        if known and facts["type"] in HASHES:
            _, entries = bpftool("map", "dump", "id", str(number))
            found[facts["name"]] = (facts["type"], len(entries or []), facts["max_entries"])
    return found


def map_keys(pid, wanted):
    """The keys of one map, in bpftool's words."""
    for kind, number in sorted(bpf_objects(pid)):
        if kind == "map" and (facts := bpftool("map", "show", "id", str(number))[1]) and facts.get("name") == wanted:
            return [entry.get("formatted", entry) for entry in bpftool("map", "dump", "id", str(number))[1] or []]
    return []


def still_there(objects):
    """Of the objects given, those that the kernel still has."""
    return {(kind, number) for kind, number in objects if bpftool(kind, "show", "id", str(number))[0]}


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
