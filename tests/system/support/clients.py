"""Clients with exact logs: the load generator, and a socket that sends exactly the bytes a test wants."""
import os
import socket
import subprocess

from .compare import read_client_log
from .servers import REAL_PYTHON
from .workspace import PROGRAMS, Failure, check_equal, require_program


class Load:
    """tests/system/programs/load.cc"""

    def __init__(self, workspace, port=None, *, name="load", **options):
        self.log_path = workspace.path(f"{name}.log")
        argv = [workspace.built("ws_test_load"), "--log", self.log_path]
        if port is not None:
            argv += ["--port", str(port)]
        for option, value in options.items():
            argv.append("--" + option.replace("_", "-"))
            if value is not True:
                argv.append(str(value))
        self.process = workspace.start(name, argv, stdin=subprocess.PIPE)
        self.pid = self.process.pid
        if options.get("hold"):
            self.process.await_line("stdout", "connected")

    def go(self):
        """Lets a held load begin."""
        self.process.popen.stdin.write(b"go\n")
        self.process.popen.stdin.flush()
        return self

    def finish(self, timeout=120.0, expected=0):
        """Ends an unlimited load, waits for a limited one; the exact log of all it sent."""
        self.process.popen.stdin.close()
        status = self.process.wait(timeout)
        check_equal(status, expected, f"exit status of the load ({self.process.text('stderr')[-300:]})")
        return read_client_log(self.log_path)


def client_argv(workspace, name, port, log, count):
    """One of the clients in other languages."""
    arguments = [str(port), log, str(count)]
    if name == "python":
        return [REAL_PYTHON, os.path.join(PROGRAMS, "client.py"), *arguments]
    if name == "node":
        return [require_program("node"), os.path.join(PROGRAMS, "client.js"), *arguments]
    if name == "go":
        return [workspace.built("go_client"), *arguments]
    raise Failure(f"no client '{name}'")


class RawConnection:
    """One connection; what is sent and in which pieces is the test's own choice."""

    def __init__(self, port, host="127.0.0.1", unix_path=None):
        if unix_path:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(20)
            self.socket.connect(unix_path)
            self.port = None
        else:
            self.socket = socket.create_connection((host, port), timeout=20)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.port = self.socket.getsockname()[1]
        self._buffer = b""

    def send(self, data, piece=None):
        data = data.encode() if isinstance(data, str) else data
        if piece is None:
            self.socket.sendall(data)
            return self
        for at in range(0, len(data), piece):
            self.socket.sendall(data[at:at + piece])
        return self

    def _more(self):
        data = self.socket.recv(1 << 18)
        if not data:
            raise Failure(f"the server closed; unread: {self._buffer[:200]!r}")
        self._buffer += data

    def _until(self, mark):
        while mark not in self._buffer:
            self._more()
        part, _, self._buffer = self._buffer.partition(mark)
        return part + mark

    def _take(self, size):
        while len(self._buffer) < size:
            self._more()
        part, self._buffer = self._buffer[:size], self._buffer[size:]
        return part

    def response(self, method="GET"):
        """(status, fields, body bytes) of the next response; 1xx are returned like any other."""
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = 0
        if method == "HEAD" or status < 200 or status in (204, 304):
            return status, fields, body
        if "chunked" in fields.get("transfer-encoding", ""):
            while True:
                size = int(self._until(b"\r\n").split(b";")[0], 16)
                if size == 0:
                    while self._until(b"\r\n") != b"\r\n":
                        pass
                    return status, fields, body
                self._take(size + 2)
                body += size
        body = int(fields.get("content-length", 0))
        self._take(body)
        return status, fields, body

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class GatedProcess:
    """A program that waits at a gate until the tracer is ready: a shell that reads one line and then execs it, under one pid."""

    def __init__(self, workspace, name, argv):
        self.process = workspace.start(name, ["/bin/sh", "-c", 'read line; exec "$@"', "gate", *argv], stdin=subprocess.PIPE)
        self.pid = self.process.pid

    def open(self):
        self.process.popen.stdin.write(b"go\n")
        self.process.popen.stdin.close()
        return self

    def finish(self, expected=0, timeout=60.0):
        status = self.process.wait(timeout)
        check_equal(status, expected, f"exit status of {self.process.name} ({self.process.text('stderr')[-300:]})")
