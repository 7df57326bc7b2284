"""Real servers, one each: every request that the client sent is exactly one SERVER span."""
from registry import case
from support import servers
from support.clients import Load
from support.compare import check_logs_agree, check_same
from support.tracer import Tracer
from support.workspace import check, check_equal


def trace_server(workspace, server, pids=None, statuses="200,404,503", **load):
    """Traces a server under a short load and compares; returns the capture."""
    tracer = Tracer.attach(workspace, pids or [server.pid])
    options = {"connections": 8, "requests": 400, "statuses": statuses, "post_every": 5, "traceparent_every": 3, **load}
    sent = Load(workspace, server.port, **options).finish()
    capture = tracer.finish(server)
    check_logs_agree(sent, server.log())
    check_same(sent, capture.of_kind("SERVER"), "SERVER spans")
    capture.check_nothing_lost()
    for span in capture.of_kind("SERVER"):
        check(span["resource"].get("service.name"), "a span without service.name")
        check(span["link"]["evidence"] == "traceparent" if span["parent_span_id"] else True, f"parent by {span['link']}")
    capture.sent = sent
    return capture


@case()
def nginx_keep_alive(workspace):
    """nginx, one worker, plain keep-alive."""
    server = servers.nginx(workspace)
    capture = trace_server(workspace, server, post_every=0)
    check_equal({span["resource"]["service.name"] for span in capture.spans}, {"nginx"}, "service.name")


@case()
def nginx_two_workers(workspace):
    """nginx with two forked workers; only the master's pid is named, children come with it."""
    trace_server(workspace, servers.nginx(workspace, workers=2), post_every=0)


@case()
def apache2_event(workspace):
    """apache2 with the event MPM: several processes, each with threads; a request may wander between threads."""
    trace_server(workspace, servers.apache(workspace), statuses="200,404,403", post_every=0)


@case()
def haproxy_both_sides(workspace):
    """haproxy in front of a C++ server: a SERVER span and a CLIENT span for each request, and only haproxy is traced."""
    backend = servers.cpp(workspace, "--threads", "2", name="backend")
    proxy = servers.haproxy(workspace, backend.port)
    tracer = Tracer.attach(workspace, [proxy.pid])
    sent = Load(workspace, proxy.port, connections=6, requests=300, statuses="200,404,503", post_every=4).finish()
    capture = tracer.finish(proxy)
    arrived = backend.stop()
    check_same(sent, capture.of_kind("SERVER"), "haproxy's SERVER spans")
    check_same(arrived, [s for s in capture.of_kind("CLIENT")], "haproxy's CLIENT spans")
    capture.check_nothing_lost()


@case()
def python_http_server(workspace):
    """Python's http.server with a thread per connection."""
    trace_server(workspace, servers.python(workspace))


@case()
def node_http(workspace):
    """Node's http module: one thread, an event loop."""
    trace_server(workspace, servers.node(workspace))


@case()
def go_net_http(workspace):
    """Go's net/http: goroutines wander between threads."""
    trace_server(workspace, servers.go(workspace))


@case(timeout=180)
def java_httpserver(workspace):
    """com.sun.net.httpserver with a pool of four threads, started from the source file."""
    server = servers.java(workspace)
    trace_server(workspace, server)


@case()
def cpp_threads(workspace):
    """A C++ server with two epoll threads."""
    trace_server(workspace, servers.cpp(workspace, "--threads", "2"))


@case()
def ipv6(workspace):
    """The same over IPv6."""
    from support.workspace import require_ipv6
    require_ipv6()
    server = servers.cpp(workspace, "--host", "::1")
    capture = trace_server(workspace, server, host="::1")
    check_equal({span["attributes"].get("network.type") for span in capture.spans} - {None}, {"ipv6"}, "network.type")
    check_equal({span["attributes"].get("network.peer.address") for span in capture.spans}, {"::1"}, "network.peer.address")


@case()
def unix_socket(workspace):
    """The same over a unix stream socket: no port, no TCP sequence number, and still every request once."""
    path = workspace.path("s")
    server = servers.cpp(workspace, "--unix", path)
    tracer = Tracer.attach(workspace, [server.pid])
    sent = Load(workspace, unix=path, connections=4, requests=200, statuses="200,404", post_every=3, traceparent_every=2).finish()
    capture = tracer.finish(server)
    check_same(sent, capture.of_kind("SERVER"), "SERVER spans")
    capture.check_nothing_lost()
    check_equal({span["attributes"].get("network.transport") for span in capture.spans}, {"unix"}, "network.transport")
