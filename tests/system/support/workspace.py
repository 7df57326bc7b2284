"""Workspace: one test's directory and processes. Everything a test starts is started here, and is ended here, by its own id."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
PROGRAMS = os.path.join(ROOT, "tests", "system", "programs")
BUILT_PROGRAMS = os.environ.get("WIRESPAN_TEST_PROGRAMS", "")
WIRESPAN = os.environ.get("WIRESPAN_BINARY", os.path.join(ROOT, "build", "release", "agent", "wirespan"))

# How much slower this machine is than one that a time limit is stated for: an emulated one runs the same work in far more time.
PATIENCE = float(os.environ.get("WIRESPAN_TEST_PATIENCE", "1"))


class Skip(Exception):
    """This machine cannot run the test; the text says what is missing."""


class Failure(Exception):
    """What was expected and what was seen."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def check_equal(actual, expected, what):
    if actual != expected:
        raise Failure(f"{what}: expected {expected!r}, got {actual!r}")


def wait_until(condition, what, timeout=20.0):
    """Asks until the answer is true and returns it. The pause is between questions, never instead of one."""
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"not seen within {timeout:.0f} s: {what}")
        time.sleep(0.01)


def free_port(host="127.0.0.1"):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def accepts(port, host="127.0.0.1"):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        return probe.connect_ex((host, port)) == 0


def require_program(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise Skip(f"{name} is not installed")
    return path


def require_ipv6():
    try:
        free_port("::1")
    except OSError:
        raise Skip("no IPv6 loopback") from None


def capabilities():
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("CapEff:"):
                return int(line.split()[1], 16)
    return 0


def require_bpf():
    admin, bpf, perfmon = 1 << 21, 1 << 39, 1 << 38
    held = capabilities()
    if not (held & admin or (held & bpf and held & perfmon)):
        raise Skip("needs root (CAP_SYS_ADMIN, or CAP_BPF with CAP_PERFMON)")


class Process:
    """A child with its standard error and output gathered by threads; leader of its own session, so it ends with its children."""

    def __init__(self, name, argv, *, env=None, stdin=subprocess.DEVNULL, cwd=None, preexec_fn=None, output_file=None):
        self.name = name
        self.argv = argv
        self._lines = {"stdout": [], "stderr": []}
        self._changed = threading.Condition()
        self._output = open(output_file, "wb") if output_file else None
        self.popen = subprocess.Popen(argv, stdin=stdin, stdout=self._output or subprocess.PIPE, stderr=subprocess.PIPE, env=env,
                                      cwd=cwd, start_new_session=True, preexec_fn=preexec_fn)
        self.pid = self.popen.pid
        self._readers = [threading.Thread(target=self._gather, args=(stream,), daemon=True)
                         for stream in ("stdout", "stderr") if getattr(self.popen, stream)]
        for reader in self._readers:
            reader.start()

    def _gather(self, stream):
        with getattr(self.popen, stream) as lines:
            for line in lines:
                with self._changed:
                    self._lines[stream].append(line.decode(errors="replace").rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def lines(self, stream):
        with self._changed:
            return list(self._lines[stream])

    def text(self, stream):
        return "\n".join(self.lines(stream))

    def await_line(self, stream, start, timeout=30.0):
        """The rest of the first line that begins with `start`."""
        deadline = time.monotonic() + timeout * PATIENCE
        with self._changed:
            while True:
                for line in self._lines[stream]:
                    if line.startswith(start):
                        return line[len(start):].strip()
                if self.popen.poll() is not None and not any(r.is_alive() for r in self._readers):
                    raise Failure(f"{self.name} ended (status {self.popen.returncode}) before '{start}': {self._tail()}")
                if not self._changed.wait(min(0.2, max(0.0, deadline - time.monotonic()))) and time.monotonic() > deadline:
                    raise Failure(f"{self.name}: no line '{start}' within {timeout:.0f} s: {self._tail()}")

    def _tail(self):
        return " | ".join(self._lines["stderr"][-5:] + self._lines["stdout"][-3:]) or "(silent)"

    def running(self):
        return self.popen.poll() is None

    def send_signal(self, number):
        if self.running():
            self.popen.send_signal(number)

    def wait(self, timeout=60.0):
        try:
            status = self.popen.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} still runs after {timeout:.0f} s: {self.text('stderr')[-500:]}") from None
        for reader in self._readers:
            reader.join(5)
        if self._output:
            self._output.close()
        if self.popen.stdin:
            try:
                self.popen.stdin.close()
            except BrokenPipeError:
                pass
        return status

    def end(self, number=signal.SIGTERM, timeout=10.0):
        """Ends it (and, should it not go, its session); returns its status."""
        self.send_signal(number)
        try:
            self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return self.wait(5)


class Workspace:
    def __init__(self, name):
        self.name = name
        self.directory = tempfile.mkdtemp(prefix=f"wirespan-{name}-")
        os.chmod(self.directory, 0o755)
        self._processes = []
        self._at_end = []

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def write(self, name, text):
        path = self.path(name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def start(self, name, argv, **options):
        process = Process(name, argv, **options)
        self._processes.append(process)
        return process

    def forget(self, process):
        """Of a process that has ended: what it wrote is kept no longer."""
        self._processes.remove(process)

    def built(self, name):
        path = os.path.join(BUILT_PROGRAMS, name)
        if not os.path.exists(path):
            raise Skip(f"test program '{name}' was not built (its compiler was not found when the build was configured)")
        return path

    def at_end(self, action):
        self._at_end.append(action)

    def close(self, keep=False):
        for process in reversed(self._processes):
            if process.running():
                process.end(signal.SIGTERM, 3)
            else:
                process.end(signal.SIGTERM, 0)
        for action in reversed(self._at_end):
            action()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)
