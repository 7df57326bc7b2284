"""Truth under stress: all of it, once, right; or counted by name."""
from registry import case
from support import servers
from support.clients import GatedProcess, Load
from support.compare import check_joined, check_logs_agree, check_same, path_of, read_client_log
from support.tracer import Tracer
from support.workspace import check, check_equal


@case(serial=True, timeout=240)
def twenty_thousand_requests(workspace):
    """20,000 requests over 200 connections with unlike ids in path, User-Agent and traceparent: every span's path, status, ids and
    connection are what client and server logged: none missing, none doubled, none wrong."""
    server = servers.cpp(workspace, "--threads", "2")
    tracer = Tracer.attach(workspace, [server.pid])
    sent = Load(workspace, server.port, connections=200, requests=20000, statuses="200,404,503", post_every=7, traceparent_every=3).finish()
    capture = tracer.finish(server)
    check_logs_agree(sent, server.log())
    check_same(sent, capture.of_kind("SERVER"), "SERVER spans")
    capture.check_nothing_lost()
    check_equal((capture.summary["exchanges"], capture.summary["spans"]), (20000, 20000), "exchanges and spans in the summary")
    check_equal(len({span["span_id"] for span in capture.spans}), 20000, "different span ids")
    print(f"figures: {capture.summary}")


@case(serial=True, timeout=240)
def twenty_thousand_from_both_ends(workspace):
    """The same with the client traced too: 40,000 spans, each pair joined by the connection."""
    server = servers.cpp(workspace, "--threads", "2")
    log = workspace.path("client.log")
    client = GatedProcess(workspace, "client", [workspace.built("ws_test_load"), "--log", log, "--port", str(server.port), "--connections", "200",
                                                "--requests", "20000", "--statuses", "200,404", "--seed", "3"])
    tracer = Tracer.attach(workspace, [server.pid, client.pid])
    client.open().finish(timeout=120)
    sent = read_client_log(log)
    capture = tracer.finish(server)
    check_logs_agree(sent, server.log())
    check_same(sent, capture.of_kind("SERVER"), "SERVER spans")
    check_same(sent, capture.of_kind("CLIENT"), "CLIENT spans")
    check_joined(capture.spans)
    capture.check_nothing_lost()


@case(serial=True, timeout=240)
def both_ends_over_three_rings(workspace):
    """Three rings with a shard each: connections are spread over them, and the two ends of each still find each other."""
    server = servers.cpp(workspace, "--threads", "2")
    log = workspace.path("client.log")
    client = GatedProcess(workspace, "client", [workspace.built("ws_test_load"), "--log", log, "--port", str(server.port), "--connections", "100",
                                                "--requests", "10000", "--statuses", "200,404", "--seed", "5"])
    tracer = Tracer.attach(workspace, [server.pid, client.pid], "--rings", "3")
    client.open().finish(timeout=120)
    sent = read_client_log(log)
    capture = tracer.finish(server)
    check_same(sent, capture.of_kind("SERVER"), "SERVER spans")
    check_same(sent, capture.of_kind("CLIENT"), "CLIENT spans")
    check_joined(capture.spans)
    capture.check_nothing_lost()


def flood(workspace, **load):
    """30,000 requests through one ring of 64 KiB: events are lost, each is counted, and what is written is right."""
    server = servers.cpp(workspace, "--threads", "2")
    tracer = Tracer.attach(workspace, [server.pid], "--rings", "1", "--ring-bytes", "65536")
    sent = Load(workspace, server.port, connections=64, requests=30000, statuses="200,404", post_every=3, **load).finish()
    capture = tracer.finish(server)
    print(f"figures: {capture.summary}")
    check_logs_agree(sent, server.log())
    check(capture.dropped.get("ring_full", 0) > 0, "the ring was not flooded")
    capture.check_books()
    kernel = capture.summary["kernel"]
    check_equal(kernel["traced_calls"] + kernel["further_pieces"], kernel["data_events"] + kernel["off_calls"] + capture.dropped["ring_full"],
                "traced calls = data events + calls switched off + ring_full")
    whole = [span for span in capture.of_kind("SERVER") if "wirespan.incomplete" not in span["attributes"]]
    paths = {path_of(span) for span in whole}
    check_same([exchange for exchange in sent if exchange.target in paths], whole, "spans that claim to be whole")
    asked = {exchange.target for exchange in sent}
    invented = [path_of(span) for span in capture.spans if path_of(span) not in asked and "wirespan.truncated" not in span["attributes"]]
    check(not invented, f"paths that nobody asked for: {invented[:5]}")
    return capture


@case(serial=True, timeout=240)
def flooded_ring(workspace):
    """A ring far too small, one request at a time on each connection: seen = exported + dropped{reason}, and connections that lost
    bytes are in step again with their next message."""
    capture = flood(workspace)
    check(capture.summary["spans"] > 500, f"only {capture.summary['spans']} spans: connections do not recover")


@case(serial=True, timeout=240)
def flooded_ring_pipelined(workspace):
    """The same with sixteen requests under way on each connection, where a lost byte makes the pairing uncertain for good."""
    flood(workspace, depth=16)
