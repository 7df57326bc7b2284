"""gRPC as real implementations speak it: every span says the method and the status that the client got, at both ends."""
import json
import os
import subprocess
from collections import Counter

from registry import case
from support.servers import Server
from support.tracer import Tracer
from support.workspace import PROGRAMS, ROOT, Skip, check, check_equal, require_program

from .status import await_counts

HOME = os.environ.get("WIRESPAN_GRPC_HOME", os.path.join(ROOT, "build", "grpc"))
BEHAVIOURS = 10      # of the programs
WEB_BEHAVIOURS = 7


def argv_of(workspace, language):
    if language == "cpp":
        return [workspace.built("ws_test_grpc_peer")]
    parts = {"python": [os.path.join(HOME, "python", "bin", "python"), os.path.join(PROGRAMS, "grpc", "peer.py")],
             "go": [os.path.join(HOME, "go", "peer")],
             "web": [os.path.join(HOME, "go", "web_peer")],
             "node": ["node", os.path.join(HOME, "node", "peer.js")],
             "java": ["java", "-cp", os.path.join(HOME, "java", "classes") + ":" + os.path.join(HOME, "java", "libs", "*"), "Peer"]}
    made = {"node": os.path.join(HOME, "node", "node_modules"), "java": os.path.join(HOME, "java", "classes")}
    argv = parts[language]
    path = made.get(language, argv[0])
    if not os.path.exists(path):
        raise Skip(f"{path} is not there: scripts/grpc_programs")
    return [require_program(argv[0]), *argv[1:]] if language in made else argv


def start_server(workspace, language):
    process = workspace.start(f"{language}-server", [*argv_of(workspace, language), "server"], stdin=subprocess.PIPE)
    return Server(process, int(process.await_line("stdout", "listening")), None)


class Client:
    """Calls every behaviour of the server when it is let go."""

    def __init__(self, workspace, language, port, rounds, concurrency, *options):
        self.log = workspace.path("calls.log")
        argv = [*argv_of(workspace, language), "client", str(port), self.log, str(rounds), str(concurrency), *options]
        self.process = workspace.start(f"{language}-client", argv, stdin=subprocess.PIPE)
        self.pid = self.process.pid
        self.process.await_line("stdout", "ready")

    def run(self):
        self.process.popen.stdin.write(b"go\n")
        self.process.popen.stdin.flush()
        check_equal(self.process.wait(120.0), 0, f"exit status of the client ({self.process.text('stderr')[-500:]})")
        with open(self.log, encoding="ascii") as rows:
            return {row["method"]: row["status"] for row in map(json.loads, rows)}


def method_and_status(span):
    attributes = span["attributes"]
    return attributes.get("rpc.method_original", attributes.get("rpc.method")), attributes.get("rpc.status_code")


def is_right(method, status, span):
    """A client whose deadline passes resets the stream as one that cancels does: whether the server's own word came before is chance."""
    said = span["attributes"].get("rpc.status_code")
    if "/Slow-" in method and {said, status} == {"CANCELLED", "DEADLINE_EXCEEDED"}:
        return span["attributes"].get("wirespan.rpc.timeout_ns", 0) > 0
    return said == status


def check_calls(workspace, server_language, client_language, rounds, concurrency, behaviours=BEHAVIOURS):
    server = start_server(workspace, server_language)
    client = Client(workspace, client_language, server.port, rounds, concurrency)
    tracer = Tracer.attach(workspace, [server.pid, client.pid], "--status-listen", "127.0.0.1:0")
    calls = client.run()
    check_equal(len(calls), rounds * behaviours, "calls of the client")
    for end in ("server", "client"):
        await_counts(tracer.facts["status"], f"rpc_{end}_call_duration_seconds", ("rpc_system_name",), Counter({("grpc",): len(calls)}))
    capture = tracer.finish(server)
    capture.check_nothing_lost()
    for kind in ("SERVER", "CLIENT"):
        spans = capture.of_kind(kind)
        seen = {method_and_status(span)[0]: span for span in spans}
        check_equal((len(spans), set(seen) ^ set(calls)), (len(calls), set()), f"{kind} spans, and methods of which only one side tells")
        different = {method: (status, method_and_status(seen[method])[1]) for method, status in calls.items()
                     if not is_right(method, status, seen[method])}
        check_equal(different, {}, f"calls of which the {kind} span says otherwise: (what the client got, what the span says)")
        check_equal(Counter(span["attributes"].get("rpc.system.name") for span in spans), {"grpc": len(calls)}, "systems")
    clients = {span["span_id"]: method_and_status(span) for span in capture.of_kind("CLIENT")}
    for span in capture.of_kind("SERVER"):
        method = method_and_status(span)[0]
        check_equal(clients.pop(span["parent_span_id"], ("none",))[0], method, "a call's other end")


def method_of(span):
    """Of a call that is not known to be one, too."""
    attributes = span["attributes"]
    target = attributes.get("url.path") or "/" + attributes.get("url.full", "///").split("/", 3)[3]
    return method_and_status(span)[0] or target[1:] or None


def check_attached_late(workspace, server_language, client_language):
    """The connection is older than the tracer, and with it header tables that were not seen: what is told is right, and what is not
    known is said to be missing. That a call is gRPC's is told by how its bodies are framed."""
    server = start_server(workspace, server_language)
    client = Client(workspace, client_language, server.port, 20, 10, "early")
    tracer = Tracer.attach(workspace, [server.pid, client.pid])
    calls = client.run()
    capture = tracer.finish(server)
    capture.check_books()
    for kind in ("SERVER", "CLIENT"):
        spans = capture.of_kind(kind)
        methods = Counter(map(method_of, spans))
        nameless = [span for span in spans if method_of(span) is None]
        check_equal({span["attributes"].get("wirespan.incomplete") for span in nameless} - {"request_not_seen", "request_cut"}, set(),
                    f"what {kind} spans without a method lack")
        del methods[None]
        check_equal((set(methods) - set(calls), [name for name, count in methods.items() if count > 1]), (set(), []),
                    f"methods of {kind} spans that nobody called, or only once")
        check(len(calls) - len(spans) <= sum(capture.dropped.values()), f"{len(spans)} {kind} spans of {len(calls)} calls: {capture.dropped}")
        known = [span for span in spans if span["attributes"].get("rpc.system.name") == "grpc"]
        wrong = {method_of(span): (calls[method_of(span)], method_and_status(span)[1]) for span in known if method_of(span) is not None and
                 not is_right(method_of(span), calls[method_of(span)], span)}
        if kind == "SERVER":  # it may know no more than that its client went
            wrong = {method: statuses for method, statuses in wrong.items() if statuses != ("DEADLINE_EXCEEDED", "CANCELLED")}
        unmarked = {method_of(span) for span in known if "wirespan.incomplete" not in span["attributes"]}
        check_equal({method: statuses for method, statuses in wrong.items() if statuses[1] is not None or method in unmarked}, {},
                    f"calls of which the {kind} span says otherwise")
        check(len(known) >= len(calls) * 3 // 4, f"{len(known)} {kind} spans of {len(calls)} calls are gRPC's")
        check_equal({span["attributes"].get("http.response.status_code") for span in spans} - {200, None}, set(), f"HTTP statuses of {kind} spans")


@case()
def grpc_python_attached_late(workspace):
    """grpcio, whose connection is older than the tracer."""
    check_attached_late(workspace, "python", "python")


@case()
def grpc_go_attached_late(workspace):
    """grpc-go, whose connection is older than the tracer."""
    check_attached_late(workspace, "go", "go")


@case()
def grpc_cpp_attached_late(workspace):
    """grpc++, whose connection is older than the tracer."""
    check_attached_late(workspace, "cpp", "cpp")


@case()
def grpc_node_attached_late(workspace):
    """grpc-js, whose connection is older than the tracer."""
    check_attached_late(workspace, "node", "node")


@case()
def grpc_java_attached_late(workspace):
    """grpc-java, whose connection is older than the tracer."""
    check_attached_late(workspace, "java", "java")


@case()
def grpc_python(workspace):
    """grpcio on both sides: unary, streams of each direction, errors, a cancellation, a deadline; one after the other."""
    check_calls(workspace, "python", "python", 5, 1)


@case()
def grpc_python_100_at_once(workspace):
    """The same, 100 calls at a time on one connection."""
    check_calls(workspace, "python", "python", 60, 100)


@case()
def grpc_go(workspace):
    """grpc-go on both sides, one call after the other."""
    check_calls(workspace, "go", "go", 5, 1)


@case()
def grpc_go_100_at_once(workspace):
    """The same, 100 calls at a time on one connection."""
    check_calls(workspace, "go", "go", 60, 100)


@case()
def grpc_go_client_python_server(workspace):
    """Two implementations with each other."""
    check_calls(workspace, "python", "go", 20, 20)


@case()
def grpc_python_client_go_server(workspace):
    """And the other way round."""
    check_calls(workspace, "go", "python", 20, 20)


@case()
def grpc_web(workspace):
    """gRPC-Web, whose trailers are in the body: Connect for Go on both sides, one call after the other."""
    check_calls(workspace, "web", "web", 10, 1, WEB_BEHAVIOURS)


@case()
def grpc_web_100_at_once(workspace):
    """The same, 100 calls at a time on one connection."""
    check_calls(workspace, "web", "web", 100, 100, WEB_BEHAVIOURS)


@case()
def grpc_cpp(workspace):
    """grpc++ on both sides, one call after the other."""
    check_calls(workspace, "cpp", "cpp", 5, 1)


@case()
def grpc_cpp_100_at_once(workspace):
    """The same, 100 calls at a time on one connection."""
    check_calls(workspace, "cpp", "cpp", 60, 100)


@case()
def grpc_node(workspace):
    """grpc-js on both sides, one call after the other."""
    check_calls(workspace, "node", "node", 5, 1)


@case()
def grpc_node_100_at_once(workspace):
    """The same, 100 calls at a time on one connection."""
    check_calls(workspace, "node", "node", 60, 100)


@case()
def grpc_java(workspace):
    """grpc-java on both sides, one call after the other."""
    check_calls(workspace, "java", "java", 5, 1)


@case()
def grpc_java_100_at_once(workspace):
    """The same, 100 calls at a time on one connection."""
    check_calls(workspace, "java", "java", 60, 100)


@case()
def grpc_java_client_cpp_server(workspace):
    """Two implementations with each other."""
    check_calls(workspace, "cpp", "java", 20, 20)


@case()
def grpc_cpp_client_node_server(workspace):
    """Two implementations with each other."""
    check_calls(workspace, "node", "cpp", 20, 20)


@case()
def grpc_node_client_java_server(workspace):
    """Two implementations with each other."""
    check_calls(workspace, "java", "node", 20, 20)
