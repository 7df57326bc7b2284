"""Runs one case: backend, service and driver under one capture, every phase in turn; then judges it, replays it, judges nothing twice."""
import json
import os
import subprocess
import time

from support.tracer import Tracer, environment
from support.workspace import ROOT, Failure, Skip, WIRESPAN, accepts, check, wait_until

from . import events
from .score import Judge
from .truth import read_backend_log, read_driver_log

HOME = os.environ.get("WIRESPAN_ZOO_HOME", os.path.join(ROOT, "build", "zoo"))
PROGRAMS = os.environ.get("WIRESPAN_ZOO_PROGRAMS", os.path.join(ROOT, "build", "release", "tests", "zoo", "programs"))
SERVICES = os.path.join(ROOT, "tests", "zoo", "services")

# name, requests, clients, keep-alive
PHASES = (("k1", 120, 1, True), ("k10", 500, 10, True), ("k100", 1200, 100, True), ("n10", 300, 10, False), ("n100", 800, 100, False))
MIDFLIGHT = ("mid", 4000, 10, True)
QUICK_PHASES = (("k1", 40, 1, True), ("k10", 150, 10, True), ("k100", 300, 100, True), ("n10", 100, 10, False))


def built(name):
    path = os.path.join(PROGRAMS, name)
    if not os.path.exists(path):
        raise Skip(f"{name} is not built (targets ws_zoo_*)")
    return path


class Service:
    """What a case starts: its processes' root, where it listens."""

    def __init__(self, process, port, more=()):
        self.process = process
        self.port = port
        self.processes = [process, *more]

    @classmethod
    def announced(cls, workspace, name, argv, timeout=60.0, **options):
        """It prints `listening PORT`."""
        process = workspace.start(name, argv, **options)
        return cls(process, int(process.await_line("stdout", "listening", timeout)))

    @classmethod
    def listening(cls, workspace, name, argv, port, timeout=60.0, more=(), **options):
        """It was told the port."""
        process = workspace.start(name, argv, **options)

        def up():
            if not process.running():
                raise Failure(f"{name} ended at start: {process.text('stderr')[-800:]}")
            return accepts(port)
        wait_until(up, f"{name} listening on {port}", timeout)
        return cls(process, port, more)


class Result:
    """What one case showed."""

    def __init__(self, case):
        self.case = case
        self.verdict = None
        self.skipped = None
        self.failed = None
        self.replay = None       # None: not looked at; "": the same; else the difference
        self.dropped = {}
        self.seconds = 0.0
        self.unanswered = 0
        self.summary = {}
        self.patterns = {}       # what the wrong links have in common
        self.examples = []


def run(case, workspace, phases, seed, replay=True, keep=False):
    result = Result(case)
    begun = time.monotonic()
    try:
        _run(case, workspace, phases, seed, result, replay)
    except Skip as reason:
        result.skipped = str(reason)
    except Failure as failure:
        result.failed = str(failure)
    result.seconds = time.monotonic() - begun
    workspace.close(keep)
    return result


def _run(case, workspace, phases, seed, result, replay):
    backend_log, driver_log = workspace.path("backend.log"), workspace.path("driver.log")
    recording = workspace.path("zoo.wscap")
    backend = Service.announced(workspace, "backend", [built("ws_zoo_backend"), "--log", backend_log, "--seed", str(seed)])
    service = case.start(workspace, backend.port)
    driver = workspace.start("driver", [built("ws_zoo_driver"), "--port", str(service.port), "--log", driver_log, "--seed", str(seed),
                                        "--path", case.path], stdin=subprocess.PIPE)
    driver.await_line("stdout", "ready")
    pids = [driver.pid, backend.process.pid] + [process.pid for process in service.processes]
    if case.midflight:  # the capture begins under load, with the service's pools warm
        _begin(driver, *MIDFLIGHT)
        wait_until(lambda: os.path.getsize(backend_log) > 4000, "the load before the capture")
    tracer = Tracer.attach(workspace, pids, "--record", recording)
    since_ns = time.time_ns()
    if case.midflight:
        driver.await_line("stdout", f"done {MIDFLIGHT[0]}", 300)
    for phase in phases:
        _begin(driver, *phase)
        _, failed = driver.await_line("stdout", f"done {phase[0]} ", 300).split()
        result.unanswered += int(failed)
    driver.popen.stdin.close()
    driver.wait(30)
    if case.settle_s:  # work that outlives its request ends by itself within this time
        _quiet(backend_log, case.settle_s)
    until_ns = time.time_ns() - 100_000_000
    for process in service.processes:
        process.end(case.stop_signal)
    backend.process.end()
    capture = tracer.stop(timeout=60)
    result.dropped, result.summary = capture.dropped, capture.summary
    judge = Judge(capture.spans, read_driver_log(driver_log), read_backend_log(backend_log), service.port, backend.port, driver.pid,
                  backend.process.pid, since_ns, until_ns)
    result.verdict = judge.judge()
    check(judge.requests.span_of, "no request of the driver was seen at the service: nothing was measured")
    worst_first = sorted(result.verdict.wrong, key=lambda entry: entry[0].get("link", {}).get("confidence") != "exact")
    result.patterns, result.examples = events.examples(recording, worst_first, 3)
    if replay:
        result.replay = replay_difference(recording, capture.spans)


def _begin(driver, name, requests, clients, keep_alive):
    driver.popen.stdin.write(f"{name} {requests} {clients} {'keep' if keep_alive else 'close'}\n".encode())
    driver.popen.stdin.flush()


def _quiet(path, seconds):
    """Waits until the log has not grown for that long."""
    size, since = -1, time.monotonic()
    while time.monotonic() - since < seconds:
        now = os.path.getsize(path)
        if now != size:
            size, since = now, time.monotonic()
        time.sleep(0.02)


def replay_difference(recording, spans):
    """How `wirespan replay` of the recording differs from what was written live; empty when it does not, to the last attribute."""
    done = subprocess.run([WIRESPAN, "replay", recording, "--format", "json"], capture_output=True, text=True, check=False, env=environment(),
                          timeout=300)
    if done.returncode != 0:
        return f"replay ended with {done.returncode}: {done.stderr.strip()[-300:]}"
    return compare_spans(spans, [json.loads(line) for line in done.stdout.splitlines()])


def compare_spans(live_spans, replayed):
    live = {span["span_id"]: span for span in live_spans}
    again = {span["span_id"]: span for span in replayed if span.get("type") != "summary"}
    if live.keys() != again.keys():
        return f"{len(live.keys() - again.keys())} spans are only live, {len(again.keys() - live.keys())} only in the replay"
    different = [span_id for span_id in live if live[span_id] != again[span_id]]
    if different:
        left, right = live[different[0]], again[different[0]]
        keys = [key for key in left if left[key] != right.get(key)]
        return f"{len(different)} spans differ, e.g. {different[0]} in {keys}: live {[left[k] for k in keys]}, replay {[right.get(k) for k in keys]}"
    return ""
