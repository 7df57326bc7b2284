"""Each capture source that this kernel allows, forced by --capture-source; a source that it does not allow is refused in one line."""
from registry import case
from support import servers
from support.clients import Load
from support.compare import check_logs_agree, check_same
from support.tracer import Tracer
from support.workspace import Failure, Skip, check


def trace_with(workspace, source):
    server = servers.cpp(workspace, "--threads", "2")
    tracer = Tracer(workspace, "attach", ["--pid", str(server.pid)], ["--capture-source", source])
    try:
        tracer.await_ready()
    except Failure:
        status = tracer.process.wait(10)
        lines = [line for line in tracer.process.lines("stderr") if line.strip()]
        check(status == 1 and len(lines) == 1 and source in lines[0], f"refusal: status {status}, lines {lines}")
        raise Skip(f"this kernel does not allow the source: {lines[0]}") from None
    check(tracer.facts.get("source") == source, f"ready line: {tracer.facts}")
    sent = Load(workspace, server.port, connections=16, requests=2000, statuses="200,404,503", post_every=4, traceparent_every=2).finish()
    capture = tracer.finish(server)
    check_logs_agree(sent, server.log())
    check_same(sent, capture.of_kind("SERVER"), "SERVER spans")
    capture.check_nothing_lost()


@case()
def source_syscall(workspace):
    """The syscall source: hooks on the exits of the read and write families."""
    trace_with(workspace, "syscall")


@case()
def source_socket(workspace):
    """The socket source: hooks on tcp_sendmsg and its like."""
    trace_with(workspace, "socket")
