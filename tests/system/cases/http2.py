"""HTTP/2 in clear text between load generator and server (nghttp2's own, nginx): many streams at once on few connections."""
import os
import re
import signal
from collections import Counter

from registry import case
from support.clients import GatedProcess
from support.servers import Server, nginx
from support.tracer import Tracer
from support.workspace import Failure, accepts, check, check_equal, free_port, require_program, wait_until

FILES = ("one.txt", "two.txt", "three.txt")


def nghttpd(workspace):
    port = free_port()
    for name in FILES:
        workspace.write(name, name * 20)
    argv = [require_program("nghttpd"), "--no-tls", "-a", "127.0.0.1", "-d", workspace.path(), str(port)]
    process = workspace.start("nghttpd", argv)

    def up():
        if not process.running():
            raise Failure(f"nghttpd ended at start: {process.text('stderr')[-800:]}")
        return accepts(port)
    wait_until(up, f"nghttpd listening on {port}")
    return Server(process, port, None, signal.SIGINT)


def nginx_http2(workspace):
    os.makedirs(workspace.path("www"))
    for name in FILES:
        workspace.write(f"www/{name}", name * 20)
    return nginx(workspace, listen="http2")


def path_and_status(span):
    attributes = span["attributes"]
    path = attributes.get("url.path") or "/" + attributes["url.full"].split("/", 3)[3]
    return path, attributes.get("http.response.status_code"), attributes.get("wirespan.incomplete")


def load_of(server, *options, names=(*FILES, "none.txt")):
    """h2load's argv for three files and one that is not there."""
    urls = [f"http://127.0.0.1:{server.port}/{name}" for name in names]
    return [require_program("h2load"), *map(str, options), *urls]


def check_each_request(workspace, count, connections, streams, start_server=nghttpd):
    """Each request is one SERVER and one CLIENT span with its own status, joined exactly."""
    server = start_server(workspace)
    load = GatedProcess(workspace, "h2load", load_of(server, "-n", count, "-c", connections, "-m", streams))
    tracer = Tracer.attach(workspace, [server.pid, load.pid])
    load.open().finish()
    report = load.process.text("stdout")
    done = re.search(r"requests: (\d+) total, \d+ started, (\d+) done", report)
    if not done or int(done.group(2)) != count:
        raise Failure(f"h2load did not do all requests: {report[-600:]}")
    statuses = re.search(r"status codes: (\d+) 2xx, \d+ 3xx, (\d+) 4xx", report)
    capture = tracer.finish(server)
    for kind in ("SERVER", "CLIENT"):
        spans = [path_and_status(span) for span in capture.of_kind(kind)]
        check_equal(len(spans), count, f"{kind} spans")
        check_equal({incomplete for _, _, incomplete in spans}, {None}, f"what the {kind} spans lack")
        check_equal({(path, status) for path, status, _ in spans},
                    {(f"/{name}", 404 if name == "none.txt" else 200) for name in (*FILES, "none.txt")},
                    f"paths and statuses of {kind} spans")
        by_status = Counter(status for _, status, _ in spans)
        check_equal((by_status[200], by_status[404]), tuple(int(text) for text in statuses.groups()), f"statuses of {kind} spans")
    clients = {span["span_id"]: path_and_status(span)[:2] for span in capture.of_kind("CLIENT")}
    for span in capture.of_kind("SERVER"):
        check_equal(path_and_status(span)[:2], clients.pop(span["parent_span_id"], None), "a stream and its other end")
        check_equal((span["link"]["evidence"], span["link"]["confidence"]), ("same-connection", "exact"), "how they were joined")
    check_equal({span["attributes"].get("wirespan.unlinked.reason") for span in capture.of_kind("CLIENT")}, {None},
                "what links of calls lack that nothing caused")
    capture.check_nothing_lost()


@case()
def http2_concurrent_streams(workspace):
    """h2load: 4 connections of 50 streams each, 3000 requests."""
    check_each_request(workspace, 3000, 4, 50)


@case()
def http2_one_connection_of_100_streams(workspace):
    """h2load: one connection that carries 100 streams at a time, 3000 requests."""
    check_each_request(workspace, 3000, 1, 100)


@case()
def http2_nginx_one_after_the_other(workspace):
    """nginx: one stream at a time, 500 requests."""
    check_each_request(workspace, 500, 1, 1, nginx_http2)


@case()
def http2_nginx_100_streams(workspace):
    """nginx: two connections that carry 100 streams at a time, 3000 requests."""
    check_each_request(workspace, 3000, 2, 100, nginx_http2)


@case()
def http2_large_bodies(workspace):
    """Bodies of 1 MB between small ones on one connection: every span is there, and next to nothing of the bodies is copied."""
    size = 1_000_000
    server = nghttpd(workspace)
    with open(workspace.path("large.bin"), "wb") as file:
        file.write(os.urandom(size))
    names = ("large.bin", *FILES, "none.txt")
    count = 60 * len(names)
    load = GatedProcess(workspace, "h2load", load_of(server, "-n", count, "-c", 1, "-m", 20, names=names))
    tracer = Tracer.attach(workspace, [server.pid, load.pid])
    load.open().finish()
    capture = tracer.finish(server)
    for kind in ("SERVER", "CLIENT"):
        spans = capture.of_kind(kind)
        check_equal(Counter(map(path_and_status, spans)),
                    {(f"/{name}", 404 if name == "none.txt" else 200, None): 60 for name in names}, f"{kind} spans")
        sizes = {span["attributes"].get("http.response.body.size") for span in spans if path_and_status(span)[0] == "/large.bin"}
        check_equal(sizes, {size}, f"body sizes of {kind} spans")
    capture.check_nothing_lost()
    kernel = capture.summary["kernel"]
    check(kernel["captured_bytes"] * 50 < kernel["moved_bytes"],
          f"{kernel['captured_bytes']} bytes were copied of {kernel['moved_bytes']}")


@case()
def http2_attached_in_mid_connection(workspace):
    """One connection of 100 streams that is older than the tracer: from some point on every request is a span of either end."""
    check_attached_late(workspace, nghttpd(workspace))


@case()
def http2_nginx_attached_in_mid_connection(workspace):
    """The same of nginx."""
    check_attached_late(workspace, nginx_http2(workspace))


def check_attached_late(workspace, server):
    load = workspace.start("h2load", load_of(server, "-D", 600, "-c", 1, "-m", 100, "--rps", 1000))
    load.await_line("stdout", "spawning thread")
    peer = f"{server.port:04X}"

    def connected():
        with open("/proc/net/tcp", encoding="ascii") as rows:
            return any(row.split()[2].endswith(":" + peer) and row.split()[3] == "01" for row in rows)
    wait_until(connected, "h2load's connection")
    tracer = Tracer.attach(workspace, [server.pid, load.pid]).await_spans(4000, timeout=30.0)
    capture = tracer.stop()
    # What the budget cuts before the session is opened may be a gap of its own.
    allowed = {"response_without_request", "request_before_start", "unknown_connection", "stream_gap"}
    check_equal({reason: n for reason, n in capture.dropped.items() if reason not in allowed}, {}, "dropped")
    check(sum(capture.dropped.values()) <= 400, f"more was lost than was under way at the beginning: {capture.dropped}")
    capture.check_books()
    for kind in ("SERVER", "CLIENT"):
        spans = capture.of_kind(kind)
        check(len(spans) > 1000, f"{len(spans)} {kind} spans of {len(capture.spans)}")
        statuses = Counter(span["attributes"].get("http.response.status_code") for span in spans)
        ended = sum(n for status, n in statuses.items() if status is not None)
        check_equal(set(statuses) - {200, 404, None}, set(), f"statuses of {kind} spans")
        check(ended >= len(spans) - 200, f"{kind} spans without a status, beyond those under way at either end: {statuses}")
        check(abs(statuses[404] * 4 - ended) < 400, f"a fourth of what {kind} spans say is 404: {statuses}")
    kinds = {span["span_id"]: span for span in capture.of_kind("CLIENT")}
    joined = [span for span in capture.of_kind("SERVER") if span.get("parent_span_id") in kinds]
    check(len(joined) > 1000, f"{len(joined)} SERVER spans are joined with their other end")
    for span in joined:
        ends = [end["attributes"].get("http.response.status_code") for end in (span, kinds[span["parent_span_id"]])]
        check(None in ends or ends[0] == ends[1], f"the two ends of an exchange say {ends}")
