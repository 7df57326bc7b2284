"""A recording replayed decides as the capture did, also where time, bounds or another ring's events decided."""
import json
import os
import signal
import subprocess
from collections import Counter

from registry import case
from support import servers
from support.clients import RawConnection
from support.servers import REAL_PYTHON
from support.tracer import Tracer, environment
from support.workspace import PROGRAMS, WIRESPAN, Failure, check_equal


def check_replay_is_the_same(recording, spans):
    """Every span of the capture, and no other, to the last attribute."""
    done = subprocess.run([WIRESPAN, "replay", recording, "--format", "json"], capture_output=True, text=True, check=False, timeout=120,
                          env=environment())
    check_equal(done.returncode, 0, f"exit code of replay ({done.stderr.strip()[-300:]})")
    replayed = [json.loads(line) for line in done.stdout.splitlines()]
    live = {span["span_id"]: span for span in spans}
    again = {span["span_id"]: span for span in replayed if span.get("type") != "summary"}
    check_equal(sorted(again), sorted(live), "span ids of replay and live")
    for span_id, span in live.items():
        keys = [key for key in span if span[key] != again[span_id].get(key)]
        if keys:
            raise Failure(f"{span_id} differs in {keys}: live {[span[key] for key in keys]}, replay {[again[span_id].get(key) for key in keys]}")


@case()
def replay_decides_as_the_capture_did(workspace):
    """Spans that waited for their parent until the hold time was over; requests of a killed process, on several rings."""
    backend = servers.cpp(workspace)
    relay = workspace.start("relay", [REAL_PYTHON, os.path.join(PROGRAMS, "late_relay.py"), str(backend.port)])
    port = int(relay.await_line("stdout", "listening"))
    recording = workspace.path("r.wscap")
    tracer = Tracer.attach(workspace, [relay.pid, backend.pid], "--record", recording, "--rings", "4", "--hold-time", "100ms")
    connections = [RawConnection(port).send(f"GET /wait/{number} HTTP/1.1\r\nHost: t\r\n\r\n") for number in range(12)]
    tracer.await_spans(24)  # both ends of each call; the calls waited in vain, for their requests are open
    with RawConnection(port) as other:
        for number in range(4):
            other.send(f"GET /go/{number} HTTP/1.1\r\nHost: t\r\n\r\n").response()
            connections[number].response()
    relay.end(signal.SIGKILL)
    capture = tracer.finish(backend)
    for connection in connections:
        connection.close()

    def counted(kind, attribute):
        return Counter(span["attributes"].get(attribute, "") for span in capture.of_kind(kind))
    check_equal(counted("CLIENT", "wirespan.unlinked.reason"), Counter({"hold-expired": 12}), "calls")
    # Whether a ring's shard heard of the process's end before or after its sockets' decides how the request ended.
    ends = counted("SERVER", "wirespan.incomplete")
    check_equal((ends[""], ends["process_exited"] + ends["no_response"]), (12 + 4 + 4, 8), f"requests answered and not: {ends}")
    check_replay_is_the_same(recording, capture.spans)
