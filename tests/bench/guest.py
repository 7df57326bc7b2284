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

BINARY = "/opt/wirespan/bin/wirespan"
CONNECTIONS = 8  # with more, the processor's share of each is what is measured
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "2"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "1"))
STATS = "/proc/sys/kernel/bpf_stats_enabled"


def say(name, value):
    print("MEASURED " + json.dumps({"name": name, **value}), flush=True)


def load(nginx, agent=None):
    """One run of wrk: its figures, with the processor time of nginx and of the agent for each request, in instructions."""
    before, nginx_ns, agent_ns = nginx.requests(), nginx.cpu_ns(), agent.cpu_ns() if agent else 0
    sink_ns = processes.cpu_ns(agent.sink.pid) if agent else 0
    result = traced.wrk(nginx.port, "/file", SECONDS, CONNECTIONS)
    nginx_ns = nginx.cpu_ns() - nginx_ns
    requests = nginx.requests() - before
    result["nginx"] = nginx_ns / requests
    if agent:
        result["agent"] = (agent.cpu_ns() - agent_ns) / requests
        result["sink"] = (processes.cpu_ns(agent.sink.pid) - sink_ns) / requests
        result["rss"] = processes.memory_bytes(agent.pid)
    return result


def threads_over(agent, seconds):
    """What each thread of the agent does meanwhile, per second."""
    before = processes.threads(agent.pid)
    time.sleep(seconds)
    after = processes.threads(agent.pid)
    return {name: {key: (value - before.get(name, {}).get(key, 0)) / seconds for key, value in thread.items()} for name, thread in after.items()}


def maps():
    listed = json.loads(subprocess.run(["bpftool", "-j", "map", "show"], capture_output=True, check=True).stdout)
    return [{"name": one.get("name", one["type"]), "type": one["type"], "bytes": one.get("bytes_memlock", 0),
             "entries": one.get("max_entries"), "value": one.get("bytes_value")} for one in listed]


def programs():
    listed = json.loads(subprocess.run(["bpftool", "-j", "prog", "show"], capture_output=True, check=True).stdout)
    return {one["id"]: one for one in listed if one.get("name")}


def per_program(nginx):
    """Runs and instructions of each BPF program for a request; the kernel's own measuring is in them, and in nothing else."""
    with open(STATS, "w", encoding="ascii") as file:
        file.write("1")
    before, requests = programs(), nginx.requests()
    traced.wrk(nginx.port, "/file", 1, CONNECTIONS)
    after, requests = programs(), nginx.requests() - requests
    with open(STATS, "w", encoding="ascii") as file:
        file.write("0")
    found = {}
    for number, program in after.items():
        runs, ns = (program.get(key, 0) - before.get(number, {}).get(key, 0) for key in ("run_cnt", "run_time_ns"))
        if runs:
            found[program["name"]] = {"runs": runs / requests, "instructions": ns / requests}
    return found


def trace(source, nginx):
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
        by_program = per_program(nginx)
        time.sleep(3)  # what is held and queued goes its way; then there is nothing to do
        idle = threads_over(agent, 5)
        taken = maps()
        rss = {"rss_peak": processes.memory_bytes(agent.pid, "VmHWM"), "rss_idle": processes.memory_bytes(agent.pid)}
        sent = nginx.requests() - before
        summary = agent.end()
        say(source, {"load": result, "start": start, "programs": by_program, "idle": idle, "maps": taken, **rss, "summary": summary,
                     "account": traced.account(sent, summary)})


def main():
    print(os.uname().release, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        nginx = traced.Nginx(folder)
        load(nginx)  # connections and caches are not new any more
        for _ in range(ROUNDS):
            say("untraced", {"load": load(nginx)})
            for source in ("socket", "syscall"):
                trace(source, nginx)
        say("untraced", {"load": load(nginx)})
        nginx.end()
    print("DONE", flush=True)


sys.exit(main())
