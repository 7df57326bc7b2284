"""Part `adversity` of scripts/bench: what is hard for a tracer. Each case has an agent of its own, and an account: every request that
the server read has a span, or a counted loss stands for it.
"""
import os
import sys
import tempfile
import time

from figures import Figure
from live import processes, session, traced
from live.clients import Connection, each_once, short_connections
from live.processes import Started

TARGET, BINARY, NEEDS_ROOT = "wirespan", "agent/wirespan", True
SECONDS = 4
IDLE, BUSY, SHORT, DRIPS = 10_000, 1_000, 50_000, 100
LIVE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "live")


class Drip:
    """live/drip_server.py, with what the cases ask of a server."""

    def __init__(self, folder):
        self.process = Started([sys.executable, os.path.join(LIVE, "drip_server.py")], os.path.join(folder, "drip.log"))
        self.pid, self.port, self.sent = self.process.pid, int(self.process.await_line("")), 0

    def requests(self):
        return self.sent

    def cpu_ns(self):
        return processes.cpu_ns(self.pid)

    def end(self):
        self.process.end()


def saturation(nginx):
    """A closed loop on every processor, as many workers as processors; nobody rests."""
    return traced.wrk(nginx.port, "/short", SECONDS, 64 * len(nginx.workers), threads=len(nginx.workers))


def many_connections(nginx):
    """10,000 connections that say something once and then rest, 1,000 that do not; then each of the first says something again."""
    resting = [Connection(nginx.port) for _ in range(IDLE)]
    each_once(resting)
    result = traced.wrk(nginx.port, "/short", SECONDS, BUSY)
    each_once(resting)
    for connection in resting:
        connection.close()
    return result


def large_responses(nginx):
    return traced.wrk(nginx.port, "/large", SECONDS, 16)


def pipelined(nginx):
    return traced.wrk(nginx.port, "/short", SECONDS, 16, options=["-s", os.path.join(LIVE, "pipeline.lua")])


def short(nginx):
    short_connections(nginx.port, SHORT)


def drip(server):
    """Requests that come byte by byte, answered byte by byte."""
    connections = [Connection(server.port) for _ in range(4)]
    for _ in range(DRIPS):
        for connection in connections:
            connection.exchange(piece=1)
            server.sent += 1
    for connection in connections:
        connection.close()


# name -> (what it is, what it does to a server, the server; with how many workers nginx is started).
def nginx_of(workers):
    return lambda folder: traced.Nginx(folder, workers)


CASES = {
    "saturation": ("saturation, every processor", saturation, nginx_of(os.cpu_count())),
    "connections": (f"{IDLE:,} idle and {BUSY:,} busy connections", many_connections, nginx_of(1)),
    "large": ("responses of 1 MB", large_responses, nginx_of(1)),
    "drip": ("1-byte reads and writes", drip, Drip),
    "short": (f"{SHORT:,} short connections", short, nginx_of(1)),
    "pipelined": ("16 requests at once", pipelined, nginx_of(1)),
}


def run(binary, act, start):
    """The case without an agent, then with one."""
    with tempfile.TemporaryDirectory() as folder:
        server = start(folder)
        plain = act(server)
        before = server.requests()
        agent = traced.Agent(binary, folder, server.pid)
        begun, server_ns = time.monotonic(), server.cpu_ns()
        observed = act(server)
        seconds, server_ns = time.monotonic() - begun, server.cpu_ns() - server_ns
        sent = server.requests() - before
        at_rest = processes.memory_bytes(agent.pid)
        agent_ns = agent.cpu_ns()
        summary = agent.end()
        server.end()
    return {"account": traced.account(sent, summary), "summary": summary, "plain": plain, "observed": observed, "rss": at_rest,
            "agent_us": agent_ns / 1e3 / sent, "agent_share": agent_ns / 1e9 / seconds, "server_us": server_ns / 1e3 / sent}


def figures_of(name, what, found):
    account, name = found["account"], f"adversity.{name}"
    out = [Figure(f"{name}.sent", f"{what}: requests", account["sent"], timed=True),
           Figure(f"{name}.without_span", "  of these without a span", account["without_span"], most=0),
           Figure(f"{name}.incomplete", "  spans of which a part was not seen", account["incomplete"]),
           Figure(f"{name}.unaccounted", "  neither span nor counted loss, or one too many", account["unaccounted"] + account["surplus"], most=0,
                  must=True),
           Figure(f"{name}.agent", "  us of the agent per request", found["agent_us"], timed=True),
           Figure(f"{name}.rss", "  peak RSS of the agent, MB", found["summary"]["agent_rss_peak_bytes"] / (1 << 20), timed=True)]
    if found["plain"]:
        out.append(Figure(f"{name}.rate", "  throughput against untraced", found["observed"]["rate"] / found["plain"]["rate"], timed=True))
    return out


def measure(binary):
    figures, details = [], {}
    for name, (what, act, start) in CASES.items():
        details[name] = session.run(lambda act=act, start=start: run(binary, act, start))
        figures += figures_of(name, what, details[name])
    return figures, details
