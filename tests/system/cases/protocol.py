"""HTTP/1 as it is on the wire: bodies, framing, interim answers, oversized heads, and connections that leave HTTP."""
import os

from registry import case
from support import servers
from support.clients import RawConnection
from support.compare import Exchange, check_same, path_of
from support.tracer import Tracer
from support.workspace import Failure, check, check_equal

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e47%02x"
PARENT_ID = "00f067aa0ba902b7"


class Conversation:
    """A traced server and a log of what was asked on raw connections."""

    def __init__(self, workspace, server):
        self.server = server
        self.tracer = Tracer.attach(workspace, [server.pid])
        self.expected = []

    def expect(self, connection, method, target, status, trace_id=None):
        self.expected.append(Exchange(connection.port, method, target, None, trace_id, status))

    def ask(self, connection, method, target, fields="", body=b"", status=200, piece=None, trace_id=None):
        connection.send(f"{method} {target} HTTP/1.1\r\nHost: t\r\n{fields}\r\n".encode() + body, piece)
        answer = connection.response(method)
        check_equal(answer[0], status, f"status of {method} {target}")
        self.expect(connection, method, target, status, trace_id)
        return answer

    def compare(self, allowed=()):
        capture = self.tracer.finish(self.server)
        check_same(self.expected, capture.of_kind("SERVER"), "SERVER spans")
        capture.check_nothing_lost(allowed)
        self.spans = {path_of(span): span for span in capture.spans}
        return capture


@case()
def bodies_and_statuses(workspace):
    """POST with a length, chunked requests, chunked answers with trailers, HEAD, 204, 304, on one connection."""
    talk = Conversation(workspace, servers.python(workspace))
    with RawConnection(talk.server.port) as connection:
        talk.ask(connection, "POST", "/s/200/length", "Content-Length: 70000\r\n", b"p" * 70000)
        talk.ask(connection, "PUT", "/s/200/empty", "Content-Length: 0\r\n")
        chunks = b"".join(b"%X;x=1\r\n%s\r\n" % (size, b"q" * size) for size in (1, 15, 16, 2000)) + b"0\r\nX-T: 1\r\n\r\n"
        talk.ask(connection, "POST", "/s/200/chunks", "Transfer-Encoding: chunked\r\n", chunks)
        check_equal(talk.ask(connection, "GET", "/chunked/answer")[2], 2011, "body of the chunked answer")
        talk.ask(connection, "HEAD", "/s/200/head")
        talk.ask(connection, "GET", "/s/204/none", status=204)
        talk.ask(connection, "GET", "/s/304/same", status=304)
        talk.ask(connection, "DELETE", "/s/404/gone", status=404)
        talk.ask(connection, "GET", "/s/503/busy", status=503)
        talk.ask(connection, "GET", "/s/200/query?token=SECRET-WORD&page=2")
    capture = talk.compare()
    check("SECRET-WORD" not in open(talk.tracer.output).read(), "a query value reached the output")
    check_equal(talk.spans["/s/503/busy"]["attributes"].get("error.type"), "503", "error.type of a 503")
    check("error.type" not in talk.spans["/s/404/gone"]["attributes"], "a 404 is no error of the server")
    for span in capture.spans:
        check(span["name"].split(" ")[0] == span["attributes"]["http.request.method"], f"name {span['name']}")
        check("/s/" not in span["name"], f"the raw path is in the name: {span['name']}")


@case()
def chunked_beyond_the_budget(workspace):
    """Chunked bodies longer than what is copied of a turn, both ways, with trailers and without: the framing is not seen, the end is
    proven by the next turn or by the close; every exchange has its whole span and nothing counts as lost."""
    talk = Conversation(workspace, servers.python(workspace))
    with RawConnection(talk.server.port) as connection:
        for number in range(3):
            for name, trailer in (("plain", b""), ("trailers", b"X-Sum: 13097\r\n")):
                chunks = b"".join(b"%X\r\n%s\r\n" % (size, b"q" * size) for size in (1, 4096, 9000)) + b"0\r\n" + trailer + b"\r\n"
                talk.ask(connection, "POST", f"/s/404/up-{name}-{number}", "Transfer-Encoding: chunked\r\n", chunks, status=404)
            check_equal(talk.ask(connection, "GET", f"/long/down-{number}")[2], 25011, "body of the chunked answer")
            talk.ask(connection, "GET", f"/s/404/after-{number}", status=404)
        check_equal(talk.ask(connection, "GET", "/long/last")[2], 25011, "body of the chunked answer")
    capture = talk.compare()
    previous = 0
    for span in sorted(capture.spans, key=lambda span: span["start_ns"]):
        path, attributes = path_of(span), span["attributes"]
        check("wirespan.incomplete" not in attributes, f"{path} is marked {attributes.get('wirespan.incomplete')}")
        check("wirespan.truncated" not in attributes, f"{path} is marked truncated")
        check(span["start_ns"] >= previous, f"{path} begins before the exchange before it has ended")
        previous = span["end_ns"]
        if "/up-" in path:
            check("http.request.body.size" not in attributes, f"a size of a request body that was not seen: {path}")
        if "/long/" in path:
            check("http.response.body.size" not in attributes, f"a size of a response body that was not seen: {path}")
        if "/after-" in path:
            check("http.response.body.size" in attributes, f"no size of a body that was seen: {path}")


@case()
def chunked_answers_end_by_themselves(workspace):
    """nginx compresses a file of random bytes: 200 KB in chunks without trailers. Its span is there while the connection is still open
    and idle, for the last bytes of the last call are the end of the body."""
    size = 200_000
    talk = Conversation(workspace, servers.nginx(workspace, extra="gzip on; gzip_types *; gzip_comp_level 1;"))
    with open(workspace.path("www", "random"), "wb") as file:
        file.write(os.urandom(size))
    with RawConnection(talk.server.port) as connection:
        body = talk.ask(connection, "GET", "/random", "Accept-Encoding: gzip\r\n")[2]
        check(body > size // 2, f"{body} bytes of body: nginx did not send the file")
        talk.tracer.await_spans(1)
        check_equal(talk.tracer.span_count(), 1, "spans while the connection is open")
        talk.ask(connection, "GET", "/s/404/after", status=404)
    capture = talk.compare()
    for span in capture.spans:
        check("wirespan.incomplete" not in span["attributes"], f"{path_of(span)} is marked incomplete")


@case()
def expect_continue(workspace):
    """Expect: 100-continue: the interim answer neither ends the exchange nor becomes one."""
    talk = Conversation(workspace, servers.python(workspace))
    with RawConnection(talk.server.port) as connection:
        for number in range(5):
            target = f"/s/200/expect-{number}"
            connection.send(f"POST {target} HTTP/1.1\r\nHost: t\r\nContent-Length: 6000\r\nExpect: 100-continue\r\n\r\n")
            check_equal(connection.response()[0], 100, "interim status")
            connection.send(b"b" * 6000)
            check_equal(connection.response()[0], 200, "final status")
            talk.expect(connection, "POST", target, 200)
    talk.compare()


@case()
def pipelining(workspace):
    """Twenty requests in one write, answered in order, bodies among them."""
    talk = Conversation(workspace, servers.cpp(workspace))
    with RawConnection(talk.server.port) as connection:
        blob = b""
        for number in range(20):
            target = f"/s/{(200, 404)[number % 2]}/pipe-{number}"
            body = b"x" * (number * 37) if number % 4 == 3 else b""
            method = "POST" if body else "GET"
            length = f"Content-Length: {len(body)}\r\n" if body else ""
            blob += f"{method} {target} HTTP/1.1\r\nHost: t\r\n{length}\r\n".encode() + body
            talk.expect(connection, method, target, (200, 404)[number % 2])
        connection.send(blob)
        for exchange in talk.expected:
            check_equal(connection.response()[0], exchange.status, f"status of {exchange.target}")
    talk.compare()


@case()
def upgrade(workspace):
    """101 ends HTTP on the connection: bytes that look like requests afterwards are none."""
    talk = Conversation(workspace, servers.python(workspace))
    with RawConnection(talk.server.port) as connection:
        talk.ask(connection, "GET", "/s/200/before")
        talk.ask(connection, "GET", "/upgrade/now", "Connection: Upgrade\r\nUpgrade: echo\r\n", status=101)
        lookalike = b"GET /s/200/not-a-request HTTP/1.1\r\nHost: t\r\n\r\n"
        for _ in range(3):
            connection.send(lookalike)
            check_equal(connection._take(len(lookalike)), lookalike, "echo")
    with RawConnection(talk.server.port) as connection:
        talk.ask(connection, "GET", "/s/200/after")
    talk.compare(allowed=("other_protocol",))


def fillers(size):
    """Header fields of that many bytes, or a little more."""
    return "".join(f"X-Filler-{index}: {'f' * 180}\r\n" for index in range(size // 195 + (size > 0)))


@case()
def big_heads(workspace):
    """traceparent beyond 1 KiB and beyond 4 KiB of other fields, in any case, in one write and in several. A GET is copied whole. A
    POST's head beyond the budget is cut: its span says so, and later heads of the same connection are whole."""
    talk = Conversation(workspace, servers.nginx(workspace))
    with RawConnection(talk.server.port) as connection:
        for number, (before, name, pieces) in enumerate(((0, "traceparent", None), (1200, "Traceparent", None), (3000, "TRACEPARENT", 700),
                                                         (5000, "TraceParent", 1000), (20000, "traceparent", 3000))):
            trace_id = TRACE_ID % number
            talk.ask(connection, "GET", f"/s/200/big-{number}", f"{fillers(before)}{name}: 00-{trace_id}-{PARENT_ID}-01\r\n", piece=pieces,
                     trace_id=trace_id)
    with RawConnection(talk.server.port) as connection:
        length = "Content-Length: 5\r\n"
        # What stands in front of the cut is believed.
        talk.ask(connection, "POST", "/s/404/cut", f"traceparent: 00-{TRACE_ID % 0x20}-{PARENT_ID}-01\r\n{fillers(6000)}{length}", b"12345",
                 status=404, trace_id=TRACE_ID % 0x20)
        talk.tracer.await_spans(len(talk.expected))  # the budget is asked for before the span is made
        for number, before in enumerate((6000, 30000)):
            trace_id = TRACE_ID % (0x21 + number)
            talk.ask(connection, "POST", f"/s/200/whole-{number}", f"{fillers(before)}traceparent: 00-{trace_id}-{PARENT_ID}-01\r\n{length}",
                     b"12345", piece=2500, trace_id=trace_id)
    capture = talk.compare()
    for span in capture.spans:
        path, attributes = path_of(span), span["attributes"]
        check_equal(span["parent_span_id"], PARENT_ID, f"parent of {path}")
        check_equal(span["link"]["evidence"], "traceparent", f"evidence of {path}")
        is_cut = path == "/s/404/cut"
        check_equal(attributes.get("wirespan.truncated"), True if is_cut else None, f"wirespan.truncated of {path}")
        check_equal(attributes.get("wirespan.incomplete"), "request_not_seen" if is_cut else None, f"wirespan.incomplete of {path}")


@case()
def invalid_traceparent(workspace):
    """What the W3C rules refuse is refused; what a later version may add is accepted."""
    talk = Conversation(workspace, servers.cpp(workspace))
    good = TRACE_ID % 0xaa
    refused = ["00-%s-0000000000000000-01" % good, "00-%s-%s-01" % ("0" * 32, PARENT_ID), "ff-%s-%s-01" % (good, PARENT_ID),
               "00-%s-%s-01-extra" % (good, PARENT_ID), "00-%s-%s" % (good, PARENT_ID), "00-%s-%s-01" % (good.upper(), PARENT_ID)]
    with RawConnection(talk.server.port) as connection:
        for number, value in enumerate(refused):
            talk.ask(connection, "GET", f"/s/200/refused-{number}", f"traceparent: {value}\r\n")
        talk.ask(connection, "GET", "/s/200/future", f"traceparent: cc-{good}-{PARENT_ID}-01-what-comes\r\n", trace_id=good)
    capture = talk.compare()
    for span in capture.spans:
        accepted = path_of(span) == "/s/200/future"
        check_equal(span["trace_id"] == good, accepted, f"trace of {path_of(span)} taken from the header")
        check_equal(span["parent_span_id"] == PARENT_ID, accepted, f"parent of {path_of(span)} taken from the header")


@case()
def one_byte_at_a_time(workspace):
    """A client that sends each byte by itself: 600 reads of the server, one request, and the next one as well."""
    talk = Conversation(workspace, servers.cpp(workspace))
    trace_id = TRACE_ID % 0x77
    with RawConnection(talk.server.port) as connection:
        talk.ask(connection, "POST", "/s/200/bytes-1", f"X-Pad: {'p' * 300}\r\ntraceparent: 00-{trace_id}-{PARENT_ID}-01\r\nContent-Length: 90\r\n",
                 b"B" * 90, piece=1, trace_id=trace_id)
        chunks = b"5\r\nhello\r\n10;a=b\r\n0123456789abcdef\r\n0\r\n\r\n"
        talk.ask(connection, "POST", "/s/200/bytes-2", "Transfer-Encoding: chunked\r\n", chunks, piece=1)
        talk.ask(connection, "GET", "/s/404/bytes-3", status=404, piece=1)
    talk.compare()


@case()
def sendfile_small_and_big(workspace):
    """nginx and Python answer by sendfile(2): 1 MB and 300 MB appear as a gap of known size, and the next exchange is whole."""
    os.makedirs(workspace.path("www"))
    for name, size in (("one", 1 << 20), ("big", 300 << 20)):
        with open(workspace.path("www", name), "wb") as file:
            file.truncate(size)
    talk = Conversation(workspace, servers.nginx(workspace))
    with RawConnection(talk.server.port) as connection:
        check_equal(talk.ask(connection, "GET", "/one")[2], 1 << 20, "bytes of the 1 MB file")
        talk.ask(connection, "GET", "/s/200/between")
        check_equal(drain(connection, talk, "/big"), 300 << 20, "bytes of the big file")
        talk.ask(connection, "GET", "/s/200/after")
    capture = talk.compare()
    for span in capture.spans:
        check("wirespan.incomplete" not in span["attributes"], f"{path_of(span)} is marked incomplete")
    one, big = talk.spans["/one"]["attributes"], talk.spans["/big"]["attributes"]
    for attributes, size in ((one, 1 << 20), (big, 300 << 20)):
        if "http.response.body.size" in attributes:
            check_equal(attributes["http.response.body.size"], size, "http.response.body.size")


def drain(connection, talk, target):
    """Asks for a body too large to keep; counts it."""
    connection.send(f"GET {target} HTTP/1.1\r\nHost: t\r\n\r\n")
    head = connection._until(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    left = length - len(connection._buffer)
    connection._buffer = b""
    scratch = bytearray(1 << 20)
    while left > 0:
        count = connection.socket.recv_into(scratch, min(left, len(scratch)))
        if count == 0:
            raise Failure(f"{target} ended {left} bytes early")
        left -= count
    talk.expect(connection, "GET", target, 200)
    return length


@case()
def python_sendfile(workspace):
    """os.sendfile from Python, twice on one connection, with an ordinary request in between."""
    path = workspace.path("file")
    with open(path, "wb") as file:
        file.truncate(1 << 20)
    talk = Conversation(workspace, servers.python(workspace, "--file", path))
    with RawConnection(talk.server.port) as connection:
        check_equal(talk.ask(connection, "GET", "/file/1")[2], 1 << 20, "bytes")
        talk.ask(connection, "GET", "/s/200/mid")
        check_equal(talk.ask(connection, "GET", "/file/2")[2], 1 << 20, "bytes")
        talk.ask(connection, "GET", "/s/200/end")
    talk.compare()


@case()
def version_of_each_request(workspace):
    """An HTTP/1.0 request after an HTTP/1.1 one on the same connection: each span has its own version."""
    talk = Conversation(workspace, servers.cpp(workspace))
    with RawConnection(talk.server.port) as connection:
        talk.ask(connection, "GET", "/s/200/first")
        connection.send("GET /s/200/ten HTTP/1.0\r\nHost: t\r\n\r\n")
        check_equal(connection.response()[0], 200, "HTTP/1.0")
        talk.expect(connection, "GET", "/s/200/ten", 200)
    capture = talk.compare()
    check_equal(len(capture.spans), 2, "spans")
    versions = {path_of(span): span["attributes"].get("network.protocol.version") for span in capture.spans}
    check_equal(versions, {"/s/200/first": "1.1", "/s/200/ten": "1.0"}, "network.protocol.version")
