"""HTTP/1 that becomes HTTP/2 on its connection (h2c, RFC 7540 3.2): the request that asked for it is one exchange, as all that follow."""
import os
import re
import subprocess

from cases.http2 import FILES, nghttpd, nginx_http2
from cases.http2_programs import argv_of
from registry import case
from support.clients import GatedProcess
from support.servers import Server, apache, listening
from support.tracer import Tracer
from support.workspace import PROGRAMS, check, check_equal, free_port, require_program

ANSWER = 20_000  # bytes: curl 7.88 takes up to 32 KiB behind a 101
APACHE_HTTP2 = "LoadModule http2_module /usr/lib/apache2/modules/mod_http2.so\nProtocols h2c http/1.1\n"


def apache_http2(workspace):
    server = apache(workspace, APACHE_HTTP2)
    with open(workspace.path("www/answer.bin"), "wb") as file:
        file.write(os.urandom(ANSWER))
    return server


def nghttpx(workspace):
    """nghttp2's proxy, which upgrades; behind it nghttpd, in HTTP/2 too, which is not traced."""
    for number in range(101):
        workspace.write(f"file-{number}", f"number {number}\n")
    backend, port = nghttpd(workspace), free_port()
    return listening(workspace, "nghttpx", port, [
        require_program("nghttpx"), "--single-process", "--workers=1", "--conf=/dev/null", "--errorlog-file=" + workspace.path("nghttpx.log"),
        f"--frontend=127.0.0.1,{port};no-tls", f"--backend=127.0.0.1,{backend.port};;proto=h2"])


def go_http2(workspace):
    process = workspace.start("server", [*argv_of("go"), "upgrade-server"], stdin=subprocess.PIPE)
    return Server(process, int(process.await_line("stdout", "listening")), None)


def curl(workspace, server, paths, *options):
    """A gated curl, and a function that tells what it saw after: {path: (version, status, bytes)}."""
    targets = [part for path in paths for part in ("-o", "/dev/null", f"http://127.0.0.1:{server.port}{path}")]
    process = GatedProcess(workspace, "curl", [require_program("curl"), "-sS", "-w", "%{http_version} %{response_code} %{size_download} %{url}\n",
                                               *options, *targets])

    return process, lambda: answers(process)


def answers(process):
    rows = [line.split() for line in process.process.lines("stdout")]
    return {"/" + url.split("/", 3)[3]: (version, int(status), int(size)) for version, status, size, url in rows}


def java(workspace, server, paths):
    """The same of java.net.http."""
    program = os.path.join(PROGRAMS, "java", "UpgradingClient.java")
    process = GatedProcess(workspace, "java", [require_program("java"), program, str(server.port), *paths])
    return process, lambda: answers(process)


def nghttp(workspace, server, paths, *options):
    """The same of nghttp: all but the first path at once."""
    targets = [f"http://127.0.0.1:{server.port}{path}" for path in paths]
    process = GatedProcess(workspace, "nghttp", [require_program("nghttp"), "-ns", *options, *targets])

    def seen():
        rows = [re.match(r"\s*\d+ .* (\d{3})\s+\S+ (/\S*)$", line) for line in process.process.lines("stdout")]
        return {row.group(2): ("2", int(row.group(1)), None) for row in rows if row}
    return process, seen


def told(span):
    attributes = span["attributes"]
    path = attributes.get("url.path") or "/" + attributes["url.full"].split("/", 3)[3]
    return path, (attributes.get("network.protocol.version"), attributes.get("http.response.status_code"),
                  attributes.get("http.response.body.size"))


def check_spans(workspace, server, client, paths, *options):
    """Each path is one SERVER and one CLIENT span that say what the client saw; the two are one exchange."""
    process, seen = client(workspace, server, paths, *options)
    tracer = Tracer.attach(workspace, [server.pid, process.pid])
    process.open().finish()
    capture = tracer.finish(server)
    wanted = seen()
    check_equal(sorted(wanted), sorted(paths), "requests that the client reports")
    check_equal({version for version, _, _ in wanted.values()}, {"2"}, "versions that the client reports")
    capture.check_nothing_lost()
    clients = {span["span_id"]: told(span)[0] for span in capture.of_kind("CLIENT")}
    for kind in ("SERVER", "CLIENT"):
        spans = capture.of_kind(kind)
        if kind == "CLIENT":  # a proxy is a client too
            spans = [span for span in spans if span["attributes"]["network.peer.port"] == server.port]
        check_equal(sorted(told(span)[0] for span in spans), sorted(paths), f"paths of {kind} spans")
        for path, (version, status, size) in map(told, spans):
            check_equal((version, status), wanted[path][:2], f"version and status of the {kind} span of {path}")
            check(size is None or wanted[path][2] in (None, size), f"{kind} span of {path}: {size} bytes, the client saw {wanted[path][2]}")
        check_equal({span["attributes"].get("wirespan.incomplete") for span in spans}, {None}, f"what the {kind} spans lack")
    for span in capture.of_kind("SERVER"):
        check_equal(clients.pop(span["parent_span_id"], None), told(span)[0], "a request's other end")
    return capture


PATHS = ["/file-1", "/none-2", "/file-3", "/file-4", "/none-5"]
MANY = ["/file-0", *(f"/{'none' if n % 4 == 0 else 'file'}-{n}" for n in range(1, 101))]


@case()
def http2_upgrade_curl_nghttpx(workspace):
    """curl --http2 asks nghttpx to upgrade, and goes on in HTTP/2 on the same connection."""
    check_spans(workspace, nghttpx(workspace), curl, PATHS, "--http2")


@case()
def http2_prior_knowledge_curl_nghttpx(workspace):
    """curl --http2-prior-knowledge, which does not use its connection again (7.88)."""
    check_spans(workspace, nghttpx(workspace), curl, PATHS[:1], "--http2-prior-knowledge")


@case()
def http2_prior_knowledge_curl_nginx(workspace):
    """curl --http2-prior-knowledge with nginx."""
    check_spans(workspace, nginx_http2(workspace), curl, [f"/{FILES[0]}"], "--http2-prior-knowledge")


@case()
def http2_prior_knowledge_nghttp_nginx(workspace):
    """nghttp with nginx: files that are there, one that is not."""
    check_spans(workspace, nginx_http2(workspace), nghttp, [*(f"/{name}" for name in FILES), "/none.txt"])


@case()
def http2_upgrade_nghttp_nghttpx(workspace):
    """nghttp -u: an upgrade, then a hundred streams at once on the connection."""
    check_spans(workspace, nghttpx(workspace), nghttp, MANY, "-u")


@case()
def http2_upgrade_of_many_connections(workspace):
    """curl with fifty transfers at once, which begin with an upgrade each."""
    check_spans(workspace, nghttpx(workspace), curl, MANY, "--http2", "--parallel", "--parallel-immediate", "--parallel-max", "50")


@case()
def http2_upgrade_curl_apache(workspace):
    """apache2 answers the upgrade's own request at once, behind the 101."""
    check_spans(workspace, apache_http2(workspace), curl, ["/answer.bin"], "--http2")


@case()
def http2_upgrade_curl_go(workspace):
    """curl --http2 with Go's x/net/http2/h2c: answers, errors, large bodies, of which next to nothing is copied."""
    capture = check_spans(workspace, go_http2(workspace), curl, ["/Large-0", "/Get-1", "/Missing-2", "/Error-3", "/Large-4"], "--http2")
    kernel = capture.summary["kernel"]
    check(kernel["captured_bytes"] * 10 < kernel["moved_bytes"],
          f"{kernel['captured_bytes']} bytes were copied of {kernel['moved_bytes']}")


@case()
def http2_upgrade_java_nghttpx(workspace):
    """java.net.http, which asks for an upgrade unless told otherwise. (Not with Go's server: told of a larger table, it now and then
    writes a size update in the middle of its first block, which a reader must refuse, RFC 7541 4.2; that is counted as ambiguous.)"""
    check_spans(workspace, nghttpx(workspace), java, PATHS)


@case()
def http2_upgrade_nghttp_go(workspace):
    """nghttp -u with Go's: the upgrade, then a hundred streams at once."""
    paths = ["/Get-0", *(f"/{('Get', 'Missing', 'Error', 'Large')[n % 4]}-{n}" for n in range(1, 101))]
    check_spans(workspace, go_http2(workspace), nghttp, paths, "-u")
