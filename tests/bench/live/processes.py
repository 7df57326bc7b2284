"""Processes that a measurement starts and ends, and what /proc says of them. Nothing else is ever read or signalled."""
import os
import select
import signal
import subprocess
import time


_started = []  # of this measurement


def end_all():
    """What a measurement that failed has left."""
    for process in _started:
        if process.poll() is None:
            process.terminate()
    for process in _started:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    _started.clear()


def start(argv, **options):
    process = subprocess.Popen(argv, **options)
    _started.append(process)
    return process


class Started:
    """A child process whose lines of one stream are waited for. `log` gets the other."""

    def __init__(self, argv, log, stream="stdout", **options):
        self.name, self.lines, self.rest = os.path.basename(argv[0]), [], b""
        with open(log, "ab") as other:
            streams = {"stdout": other, "stderr": other, stream: subprocess.PIPE}
            self.process = start(argv, stdin=subprocess.DEVNULL, bufsize=0, **streams, **options)
        self.pid, self.log = self.process.pid, log
        self.pipe = getattr(self.process, stream)

    def read(self, timeout):
        """More lines; False at the end of the stream or when nothing came in time."""
        if not select.select([self.pipe], [], [], timeout)[0]:
            return False
        more = os.read(self.pipe.fileno(), 65536)
        self.rest += more
        *whole, self.rest = self.rest.split(b"\n")
        self.lines += [line.decode(errors="replace") for line in whole]
        return bool(more)

    def await_line(self, start, timeout=120.0):
        deadline = time.monotonic() + timeout
        while True:
            for line in self.lines:
                if line.startswith(start):
                    return line
            if not self.read(max(0.0, deadline - time.monotonic())):
                raise RuntimeError(f"{self.name} did not say '{start}': {self.lines[-5:]}; {self.log}")

    def end(self, number=signal.SIGTERM, timeout=60.0):
        """The exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        deadline = time.monotonic() + timeout
        while self.read(max(0.0, deadline - time.monotonic())):
            pass
        try:
            return self.process.wait(max(1.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"{self.name} did not end within {timeout:.0f} s of signal {number}") from None


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def cpu_ns(pid):
    """Time on a processor of all threads that live."""
    return sum(thread["cpu_ns"] for thread in threads(pid).values())


def threads(pid):
    """Thread name -> its processor time, and how often it was given a processor; threads of one name together."""
    found = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{tid}/comm", encoding="utf-8") as comm, \
                 open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as schedstat:
                name, (cpu, _, runs) = comm.read().strip(), schedstat.read().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        thread = found.setdefault(name, {"cpu_ns": 0, "runs": 0})
        thread["cpu_ns"] += int(cpu)
        thread["runs"] += int(runs)
    return found


def rates(before, after, by):
    """What threads() gave twice, as how much more of each for each of `by`."""
    return {name: {key: (value - before.get(name, {}).get(key, 0)) / by for key, value in thread.items()} for name, thread in after.items()}


def verified_instructions(pid):
    """Of each BPF program that the process holds, by the program's id: what the verifier went through."""
    found = {}
    for name in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{name}", encoding="ascii") as file:
                fields = dict(line.split(":", 1) for line in file if ":" in line)
        except FileNotFoundError:
            continue
        if "verified_insns" in fields:
            found[int(fields["prog_id"])] = int(fields["verified_insns"])
    return found


def mapped_maps_bytes(pid):
    """Of its resident memory, the pages of BPF maps (rings), which are the kernel's and counted there as well."""
    found, is_map = 0, False
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as file:
        for line in file:
            if line[0] in "0123456789abcdef" and "-" in line.split(maxsplit=1)[0]:
                is_map = line.rstrip().endswith("anon_inode:bpf-map")
            elif is_map and line.startswith("Rss:"):
                found += int(line.split()[1]) * 1024
    return found


def memory_bytes(pid, key="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has no {key}")
