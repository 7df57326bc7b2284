"""The tracer under test: `wirespan attach` and `wirespan run` as a user calls them, and what they wrote."""
import json
import os
import signal
import time

from .bpf import bpf_objects
from .workspace import Failure, WIRESPAN, check, check_equal, wait_until


def environment(**extra):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return {**kept, **extra}


class Capture:
    """What one capture left: spans, the summary and the exit status."""

    def __init__(self, spans, summary, status, errors):
        self.spans = spans
        self.summary = summary
        self.status = status
        self.errors = errors

    def of_kind(self, kind):
        return [span for span in self.spans if span["kind"].upper() == kind]

    @property
    def dropped(self):
        return {reason: count for reason, count in self.summary.get("dropped", {}).items() if count}

    def check_nothing_lost(self, allowed=()):
        """Nothing was dropped anywhere, but for reasons that belong to the test; and the books balance."""
        check_equal({reason: count for reason, count in self.dropped.items() if reason not in allowed}, {}, "dropped")
        self.check_books()

    def check_books(self):
        """seen = exported + dropped{reason}, from the ring to the file, exactly."""
        count, lost = self.summary, lambda reasons: sum(self.dropped.get(reason, 0) for reason in reasons)
        check_equal(count["kernel"]["data_events"], count["chunks"] + lost(RECORD_REASONS), "data events on the rings = chunks + dropped records")
        check_equal(count["exchanges"], count["spans"] + lost(EXCHANGE_REASONS), f"exchanges = spans + dropped exchanges ({self.dropped})")
        check_equal(count["spans"], count["spans_assembled"] + lost(ASSEMBLER_REASONS), f"spans = assembled + dropped ({self.dropped})")
        for name, exported in count["exported"].items():
            missing = sum(number for reason, number in self.dropped.items() if reason.startswith(name + "_"))
            check_equal(count["spans_assembled"], exported + missing, f"assembled = exported + dropped at {name} ({self.dropped})")
        check_equal(count["exported"]["json"], len(self.spans), "exported = lines of the output")


# The rows of the loss table (docs/architecture.md) that cost a record, an exchange, a finished span.
RECORD_REASONS = ("malformed_event", "unknown_event")
EXCHANGE_REASONS = ("ambiguous_message", "exchanges_full", "pairing_lost", "left_protocol", "unknown_role")
ASSEMBLER_REASONS = ("duplicate", "not_collected", "assembler_full")


def read_spans(path):
    spans = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith("\n"):
                break  # still being written
            try:
                value = json.loads(line)
            except ValueError as error:
                raise Failure(f"{path}:{number} is not JSON: {error}: {line[:200]}") from None
            if value.get("type") != "summary":
                spans.append(value)
    return spans


class Tracer:
    def __init__(self, workspace, command, selectors, options=(), *, output="spans.jsonl", env=None, tail=(), prefix=(),
                 binary=WIRESPAN, **process_options):
        self.output = workspace.path(output)
        self.argv = [*prefix, binary, command, *selectors, "--format", "json", "--output", self.output, *options, *tail]
        self.process = workspace.start("wirespan", self.argv, env=environment(**(env or {})), **process_options)
        self.pid = self.process.pid
        self.facts = {}

    @classmethod
    def attach(cls, workspace, pids, *options, **more):
        tracer = cls(workspace, "attach", [part for pid in pids for part in ("--pid", str(pid))], options, **more)
        return tracer.await_ready()

    @classmethod
    def run(cls, workspace, argv, *options, **more):
        return cls(workspace, "run", [], options, tail=["--", *argv], **more)

    def await_ready(self, timeout=60.0):
        line = self.process.await_line("stderr", "ready:", timeout)
        self.facts = dict(part.split("=", 1) for part in line.split() if "=" in part)
        return self

    def span_count(self):
        """Whole lines in the output so far."""
        if not os.path.exists(self.output):
            return 0
        with open(self.output, "rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))

    def await_spans(self, count, timeout=10.0):
        """Waits for that many written spans; goes on without a word after `timeout`, for the comparison tells more."""
        deadline = time.monotonic() + timeout
        while self.span_count() < count and time.monotonic() < deadline and self.process.running():
            time.sleep(0.02)
        return self

    def collect(self, timeout=60.0):
        status = self.process.wait(timeout)
        errors = self.process.lines("stderr")
        summary = {}
        for line in errors:
            if line.startswith("summary:"):
                summary = json.loads(line[len("summary:"):])
        spans = read_spans(self.output) if os.path.exists(self.output) else []
        return Capture(spans, summary, status, errors)

    def finish(self, *servers):
        """Ends the targets, then the capture: what a target sent before it ended is on the rings by then, so nothing is waited for.
        Returns the capture; the servers' logs are whole afterwards."""
        for server in servers:
            server.stop()
        return self.stop()

    def stop(self, expected=0, number=signal.SIGINT, timeout=30.0):
        started = time.monotonic()
        self.process.send_signal(number)
        capture = self.collect(timeout)
        capture.seconds_to_stop = time.monotonic() - started
        check_equal(capture.status, expected, f"exit status of wirespan ({capture.errors[-3:]})")
        check(capture.summary, f"no summary line on standard error: {capture.errors[-3:]}")
        return capture

    def bpf_objects(self):
        """(kind, id) of every program, map and link the agent holds, by its own file descriptors."""
        return bpf_objects(self.pid)


def await_process_state(pid, letters, timeout=10.0):
    def state():
        try:
            with open(f"/proc/{pid}/stat") as stat:
                return stat.read().rsplit(")", 1)[1].split()[0] in letters
        except FileNotFoundError:
            return "X" in letters
    wait_until(state, f"process {pid} in state {letters}", timeout)
