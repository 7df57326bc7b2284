"""call_bench, driven: what system calls cost a process that nobody traces, beside one that is traced, and as the traced one."""
import json
import subprocess

from live import processes


class CallBench:
    def __init__(self, binary):
        self.process = processes.start([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.pid = self.process.pid
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{binary} did not start")

    def round(self, count):
        """kind -> ns of processor time for each operation."""
        self.process.stdin.write(f"{count}\n")
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        if self.process.wait(60) != 0:
            raise RuntimeError(f"call_bench ended with {self.process.returncode}")


def spans_of(count):
    """What one round with that count is to give: `exchange` is seen at both its ends."""
    return 2 * (count // 10)


# kind -> how many system calls an operation of it makes, and what they are.
KINDS = {
    "unrelated": (1, "getppid"),
    "file": (1, "read of a file"),
    "pipe": (2, "write and read of a pipe"),
    "eventfd": (2, "write and read of an eventfd"),
    "epoll": (1, "epoll_wait"),
    "futex": (1, "futex, nobody waits"),
    "wake": (4, "wake of a thread and wait for its wake"),
    "socket": (2, "send and recv of no known protocol"),
    "exchange": (4, "HTTP exchange, both ends"),
}
