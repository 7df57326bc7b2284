"""Part `host` of scripts/bench: what tracing costs nginx on this machine, in paired rounds with and without the agent.

Keep-alive, small responses, one worker of nginx on a processor of its own, wrk and the agent on the others. Rates depend on what
else the machine does; the time of nginx for a request does less so, for it is the time it had a processor.
"""
import os
import statistics
import tempfile
import time

from figures import Figure
from live import processes, session, traced

TARGET, BINARY, NEEDS_ROOT = "wirespan", "agent/wirespan", True
ROUNDS, SECONDS, IDLE_SECONDS, CONNECTIONS = 7, 4, 10, 32


def processors():
    """Of nginx's worker, and of everything else."""
    mine = sorted(os.sched_getaffinity(0))
    return {mine[-1]}, set(mine[:-1]) or set(mine)


def load(nginx, agent=None):
    requests, nginx_ns, agent_ns = nginx.requests(), nginx.cpu_ns(), agent.cpu_ns() if agent else 0
    result = traced.wrk(nginx.port, "/short", SECONDS, CONNECTIONS)
    requests = nginx.requests() - requests
    result["nginx_ns"] = (nginx.cpu_ns() - nginx_ns) / requests
    if agent:
        result["agent_ns"] = (agent.cpu_ns() - agent_ns) / requests
        result["rss"] = processes.memory_bytes(agent.pid)
    return result


def idle_share(agent):
    """Of one processor, when nothing happens; wake-ups a second."""
    time.sleep(3)  # what is held and queued goes its way; then there is nothing to do
    before, begun = processes.threads(agent.pid), time.monotonic()
    time.sleep(IDLE_SECONDS)
    after, seconds = processes.threads(agent.pid), time.monotonic() - begun
    took = {key: sum(thread[key] - before.get(name, {}).get(key, 0) for name, thread in after.items()) for key in ("cpu_ns", "runs")}
    return took["cpu_ns"] / 1e9 / seconds, took["runs"] / seconds


def with_agent(binary, nginx, is_last):
    with tempfile.TemporaryDirectory() as folder:
        before = nginx.requests()
        agent = traced.Agent(binary, folder, nginx.pid)
        result = load(nginx, agent)
        if is_last:
            result["idle"], result["idle_wakes"] = idle_share(agent)
        result["source"] = agent.source
        sent = nginx.requests() - before
        result["account"] = traced.account(sent, agent.end())
    return result


def rounds(binary):
    """Pairs (without, with), in turn in either order."""
    for_nginx, for_others = processors()
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        os.sched_setaffinity(0, for_nginx)
        nginx = traced.Nginx(folder)
        os.sched_setaffinity(0, for_others)
        traced.wrk(nginx.port, "/short", 1, CONNECTIONS)
        for number in range(ROUNDS):
            is_last = number == ROUNDS - 1
            if number % 2 == 0:
                plain, observed = load(nginx), with_agent(binary, nginx, is_last)
            else:
                observed, plain = with_agent(binary, nginx, is_last), load(nginx)
            pairs.append((plain, observed))
        nginx.end()
    return pairs


def measure(binary):
    pairs = session.run(lambda: rounds(binary))
    observed = [pair[1] for pair in pairs]
    last = observed[-1]
    middle = lambda values: statistics.median(list(values))  # noqa: E731
    found = [
        Figure("host.rate", f"host, {last['source']}: throughput against untraced", middle(o["rate"] / p["rate"] for p, o in pairs),
               least=0.95, timed=True),
        Figure("host.nginx", f"host, {last['source']}: us added to nginx per request",
               middle(o["nginx_ns"] - p["nginx_ns"] for p, o in pairs) / 1e3, most=0.7, timed=True),
        Figure("host.agent", f"host, {last['source']}: us of the agent per request", middle(o["agent_ns"] for o in observed) / 1e3,
               most=1.5, timed=True),
        Figure("host.untraced", "host, untraced: us of nginx per request", middle(p["nginx_ns"] for p, _ in pairs) / 1e3, timed=True),
        Figure("host.untraced_rate", "host, untraced: requests per s", middle(p["rate"] for p, _ in pairs), timed=True),
        Figure("host.p99", "host: p99 against untraced", middle(o["p99_us"] / p["p99_us"] for p, o in pairs), timed=True),
        Figure("host.rss", "host: RSS of the agent under load, MB", max(o["rss"] for o in observed) / (1 << 20), most=32),
        Figure("host.idle", "host: idle agent, share of a processor", last["idle"], most=0.001, timed=True),
        Figure("host.idle_wakes", "host: wake-ups of the idle agent per s", last["idle_wakes"], timed=True),
        Figure("host.without_span", "host: requests without a span", sum(o["account"]["without_span"] for o in observed), most=0),
        Figure("host.unaccounted", "host: neither span nor counted loss, or one too many",
               sum(o["account"]["unaccounted"] + o["account"]["surplus"] for o in observed), most=0, must=True),
    ]
    return found, pairs
