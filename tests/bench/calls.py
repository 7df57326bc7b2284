"""Part `calls` of scripts/bench: nanoseconds that tracing adds to a system call of a process, in paired rounds: nobody is traced, two
programs that do nothing are on every call, another process is traced, this one is. Most kinds of call are there for the links alone:
waits, wakes, reads of pipes and eventfds.
"""
import os
import statistics
import subprocess
import tempfile

from figures import Figure
from live import processes, session, traced
from live.calls import KINDS, CallBench, spans_of

TARGET, BINARY, NEEDS_ROOT = "wirespan call_bench empty_hooks", "agent/wirespan", True
ROUNDS, COUNT = 9, 20_000
UNRELATED_RATE = 500_000
# What the field's hooks cost where they were tried (ns for the operation): epoll_wait by two hooks, a wait or a wake by futex.
AIMS = {"epoll": 69, "futex": 55}


def beside_empty_hooks(folder, bench, count):
    hooks = processes.start([os.path.join(folder, "empty_hooks")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if hooks.stdout.readline() != "ready\n":
        raise RuntimeError("empty_hooks did not start")
    bench.round(count // 10)
    cost = bench.round(count)
    hooks.stdin.close()
    if hooks.wait(60) != 0:
        raise RuntimeError(f"empty_hooks ended with {hooks.returncode}")
    return cost


def observed(binary, pid, bench, count):
    with tempfile.TemporaryDirectory() as folder:
        agent = traced.Agent(binary, folder, pid)
        bench.round(count // 10)
        cost = bench.round(count)
        return cost, agent.end()


def rounds(binary):
    """Lists of costs by state, and the account of what the target sent."""
    costs, accounts = {"untraced": [], "empty": [], "bystander": [], "target": []}, []
    folder = os.path.join(os.path.dirname(binary), os.pardir, "tests", "bench")
    bench = CallBench(os.path.join(folder, "call_bench"))
    other = processes.start(["sleep", "infinity"])
    bench.round(COUNT)
    for number in range(ROUNDS):
        states = list(costs) if number % 2 == 0 else list(reversed(costs))
        for state in states:
            if state == "untraced":
                costs[state].append(bench.round(COUNT))
                continue
            if state == "empty":
                costs[state].append(beside_empty_hooks(folder, bench, COUNT))
                continue
            cost, summary = observed(binary, bench.pid if state == "target" else other.pid, bench, COUNT)
            costs[state].append(cost)
            if state == "target":
                accounts.append(traced.account(spans_of(COUNT) + spans_of(COUNT // 10), summary))
    bench.end()
    return costs, accounts


def added(costs, state, kind):
    return statistics.median(with_agent[kind] - without[kind] for with_agent, without in zip(costs[state], costs["untraced"]))


def measure(binary):
    costs, accounts = session.run(lambda: rounds(binary))
    found = []
    for kind, (calls, what) in KINDS.items():
        base = statistics.median(cost[kind] for cost in costs["untraced"])
        found += [Figure(f"calls.{kind}", f"ns added to a target: {what} ({calls} calls, {base:,.0f} ns)", added(costs, "target", kind),
                         most=AIMS.get(kind), timed=True),
                  Figure(f"calls.{kind}_empty", "  the same, by two programs that do nothing", added(costs, "empty", kind), timed=True),
                  Figure(f"calls.{kind}_bystander", "  the same, to a process that is no target", added(costs, "bystander", kind), timed=True)]
    for state in ("target", "bystander"):
        share = added(costs, state, "unrelated") * UNRELATED_RATE / 1e9
        found.append(Figure(f"calls.tax_{state}", f"{UNRELATED_RATE:,} unrelated calls/s of a {state}: share of a processor", share, timed=True))
    return found + [
        Figure("calls.without_span", "calls: exchanges without a span", sum(one["without_span"] for one in accounts), most=0),
        Figure("calls.unaccounted", "calls: neither span nor counted loss, or one too many",
               sum(one["unaccounted"] + one["surplus"] for one in accounts), most=0, must=True),
    ], {"costs": costs, "accounts": accounts}
