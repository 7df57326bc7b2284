"""Part `vm` of scripts/bench: what tracing costs nginx on one processor, in instructions, in a guest with Debian's kernel 6.1.

guest.py measures; here its figures become a table. Time in the guest is the number of instructions it has executed: what else this
machine does changes nothing.
"""
import json
import os
import statistics
import subprocess
import tempfile

from figures import Figure
from live.calls import KINDS

TARGET, BINARY, NEEDS_ROOT = "wirespan call_bench ws_test_grpc_peer", "agent/wirespan", True
KERNEL = "6.1"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MEGABYTE = 1 << 20


def boot(**variables):
    """Everything that the guest measured, by its name, in order."""
    with tempfile.TemporaryDirectory() as folder:
        result = os.path.join(folder, "result")
        command = [os.path.join(ROOT, "tests", "bench", "boot_guest"), KERNEL, result, *(f"{key}={value}" for key, value in variables.items())]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"the guest: {done.stderr[-4000:]}")
        with open(result, encoding="utf-8") as file:
            lines = [json.loads(line.removeprefix("MEASURED ")) for line in file if line.startswith("MEASURED ")]
    return {name: [line for line in lines if line["name"] == name] for name in {line["name"] for line in lines}}


def middle(runs, read):
    return statistics.median(read(run) for run in runs)


def of_source(source, runs, untraced):
    before = {key: middle(untraced, lambda run, key=key: run["load"][key]) for key in ("nginx", "rate", "p99_us", "p50_us")}
    load = {key: middle(runs, lambda run, key=key: run["load"][key]) for key in ("nginx", "agent", "sink", "rate", "p99_us", "p50_us", "rss")}
    start = {key: middle(runs, lambda run, key=key: run["start"][key]) for key in ("seconds_to_span", "cpu_s_to_span", "cpu_s_to_ready")}
    idle = sum(middle(runs, lambda run, name=name: run["idle"].get(name, {"cpu_ns": 0})["cpu_ns"]) for name in runs[0]["idle"])
    wakes = sum(middle(runs, lambda run, name=name: run["idle"].get(name, {"runs": 0})["runs"]) for name in runs[0]["idle"])
    name = f"vm.{source}"
    return [
        Figure(f"{name}.nginx", f"VM, {source}: instructions added to nginx per request", load["nginx"] - before["nginx"], most=4000),
        Figure(f"{name}.agent", f"VM, {source}: instructions of the agent per request", load["agent"], most=5000),
        Figure(f"{name}.rate", f"VM, {source}: throughput against untraced", load["rate"] / before["rate"], least=0.92),
        Figure(f"{name}.p99", f"VM, {source}: p99 against untraced", load["p99_us"] / before["p99_us"], most=1.2),
        Figure(f"{name}.rss", f"VM, {source}: peak RSS, MB", middle(runs, lambda run: run["rss_peak"]) / MEGABYTE, most=32),
        Figure(f"{name}.rss_rings", f"VM, {source}: of these the ring, MB", middle(runs, lambda run: run["rss_rings"]) / MEGABYTE),
        Figure(f"{name}.maps", f"VM, {source}: BPF maps, MB", middle(runs, lambda run: run["summary"]["bpf_map_bytes"]) / MEGABYTE, most=24),
        Figure(f"{name}.first_span", f"VM, {source}: seconds from start to first span", start["seconds_to_span"], most=2),
        Figure(f"{name}.start_cpu", f"VM, {source}: CPU seconds until then", start["cpu_s_to_span"], most=1.5),
        Figure(f"{name}.idle", f"VM, {source}: instructions of the idle agent per s", idle, most=1e6),
        Figure(f"{name}.idle_wakes", f"VM, {source}: wake-ups of the idle agent per s", wakes),
        Figure(f"{name}.sink", f"VM, {source}: instructions of the receiver per request", load["sink"]),
        Figure(f"{name}.without_span", f"VM, {source}: requests without a span", sum(run["account"]["without_span"] for run in runs), most=0),
        Figure(f"{name}.unaccounted", f"VM, {source}: neither span nor counted loss, or one too many",
               sum(run["account"]["unaccounted"] + run["account"]["surplus"] for run in runs), most=0, must=True),
    ]


def of_calls(source, measured):
    """Added to single system calls, of another process and of the target."""
    costs = {"untraced": measured["untraced"][-1], "a bystander": measured[source][-1], "a target": measured[f"calls_{source}"][-1]}
    out = []
    for kind in ("unrelated", "epoll", "futex", "wake", "pipe", "exchange"):
        for state in ("a bystander", "a target"):
            added = costs[state]["calls"][kind] - costs["untraced"]["calls"][kind]
            out.append(Figure(f"vm.{source}.{kind}.{state[2:]}", f"VM, {source}: instructions added to {state}: {KINDS[kind][1]}", added))
    account = costs["a target"]["account"]
    out.append(Figure(f"vm.{source}.calls_unaccounted", f"VM, {source}: of those exchanges, neither span nor counted loss",
                      account["unaccounted"] + account["surplus"], most=0, must=True))
    return out


def of_grpc(source, measured):
    before, found = measured["grpc_untraced"][-1], measured[f"grpc_{source}"][-1]
    account, name = found["account"], f"vm.{source}.grpc"
    return [
        Figure(f"{name}_server", f"VM, {source}: instructions added to a gRPC server per unary call", found["server"] - before["server"]),
        Figure(f"{name}_agent", f"VM, {source}: instructions of the agent per unary call", found["agent"]),
        Figure(f"{name}_unaccounted", f"VM, {source}: of those calls, neither span nor counted loss",
               account["unaccounted"] + account["surplus"], most=0, must=True),
    ]


def measure(_binary):
    measured = boot()
    figures = [Figure("vm.untraced", "VM, untraced: instructions of nginx per request", middle(measured["untraced"], lambda run: run["load"]["nginx"])),
               Figure("vm.untraced_rate", "VM, untraced: requests per s", middle(measured["untraced"], lambda run: run["load"]["rate"])),
               Figure("vm.grpc_untraced", "VM, untraced: instructions of a gRPC server per unary call", measured["grpc_untraced"][-1]["server"])]
    for source in ("socket", "syscall"):
        figures += of_source(source, measured[source], measured["untraced"])
        figures += of_calls(source, measured)
        figures += of_grpc(source, measured)
    return figures, measured
