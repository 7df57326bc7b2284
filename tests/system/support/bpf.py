"""What processes hold of BPF, and what is in their maps, by their descriptors and bpftool. Only a test's own processes are looked at."""
import ctypes
import json
import os
import struct
import subprocess

from .workspace import require_program

HASHES = ("hash", "lru_hash", "percpu_hash", "lru_percpu_hash")


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


def bpftool(*arguments):
    """(whether it succeeded, its answer)"""
    done = subprocess.run([require_program("bpftool"), "-j", *arguments], capture_output=True, text=True, check=False)
    return done.returncode == 0, json.loads(done.stdout or "null")


def _bpf(command, attributes):
    """bpf(2); the descriptor or 0, or None where the kernel refuses."""
    number = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
    result = ctypes.CDLL(None, use_errno=True).syscall(number, command, attributes, len(attributes))
    return None if result < 0 else result


def _keys(map_id, size, bound):
    """Every key of a map, as bytes. Values are not read, and what bpftool takes to print them is not spent."""
    get_next_key, get_fd_by_id = 4, 14  # enum bpf_cmd
    fd = _bpf(get_fd_by_id, struct.pack("=III", map_id, 0, 0))
    if fd is None:
        return
    try:
        key, following, has_key = ctypes.create_string_buffer(size), ctypes.create_string_buffer(size), False
        for _ in range(bound):
            address = ctypes.addressof(key) if has_key else 0
            if _bpf(get_next_key, struct.pack("=IxxxxQQQ", fd, address, ctypes.addressof(following), 0)) is None:
                return
            yield following.raw
            key.raw, has_key = following.raw, True
    finally:
        os.close(fd)


def hash_maps(pid):
    """The facts of every hash map that the process holds, as bpftool tells them."""
    for kind, number in sorted(bpf_objects(pid)):
        known, facts = bpftool("map", "show", "id", str(number)) if kind == "map" else (False, None)
        if known and facts["type"] in HASHES:
            yield facts


def map_keys(pid, name):
    """The keys of that map of the process, as numbers where they are at most 8 bytes long."""
    for facts in hash_maps(pid):
        if facts["name"] == name:
            return [int.from_bytes(key, "little") if len(key) <= 8 else key.hex()
                    for key in _keys(facts["id"], facts["bytes_key"], facts["max_entries"])]
    return []


def map_entries(pid):
    """name -> (type, entries, bound) of every hash map that the process holds."""
    return {facts["name"]: (facts["type"], sum(1 for _ in _keys(facts["id"], facts["bytes_key"], facts["max_entries"])), facts["max_entries"])
            for facts in hash_maps(pid)}


def still_there(objects):
    """Of the (kind, id) given, those that the kernel still has."""
    get_fd_by_id = {"prog": 13, "map": 14, "link": 30}  # enum bpf_cmd
    found = set()
    for kind, number in objects:
        fd = _bpf(get_fd_by_id[kind], struct.pack("=III", number, 0, 0))
        if fd is not None:
            os.close(fd)
            found.add((kind, number))
    return found
