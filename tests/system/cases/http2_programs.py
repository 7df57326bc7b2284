"""HTTP/2 as real implementations speak it: every span says the path, the status and the reset that the client saw, at both ends."""
import json
import os
import subprocess

from registry import case
from support.servers import Server
from support.tracer import Tracer
from support.workspace import PROGRAMS, ROOT, Skip, check_equal, require_program

HOME = os.environ.get("WIRESPAN_GRPC_HOME", os.path.join(ROOT, "build", "grpc"))
BEHAVIOURS = 8  # of the programs


def argv_of(language):
    if language == "node":
        return [require_program("node"), os.path.join(PROGRAMS, "http2", "peer.mjs")]
    path = os.path.join(HOME, "go", "http2_peer")
    if not os.path.exists(path):
        raise Skip(f"{path} is not there: scripts/grpc_programs")
    return [path]


def told(span):
    """What a span says of the path, the status, and whether the stream was reset."""
    attributes = span["attributes"]
    path = attributes.get("url.path") or "/" + attributes.get("url.full", "///").split("/", 3)[3]
    return path, attributes.get("http.response.status_code"), attributes.get("wirespan.incomplete")


def check_requests(workspace, server_language, client_language, rounds, concurrency):
    process = workspace.start("server", [*argv_of(server_language), "server"], stdin=subprocess.PIPE)
    server = Server(process, int(process.await_line("stdout", "listening")), None)
    log = workspace.path("requests.log")
    client = workspace.start("client", [*argv_of(client_language), "client", str(server.port), log, str(rounds), str(concurrency)],
                             stdin=subprocess.PIPE)
    client.await_line("stdout", "ready")
    tracer = Tracer.attach(workspace, [server.pid, client.pid])
    client.popen.stdin.write(b"go\n")
    client.popen.stdin.flush()
    check_equal(client.wait(120.0), 0, f"exit status of the client ({client.text('stderr')[-500:]})")
    capture = tracer.finish(server)
    with open(log, encoding="ascii") as rows:
        wanted = {row["path"]: (row["path"], row["status"], "stream_reset" if row["reset"] else None) for row in map(json.loads, rows)}
    check_equal(len(wanted), rounds * BEHAVIOURS, "requests of the client")
    capture.check_nothing_lost()
    for kind in ("SERVER", "CLIENT"):
        spans = capture.of_kind(kind)
        check_equal((len(spans), {told(span)[0] for span in spans}), (len(wanted), set(wanted)), f"{kind} spans, and their paths")
        # The client ends after its last request: of one that it has just reset the server may see no more than that end.
        broken = ("stream_reset", "no_response") if kind == "SERVER" else ("stream_reset",)
        different = [(wanted[told(span)[0]], told(span)) for span in spans if told(span) != wanted[told(span)[0]] and
                     not (wanted[told(span)[0]][2] == "stream_reset" and told(span)[2] in broken)]
        check_equal(different, [], f"requests of which the {kind} span says otherwise: (what the client saw, what the span says)")
    clients = {span["span_id"]: told(span)[0] for span in capture.of_kind("CLIENT")}
    for span in capture.of_kind("SERVER"):
        check_equal(clients.pop(span["parent_span_id"], None), told(span)[0], "a request's other end")


@case()
def http2_node(workspace):
    """Node's http2 on both sides: answers, errors, bodies of each direction, resets by either end; one after the other."""
    check_requests(workspace, "node", "node", 5, 1)


@case()
def http2_node_100_at_once(workspace):
    """The same, 100 requests at a time on one connection. Some 60 rounds, and Node's server takes the resets for an attack."""
    check_requests(workspace, "node", "node", 30, 100)


@case()
def http2_go(workspace):
    """Go's x/net/http2 on both sides, one request after the other."""
    check_requests(workspace, "go", "go", 5, 1)


@case()
def http2_go_100_at_once(workspace):
    """The same, 100 requests at a time on one connection."""
    check_requests(workspace, "go", "go", 80, 100)


@case()
def http2_node_client_go_server(workspace):
    """Two implementations with each other."""
    check_requests(workspace, "go", "node", 20, 20)


@case()
def http2_go_client_node_server(workspace):
    """And the other way round."""
    check_requests(workspace, "node", "go", 20, 20)


@case()
def http2_what_is_rare(workspace):
    """Early hints, trailers, a push, a tunnel and an extended CONNECT between Node's two ends: each is one exchange, with its final status."""
    argv = [require_program("node"), os.path.join(PROGRAMS, "http2", "odd.mjs")]
    process = workspace.start("server", [*argv, "server"], stdin=subprocess.PIPE)
    server = Server(process, int(process.await_line("stdout", "listening")), None)
    client = workspace.start("client", [*argv, "client", str(server.port)], stdin=subprocess.PIPE)
    client.await_line("stdout", "ready")
    tracer = Tracer.attach(workspace, [server.pid, client.pid])
    client.popen.stdin.write(b"go\n")
    client.popen.stdin.flush()
    check_equal(client.wait(60.0), 0, f"exit status of the client ({client.text('stderr')[-500:]})")
    capture = tracer.finish(server)
    capture.check_nothing_lost()
    wanted = {("GET", "/hints", 200, None), ("GET", "/trailers", 200, None), ("GET", "/pushing", 200, None), ("GET", "/pushed", 203, None),
              ("CONNECT", "127.0.0.1:9", 200, None), ("CONNECT", "/chat", 200, None)}

    def asked(span):
        attributes = span["attributes"]
        path, *rest = told(span)
        is_tunnel = "url.path" not in attributes and "url.full" not in attributes
        return attributes["http.request.method"], f"{attributes['server.address']}:{attributes['server.port']}" if is_tunnel else path, *rest
    for kind in ("SERVER", "CLIENT"):
        spans = capture.of_kind(kind)
        check_equal((len(spans), set(map(asked, spans))), (len(wanted), wanted), f"{kind} spans")
    clients = {span["span_id"]: asked(span) for span in capture.of_kind("CLIENT")}
    for span in capture.of_kind("SERVER"):
        if told(span)[0] == "/pushed":  # begins at the server
            check_equal(span["parent_span_id"], "", "what is above a push")
        else:
            check_equal(clients.pop(span["parent_span_id"], None), asked(span), "a request's other end")
