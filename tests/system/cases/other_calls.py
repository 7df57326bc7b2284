"""Bytes that leave by other ways than read and write: splice, io_uring, 32-bit system calls. They are gaps of known size, counted where
a call was seen and could not be read; what is around them is right."""
from registry import case
from support import servers
from support.tracer import Tracer
from support.workspace import Skip, check, check_equal

BODY = 100_000


def trace_client(workspace, way):
    """The capture of a client that sends its one body that way, and the source that was used."""
    server = servers.cpp(workspace)
    tracer = Tracer.run(workspace, [workspace.built("ws_test_other_calls"), str(server.port), way, str(BODY)])
    tracer.await_ready()
    status = tracer.process.wait(60)
    if status == 77:
        raise Skip(tracer.process.lines("stderr")[-1])
    check_equal(status, 0, "the client's exit code")
    capture = tracer.collect()
    server.stop()
    calls = sorted(capture.of_kind("CLIENT"), key=lambda span: span["start_ns"])
    check_equal([(span["attributes"]["http.request.method"], span["attributes"]["url.full"].rsplit("/", 1)[1],
                  span["attributes"]["http.response.status_code"]) for span in calls],
                [("GET", "a", 200), ("POST", "b", 200), ("GET", "c", 200)], "the calls")
    check_equal(calls[1]["attributes"].get("http.request.body.size"), BODY, "http.request.body.size")
    check("wirespan.incomplete" not in calls[1]["attributes"], "a body that was not copied makes no exchange incomplete")
    return capture, tracer.facts.get("source")


@case()
def body_by_splice(workspace):
    """A body moved from a pipe into the socket."""
    capture, _ = trace_client(workspace, "splice")
    capture.check_nothing_lost()


@case()
def body_by_io_uring(workspace):
    """A body sent by io_uring: no system call of its own."""
    capture, _ = trace_client(workspace, "io_uring")
    capture.check_nothing_lost()


@case()
def body_by_32_bit_calls(workspace):
    """A body sent by the 32-bit write(2): its number means another 64-bit call, its arguments lie elsewhere."""
    capture, source = trace_client(workspace, "compat")
    if source == "syscall":
        check(capture.dropped.get("compat_call", 0) >= 1, f"compat_call is not counted: {capture.dropped}")
    capture.check_nothing_lost(allowed=("compat_call",))
