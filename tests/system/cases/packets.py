"""Packets of the loopback of a network namespace of the test's own, beside a live capture: both tell the same."""
import json
import os
import signal
import subprocess

from registry import case
from support import servers
from support.compare import check_same, read_client_log
from support.tracer import Tracer, environment
from support.workspace import WIRESPAN, Failure, Skip, check, check_equal, require_program, wait_until

# What a packet says nothing of: threads and the kernel's own measurements; and the link of a call that the capture takes for nobody's.
ONLY_LIVE = ("wirespan.on_cpu_ns", "wirespan.run_delay_ns", "wirespan.srtt_us", "wirespan.retransmits", "wirespan.receive_queue_wait_ms",
             "wirespan.time_to_first_byte_ns")
NEAR_NS = 200_000_000  # a loaded machine reads long after a packet came


def _namespace(workspace):
    name = f"wirespan-{os.getpid()}-p"
    done = subprocess.run([require_program("ip"), "netns", "add", name], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip(f"no network namespace: {done.stderr.strip()[-200:]}")
    workspace.at_end(lambda: subprocess.run(["ip", "netns", "del", name], check=False))
    subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
    return ["ip", "netns", "exec", name]


def _replay(path):
    done = subprocess.run([WIRESPAN, "replay", path, "--format", "json"], capture_output=True, text=True, check=False, timeout=120,
                          env=environment())
    check_equal(done.returncode, 0, f"exit code of replay ({done.stderr.strip()[-300:]})")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [line for line in lines if line.get("type") != "summary"], lines[-1]


def _compare(live, replayed):
    again = {span["attributes"]["url.path"]: span for span in replayed}
    for span in live:
        other = again[span["attributes"]["url.path"]]
        kept = {name: value for name, value in span["attributes"].items() if name not in ONLY_LIVE}
        check_equal({name: value for name, value in other["attributes"].items() if name not in ONLY_LIVE}, kept, "attributes")
        for key in ("name", "kind", "status", "parent_span_id"):
            check_equal(other[key], span[key], key)
        if span["parent_span_id"]:
            check_equal(other["trace_id"], span["trace_id"], "trace id")
        for key in ("start_ns", "end_ns"):
            if abs(other[key] - span[key]) > NEAR_NS:
                raise Failure(f"{key}: live {span[key]}, by packets {other[key]}")


@case()
def packets_tell_the_same_as_the_live_capture(workspace):
    """tcpdump on the loopback of a namespace beside `attach` to the server: span by span the same method, path, status, addresses, parent."""
    inside = _namespace(workspace)
    log = workspace.path("server.log")
    process = workspace.start("server", [*inside, workspace.built("ws_test_server"), "--log", log])
    server = servers.Server(process, int(process.await_line("stdout", "listening")), log)
    path = workspace.path("lo.pcap")
    # Not --immediate-mode: there every packet takes a slot of the longest one's size, and a loaded machine drops most.
    tcpdump = workspace.start("tcpdump", [*inside, require_program("tcpdump"), "-i", "lo", "-U", "-B", "65536", "-Z", "root", "-w", path])
    tcpdump.await_line("stderr", "tcpdump: listening")
    tracer = Tracer.attach(workspace, [server.pid])
    sent_log = workspace.path("load.log")
    load = workspace.start("load", [*inside, workspace.built("ws_test_load"), "--log", sent_log, "--port", str(server.port), "--connections", "10",
                                    "--requests", "500"])
    check_equal(load.wait(60), 0, "exit status of the load")
    sent = read_client_log(sent_log)
    live = tracer.finish(server).of_kind("SERVER")
    check_same(sent, live, "SERVER spans of the live capture")
    wait_until(lambda: len(_replay(path)[0]) >= len(sent), "all packets in the capture's file")
    tcpdump.end(signal.SIGINT)
    replayed, summary = _replay(path)
    check_same(sent, replayed, "SERVER spans of the packets")
    check(not summary["dropped"], f"dropped {summary['dropped']}")
    _compare(live, replayed)
