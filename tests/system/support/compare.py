"""Compares spans with what a client or a server logged: nothing missing, nothing doubled, nothing wrong."""
from collections import Counter, namedtuple
from urllib.parse import urlsplit

from .workspace import Failure

# One request as a log tells it. `port` is the client's port; None where a fact is not known to that log.
Exchange = namedtuple("Exchange", "port method target agent trace_id status", defaults=(None,) * 5)


def read_client_log(path):
    exchanges = []
    with open(path) as lines:
        for line in lines:
            port, _, _, method, target, agent, trace_id, status = line.rstrip("\n").split("\t")
            exchanges.append(Exchange(int(port) or None, method, target, agent, None if trace_id == "-" else trace_id, int(status)))
    return exchanges


def read_server_log(path):
    exchanges = []
    with open(path) as lines:
        for line in lines:
            if not line.endswith("\n"):
                break  # still being written
            port, method, target, agent, _, status = line.rstrip("\n").split("\t")
            exchanges.append(Exchange(int(port) or None, method, target, agent, None, int(status)))
    return exchanges


def path_of(span):
    attributes = span["attributes"]
    if "url.path" in attributes:
        return attributes["url.path"]
    return urlsplit(attributes.get("url.full", "")).path


def differences(expected, spans, limit=12):
    """Texts that say how `spans` (all of one kind) differ from the log; empty when they tell the same."""
    wrong = []
    wanted = {}
    for exchange in expected:
        path = exchange.target.split("?")[0]
        if path in wanted:
            raise Failure(f"the test's own requests are not unlike: {path}")
        wanted[path] = exchange
    counts = Counter(path_of(span) for span in spans)
    missing = [path for path in wanted if path not in counts]
    doubled = [f"{path} x{count}" for path, count in counts.items() if count > 1]
    unknown = [path for path in counts if path not in wanted]
    for name, found in (("missing", missing), ("doubled", doubled), ("not in the log", unknown)):
        if found:
            wrong.append(f"{len(found)} {name}, e.g. {found[:3]}")
    for span in spans:
        exchange = wanted.get(path_of(span))
        if exchange is not None:
            wrong.extend(_wrong_fields(exchange, span))
    return wrong[:limit] + ([f"... and {len(wrong) - limit} more"] if len(wrong) > limit else [])


def _wrong_fields(exchange, span):
    attributes = span["attributes"]
    pairs = [("http.request.method", exchange.method, attributes.get("http.request.method")),
             ("trace_id", exchange.trace_id, span["trace_id"])]
    if span["kind"].upper() == "SERVER":  # on CLIENT spans the conventions leave it to be asked for
        pairs.append(("user_agent.original", exchange.agent, attributes.get("user_agent.original")))
    if exchange.status != 0:
        pairs.append(("http.response.status_code", exchange.status, attributes.get("http.response.status_code")))
    if exchange.port and span["kind"].upper() == "SERVER":
        pairs.append(("network.peer.port", exchange.port, attributes.get("network.peer.port")))
    if exchange.port and span["kind"].upper() == "CLIENT" and "network.local.port" in attributes:
        pairs.append(("network.local.port", exchange.port, attributes.get("network.local.port")))
    wrong = [f"{exchange.target}: {name} is {seen!r}, the log has {known!r}" for name, known, seen in pairs
             if known is not None and known != "" and seen != known]
    if span["end_ns"] < span["start_ns"]:
        wrong.append(f"{exchange.target}: ends before it starts")
    return wrong


def check_same(expected, spans, what):
    found = differences(expected, spans)
    if found:
        raise Failure(f"{what}: {len(spans)} spans for {len(expected)} logged requests:\n    " + "\n    ".join(found))


def check_logs_agree(client, server):
    """The two logs tell the same before either is held against spans."""
    left = sorted((e.port or 0, e.method, e.target, e.agent, e.status) for e in client)
    right = sorted((e.port or 0, e.method, e.target, e.agent, e.status) for e in server)
    if left != right:
        odd = [pair for pair in zip(left, right) if pair[0] != pair[1]][:2]
        raise Failure(f"client log ({len(left)}) and server log ({len(right)}) differ: {odd}")


def check_joined(spans):
    """Each client span has exactly one server span below it, by the connection itself."""
    clients = {path_of(span): span for span in spans if span["kind"].upper() == "CLIENT"}
    servers = [span for span in spans if span["kind"].upper() == "SERVER"]
    wrong = []
    for server in servers:
        client = clients.get(path_of(server))
        if client is None:
            wrong.append(f"{path_of(server)}: no client span")
        elif (server["trace_id"], server["parent_span_id"]) != (client["trace_id"], client["span_id"]):
            wrong.append(f"{path_of(server)}: server span is not the child of the client span")
        elif server.get("link", {}).get("evidence") != "same-connection" or server["link"].get("confidence") != "exact":
            wrong.append(f"{path_of(server)}: link is {server.get('link')}")
    if wrong or len(servers) != len(clients):
        raise Failure(f"{len(clients)} client and {len(servers)} server spans: {wrong[:5]}")
