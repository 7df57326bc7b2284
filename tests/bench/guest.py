#!/usr/bin/env python3
"""Runs inside the guest of part `vm` (vm.py): nginx under a closed loop of wrk, without the agent and with it, by each capture
source in turn. One processor, whose clock is the number of instructions it has executed: 1 ns each. Prints lines `MEASURED {JSON}`.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

from live import processes, traced
from live.calls import CallBench, spans_of
from live.grpc import GrpcServer

BINARY, CALL_BENCH, PEER = "/opt/wirespan/bin/wirespan", "/opt/wirespan/bin/call_bench", "/opt/wirespan/bin/ws_test_grpc_peer"
CONNECTIONS = 8  # with more, the processor's share of each is what is measured
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "1"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "1"))
SOURCES = os.environ.get("BENCH_SOURCES", "socket,syscall").split(",")
IDLE_SECONDS, CALLS = 5, 1_000
GRPC_CALLS, GRPC_CONCURRENCY = 2_000, 8
STATS = "/proc/sys/kernel/bpf_stats_enabled"


def say(name, value):
    print("MEASURED " + json.dumps({"name": name, **value}), flush=True)


def load(nginx, agent=None):
    """One run of wrk: its figures, with the processor time of nginx and of the agent for each request, in instructions."""
    before, nginx_ns = nginx.requests(), nginx.cpu_ns()
    if agent:
        threads, sink_ns = processes.threads(agent.pid), processes.cpu_ns(agent.sink.pid)
    result = traced.wrk(nginx.port, "/file", SECONDS, CONNECTIONS)
    nginx_ns = nginx.cpu_ns() - nginx_ns
    requests = nginx.requests() - before
    result["nginx"] = nginx_ns / requests
    if agent:
        result["threads"] = processes.rates(threads, processes.threads(agent.pid), requests)
        result["agent"] = sum(thread["cpu_ns"] for thread in result["threads"].values())
        result["sink"] = (processes.cpu_ns(agent.sink.pid) - sink_ns) / requests
        result["rss"] = processes.memory_bytes(agent.pid)
    return result


def idle_threads(agent):
    """What each thread of the agent does in a second in which nothing happens."""
    time.sleep(3)  # what is held and queued goes its way
    before = processes.threads(agent.pid)
    time.sleep(IDLE_SECONDS)
    return processes.rates(before, processes.threads(agent.pid), IDLE_SECONDS)


def maps():
    listed = json.loads(subprocess.run(["bpftool", "-j", "map", "show"], capture_output=True, check=True).stdout)
    return [{"name": one.get("name", one["type"]), "type": one["type"], "bytes": one.get("bytes_memlock", 0),
             "entries": one.get("max_entries"), "value": one.get("bytes_value")} for one in listed]


def programs():
    listed = json.loads(subprocess.run(["bpftool", "-j", "prog", "show"], capture_output=True, check=True).stdout)
    return {one["id"]: one for one in listed if one.get("name")}


def per_program(nginx, agent):
    """Of each BPF program: runs and instructions for a request (with the kernel's own measuring of them), verified instructions."""
    with open(STATS, "w", encoding="ascii") as file:
        file.write("1")
    before, requests = programs(), nginx.requests()
    traced.wrk(nginx.port, "/file", 1, CONNECTIONS)
    after, requests = programs(), nginx.requests() - requests
    with open(STATS, "w", encoding="ascii") as file:
        file.write("0")
    verified, found = processes.verified_instructions(agent.pid), {}
    for number in verified.keys() & after.keys():
        runs, ns = (after[number].get(key, 0) - before.get(number, {}).get(key, 0) for key in ("run_cnt", "run_time_ns"))
        found[after[number]["name"]] = {"runs": runs / requests, "instructions": ns / requests, "verified": verified[number]}
    return found


def trace(source, nginx, bench):
    """The agent's life, from its start to its summary: every request it could see is in the account."""
    with tempfile.TemporaryDirectory() as folder:
        before = nginx.requests()
        agent = traced.Agent(BINARY, folder, nginx.pid, source)
        traced.get(nginx.port, "/file")
        first_span = agent.await_first_span()
        start = {"seconds_to_ready": agent.seconds_to_ready, "cpu_s_to_ready": agent.cpu_ns_to_ready / 1e9, "seconds_to_span": first_span,
                 "cpu_s_to_span": agent.cpu_ns() / 1e9, "rss": processes.memory_bytes(agent.pid), "ready": agent.ready}
        traced.wrk(nginx.port, "/file", 1, CONNECTIONS)  # its tables reach their size
        result = load(nginx, agent)
        by_program = per_program(nginx, agent)
        idle = idle_threads(agent)
        taken = maps()
        beside = calls(bench)
        rss = {"rss_peak": processes.memory_bytes(agent.pid, "VmHWM"), "rss_idle": processes.memory_bytes(agent.pid),
               "rss_rings": processes.mapped_maps_bytes(agent.pid)}
        sent = nginx.requests() - before
        summary = agent.end()
        say(source, {"load": result, "start": start, "programs": by_program, "idle": idle, "maps": taken, **rss, "summary": summary,
                     "account": traced.account(sent, summary), "calls": beside})


def calls(bench):
    """Instructions of each kind of call_bench's operations."""
    bench.round(CALLS // 10)
    return bench.round(CALLS)


def trace_calls(source, bench):
    with tempfile.TemporaryDirectory() as folder:
        agent = traced.Agent(BINARY, folder, bench.pid, source)
        cost, summary = calls(bench), agent.end()
        say(f"calls_{source}", {"calls": cost, "account": traced.account(spans_of(CALLS) + spans_of(CALLS // 10), summary)})


def trace_grpc(source, server):
    """Unary calls of 1,000 bytes each way, 8 at a time on one connection: of the server and of the agent, for each call."""
    with tempfile.TemporaryDirectory() as folder:
        agent = traced.Agent(BINARY, folder, server.pid, source)
        server.load(GRPC_CALLS // 4, GRPC_CONCURRENCY)
        before = agent.cpu_ns()
        server_ns = server.load(GRPC_CALLS, GRPC_CONCURRENCY)
        agent_ns = (agent.cpu_ns() - before) / GRPC_CALLS
        say(f"grpc_{source}", {"server": server_ns, "agent": agent_ns,
                               "account": traced.account(GRPC_CALLS + GRPC_CALLS // 4, agent.end())})


def main():
    print(os.uname().release, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        nginx = traced.Nginx(folder)
        load(nginx)  # connections and caches are not new any more
        bench = CallBench(CALL_BENCH)
        for _ in range(ROUNDS):
            say("untraced", {"load": load(nginx), "calls": calls(bench)})
            for source in SOURCES:
                trace(source, nginx, bench)
        for source in SOURCES:
            trace_calls(source, bench)
        bench.end()
        nginx.end()
    server = GrpcServer(PEER)
    server.load(GRPC_CALLS // 4, GRPC_CONCURRENCY)
    say("grpc_untraced", {"server": server.load(GRPC_CALLS, GRPC_CONCURRENCY)})
    for source in SOURCES:
        trace_grpc(source, server)
    server.end()
    print("DONE", flush=True)


sys.exit(main())
