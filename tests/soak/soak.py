#!/usr/bin/env python3
"""Half an hour of mixed load under one agent, with services, connections and a second agent that come and go. scripts/soak --help."""
import argparse
import json
import os
import shutil
import signal
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "system")]
sys.dont_write_bytecode = True

import load  # noqa: E402
import meter  # noqa: E402
import services  # noqa: E402
from attach_loop import AttachLoop  # noqa: E402
from support import bpf  # noqa: E402
from support.compare import path_of  # noqa: E402
from support.tracer import Tracer  # noqa: E402
from support.workspace import Failure, Skip, Workspace, require_bpf, require_program, wait_until  # noqa: E402

MEMORY_GROWTH_BYTES = 2 << 20   # by the fit, from the end of the warm-up to the end
MEMORY_PEAK_BYTES = 64 << 20
SAMPLE_SECONDS = 5
CHURN_SECONDS = 6               # a service is replaced, on average
WARM_UP_SHARE = 0.25            # of the time, five minutes at most: caches of the agent fill up
CUT_SHORT = ("request_cut", "request_before_start")  # what aborted requests are counted as: no answer, no span
QUIET_SECONDS = 60              # sweeps of unix sockets are 15 s apart


def say(text):
    print(f"soak: {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


class SoakWorkspace(Workspace):
    """Its processes lead sessions of their own, which the scheduler weighs as such (autogroup): they get the niceness that this one's
    session has, so that a soak started at the lowest weight stays there."""

    def start(self, name, argv, **options):
        process = super().start(name, argv, **options)
        try:
            with open("/proc/self/autogroup", encoding="ascii") as mine, open(f"/proc/{process.pid}/autogroup", "w", encoding="ascii") as its:
                its.write(mine.read().split()[-1])
        except OSError:
            pass  # a kernel without autogroups, or a process that has ended
        return process


class Samples(threading.Thread):
    """What the long-lived agent holds, every few seconds."""

    def __init__(self, pid):
        super().__init__(name="samples", daemon=True)
        self.pid, self.started = pid, time.monotonic()
        self.rows = []
        self.objects = set()
        self._stopping = threading.Event()

    def run(self):
        while not self._stopping.wait(SAMPLE_SECONDS):
            self.take()

    def take(self):
        self.objects |= bpf.bpf_objects(self.pid)
        self.rows.append({"seconds": time.monotonic() - self.started, **meter.sample(self.pid)})

    def stop(self):
        self._stopping.set()
        self.join(30)


class Soak:
    def __init__(self, minutes, workspace):
        self.seconds, self.workspace = minutes * 60, workspace
        self.warm_up = min(300.0, self.seconds * WARM_UP_SHARE)
        self.gates = []   # (name, what was seen, what is allowed, passed)
        self.entries = []  # of each map, every minute
        self.facts = {"map_entries": self.entries}

    def gate(self, name, seen, allowed, passed):
        self.gates.append({"gate": name, "seen": seen, "allowed": allowed, "passed": bool(passed)})

    def run(self):
        mounts = meter.mounts_of_tracefs()
        supervisor = services.Supervisor(self.workspace)
        every, missing = services.every_service(self.workspace, supervisor)
        for name, reason in missing.items():
            say(f"without {name}: {reason}")
        self.agent = Tracer(self.workspace, "attach", ["--pid", str(supervisor.pid)]).await_ready(300)
        say(f"the agent is ready: source {self.agent.facts.get('source')}")
        baseline = meter.sample(self.agent.pid)
        self.supervisor, self.services = supervisor, every
        samples = Samples(self.agent.pid)
        for service in every.values():
            service.start()
        self.book = load.Book()
        clients = load.every_client(self.book, every, shutil.which("h2load"))
        churn, attach = services.Churn(every, CHURN_SECONDS), AttachLoop(self.workspace, every)
        for thread in [samples, *clients, churn, attach]:
            thread.start()
        self.watch(samples, churn, attach)
        churn.stop()
        attach.stop()
        say("the load ends")
        load.stop_all(clients)
        services.stop_all(every)
        entries, quiet = self.come_to_rest(baseline)
        samples.stop()
        samples.take()
        self.judge_agent(samples, baseline, quiet, entries)
        self.judge_load(churn, attach)
        summary = self.end_agent(supervisor)
        self.judge_spans(summary)
        self.judge_rest(samples.objects | attach.objects, mounts)

    def watch(self, samples, churn, attach):
        end = time.monotonic() + self.seconds
        told = time.monotonic()
        while time.monotonic() < end and not churn.failure:
            services.settle(1)
            if not self.agent.process.running():
                raise Failure(f"the agent ended: {self.agent.process.text('stderr')[-500:]}")
            if time.monotonic() - told >= 60:
                told = time.monotonic()
                row = samples.rows[-1] if samples.rows else {}
                self.entries.append({name: count for name, (_, count, _) in bpf.map_entries(self.agent.pid).items()})
                say(f"{(self.seconds - (end - told)) / 60:.0f} of {self.seconds / 60:.0f} min: {len(self.book.fate)} requests, "
                    f"{self.book.connections} connections, {churn.replaced} services replaced, {attach.cycles} attached and detached, "
                    f"{row.get('memory', 0) / 2**20:.1f} MiB, {row.get('fds')} fds, map entries {self.entries[-1]}")

    def come_to_rest(self, baseline):
        """What there is when nothing runs but the supervisor: waits until it is what it was, or not any more."""
        def excess():
            services.settle(1)  # between two looks: each is some forty commands
            entries = bpf.map_entries(self.agent.pid)
            quiet = meter.sample(self.agent.pid)
            allowed = self.allowed_entries()
            calm = all(entries[name][1] <= limit for name, limit in allowed.items() if name in entries)
            return (entries, quiet) if calm and quiet["fds"] <= baseline["fds"] else None
        try:
            return wait_until(excess, "the agent at rest", QUIET_SECONDS)
        except Failure:
            return bpf.map_entries(self.agent.pid), meter.sample(self.agent.pid)

    def allowed_entries(self):
        """Of the maps that are not LRU: what the supervisor alone needs. It has threads and a runtime, and no connection."""
        threads = len(os.listdir(f"/proc/{self.supervisor.pid}/task"))
        return {"targets": 1, "threads": threads, "connections": 0, "policies": 0, "runtimes": 1}

    def judge_agent(self, samples, baseline, quiet, entries):
        rows = [row for row in samples.rows if row["seconds"] >= self.warm_up]
        growth = meter.slope([(row["seconds"], row["memory"]) for row in rows]) * (rows[-1]["seconds"] - rows[0]["seconds"])
        peak = max(row["memory"] for row in samples.rows)
        self.facts["samples"] = samples.rows
        self.gate("memory, growth by the fit", f"{growth / 2**20:+.2f} MiB in {(rows[-1]['seconds'] - rows[0]['seconds']) / 60:.1f} min",
                  f"{MEMORY_GROWTH_BYTES / 2**20:.0f} MiB", growth <= MEMORY_GROWTH_BYTES)
        self.gate("memory, peak", f"{peak / 2**20:.1f} MiB (first {samples.rows[0]['memory'] / 2**20:.1f}, "
                  f"last {samples.rows[-1]['memory'] / 2**20:.1f})", f"{MEMORY_PEAK_BYTES / 2**20:.0f} MiB", peak <= MEMORY_PEAK_BYTES)
        for key in ("threads", "prog", "map"):
            seen = sorted({row[key] for row in samples.rows})
            self.gate(f"{key}s" if key != "threads" else key, seen, f"{baseline[key]}, always", seen == [baseline[key]])
        for key in ("fds", "link"):
            high = max(row[key] for row in samples.rows)
            self.gate("fds" if key == "fds" else "links", f"{quiet[key]} at rest, {high} at most", f"{baseline[key]} at rest",
                      quiet[key] <= baseline[key])
        allowed = self.allowed_entries()
        for name, (kind, count, bound) in sorted(entries.items()):
            if count > allowed.get(name, 0) and not kind.startswith("lru"):
                self.facts[f"left in {name}"] = bpf.map_keys(self.agent.pid, name)
            if kind.startswith("lru"):
                self.gate(f"map {name}", count, f"{bound}, LRU", count <= bound)
            else:
                self.gate(f"map {name}", count, allowed.get(name, 0), count <= allowed.get(name, 0))

    def judge_load(self, churn, attach):
        self.facts.update(services_replaced=churn.replaced, attached=attach.cycles, connections=self.book.connections)
        self.gate("services replaced", churn.replaced, "at least 1, none failed" if not churn.failure else str(churn.failure),
                  churn.replaced > 0 and not churn.failure)
        self.gate("attached and detached", attach.cycles, "at least 1, none failed" if not attach.failures else "; ".join(attach.failures)[:300],
                  attach.cycles > 0 and not attach.failures)

    def end_agent(self, supervisor):
        supervisor.process.popen.stdin.close()
        supervisor.process.wait(60)
        process = self.agent.process
        process.send_signal(signal.SIGINT)
        status = process.wait(120)
        lines = [line[len("summary:"):] for line in process.lines("stderr") if line.startswith("summary:")]
        warnings = [line for line in process.lines("stderr") if "warning" in line or "error" in line]
        self.facts["warnings"] = warnings
        self.gate("the agent's exit status", status, 0, status == 0 and len(lines) == 1)
        return json.loads(lines[0]) if lines else {}

    def judge_spans(self, summary):
        """spans + counted losses = requests, request by request."""
        self.facts["summary"] = summary
        seen = bytearray(len(self.book.fate))
        doubled = foreign = http2 = inner = 0
        with open(self.agent.output, encoding="utf-8") as lines:
            for line in lines:
                span = json.loads(line)
                if span.get("kind", "").upper() != "SERVER":
                    continue
                path = path_of(span)
                number = path.rpartition("/")[2]
                if path.startswith("/s/200/") and number.isdigit() and int(number) < len(seen):
                    doubled += seen[int(number)]
                    seen[int(number)] = 1
                elif path == "/h2":
                    http2 += 1
                elif path == "/work":
                    inner += 1
                else:
                    foreign += 1
        answered = self.book.count(load.ANSWERED)
        missing = [number for number, fate in enumerate(self.book.fate) if fate == load.ANSWERED and not seen[number]]
        lost = sum(count for reason, count in summary.get("dropped", {}).items() if reason not in CUT_SHORT)
        book = self.book.http2
        inner_asked = self.services["relay"].requests_of_backends() if "relay" in self.services else 0
        missing_http2, missing_inner = max(0, book["answered"] - http2), max(0, inner_asked - inner)
        self.facts.update(requests=len(self.book.fate), answered=answered, unsure=self.book.count(load.UNSURE), http2=book, lost=lost,
                          missing=missing[:20])
        self.gate("requests answered, without a span", f"{len(missing)} of {answered}", f"no more than the {lost} losses counted",
                  len(missing) + missing_http2 <= lost or not (missing or missing_http2))
        self.gate("HTTP/2 requests, spans", http2, f"{book['answered']} answered to {book['answered'] + book['unsure']}",
                  missing_http2 <= lost and http2 <= book["answered"] + book["unsure"])
        self.gate("requests of the relay to its backend, spans", inner, f"{inner_asked} logged", missing_inner <= lost and inner <= inner_asked)
        self.gate("spans doubled, spans of no request", f"{doubled}, {foreign}", "0, 0", doubled == 0 and foreign == 0)

    def judge_rest(self, objects, mounts):
        def gone():
            return not bpf.still_there(objects)
        try:
            wait_until(gone, "BPF objects gone", 30)
        except Failure:
            pass
        left = bpf.still_there(objects)
        self.gate("BPF objects left", f"{len(left)} of {len(objects)}", 0, not left)
        self.gate("mounts of tracefs", meter.mounts_of_tracefs(), mounts, meter.mounts_of_tracefs() == mounts)

    def print_table(self):
        self.gates.sort(key=lambda gate: gate["passed"], reverse=True)
        wide = max(len(gate["gate"]) for gate in self.gates)
        seen = max(len(str(gate["seen"])) for gate in self.gates)
        for gate in self.gates:
            print(f"{'ok  ' if gate['passed'] else 'FAIL'} {gate['gate']:<{wide}}  {str(gate['seen']):<{seen}}  allowed: {gate['allowed']}")
        dropped = {reason: count for reason, count in self.facts.get("summary", {}).get("dropped", {}).items() if count}
        print(f"     {self.facts.get('requests')} requests over {self.facts.get('connections')} connections, {self.facts.get('http2')} of HTTP/2; "
              f"{self.facts.get('unsure')} not answered; losses counted: {dropped or 'none'}")
        return all(gate["passed"] for gate in self.gates)


def main():
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="of load (default 30)")
    parser.add_argument("--json", metavar="FILE", help="writes gates, samples and the agent's summary there")
    parser.add_argument("--keep", action="store_true", help="keeps the working directory of a run that failed")
    options = parser.parse_args()
    try:
        require_bpf()
        require_program("bpftool")
    except Skip as reason:
        print(f"SKIP {reason}")
        return 77
    workspace = SoakWorkspace("soak")
    soak = Soak(options.minutes, workspace)
    passed = False
    try:
        soak.run()
        passed = soak.print_table()
    except Failure as failure:
        print(f"FAIL {failure}")
    finally:
        if options.json:
            with open(options.json, "w", encoding="utf-8") as file:
                json.dump({"minutes": options.minutes, "passed": passed, "gates": soak.gates, **soak.facts}, file, indent=1)
        kept = options.keep and not passed
        workspace.close(kept)
        if kept:
            print(f"kept: {workspace.directory}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
