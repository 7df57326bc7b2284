"""Exchanges that stay open: server-sent events and long polls. A span says that they are open while they are, and their own comes at
their end."""
import os
import subprocess

from registry import case
from support import servers
from support.tracer import Tracer, read_spans
from support.workspace import PROGRAMS, Skip, check, check_equal, free_port, require_program, wait_until

AFTER_NS = 1_000_000_000


def event_server(workspace):
    if subprocess.run([servers.DEBIAN_PYTHON, "-c", "import aiohttp"], capture_output=True, check=False).returncode != 0:
        raise Skip("python3-aiohttp is not installed")
    port = free_port()
    return servers.listening(workspace, "event-server", port, [servers.DEBIAN_PYTHON, os.path.join(PROGRAMS, "event_server.py"), str(port)])


def open_spans(path):
    spans = read_spans(path) if os.path.exists(path) else []
    return [span for span in spans if span["attributes"].get("wirespan.incomplete") == "open"]


def path_of(span):
    attributes = span["attributes"]
    return attributes.get("url.path") or "/" + attributes["url.full"].split("/", 3)[3]


@case(timeout=120)
def streams_say_that_they_are_open(workspace):
    """curl -N and a reader of Node on /events, curl on /poll: while they wait, each exchange is told as open; when they end, each has its own
    span with all of its time, and what was told before is below it."""
    server = event_server(workspace)
    curl, url = [require_program("curl"), "-sN"], f"http://127.0.0.1:{server.port}"
    check_streams(workspace, server, curl, {
        "curl": [*curl, f"{url}/events"],
        "poll": [*curl, f"{url}/poll"],
        "reader": [require_program("node"), os.path.join(PROGRAMS, "event_client.js"), str(server.port), "/events"]})


@case(timeout=120)
def streams_of_http2_say_that_they_are_open(workspace):
    """The same over HTTP/2 with a server of Node: curl on /events, and a client of Node that reads /events and /poll over one connection, on
    which other requests come and go."""
    program, port = os.path.join(PROGRAMS, "http2", "events.mjs"), free_port()
    server = servers.listening(workspace, "event-server", port, [require_program("node"), program, "server", str(port)])
    curl, url = [require_program("curl"), "-sN", "--http2-prior-knowledge"], f"http://127.0.0.1:{server.port}"
    check_streams(workspace, server, curl, {
        "curl": [*curl, f"{url}/events"],
        "reader": [require_program("node"), program, "client", str(server.port)]}, others=["/ping"] * 20)


def check_streams(workspace, server, curl, clients, others=()):
    """Of the clients' requests two are for /events, one is for /poll, and `others` end at once."""
    tracer = Tracer.attach(workspace, [server.pid], "--open-span-after", "1s")
    clients = [workspace.start(name, argv) for name, argv in clients.items()]
    reader = clients[-1]
    reader.await_line("stdout", "event 3")
    told = wait_until(lambda: len(open_spans(tracer.output)) >= 3 and open_spans(tracer.output), "spans of open exchanges", timeout=30)
    for process in clients:
        check(process.running(), "an exchange ended before it was told as open")
    check_equal(sorted(path_of(span) for span in told), ["/events", "/events", "/poll"], "what is open")
    for span in told:
        check_equal(span["kind"].upper(), "INTERNAL", "kind")
        check(span["end_ns"] - span["start_ns"] >= AFTER_NS, "told before its time")
        check_equal(span["attributes"].get("http.response.status_code"), 200 if path_of(span) == "/events" else None, "status")
        check("error.type" not in span["attributes"], "an open exchange has not failed")
    subprocess.run([*curl, f"http://127.0.0.1:{server.port}/stop"], check=True, capture_output=True, timeout=30)
    reader.await_line("stdout", "end")
    for process in clients:
        check_equal(process.wait(30), 0, "exit status of a client")
    capture = tracer.finish(server)
    capture.check_nothing_lost()
    whole = {span["span_id"]: span for span in capture.of_kind("SERVER")}
    check_equal(sorted(path_of(span) for span in whole.values()), sorted(["/events", "/events", "/poll", "/stop", *others]), "exchanges")
    check_equal(len(open_spans(tracer.output)), 3, "each is told as open once")
    for span in told:
        own = whole.get(span["parent_span_id"])
        check(own, "what was told as open is not below the exchange's own span")
        check_equal((own["trace_id"], own["start_ns"]), (span["trace_id"], span["start_ns"]), "trace and beginning")
        check(own["end_ns"] > span["end_ns"] and "wirespan.incomplete" not in own["attributes"], "the exchange's own span has all of its time")
