"""What the live parts of the benchmark put together: nginx, wrk, the agent with a receiver; and the account of every request."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

from live import processes, spans
from live.processes import Started

NGINX = """
worker_processes {workers}; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.error.log warn;
worker_rlimit_nofile 24000; {user}
events {{ worker_connections 12000; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s; sendfile on; root {folder}/www;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location /file {{ try_files /1k =404; }}
    location /large {{ try_files /1m =404; }}
    location /short {{ return 200 "ok\\n"; }}
  }}
  server {{ listen 127.0.0.1:{status_port}; location / {{ stub_status; }} }}
}}
"""
# On the kernel's side the agent's own ways out are not looked at, but they are there: as a user has them.
AGENT_OPTIONS = ["--format", "none", "--otlp-protocol", "http/protobuf"]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def get(port, path="/"):
    """The body of one request over a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench.test\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while more := connection.recv(65536):
            answer += more
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head[:20]:
        raise RuntimeError(f"GET {path} was answered by {head[:80]}")
    return body.decode()


def wait_until(condition, what, timeout=60.0):
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {timeout:.0f} s")
        time.sleep(0.005)


class Nginx:
    def __init__(self, folder, workers=1):
        os.makedirs(os.path.join(folder, "www"), exist_ok=True)
        for name, size in (("1k", 1 << 10), ("1m", 1 << 20)):
            with open(os.path.join(folder, "www", name), "wb") as file:
                file.write(b"x" * size)
        self.port, self.status_port = free_port(), free_port()
        config = os.path.join(folder, "nginx.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(NGINX.format(folder=folder, workers=workers, port=self.port, status_port=self.status_port,
                                    user="user root;" if os.geteuid() == 0 else ""))
        self.process = Started(["nginx", "-p", folder, "-e", os.path.join(folder, "nginx.error.log"), "-c", config], config + ".log")
        self.pid = self.process.pid
        wait_until(self.answers, "nginx listening")
        wait_until(lambda: len(processes.children(self.pid)) == workers, "nginx's workers")
        self.workers = processes.children(self.pid)

    def answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.status_port)) == 0

    def requests(self):
        """All requests whose first byte was read since the start, this one too."""
        return int(get(self.status_port).split("\n")[2].split()[2])

    def cpu_ns(self):
        return sum(processes.cpu_ns(worker) for worker in self.workers)

    def end(self):
        self.process.end(signal.SIGQUIT)


class Sink:
    def __init__(self, folder):
        self.path = os.path.join(folder, "bodies")
        self.process = Started([sys.executable, os.path.join(os.path.dirname(__file__), "sink.py"), self.path], self.path + ".log")
        self.pid, self.port = self.process.pid, int(self.process.await_line(""))

    def has_any(self):
        return os.path.getsize(self.path) > 0

    def end(self):
        self.process.end()
        return spans.distinct(self.path)


class Agent:
    """`wirespan attach` to one process and its children, with a receiver for its spans. Ready when constructed."""

    def __init__(self, binary, folder, pid, source=None, options=()):
        self.sink = Sink(folder)
        argv = [binary, "attach", "--pid", str(pid), *AGENT_OPTIONS, "--otlp-endpoint", f"http://127.0.0.1:{self.sink.port}", *options]
        if source:
            argv += ["--capture-source", source]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "WIRESPAN_"))}
        self.begun = time.monotonic()
        self.process = Started(argv, os.path.join(folder, "agent.log"), stream="stderr", env=kept)
        self.pid = self.process.pid
        self.ready = self.process.await_line("ready:")
        self.seconds_to_ready, self.cpu_ns_to_ready = time.monotonic() - self.begun, self.cpu_ns()

    def await_first_span(self):
        """Seconds since the start of the process until a span has come out."""
        wait_until(self.sink.has_any, "first span")
        return time.monotonic() - self.begun

    @property
    def source(self):
        return re.search(r"source=(\S+)", self.ready).group(1)

    def cpu_ns(self):
        return processes.cpu_ns(self.pid)

    def end(self):
        """The summary; with what came out of it as `received` and `received_again`."""
        status = self.process.end(signal.SIGINT)
        line = next((line for line in self.process.lines if line.startswith("summary:")), None)
        received, again = self.sink.end()
        if status != 0 or line is None:
            raise RuntimeError(f"the agent ended with {status}: {self.process.lines[-3:]}")
        return {**json.loads(line[len("summary:"):]), "received": received, "received_again": again}


def account(sent, summary):
    """What became of the requests that were sent to a traced process: one has a span, or a loss was counted, or neither. A call on
    a connection that was switched off, which its own reason counts once, is counted as such. What lay unread by the server behind
    other requests of one read when the client left is a span of which a part was not seen, and no request of the server's."""
    counted = {reason: count for reason, count in summary["dropped"].items() if count}
    off_calls = summary["kernel"]["off_calls"]
    missing = sent - summary["received"]
    return {"sent": sent, "spans": summary["received"], "incomplete": summary["incomplete_spans"], "without_span": max(0, missing),
            "dropped": counted, "off_calls": off_calls, "unaccounted": max(0, missing - off_calls - sum(counted.values())),
            "surplus": max(0, -missing - summary["incomplete_spans"]) + summary["received_again"]}


LATENCY_UNIT = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 6e7}


def microseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)([a-z]+)", text).groups()
    return float(number) * LATENCY_UNIT[unit]


def read_wrk(text):
    """Its figures, from what it prints; an error of any request is ours. An answer that took more than 2 s is none."""
    broken = re.search(r"Non-2xx.*|Socket errors: (?!connect 0, read 0, write 0,).*", text)
    if broken:
        raise RuntimeError(f"wrk: {broken.group(0)}")
    value = {}
    for name, pattern in (("p50", r"^\s+50%\s+(\S+)\s*$"), ("p99", r"^\s+99%\s+(\S+)\s*$"), ("rate", r"^Requests/sec:\s+(\S+)"),
                          ("count", r"^\s+(\d+) requests in")):
        found = re.search(pattern, text, re.MULTILINE)
        if not found:
            raise RuntimeError(f"wrk said no {name}: {text}")
        value[name] = found.group(1)
    return {"p50_us": microseconds(value["p50"]), "p99_us": microseconds(value["p99"]), "rate": float(value["rate"]),
            "count": int(value["count"])}


def wrk(port, path, seconds, connections, options=(), threads=1):
    """A closed loop. Latencies in us."""
    argv = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency", *options, f"http://127.0.0.1:{port}{path}"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stdout}{done.stderr}")
    return read_wrk(done.stdout)
