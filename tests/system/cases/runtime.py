"""Calls linked by what the language runtime says: Go's goroutines, CPython's contexts. The truth is in a header that the agent never
reads; all paths are equal, and spans are told apart by ports and by their order on a connection."""
import glob
import http.client
import os
import subprocess
import threading
from collections import Counter, defaultdict

from registry import case
from support.servers import REAL_PYTHON
from support.tracer import Tracer
from support.workspace import PROGRAMS, ROOT, Skip, check, check_equal, require_program, wait_until

CLIENTS = 20
GO_SOURCE = os.path.join(PROGRAMS, "go_relay", "main.go")


class Service:
    def __init__(self, workspace, name, argv):
        self.process = workspace.start(name, argv)
        self.pid = self.process.pid
        self.port = int(self.process.await_line("stdout", "port", 60.0).split()[-1])

    def stop(self):
        self.process.end()


def require_identities():
    """Where the runtimes' identities are read (docs/linking.md)."""
    if os.uname().machine != "x86_64":
        raise Skip(f"the identities of runtimes are not read on {os.uname().machine}")


def drive(port, requests, keep_alive):
    """Sends X-Gt: <number> from CLIENTS threads; {(local port, ordinal at that port): number}."""
    sent, failed, numbers, lock, uses = {}, [], iter(range(requests)), threading.Lock(), Counter()

    def client():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                break
            try:
                if connection.sock is None:
                    connection.connect()
                local = connection.sock.getsockname()[1]
                with lock:
                    sent[(local, uses[local])] = number
                    uses[local] += 1
                connection.request("GET", "/relay", headers={"X-Gt": str(number)})
                response = connection.getresponse()
                response.read()
                check(response.status == 200, f"status {response.status}")
            except Exception as error:  # pylint: disable=broad-except
                failed.append(repr(error))
                break
            if not keep_alive:
                connection.close()
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not failed, f"requests failed: {failed[:3]}")
    return sent


def number_of_each(spans):
    """{span id: (peer port, ordinal at that port)} of SERVER spans of one process."""
    by_port = defaultdict(list)
    for span in spans:
        by_port[span["attributes"]["network.peer.port"]].append(span)
    return {span["span_id"]: (port, ordinal) for port, list_ in by_port.items()
            for ordinal, span in enumerate(sorted(list_, key=lambda span: span["start_ns"]))}


class Figures:
    def __init__(self):
        self.calls = self.right = self.wrong = self.wrong_exact = 0
        self.evidence, self.unlinked, self.examples = Counter(), Counter(), []

    def __str__(self):
        made = self.right + self.wrong
        return (f"calls {self.calls} right {self.right} wrong {self.wrong} (exact: {self.wrong_exact}) unlinked {self.calls - made} "
                f"recall {100 * self.right / max(1, self.calls):.1f} % {dict(self.evidence)} {dict(self.unlinked)}")


def judge(capture, relay, backend, sent, backend_log):
    spans = {span["span_id"]: span for span in capture.spans}
    servers = [span for span in capture.spans if span["kind"].upper() == "SERVER"]
    asked = number_of_each([span for span in servers if span["attributes"]["server.port"] == relay.port])
    called = number_of_each([span for span in servers if span["attributes"]["server.port"] == backend.port])
    order, truth = Counter(), {}
    for line in open(backend_log):
        port, number = line.split()
        truth[(int(port), order[port])] = int(number)
        order[port] += 1
    figures = Figures()
    for span_id, place in called.items():
        figures.calls += 1
        call = spans.get(spans[span_id]["parent_span_id"])
        check(call is not None and call["kind"].upper() == "CLIENT", f"the backend's span at {place} has no CLIENT span above it")
        parent = asked.get(call["parent_span_id"])
        if parent is None:
            figures.unlinked[call["attributes"].get("wirespan.unlinked.reason", "no-context")] += 1
            continue
        link = call.get("link", {})
        figures.evidence[f"{link.get('evidence')} {link.get('confidence')}"] += 1
        if sent.get(parent) == truth[place]:
            figures.right += 1
        else:
            figures.wrong += 1
            figures.wrong_exact += link.get("confidence") == "exact"
            figures.examples.append(call)
    check_equal(figures.calls, len(truth), "calls that the backend logged and spans of them")
    return figures


def measure(workspace, title, go_binary, relay_argv, mode, calls, keep_alive, requests=600, arguments=()):
    name = title.replace(",", "").replace(" ", "-")
    log = workspace.path(f"{name}.backend.log")
    backend = Service(workspace, f"{name}-backend", [go_binary, "backend", log])
    relay = Service(workspace, name, [*relay_argv, str(backend.port), mode, str(calls)])
    tracer = Tracer.attach(workspace, [relay.pid, backend.pid], *arguments, output=f"{name}.jsonl")
    sent = drive(relay.port, requests, keep_alive)
    capture = tracer.finish(relay, backend)
    capture.check_nothing_lost()
    figures = judge(capture, relay, backend, sent, log)
    print(f"{title}: {figures}", flush=True)
    check_equal(figures.wrong_exact, 0, f"{title}: wrong links that claim to be exact (e.g. {figures.examples[:1]})")
    return figures


def go_toolchains():
    """{version: go command}: the one that is installed, and those that were brought in as modules."""
    go = require_program("go")
    local = subprocess.run([go, "env", "GOVERSION", "GOMODCACHE"], env={**os.environ, "GOTOOLCHAIN": "local"}, capture_output=True, text=True,
                           check=True).stdout.split()
    found = {local[0]: go}
    for command in sorted(glob.glob(os.path.join(local[1], "golang.org", "toolchain@*linux-amd64", "bin", "go"))):
        version = command.split("@v0.0.1-")[1].split(".linux-")[0]
        found.setdefault(version, command)
    return found


def build_go(workspace, version, command, stripped):
    binary = workspace.path(f"relay-{version}{'-stripped' if stripped else ''}")
    subprocess.run([command, "build", *(["-ldflags", "-s -w"] if stripped else []), "-o", binary, GO_SOURCE], check=True, capture_output=True,
                   env={**os.environ, "GO111MODULE": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "", "CGO_ENABLED": "0"})
    return binary


def check_all_right(figures, title, least=0.95):
    """None wrong. A machine that is short of time may let the wait for evidence end before the answer: then there is no link."""
    check_equal(figures.wrong, 0, f"{title}: wrong links (e.g. {figures.examples[:1]})")
    check(figures.right >= least * figures.calls, f"{title}: {figures}")


def knows_parents(version):
    """runtime.g has parentGoid from Go 1.21 on."""
    return int(version.split(".")[1]) >= 21


WITHOUT_PROBES = ("--runtime-probes", "false")
DENY = os.path.join(PROGRAMS, "deny_call.py")


@case(timeout=600)
def go_requesters(workspace):
    """Go, 20 at once, over new and pooled connections and in goroutines of their own: the runtime's functions tell who asked for each
    call, in every version, stripped or not. Goroutines that know who started them there are from 1.21 on."""
    toolchains = go_toolchains()
    newest = list(toolchains)[0]
    for version, command in toolchains.items():
        binary = build_go(workspace, version, command, stripped=version != newest)
        for mode in ("new", "pooled", "parallel"):
            if mode == "parallel" and not knows_parents(version):
                continue
            title = f"{version} {mode}"
            figures = measure(workspace, title, binary, [binary, "relay"], mode, 2, mode != "new")
            check_all_right(figures, title)
            check_equal(set(figures.evidence), {"goroutine exact"}, f"{title}: evidence")


@case(timeout=300)
def go_requesters_of_built_program(workspace):
    """The same of the program that the build made: where there is no Go (the guests of scripts/vm_test)."""
    require_identities()
    relay = workspace.built("go_relay")
    for mode in ("pooled", "parallel"):
        figures = measure(workspace, f"built {mode}", relay, [relay, "relay"], mode, 2, True, requests=200)
        check_all_right(figures, f"built {mode}")
        check_equal(set(figures.evidence), {"goroutine exact"}, f"built {mode}: evidence")


@case(timeout=300)
def go_starts_too_many_goroutines_for_probes(workspace):
    """A process that starts 200,000 goroutines a second is spared the probe of their births, which is said and counted; no request is
    lost, and no link that claims to be exact is wrong."""
    relay = workspace.built("go_relay")
    log = workspace.path("storm.backend.log")
    backend = Service(workspace, "storm-backend", [relay, "backend", log])
    service = Service(workspace, "storm", [relay, "relay", str(backend.port), "storm", "2"])
    tracer = Tracer.attach(workspace, [service.pid, backend.pid], output="storm.jsonl")
    said = f"process {service.pid} starts goroutines or copies contexts more than 40000 times a second"
    wait_until(lambda: said in tracer.process.text("stderr"), said, 60.0)
    sent = drive(service.port, 600, True)
    capture = tracer.finish(service, backend)
    capture.check_nothing_lost()
    check_equal(capture.summary["assembly_notes"].get("probes_shed"), 1, "processes that were spared their probes")
    figures = judge(capture, service, backend, sent, log)
    print(f"storm: {figures}", flush=True)
    check_equal(figures.wrong_exact, 0, f"wrong links that claim to be exact (e.g. {figures.examples[:1]})")


@case(timeout=300)
def go_probes_refused(workspace):
    """Where perf_event_open(2) is denied, as by the seccomp profiles of containers, no uprobe can be had: that is said and counted, and
    threads tell of the links."""
    relay = workspace.built("go_relay")
    log = workspace.path("refused.backend.log")
    backend = Service(workspace, "refused-backend", [relay, "backend", log])
    service = Service(workspace, "refused", [relay, "relay", str(backend.port), "pooled", "2"])
    tracer = Tracer.attach(workspace, [service.pid, backend.pid], output="refused.jsonl", prefix=[REAL_PYTHON, DENY, "perf_event_open"])
    sent = drive(service.port, 200, True)
    capture = tracer.finish(service, backend)
    capture.check_nothing_lost()
    check_equal(capture.summary["assembly_notes"].get("probes_refused"), 2, "processes whose probes were refused")
    check(any("attach a uprobe to" in line and "Operation not permitted" in line for line in capture.errors), f"nothing said why: {capture.errors[:4]}")
    figures = judge(capture, service, backend, sent, log)
    print(f"refused: {figures}", flush=True)
    check_equal(figures.wrong_exact, 0, f"wrong links that claim to be exact (e.g. {figures.examples[:1]})")
    check(figures.right > 0, f"nothing was linked: {figures}")


@case(timeout=300)
def go_background_work(workspace):
    """Go: a goroutine that calls after the answer of the request that started it has no open exchange to belong to, and none is made up."""
    version, command = next(iter(go_toolchains().items()))
    binary = build_go(workspace, version, command, stripped=False)
    figures = measure(workspace, f"{version} outlive", binary, [binary, "relay"], "outlive", 1, True)
    check_equal(figures.wrong, 0, f"wrong links (e.g. {figures.examples[:1]})")
    check_equal(set(figures.unlinked) - {"parent-closed", "no-context"}, set(), "reasons")


@case(timeout=600)
def go_new_connections_without_probes(workspace):
    """Go, a connection for each call, two calls, 20 at once: every call is its request's, by goroutines, whatever the version of Go,
    stripped or not. Before 1.21 a goroutine does not know who started it: no link, and none wrong."""
    toolchains = go_toolchains()
    newest = list(toolchains)[0]
    for version, command in toolchains.items():
        binary = build_go(workspace, version, command, stripped=version != newest)
        title = f"{version} new, no probes"
        figures = measure(workspace, title, binary, [binary, "relay"], "new", 2, True, arguments=WITHOUT_PROBES)
        if knows_parents(version):
            check_all_right(figures, title)
            check_equal(set(figures.evidence), {"goroutine exact"}, f"{title}: evidence")
        else:
            check_equal(figures.wrong, 0, f"{title}: wrong links (e.g. {figures.examples[:1]})")
            check_equal(figures.unlinked["context-unknown"], figures.calls, f"{title}: calls that name the reason")


@case(timeout=600)
def go_pooled_connections_without_probes(workspace):
    """Go, calls over a pool, 20 at once: the goroutine that writes serves no request, so threads have to tell, and no link claims to be
    exact but those of first dials."""
    for version, command in go_toolchains().items():
        binary = build_go(workspace, version, command, stripped=True)
        title = f"{version} pooled, no probes"
        figures = measure(workspace, title, binary, [binary, "relay"], "pooled", 2, True, requests=1000, arguments=WITHOUT_PROBES)
        check(figures.wrong <= 0.005 * figures.calls, f"{title}: {figures}, e.g. {figures.examples[:1]}")
        # How many are linked depends on the machine's load, and is measured by the zoo; here only that the rule works at all.
        check(figures.right >= 0.3 * figures.calls, f"{title}: {figures}")
        check(set(figures.evidence) <= {"goroutine exact", "event-loop probable", "same-thread probable", "backward probable"}, f"{title}: {figures}")


def interpreters():
    """{version: command} of every CPython from 3.9 on that is here."""
    found = {}
    zoo = os.environ.get("WIRESPAN_ZOO_HOME", os.path.join(ROOT, "build", "zoo"))
    candidates = ["/usr/bin/python3", REAL_PYTHON, os.path.join(zoo, "cpython", "python3"),
                  *sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3")))]
    for command in filter(os.path.exists, candidates):
        text = subprocess.run([command, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=False).stdout
        if text and (version := tuple(map(int, text.split()))) >= (3, 9):
            found.setdefault(version, os.path.realpath(command))
    return found


@case(timeout=600)
def asyncio_contexts(workspace):
    """asyncio, two calls per request, 20 at once, over a pool and not, on every interpreter there is: each call is its request's."""
    backend = workspace.built("go_relay")
    for version, command in interpreters().items():
        if version > (3, 14):
            continue
        for mode in ("pooled", "new"):
            title = f"python {version[0]}.{version[1]} {mode}"
            figures = measure(workspace, title, backend, [command, os.path.join(PROGRAMS, "aio_relay.py")], mode, 2, mode == "pooled")
            check_all_right(figures, title)
            check_equal(set(figures.evidence), {"task-context exact"}, f"{title}: evidence")


@case(timeout=600)
def asyncio_tasks(workspace):
    """asyncio, calls in tasks that a task of the request gathers, on every interpreter there is, and in a child process: each is its
    request's. Without the probes such a call is nobody's."""
    require_identities()
    backend = workspace.built("go_relay")
    for version, command in interpreters().items():
        if version > (3, 14):
            continue
        for mode in ("tasks", "forked"):
            title = f"python {version[0]}.{version[1]} {mode}"
            figures = measure(workspace, title, backend, [command, os.path.join(PROGRAMS, "aio_relay.py")], mode, 3, True, requests=300)
            check_all_right(figures, title)
            check_equal(set(figures.evidence), {"task-context exact"}, f"{title}: evidence")
    figures = measure(workspace, "tasks, no probes", backend, [command, os.path.join(PROGRAMS, "aio_relay.py")], "tasks", 3, True, requests=300,
                      arguments=WITHOUT_PROBES)
    check_equal((figures.right, figures.wrong), (0, 0), "links without probes")


@case(timeout=300)
def aiohttp_contexts(workspace):
    """aiohttp, server and client: the same."""
    if subprocess.run(["/usr/bin/python3", "-c", "import aiohttp"], capture_output=True, check=False).returncode != 0:
        raise Skip("python3-aiohttp is not installed")
    backend = workspace.built("go_relay")
    for mode in ("pooled", "new"):
        figures = measure(workspace, f"aiohttp {mode}", backend, ["/usr/bin/python3", os.path.join(PROGRAMS, "aiohttp_relay.py")], mode, 2, True)
        check_all_right(figures, f"aiohttp {mode}")
