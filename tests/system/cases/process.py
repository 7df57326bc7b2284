"""Processes and descriptors: open connections, forks, execs, deaths; the traced program is never the worse for it."""
import json
import os
import signal
import socket
import subprocess

from registry import case
from support import servers
from support.clients import Load, RawConnection
from support.compare import Exchange, check_logs_agree, check_same, differences, path_of
from support.tracer import Tracer
from support.workspace import PATIENCE, Failure, check, check_equal, require_program, wait_until


@case(timeout=180)
def attach_under_load(workspace):
    """32 keep-alive connections are busy before the tracer comes. What begins after `ready` is whole; nothing is wrong or doubled."""
    server = servers.nginx(workspace)
    busy = Load(workspace, server.port, name="busy", connections=32, requests=0, statuses="200,404", hold=True).go()
    wait_until(lambda: len(server.log()) > 500, "the load runs")
    tracer = Tracer.attach(workspace, [server.pid])
    held = Load(workspace, server.port, name="held", connections=4, requests=200, statuses="200,503", seed=7).finish()
    marks = len(server.log())
    wait_until(lambda: len(server.log()) > marks + 2000, "the load goes on")
    sent = busy.finish()
    capture = tracer.finish(server)
    spans = capture.of_kind("SERVER")
    check_same(held, [s for s in spans if path_of(s) in {e.target for e in held}], "requests begun after ready")
    seen = {path_of(span) for span in spans}
    connections = {}
    for number, exchange in enumerate(sent):
        connections.setdefault(exchange.port, []).append(exchange)
    for exchanges in connections.values():  # per connection: once seen, every later one is seen
        first = next((index for index, exchange in enumerate(exchanges) if exchange.target in seen), len(exchanges))
        check(first < len(exchanges), f"no span at all for the connection from port {exchanges[0].port}")
        lost = [exchange.target for exchange in exchanges[first:] if exchange.target not in seen]
        check(not lost, f"connection from port {exchanges[0].port}: {len(lost)} requests after the first seen one have no span: {lost[:3]}")
    kept = [exchange for exchange in sent if exchange.target in seen] + held
    check_same(kept, spans, "all spans")
    check_equal({reason: count for reason, count in capture.dropped.items() if "ring" in reason}, {}, "dropped at the rings")


@case()
def open_idle_connections(workspace):
    """Connections that were open and idle at attach: their next request is whole, with peer and role."""
    server = servers.cpp(workspace, "--threads", "2")
    load = Load(workspace, server.port, connections=50, requests=500, hold=True, statuses="200,404", post_every=3)
    tracer = Tracer.attach(workspace, [server.pid])
    sent = load.go().finish()
    capture = tracer.finish(server)
    check_logs_agree(sent, server.log())
    check_same(sent, capture.of_kind("SERVER"), "SERVER spans")
    capture.check_nothing_lost()


RELAY = """
import http.client, http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        call = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
        call.request("GET", self.path)
        body = call.getresponse().read()
        call.close()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("listening", server.server_address[1], flush=True)
server.serve_forever()
"""


SERVER_ROLE, CLIENT_ROLE = 1, 2  # enum ws_role


def kernel_map(tracer, name):
    """The entries of one of the agent's own BPF maps, as bpftool prints them."""
    for kind, number in tracer.bpf_objects():
        if kind != "map":
            continue
        shown = subprocess.run([require_program("bpftool"), "-j", "map", "show", "id", str(number)], capture_output=True, check=True)
        if json.loads(shown.stdout)["name"] == name:
            dumped = subprocess.run([require_program("bpftool"), "-j", "map", "dump", "id", str(number)], capture_output=True, check=True)
            return [entry["formatted"] for entry in json.loads(dumped.stdout)]
    raise Failure(f"the agent has no map '{name}'")


def kernel_keys(tracer, name):
    return sorted(entry["key"] for entry in kernel_map(tracer, name))


def kernel_values(tracer, name):
    return [entry["value"] for entry in kernel_map(tracer, name)]


def check_older_connections(workspace, source):
    """The kernel is told who listens and who accepted before a byte moves; then each request on connections that were open before is whole,
    and the calls made for it are linked to it."""
    backend = servers.cpp(workspace, "--threads", "2")
    relay = workspace.start("relay", [servers.REAL_PYTHON, workspace.write("relay.py", RELAY), str(backend.port)])
    port = int(relay.await_line("stdout", "listening"))
    load = Load(workspace, backend.port, connections=50, requests=500, hold=True, statuses="200,404", post_every=3)
    with RawConnection(port) as first, RawConnection(port) as second:
        for connection in (first, second):  # served once, so the relay's thread for it waits in a read that begins before the agent comes
            connection.send("GET /s/200/before HTTP/1.1\r\nHost: t\r\n\r\n")
            connection.response()
        tracer = Tracer.attach(workspace, [backend.pid, relay.pid, load.pid], "--existing-connections", source)
        check_equal(tracer.facts.get("existing"), source, "the ready line")
        space = os.stat(f"/proc/{relay.pid}/ns/net").st_ino
        check_equal(kernel_keys(tracer, "listeners"), sorted((space << 16) | listening for listening in (port, backend.port)), "listeners in the kernel")
        if source == "proc":
            told = [row["role"] for row in kernel_values(tracer, "policies")]
            check_equal((told.count(SERVER_ROLE), told.count(CLIENT_ROLE)), (52, 50), "roles that the kernel was told")
        for number, connection in enumerate((first, second, first, second)):
            connection.send(f"GET /s/200/relayed-{number} HTTP/1.1\r\nHost: t\r\n\r\n")
            connection.response()
    sent = load.go().finish()
    relay.end()
    capture = tracer.finish(backend)
    direct = {exchange.target for exchange in sent}
    for kind in ("SERVER", "CLIENT"):
        check_same(sent, [span for span in capture.of_kind(kind) if path_of(span) in direct], f"{kind} spans of the load")
    roots = {span["span_id"]: path_of(span) for span in capture.of_kind("SERVER") if "/relayed-" in path_of(span) and not span["parent_span_id"]}
    # The first request on each was read by a call that began before the agent came: it may be seen or not.
    calls = [(roots.get(span["parent_span_id"]), path_of(span)) for span in capture.of_kind("CLIENT") if path_of(span).endswith(("/relayed-2", "/relayed-3"))]
    check_equal(sorted(calls, key=str), [(f"/s/200/relayed-{number}",) * 2 for number in (2, 3)], "the relay's calls, each below its request")
    capture.check_nothing_lost(allowed=("response_without_request", "request_before_start"))


@case()
def older_connections_by_iterator(workspace):
    """The kernel's iterator over open files finds connections that are older than the agent."""
    check_older_connections(workspace, "iterator")


@case()
def older_connections_by_proc(workspace):
    """Where that iterator cannot be had, /proc tells the same."""
    check_older_connections(workspace, "proc")


def raw_requests(port, targets, agent):
    expected = []
    with RawConnection(port) as connection:
        for target in targets:
            connection.send(f"GET {target} HTTP/1.1\r\nHost: t\r\nUser-Agent: {agent}\r\n\r\n")
            connection.response()
            expected.append(Exchange(connection.port, "GET", target, agent, None, 200))
    return expected


def odd_server(workspace, mode, rounds):
    server = servers.odd(workspace, mode)
    tracer = Tracer.attach(workspace, [server.pid])
    expected = []
    for number, targets in enumerate(rounds):
        expected += raw_requests(server.port, targets, f"odd/{number}")
    capture = tracer.finish(server)
    check_same(expected, capture.of_kind("SERVER"), f"SERVER spans ({mode})")
    capture.check_nothing_lost()
    return capture


@case()
def duplicated_descriptors(workspace):
    """The server reads from one duplicate of the descriptor and writes to another."""
    odd_server(workspace, "dup", [[f"/s/200/dup-{number}-{index}" for index in range(5)] for number in range(4)])


@case()
def passed_descriptors(workspace):
    """The parent accepts, a forked child gets the connection by SCM_RIGHTS and serves it."""
    odd_server(workspace, "pass", [[f"/s/200/pass-{number}-{index}" for index in range(5)] for number in range(4)])


@case()
def child_per_connection(workspace):
    """Every connection is served by a newly forked child."""
    odd_server(workspace, "fork", [[f"/s/200/fork-{number}-{index}" for index in range(5)] for number in range(6)])


@case()
def exec_in_mid_life(workspace):
    """The server execs itself between two requests of one connection and goes on serving it."""
    odd_server(workspace, "exec", [["/s/200/a-1", "/exec/now", "/s/200/a-2", "/s/200/a-3"], ["/s/200/b-1", "/exec/again", "/s/200/b-2"]])


@case()
def server_killed_in_mid_request(workspace):
    """SIGKILL while a response is under way: that span says that it is not whole, the ones before are untouched."""
    server = servers.python(workspace)
    other = servers.cpp(workspace)
    tracer = Tracer.attach(workspace, [server.pid, other.pid])
    with RawConnection(server.port) as connection:
        connection.send("GET /s/200/before HTTP/1.1\r\nHost: t\r\n\r\n")
        connection.response()
        connection.send("GET /slow/cut HTTP/1.1\r\nHost: t\r\n\r\n")
        connection._until(b"begun")
        server.process.end(signal.SIGKILL)
    after = raw_requests(other.port, ["/s/200/other-lives"], "x")
    capture = tracer.finish(other)
    spans = {path_of(span): span for span in capture.spans}
    check_equal(sorted(spans), ["/s/200/before", "/s/200/other-lives", "/slow/cut"], "paths with a span")
    check_same(after, [spans["/s/200/other-lives"]], "the other server")
    check("wirespan.incomplete" not in spans["/s/200/before"]["attributes"], "the request before the kill is marked incomplete")
    cut = spans["/slow/cut"]["attributes"]
    check_equal(cut.get("http.response.status_code"), 200, "status that was seen before the kill")
    check("wirespan.incomplete" in cut or "error.type" in cut, f"the cut response does not say so: {cut}")


@case()
def client_gone_before_the_answer(workspace):
    """A client that resets its connection in mid-response: the span says so."""
    server = servers.python(workspace)
    tracer = Tracer.attach(workspace, [server.pid])
    connection = RawConnection(server.port)
    connection.send("GET /slow/reset HTTP/1.1\r\nHost: t\r\n\r\n")
    connection._until(b"begun")
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    capture = tracer.finish(server)
    check_equal([path_of(span) for span in capture.spans], ["/slow/reset"], "spans")
    attributes = capture.spans[0]["attributes"]
    check("wirespan.incomplete" in attributes or "error.type" in attributes, f"the span does not say that it was cut: {attributes}")


def leftovers():
    pins = set()
    for directory, _, files in os.walk("/sys/fs/bpf"):
        pins.update(os.path.join(directory, name) for name in files)
    groups = set()
    for directory, names, _ in os.walk("/sys/fs/cgroup"):
        groups.update(os.path.join(directory, name) for name in names if "wirespan" in name)
    return pins, groups


def object_is_gone(workspace, kind, number):
    done = subprocess.run([require_program("bpftool"), kind, "show", "id", str(number)], capture_output=True, check=False)
    return done.returncode != 0


def check_objects_gone(workspace, objects):
    for kind, number in sorted(objects):
        wait_until(lambda k=kind, n=number: object_is_gone(workspace, k, n), f"{kind} {number} is gone")


@case(timeout=180)
def agent_killed_under_load(workspace):
    """SIGKILL to the agent under load: the targets do not notice, and no program, map, link, pin or cgroup stays."""
    server = servers.nginx(workspace, workers=2)
    before = leftovers()
    load = Load(workspace, server.port, connections=16, requests=0, statuses="200,404", hold=True).go()
    tracer = Tracer.attach(workspace, [server.pid])
    wait_until(lambda: tracer.span_count() > 200, "spans under load", 30)
    objects = tracer.bpf_objects()
    check(len([o for o in objects if o[0] == "prog"]) + len([o for o in objects if o[0] == "map"]) > 3, f"few objects: {objects}")
    tracer.process.end(signal.SIGKILL)
    mark = len(server.log())
    wait_until(lambda: len(server.log()) > mark + 2000, "the server goes on after the kill")
    sent = load.finish()
    check_logs_agree(sent, server.stop())
    check_objects_gone(workspace, objects)
    check_equal(leftovers(), before, "pins and cgroups")


@case(timeout=180)
def interrupt_leaves_nothing(workspace):
    """Ctrl-C under load: an orderly end within two seconds, nothing stays, the target lives."""
    server = servers.nginx(workspace)
    before = leftovers()
    load = Load(workspace, server.port, connections=8, requests=0, hold=True).go()
    tracer = Tracer.attach(workspace, [server.pid])
    wait_until(lambda: tracer.span_count() > 200, "spans under load", 30)
    objects = tracer.bpf_objects()
    capture = tracer.stop(number=signal.SIGINT)
    check(capture.seconds_to_stop < 6 * PATIENCE, f"stopping took {capture.seconds_to_stop:.1f} s")
    check_objects_gone(workspace, objects)
    check_equal(leftovers(), before, "pins and cgroups")
    mark = len(server.log())
    wait_until(lambda: len(server.log()) > mark + 500, "the server goes on")
    load.finish()


@case(serial=True, timeout=240)
def ten_thousand_connections(workspace):
    """10,000 connections open at once, one request each and then one more: every request has its span; memory stays bounded."""
    import resource
    from support.workspace import Skip
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 11000:
        raise Skip(f"the limit of open files is {hard}; 11000 are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 11000), hard))
    server = servers.cpp(workspace)
    tracer = Tracer.attach(workspace, [server.pid])
    sent = Load(workspace, server.port, connections=10000, requests=20000, statuses="200,404").finish()
    capture = tracer.finish(server)
    check_logs_agree(sent, server.log())
    wrong = differences(sent, capture.of_kind("SERVER"))
    if wrong:
        raise Failure(f"dropped {capture.dropped}:\n    " + "\n    ".join(wrong))
    capture.check_nothing_lost()
    check(capture.summary["agent_rss_peak_bytes"] < 256 << 20, f"peak memory {capture.summary['agent_rss_peak_bytes'] >> 20} MiB")
