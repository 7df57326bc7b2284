"""FastCGI: real nginx or Apache in front of real PHP-FPM. Every request of the client is a SERVER span and a CLIENT span of that and a
SERVER span of PHP, one below the other, whatever of its bytes was not copied."""
from registry import case
from support import servers
from support.clients import RawConnection
from support.compare import Exchange, check_joined, check_same, path_of
from support.tracer import Tracer
from support.workspace import check, check_equal

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e47%02x"


class Conversation:
    """Requests one after the other, over one connection as long as the server keeps it (Apache closes behind a 503)."""

    def __init__(self, port):
        self.port = port
        self.connection = RawConnection(port)
        self.expected = []

    def ask(self, method, target, body=b"", fields="", status=200, size=None, trace_id=None):
        length = f"Content-Length: {len(body)}\r\n" if method == "POST" else ""
        self.connection.send(f"{method} {target} HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: test/1\r\n{length}{fields}\r\n".encode() + body)
        seen, answer_fields, seen_size = self.connection.response(method)
        check_equal(seen, status, f"status of {method} {target}")
        if size is not None:
            check_equal(seen_size, size, f"body of {method} {target}")
        self.expected.append(Exchange(None, method, target, "test/1", trace_id, status))
        if answer_fields.get("connection", "").lower() == "close":
            self.connection.close()
            self.connection = RawConnection(self.port)


def ask_everything(talk, root, number, filler):
    """Each kind of exchange once, on whatever connections the front makes of it; `filler`: bytes of a long field."""
    trace_id = TRACE_ID % number
    talk.ask("GET", f"{root}/s/200/first-{number}")
    talk.ask("GET", f"{root}/s/404/none-{number}", status=404)
    talk.ask("GET", f"{root}/s/503/busy-{number}?token=SECRET-WORD&page=2", status=503)
    talk.ask("GET", f"{root}/big/200000/{number}", size=200000)
    talk.ask("GET", f"{root}/flush/50000/{number}", size=50000)
    talk.ask("GET", f"{root}/s/201/after-{number}", status=201)
    talk.ask("POST", f"{root}/s/200/small-{number}", b"a=1&b=2")
    talk.ask("POST", f"{root}/s/200/great-{number}", b"p" * 100000)
    talk.ask("POST", f"{root}/unread/0/{number}", b"q" * 30000)
    talk.ask("GET", f"{root}/error/0/{number}", status=500)
    talk.ask("GET", f"{root}/s/204/context-{number}", status=204, trace_id=trace_id,
             fields=f"traceparent: 00-{trace_id}-00f067aa0ba902b7-01\r\nCookie: session=SECRET-WORD\r\nAuthorization: Basic SECRET-WORD\r\n")
    talk.ask("GET", f"{root}/s/200/long-{number}", fields=f"X-Filler: {'f' * filler}\r\n")
    talk.ask("GET", f"{root}/s/200/last-{number}")


def trace_php(workspace, over_unix, *options, front=servers.nginx_with_php, filler=6000):
    php, listen = servers.php_fpm(workspace, over_unix)
    web = front(workspace, listen)
    tracer = Tracer.attach(workspace, [php.pid, web.pid], *options)
    talk = Conversation(web.port)
    for number in range(3):
        ask_everything(talk, "/php", 2 * number, filler)
        ask_everything(talk, "/php/kept", 2 * number + 1, filler)
    talk.connection.close()
    capture = tracer.finish(web, php)
    fastcgi = [span for span in capture.spans if span["attributes"].get("network.protocol.name") == "fastcgi"]
    http = [span for span in capture.spans if span not in fastcgi]
    check_same(talk.expected, http, "the front's SERVER spans")
    check_same([entry._replace(agent=None) for entry in talk.expected], [s for s in fastcgi if s["kind"] == "client"], "the front's CLIENT spans")
    check_same(talk.expected, [span for span in fastcgi if span["kind"] == "server"], "PHP's SERVER spans")
    check_joined(fastcgi)
    below = {span["span_id"]: span for span in http}
    for span in fastcgi:
        if span["kind"] == "client":
            parent = below.get(span["parent_span_id"])
            check(parent and path_of(parent) == path_of(span), f"{path_of(span)}: the front's CLIENT span is not below its SERVER span")
    capture.check_nothing_lost()
    check("SECRET-WORD" not in open(tracer.output, encoding="utf-8").read(), "a secret reached the output")
    return fastcgi


def check_attributes(fastcgi, transport):
    check_equal({span["attributes"]["network.transport"] for span in fastcgi}, {transport}, "network.transport")
    for span in fastcgi:
        path, attributes = path_of(span), span["attributes"]
        is_server = span["kind"] == "server"
        check_equal(attributes.get("server.address") == "shop.test", is_server, f"{path}: server.address of a {span['kind']} span")
        failed = "/s/503/" in path or "/error/" in path or ("/s/404/" in path and not is_server)
        check_equal(span["status"] == "error", failed, f"{path}: status of a {span['kind']} span")
        # Only what is longer than what is copied of a turn may lack a part, and says so.
        check("/long-" in path or "wirespan.incomplete" not in attributes, f"{path}: {attributes.get('wirespan.incomplete')}")
        if is_server:
            check_equal(attributes.get("client.address"), "127.0.0.1", f"{path}: client.address")
        if "/great-" in path:
            check_equal(attributes.get("http.request.body.size"), 100000, f"{path}: http.request.body.size")


@case()
def php_fpm_unix(workspace):
    """nginx and PHP-FPM over a unix socket, over a connection for each request and over kept ones."""
    check_attributes(trace_php(workspace, over_unix=True), "unix")


@case()
def php_fpm_tcp(workspace):
    """The same over TCP."""
    check_attributes(trace_php(workspace, over_unix=False), "tcp")


@case()
def php_fpm_apache(workspace):
    """Another client of PHP-FPM: Apache, over TCP. It sends the path behind the fields, of which a longer one would leave none of it within
    the budget."""
    check_attributes(trace_php(workspace, over_unix=False, front=servers.apache_with_php, filler=1500), "tcp")


@case()
def php_fpm_by_system_calls(workspace):
    """The same where the kernel allows no other source than the system calls."""
    check_attributes(trace_php(workspace, True, "--capture-source", "syscall"), "unix")
