"""The services of the soak: each is started, replaced by a new one of its kind after a while, and ended, all by the supervisor."""
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

from support.workspace import PROGRAMS, Failure, accepts, free_port, wait_until

SUPERVISOR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "supervisor.py")

NGINX = """
worker_processes 2; daemon off; pid {dir}/{name}.pid; error_log {dir}/{name}.error.log crit; {user} worker_shutdown_timeout 2s;
events {{ worker_connections 1000; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{ listen 127.0.0.1:{port}; listen unix:{dir}/{name}.sock; location / {{ return 200 "ok $request_uri\\n"; }} }}
  server {{ listen 127.0.0.1:{http2_port} http2; location / {{ return 200 "ok\\n"; }} }}
}}
"""


class Supervisor:
    def __init__(self, workspace):
        self.process = workspace.start("supervisor", [sys.executable, SUPERVISOR], stdin=subprocess.PIPE)
        self.pid = self.process.pid
        self._lock = threading.Lock()
        self._answers = 0

    def ask(self, **command):
        with self._lock:
            self.process.popen.stdin.write(json.dumps(command).encode() + b"\n")
            self.process.popen.stdin.flush()
            self._answers += 1
            wait_until(lambda: len(self.process.lines("stdout")) >= self._answers, f"the supervisor's answer to {command}", 60)
            return json.loads(self.process.lines("stdout")[self._answers - 1])


class Instance:
    """One running service. `port` is where it answers; the others are None where it has none."""

    def __init__(self, pid, port, unix_path=None, http2_port=None):
        self.pid, self.port, self.unix_path, self.http2_port = pid, port, unix_path, http2_port


class Service:
    """One kind of service, one instance of it at a time."""

    def __init__(self, workspace, supervisor, name, stop_signal=signal.SIGTERM):
        self.workspace, self.supervisor, self.name, self.stop_signal = workspace, supervisor, name, stop_signal
        self.generation = 0
        self.current = None

    def argv(self, mark):
        raise NotImplementedError

    def start(self):
        self.generation += 1
        mark = f"{self.name}-{self.generation}"
        output = self.workspace.path(mark + ".out")
        pid = self.supervisor.ask(start=self.argv(mark), output=output)["pid"]
        self.current = self.await_instance(pid, output, mark)

    def await_instance(self, pid, output, _mark):
        def port():
            with open(output, encoding="utf-8", errors="replace") as lines:
                return next((int(line.split()[1]) for line in lines if line.startswith(("listening ", "port ")) and line.endswith("\n")), None)
        return Instance(pid, wait_until(port, f"{self.name} listening", 120))

    def stop(self):
        instance, self.current = self.current, None
        if instance:
            self.supervisor.ask(stop=instance.pid, signal=int(self.stop_signal))

    def replace(self):
        self.stop()
        self.start()


class Program(Service):
    """Prints the line "listening PORT" (or "port PORT")."""

    def __init__(self, workspace, supervisor, name, argv):
        super().__init__(workspace, supervisor, name)
        self._argv = argv

    def argv(self, mark):
        return self._argv


class Relay(Service):
    """A Go service that calls another for each request; the other is started and ended with it."""

    def __init__(self, workspace, supervisor, binary):
        super().__init__(workspace, supervisor, "relay")
        self.binary = binary
        self.backend = Program(workspace, supervisor, "backend", None)
        self.backend.argv = lambda mark: [binary, "backend", workspace.path(mark + ".log")]

    def argv(self, mark):
        mode = ("new", "pooled", "parallel")[self.generation % 3]
        return [self.binary, "relay", str(self.backend.current.port), mode, "2"]

    def start(self):
        self.backend.start()
        super().start()

    def stop(self):
        super().stop()
        self.backend.stop()

    def requests_of_backends(self):
        count = 0
        for generation in range(1, self.backend.generation + 1):
            with open(self.workspace.path(f"backend-{generation}.log"), encoding="ascii") as lines:
                count += sum(1 for _ in lines)
        return count


class Nginx(Service):
    """Is told to reload as well as replaced: then its workers come and go under one master."""

    def __init__(self, workspace, supervisor, binary):
        super().__init__(workspace, supervisor, "nginx", signal.SIGQUIT)
        self.binary = binary
        self.reloads = 0

    def argv(self, mark):
        self.port, self.http2_port = free_port(), free_port()
        config = self.workspace.write(mark + ".conf", NGINX.format(
            dir=self.workspace.directory, name=mark, port=self.port, http2_port=self.http2_port, user="user root;" if os.geteuid() == 0 else ""))
        return [self.binary, "-p", self.workspace.directory, "-e", self.workspace.path(mark + ".error.log"), "-c", config]

    def await_instance(self, pid, output, mark):
        wait_until(lambda: accepts(self.http2_port), "nginx listening", 120)
        return Instance(pid, self.port, self.workspace.path(mark + ".sock"), self.http2_port)

    def replace(self):
        if self.generation % 2 == 1 and self.reloads < 2 * self.generation:
            self.reloads += 1
            os.kill(self.current.pid, signal.SIGHUP)
        else:
            super().replace()


def every_service(workspace, supervisor):
    """Those that can be run here: name -> Service, and the names of those that cannot, with the reason."""
    from support.workspace import Skip, require_program
    kinds = {
        "python": lambda: Program(workspace, supervisor, "python", [sys.executable, os.path.join(PROGRAMS, "server.py"), "--log", "/dev/null"]),
        "cpp": lambda: Program(workspace, supervisor, "cpp", [workspace.built("ws_test_server"), "--log", "/dev/null", "--threads", "3"]),
        "node": lambda: Program(workspace, supervisor, "node", [require_program("node"), os.path.join(PROGRAMS, "server.js"), "/dev/null"]),
        "go": lambda: Program(workspace, supervisor, "go", [workspace.built("go_server"), "/dev/null"]),
        "relay": lambda: Relay(workspace, supervisor, workspace.built("go_relay")),
        "nginx": lambda: Nginx(workspace, supervisor, require_program("nginx")),
    }
    found, missing = {}, {}
    for name, make in kinds.items():
        try:
            found[name] = make()
        except Skip as reason:
            missing[name] = str(reason)
    return found, missing


class Churn(threading.Thread):
    """Replaces one service after another, every `pause` seconds or so, until it is stopped."""

    def __init__(self, services, pause):
        super().__init__(name="churn", daemon=True)
        self.services, self.pause = services, pause
        self.replaced = 0
        self.failure = None
        self._stopping = threading.Event()

    def run(self):
        order = []
        while not self._stopping.wait(self.pause * random.uniform(0.5, 1.5)):
            order = order or random.sample(list(self.services), len(self.services))
            try:
                self.services[order.pop()].replace()
                self.replaced += 1
            except (Failure, OSError) as failure:
                self.failure = failure
                return

    def stop(self):
        self._stopping.set()
        self.join(180)


def stop_all(services):
    for service in services.values():
        service.stop()


def settle(seconds):
    """The moment for which a thing is watched: an interval of the measurement, not a wait for something."""
    time.sleep(seconds)
