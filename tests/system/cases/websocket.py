"""WebSocket: a real server, and clients in two languages. The upgrade is a span that ends with its 101, the connection one that counts
what was sent, at both ends, with and without permessage-deflate."""
import json
import os
import subprocess

from registry import case
from support import servers
from support.tracer import Tracer
from support.workspace import PROGRAMS, Skip, check, check_equal, free_port, require_program

# What one round of a client sends, and gets.
ROUND = {"client": {"text": 5, "binary": 3, "ping": 1, "pong": 0}, "server": {"text": 10, "binary": 3, "ping": 0, "pong": 1}}
KINDS = ("text", "binary", "ping", "pong")


def require_modules():
    for argv in ([servers.DEBIAN_PYTHON, "-c", "import websockets, aiohttp"], [require_program("node"), "-e", "require('/usr/share/nodejs/ws')"]):
        if subprocess.run(argv, capture_output=True, check=False).returncode != 0:
            raise Skip(f"{argv[-1]!r} does not work here: python3-websockets, python3-aiohttp, node-ws")


def websocket_server(workspace, deflate):
    port = free_port()
    log = workspace.path("server.log")
    argv = [servers.DEBIAN_PYTHON, os.path.join(PROGRAMS, "websocket_server.py"), str(port), log, *(["deflate"] if deflate else [])]
    return servers.listening(workspace, "websocket-server", port, argv), log


class Client:
    def __init__(self, workspace, language, port, deflate):
        program = os.path.join(PROGRAMS, f"websocket_client.{'js' if language == 'node' else 'py'}")
        interpreter = require_program("node") if language == "node" else servers.DEBIAN_PYTHON
        self.process = workspace.start(f"client-{language}", [interpreter, program, str(port), "on" if deflate else "off"], stdin=subprocess.PIPE)
        self.pid = self.process.pid
        self.rounds = 0
        self.process.await_line("stdout", "connected")

    def round(self):
        self.process.popen.stdin.write(b"go\n")
        self.process.popen.stdin.flush()
        self.rounds += 1
        self.process.await_line("stdout", f"done {self.rounds}")

    def finish(self):
        self.process.popen.stdin.close()
        check_equal(self.process.wait(60), 0, f"exit status of the client ({self.process.text('stderr')[-300:]})")


def counted(span):
    return {end: {kind: span["attributes"][f"wirespan.websocket.{end}.{kind}"] for kind in KINDS} for end in ("client", "server")}


def times(count):
    return {end: {kind: count * number for kind, number in numbers.items()} for end, numbers in ROUND.items()}


def connections(capture, kind):
    return [span for span in capture.of_kind(kind) if span["name"] == "websocket"]


def check_connection(span, rounds, deflate):
    attributes = span["attributes"]
    check_equal(counted(span), times(rounds), "messages of each kind")
    check_equal(attributes["wirespan.websocket.close_code"], 1000, "close code")
    check_equal(attributes["wirespan.websocket.closed_by"], "client", "who closed")
    check_equal(attributes["network.protocol.name"], "websocket", "protocol")
    for name in ("wirespan.websocket.uncounted_bytes", "wirespan.websocket.protocol_errors", "error.type"):
        check(name not in attributes, f"{name}: {attributes.get(name)}")
    for end in ("client", "server"):
        data = sum(ROUND[end][kind] for kind in ("text", "binary")) * rounds
        check_equal(attributes[f"wirespan.websocket.{end}.compressed"], data if deflate else 0, f"compressed messages of the {end}")
        check((attributes[f"wirespan.websocket.{end}.bytes"] > 270_000 * rounds) != deflate, "bytes on the wire")


def whole_connection(workspace, deflate):
    require_modules()
    server, log = websocket_server(workspace, deflate)
    tracer = Tracer.attach(workspace, [server.pid])
    for language in ("python", "node"):
        client = Client(workspace, language, server.port, deflate)
        client.round()
        client.round()
        client.finish()
    capture = tracer.finish(server)
    capture.check_nothing_lost()
    with open(log, encoding="utf-8") as lines:
        told = [json.loads(line) for line in lines]
    check_equal([(line["got"]["text"], line["sent"]["text"], line["close_code"]) for line in told], [(10, 20, 1000)] * 2, "the server's log")
    spans = connections(capture, "SERVER")
    check_equal(len(spans), 2, "spans of connections")
    upgrades = {span["span_id"]: span for span in capture.of_kind("SERVER") if span["name"] != "websocket"}
    check_equal(len(upgrades), 2, "spans of upgrades")
    for span in spans:
        check_connection(span, 2, deflate)
        check_equal(span["attributes"]["url.path"], "/chat", "path")
        check_equal(span["attributes"].get("wirespan.websocket.compression"), "permessage-deflate" if deflate else None, "compression")
        check("secret" not in json.dumps(span), "the query's value is in a span")
        upgrade = upgrades.get(span["parent_span_id"])
        check(upgrade, "the connection's span is not below its upgrade's")
        check_equal(upgrade["attributes"]["http.response.status_code"], 101, "status")
        check_equal(upgrade["trace_id"], span["trace_id"], "trace")
        check(upgrade["end_ns"] <= span["start_ns"] <= span["end_ns"], "the upgrade ends where the connection's span begins")


@case(timeout=180)
def websocket_connections(workspace):
    """Python's websockets and Node's ws against aiohttp: texts, binaries, fragments, pings, pushes, large messages, the close."""
    whole_connection(workspace, False)


@case(timeout=180)
def websocket_connections_compressed(workspace):
    """The same with permessage-deflate: every text and binary message is counted as compressed, by its compressed bytes."""
    whole_connection(workspace, True)


@case(timeout=180)
def websocket_through_nginx(workspace):
    """nginx as the proxy of both clients: its two connections and the server's tell the same of each conversation, each below its own upgrade,
    and the three upgrades are one below the other."""
    require_modules()
    server, _ = websocket_server(workspace, False)
    proxy = servers.nginx(workspace, extra=f"""location /chat {{ proxy_pass http://127.0.0.1:{server.port}; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; }}""")
    tracer = Tracer.attach(workspace, [server.pid, proxy.pid])
    for language in ("python", "node"):
        client = Client(workspace, language, proxy.port, False)
        client.round()
        client.round()
        client.finish()
    capture = tracer.finish(proxy, server)
    capture.check_nothing_lost()
    upgrades = {span["span_id"]: span for span in capture.spans if span["name"] != "websocket"}
    check_equal({span["attributes"]["http.response.status_code"] for span in upgrades.values()}, {101}, "statuses of upgrades")
    check_equal((len(connections(capture, "SERVER")), len(connections(capture, "CLIENT"))), (4, 2), "spans of connections")
    for span in connections(capture, "SERVER") + connections(capture, "CLIENT"):
        check_connection(span, 2, False)
        upgrade = upgrades.get(span["parent_span_id"])
        check(upgrade and (upgrade["kind"], upgrade["trace_id"]) == (span["kind"], span["trace_id"]), "a connection is below its own upgrade")
    depths = []
    for span in upgrades.values():
        depth = 0
        while span := upgrades.get(span["parent_span_id"]):
            depth += 1
        depths.append(depth)
    check_equal(sorted(depths), [0, 0, 1, 1, 2, 2], "how deep the upgrades are")
    check_equal(len({span["trace_id"] for span in capture.spans}), 2, "traces")


@case(timeout=180)
def websocket_in_mid_connection(workspace):
    """The agent comes after the upgrade, to both ends of both clients' connections: what is sent from then on is counted."""
    require_modules()
    server, _ = websocket_server(workspace, False)
    clients = [Client(workspace, language, server.port, False) for language in ("python", "node")]
    for client in clients:
        client.round()
    tracer = Tracer.attach(workspace, [server.pid, *(client.pid for client in clients)])
    for client in clients:
        client.round()
        client.finish()
    capture = tracer.finish(server)
    for kind in ("SERVER", "CLIENT"):
        spans = connections(capture, kind)
        check_equal(len(spans), 2, f"{kind} spans of connections")
        for span in spans:
            check_connection(span, 1, False)
            check_equal(span["attributes"]["wirespan.incomplete"], "request_not_seen", "what is missing")


@case(timeout=180)
def websocket_messages(workspace):
    """--websocket-messages: each message is a span below its connection's, at both ends."""
    require_modules()
    server, _ = websocket_server(workspace, False)
    tracer = Tracer.attach(workspace, [server.pid], "--websocket-messages", "true")
    client = Client(workspace, "python", server.port, False)
    client.round()
    client.finish()
    capture = tracer.finish(server)
    capture.check_nothing_lost()
    (connection,) = connections(capture, "SERVER")
    names = {}
    for span in capture.spans:
        if not span["name"].startswith("websocket "):
            continue
        check_equal(span["parent_span_id"], connection["span_id"], f"parent of {span['name']}")
        key = (span["kind"].upper(), span["name"].split()[1])
        names[key] = names.get(key, 0) + 1
    expected = {("CONSUMER", kind): number for kind, number in ROUND["client"].items() if number}
    expected.update({("PRODUCER", kind): number for kind, number in ROUND["server"].items() if number})
    expected.update({("CONSUMER", "close"): 1, ("PRODUCER", "close"): 1})
    check_equal(names, expected, "spans of messages")
