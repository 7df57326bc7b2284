"""Real clients: client and server are traced, each request is one CLIENT and one SERVER span, joined by the connection itself."""
from registry import case
from support import servers
from support.clients import GatedProcess, client_argv
from support.compare import Exchange, check_joined, check_logs_agree, check_same, read_client_log
from support.tracer import Tracer
from support.workspace import check_equal, require_program


def trace_client(workspace, name, count=120):
    server = servers.cpp(workspace, "--threads", "2")
    log = workspace.path("client.log")
    client = GatedProcess(workspace, f"{name}-client", client_argv(workspace, name, server.port, log, count))
    tracer = Tracer.attach(workspace, [server.pid, client.pid])
    client.open().finish()
    sent = read_client_log(log)
    check_equal(len(sent), count, "requests in the client's log")
    capture = tracer.finish(server)
    check_logs_agree(sent, server.log())
    check_same(sent, capture.of_kind("SERVER"), "SERVER spans")
    check_same(sent, capture.of_kind("CLIENT"), "CLIENT spans")
    check_joined(capture.spans)
    capture.check_nothing_lost()
    for span in capture.of_kind("CLIENT"):
        check_equal((span["attributes"].get("server.address"), span["attributes"].get("server.port")), ("127.0.0.1", server.port),
                    "server.address and server.port of a CLIENT span")


@case()
def python_client(workspace):
    """http.client in three threads."""
    trace_client(workspace, "python")


@case()
def node_client(workspace):
    """Node's http with an agent of four connections."""
    trace_client(workspace, "node")


@case()
def go_client(workspace):
    """Go's net/http with a pooled transport."""
    trace_client(workspace, "go")


@case()
def curl_client(workspace):
    """curl: one process with several requests on one connection, one of them a POST."""
    server = servers.cpp(workspace)
    paths = [f"/s/{status}/curl-{number}" for number, status in enumerate((200, 404, 200, 503, 200))]
    urls = [part for path in paths for part in ("-o", "/dev/null", f"http://127.0.0.1:{server.port}{path}")]
    curl = GatedProcess(workspace, "curl", [require_program("curl"), "-s", "-A", "curl-test/1", *urls, "--next", "-s", "-A", "curl-test/1",
                                            "-d", "x" * 5000, "-o", "/dev/null", f"http://127.0.0.1:{server.port}/s/200/curl-post"])
    tracer = Tracer.attach(workspace, [server.pid, curl.pid])
    curl.open().finish()
    capture = tracer.finish(server)
    logged = server.log()
    check_equal(len(logged), 6, "requests in the server's log")
    expected = [Exchange(e.port, e.method, e.target, "curl-test/1", None, e.status) for e in logged]
    check_same(expected, capture.of_kind("SERVER"), "SERVER spans")
    check_same(expected, capture.of_kind("CLIENT"), "CLIENT spans")
    check_joined(capture.spans)
