"""The cases of the zoo: which service, what is promised of it, and why where it is little."""
import os
import re
import signal

from support.servers import REAL_PYTHON
from support.workspace import Skip, free_port, require_program, wait_until

from . import lab
from .runner import HOME, SERVICES, Service, built

CASES = {}

TIMER = "a call made by a timer follows no read; only an answer in the turn that read its response proves it (backward link). Mending needs the runtime's own identity of the task"


class Case:
    """`start(workspace, backend_port)` -> Service. `recall`: what issue 4 promises (None: printed with `why`)."""

    def __init__(self, name, start, recall=None, why="", lab_name=None, path="/run", quick=False, stop_signal=signal.SIGTERM, settle_s=0.15,
                 midflight=False):
        self.name = name
        self.start = start
        self.recall = recall
        self.why = why
        self.lab = lab.figures(lab_name or name)
        self.path = path
        self.quick = quick
        self.stop_signal = stop_signal
        self.settle_s = settle_s
        self.midflight = midflight


def add(name, start, **more):
    if name in CASES:
        raise ValueError(f"two cases named {name}")
    CASES[name] = Case(name, start, **more)


def installed(*parts):
    """Something that `scripts/zoo --install` puts there."""
    path = os.path.join(HOME, *parts)
    if not os.path.exists(path):
        raise Skip(f"{'/'.join(parts)} is not there: scripts/zoo --install")
    return path


def configured(workspace, template, name, **values):
    with open(os.path.join(SERVICES, template), encoding="ascii") as file:
        text = file.read()
    for key, value in values.items():
        text = text.replace(f"@{key.upper()}@", str(value))
    return workspace.write(name, text)


# --- proxies
def start_nginx(workspace, backend, workers=1, keep=True, fastcgi="", more=()):
    binary = require_program("nginx")
    port = free_port()
    config = configured(workspace, "nginx.conf", "nginx.conf", dir=workspace.directory, workers=workers, port=port, backend=backend,
                        keepalive="keepalive 256;" if keep else "", connection="" if keep else "close",
                        reuseport="reuseport" if workers > 1 else "", fastcgi=fastcgi, user="user root;" if os.geteuid() == 0 else "")
    return Service.listening(workspace, "nginx", [binary, "-p", workspace.directory, "-e", workspace.path("nginx.error.log"), "-c", config], port,
                             more=more)


def nginx(workers, keep):
    return lambda workspace, backend: start_nginx(workspace, backend, workers, keep)


for count in (1, 2):
    add(f"nginx-w{count}-keep", nginx(count, True), recall=0.99, lab_name="nginx", quick=count == 2)
    add(f"nginx-w{count}-new", nginx(count, False), recall=0.99, lab_name="nginx")


def haproxy(threads, reuse):
    def start(workspace, backend):
        port = free_port()
        config = configured(workspace, "haproxy.cfg", "haproxy.cfg", port=port, backend=backend, threads=threads, reuse=reuse)
        return Service.listening(workspace, "haproxy", [require_program("haproxy"), "-db", "-f", config], port)
    return start


HAPROXY_WHY = "haproxy reads several connections in one turn and writes later, in the order of its own tasks, which no system call shows"
for count in (1, 2):
    add(f"haproxy-t{count}", haproxy(count, "never"), why=HAPROXY_WHY, quick=count == 1)
add("haproxy-t2-always", haproxy(2, "always"), why=HAPROXY_WHY)


# --- C++
def pool(mode, keep, threads):
    def start(workspace, backend):
        return Service.announced(workspace, "pool", [built("ws_zoo_pool"), "--backend", str(backend), "--mode", mode, "--keep", str(int(keep)),
                                                     "--threads", str(threads)])
    return start


add("cpp-pool", pool("connection", True, 128), recall=0.99, lab_name="threads", quick=True)
add("cpp-pool-new", pool("connection", False, 128), recall=0.99, lab_name="threads")
QUEUE_WHY = "the thread that calls did not read the request; what it answers proves its calls (backward link)"
add("cpp-queue", pool("queue", True, 16), why=QUEUE_WHY, quick=True)
add("cpp-queue-new", pool("queue", False, 16), why=QUEUE_WHY)


# --- Python
def threads(mode):
    return lambda workspace, backend: Service.announced(workspace, "python", [REAL_PYTHON, os.path.join(SERVICES, "threads.py"), str(backend), mode])


add("py-threads-new", threads("new"), recall=0.99, lab_name="threads", quick=True)
add("py-threads-pool", threads("pool"), recall=0.99, lab_name="threads")
add("py-threads-faults", threads("faults"), recall=0.99)


def gunicorn(worker, mode):
    def start(workspace, backend):
        port = free_port()
        argv = [installed("python", "bin", "gunicorn"), "--bind", f"127.0.0.1:{port}", "--workers", "2", "--worker-class", worker, "--backlog", "1024",
                "--keep-alive", "60", "--chdir", SERVICES, *(["--threads", "64"] if worker == "gthread" else []), "wsgi:application"]
        return Service.listening(workspace, "gunicorn", argv, port, env={**os.environ, "ZOO_BACKEND": str(backend), "ZOO_MODE": mode,
                                                                         "PYTHONDONTWRITEBYTECODE": "1"})
    return start


def python(program, *arguments):
    return lambda workspace, backend: Service.announced(
        workspace, "python", [installed("python", "bin", "python"), os.path.join(SERVICES, program), str(backend), *arguments])


add("gunicorn-sync", gunicorn("sync", "new"), recall=0.99)
add("gunicorn-gthread", gunicorn("gthread", "new"), recall=0.99, lab_name="threads", quick=True)
add("gunicorn-gthread-pool", gunicorn("gthread", "pool"), recall=0.99, lab_name="threads")
ASYNCIO = "tasks take turns on one thread, in the order of the loop's own queue; needs CPython's contexts and probes of their copies"
UVLOOP = "libuv's own queues between read and task, and another turn order; without the contexts nothing is sure"
for kind in ("two", "gather", "sleep", "task"):
    add(f"aiohttp-{kind}", python("aio.py", kind, "keep", "asyncio"), recall=0.95, why=ASYNCIO, quick=kind == "two",
        lab_name="aiohttp-two" if kind == "sleep" else None)
add("aiohttp-new", python("aio.py", "two", "new", "asyncio"), recall=0.95, why=ASYNCIO, lab_name="aiohttp-two")
add("aiohttp-uvloop", python("aio.py", "two", "keep", "uvloop"), recall=0.95, why=UVLOOP)
add("uvicorn-httpx", python("asgi.py", "keep", "asyncio"), recall=0.95, why=ASYNCIO)
add("uvicorn-httpx-new", python("asgi.py", "new", "asyncio"), recall=0.95, why=ASYNCIO, lab_name="uvicorn-httpx")
add("uvicorn-uvloop", python("asgi.py", "keep", "uvloop"), recall=0.95, why=UVLOOP)


# --- Node
def node(work, pooling, host="127.0.0.1"):
    return lambda workspace, backend: Service.announced(
        workspace, "node", [require_program("node"), os.path.join(SERVICES, "node.js"), str(backend), work, pooling, host])


for kind in ("one", "two", "all", "fs"):
    add(f"node-{kind}", node(kind, "keep"), recall=0.99, quick=kind in ("two", "all"))
    add(f"node-{kind}-new", node(kind, "new"), recall=0.99, lab_name={"all": "node-new-all", "fs": "node-fs-new"}.get(kind, f"node-{kind}"))
add("node-host", node("one", "keep", "localhost"), recall=0.99)
add("node-host-new", node("one", "new", "localhost"), recall=0.99, quick=True)
add("node-max", node("max", "keep"), why="a queued request goes out in another request's turn, on a connection that its response made free", quick=True)
add("node-max-new", node("max", "new"), why="a queued request's new connection is made in another request's turn")
add("node-sleep", node("sleep", "keep"), why=TIMER, quick=True)
add("node-sleep-new", node("sleep", "new"), why=TIMER)
add("node-sleepafter", node("sleepafter", "keep"), why="a timer's answer follows the call's response in the same turn of another request: it looks like a contradiction")
add("node-immediate", node("immediate", "keep"), why="setImmediate runs after other requests' I/O of the same turn: the thread's context is another's")
add("node-bg", node("bg", "keep"), settle_s=0, why="jobs that no request caused make calls all the time", quick=True)
add("node-outlive", node("outlive", "keep"), settle_s=0.3,
    why="the call is made after its request was answered, by a timer: nothing that the kernel sees ties it to the request")
add("node-faults", node("faults", "keep"), why="a timed-out call has no response to go on from")
add("node-faults-new", node("faults", "new"), why="a timed-out call has no response to go on from")
add("node-mix", node("mix", "keep"), why=TIMER)
add("node-mix-host", node("mix", "keep", "localhost"), why=TIMER)
add("node-fetch", node("fetch", "keep"), lab_name="node-fetch-two", why="undici keeps its own pool and queue")


# --- Go
def go(version, mode):
    return lambda workspace, backend: Service.announced(workspace, "go", [installed("go", f"service-{version}"), str(backend), mode])


GO_POOL = "a pooled connection's writing goroutine was begun by whoever dialled it; needs a probe of net/http's hand-over"
GO_SLEEP = "the goroutine wakes on any thread, and another one writes; needs the same probe"
for version in ("newest", "1.24-stripped", "1.22"):
    add(f"go-{version}-new", go(version, "new"), recall=0.95, lab_name="go-new", quick=version == "newest")
    add(f"go-{version}-pool", go(version, "pool"), recall=0.95, lab_name="go-pool", why=GO_POOL)
add("go-newest-par", go("newest", "par"), recall=0.95, lab_name="go-par", why=GO_POOL)
add("go-newest-par-new", go("newest", "parnew"), recall=0.95)
add("go-newest-sleep", go("newest", "sleep"), recall=0.95, lab_name="go-sleep", why=GO_SLEEP)
add("go-newest-sleep-new", go("newest", "sleepnew"), recall=0.95)


# --- Java
def newest_java():
    """A JDK of 21 or later, for virtual threads."""
    found = []
    for directory in ("/usr/lib/jvm", "/opt"):
        for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
            release = os.path.join(directory, name, "release")
            if os.path.exists(release):
                with open(release, encoding="utf-8") as file:
                    version = re.search(r'JAVA_VERSION="(\d+)', file.read())
                if version and int(version[1]) >= 21:
                    found.append((int(version[1]), os.path.join(directory, name, "bin", "java")))
    if not found:
        raise Skip("no JDK of version 21 or later")
    return max(found)[1]


def java(main, mode, *arguments, newest=False):
    def start(workspace, backend):
        classes = installed("java", "classes")
        path = os.pathsep.join([classes, os.path.join(HOME, "java", "libs", "*")])
        program = newest_java() if newest else require_program("java")
        return Service.announced(workspace, "java", [program, "-Xmx512m", "-Dsun.net.httpserver.nodelay=true", "-Dhttp.maxConnections=200", "-cp", path,
                                                     main, str(backend), mode, *arguments])
    return start


JAVA_HTTP = "the caller hands over to a selector thread through one coalesced wake, and any worker writes: the kernel does not see whose call it is. Needs an agent inside the JVM"
add("java-huc", java("Service", "huc", "threads"), recall=0.99, quick=True)
add("java-pool", java("Service", "pool", "threads"), why="a worker calls for a thread that waits: proved when the worker's last act wakes it (completion wake)")
add("java-cf", java("Service", "cf", "threads"), why="the next stage runs on whichever worker is free; only the last call ends with a wake of the waiting thread")
add("java-send", java("Service", "send", "threads"), why=JAVA_HTTP)
add("java-async", java("Service", "async", "threads"), why=JAVA_HTTP)
add("java-virtual", java("Service", "huc", "virtual", newest=True), why="virtual threads take turns on carrier threads without the kernel's knowledge; needs the JVM's identity of them")
add("tomcat-huc", java("TomcatService", "huc"), recall=0.99, lab_name="java-huc")


# --- Rust
def rust(mode):
    return lambda workspace, backend: Service.announced(workspace, "rust", [installed("rust", "service"), str(backend), mode])


TOKIO = "tasks move between worker threads, and a stolen task leaves its thread's context behind; needs tokio's task id"
for kind in ("two", "join", "spawn", "sleep"):
    add(f"rust-{kind}", rust(kind), why=TOKIO, quick=kind == "two")
add("rust-new", rust("new"), why=TOKIO)


# --- Ruby, PHP
def puma(threads):
    def start(workspace, backend):
        port = free_port()
        argv = [require_program("puma"), "--bind", f"tcp://127.0.0.1:{port}?backlog=1024", "--threads", f"{threads}:{threads}", "--environment", "production", "--quiet",
                os.path.join(SERVICES, "puma.ru")]
        return Service.listening(workspace, "puma", argv, port, env={**os.environ, "ZOO_BACKEND": str(backend)}, cwd=workspace.directory)
    return start


for count in (5, 16):
    add(f"puma-{count}", puma(count), recall=0.99)


def php_fpm(workspace, backend):
    directory = "/usr/sbin"
    names = sorted(name for name in os.listdir(directory) if name.startswith("php-fpm"))
    if not names:
        raise Skip("php-fpm is not installed")
    listen = workspace.path("php.sock")
    as_root = os.geteuid() == 0
    config = configured(workspace, "php-fpm.conf", "php-fpm.conf", dir=workspace.directory, listen=listen,
                        user="user = root\ngroup = root" if as_root else "")
    process = workspace.start("php-fpm", [os.path.join(directory, names[-1]), "--nodaemonize", "--fpm-config", config, *(["--allow-to-run-as-root"] if as_root else [])])
    wait_until(lambda: os.path.exists(listen), "php-fpm's socket")
    fastcgi = (f"fastcgi_pass unix:{listen}; fastcgi_param SCRIPT_FILENAME {SERVICES}/run.php; fastcgi_param REQUEST_METHOD $request_method; "
               f"fastcgi_param SERVER_PROTOCOL $server_protocol; fastcgi_param REQUEST_URI $request_uri; fastcgi_param ZOO_BACKEND {backend};")
    return start_nginx(workspace, backend, fastcgi=fastcgi, more=[process])


add("php-fpm", php_fpm, recall=0.99, path="/run.php", quick=True)


# --- captures that begin in mid-flight: nothing wrong, and right again once the first connections are known
MIDFLIGHT = "as the same service captured from its start; besides, the first request on a connection that was open before the capture may go unseen at either end"
for name, start in (("nginx", nginx(1, True)), ("py-threads", threads("pool")), ("node", node("two", "keep")), ("go", go("newest", "pool")),
                    ("cpp-queue", pool("queue", True, 16))):
    add(f"midflight-{name}", start, why=MIDFLIGHT, midflight=True, quick=name == "node")
