"""Part `replay` of scripts/bench: the user-space path from ring records to OTLP bytes, by tests/bench/replay_bench.

Instructions are counted by callgrind inside one function, after a warm-up: the same in every run. Times are of the thread's CPU
clock, and mean nothing while the machine has other work.
"""
import json
import os
import re
import subprocess
import tempfile

from figures import Figure

TARGET = "replay_bench"
BINARY = "tests/bench/replay_bench"
NEEDS_ROOT = False
MEASURED = "wirespan_bench_measured"
COUNTED = ["--warm-exchanges", "40000", "--exchanges", "20000"]


def run(binary, *arguments):
    """One line of JSON. An account that does not balance ends everything."""
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(f"{TARGET} {' '.join(arguments)}: exit code {done.returncode}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def instructions(binary, *arguments):
    """Per exchange, in the steady state."""
    with tempfile.TemporaryDirectory() as folder:
        profile = os.path.join(folder, "callgrind.out")
        command = ["valgrind", "--tool=callgrind", f"--toggle-collect={MEASURED}", f"--callgrind-out-file={profile}", binary, *COUNTED]
        # Nothing of the environment lies on the measured program's stack.
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
        if done.returncode != 0:
            raise RuntimeError(f"callgrind {TARGET} {' '.join(arguments)}: exit code {done.returncode}: {done.stderr[-2000:]}")
        with open(profile, encoding="utf-8") as file:
            total = re.search(r"^(?:summary|totals): (\d+)", file.read(), re.MULTILINE)
    if total is None or int(total.group(1)) == 0:
        raise RuntimeError(f"callgrind counted nothing in {MEASURED}")
    return int(total.group(1)) / json.loads(done.stdout)["exchanges"]


def gate(binary):
    """What CI holds against the baseline: instructions only, in about half a minute."""
    return [Figure("replay.instructions", "instructions per exchange, proxy, links", instructions(binary), most=3650)]


def costs_of_links(binary, with_links):
    tokenless = instructions(binary, "--links", "tokenless")
    without = instructions(binary, "--links", "off")
    return [
        Figure("replay.instructions_tokenless", "the same, records without tokens", tokenless),
        Figure("replay.instructions_no_assembler", "the same, no trace assembler", without),
        Figure("replay.instructions_of_links", "cost of the links: with less without tokens", with_links - tokenless),
        Figure("replay.instructions_of_assembly", "cost of ids, joins, links: with less without", with_links - without),
        Figure("replay.instructions_server", "instructions per exchange, server alone",
               instructions(binary, "--shape", "server")),
    ]


def memory(binary):
    load = ["--shape", "server", "--warm-exchanges", "300000", "--idle", "--connections"]
    few, many = (run(binary, *load, count) for count in ("1000", "101000"))
    per_connection = (many["bytes_at_rest"] - few["bytes_at_rest"]) / 100_000
    steady = run(binary, "--warm-exchanges", "400000", "--exchanges", "200000")
    return [
        Figure("replay.bytes_per_idle_connection", "bytes per open connection at rest", per_connection, most=512),
        Figure("replay.allocations", "allocations per exchange", steady["allocations"] / steady["exchanges"], most=0.001),
    ]


def rate(result, nanoseconds="cpu_ns"):
    return result["exchanges"] * 1e9 / result[nanoseconds]


def speed(binary):
    long = ["--exchanges", "400000", "--warm-exchanges"]
    one, two = (run(binary, *long, "100000", "--shards", shards, "--connections", "2000") for shards in ("1", "2"))
    scaling = rate(two, "slowest_shard_cpu_ns") / rate(one, "slowest_shard_cpu_ns")
    return [
        Figure("replay.rate_1000", "exchanges/s/core, 1,000 connections", rate(run(binary, *long, "100000")), least=1_500_000, timed=True),
        Figure("replay.rate_100000", "exchanges/s/core, 100,000 connections",
               rate(run(binary, *long, "300000", "--connections", "100000")), least=1_000_000, timed=True),
        Figure("replay.scaling_2_shards", "2 shard threads against 1", scaling, least=1.8, timed=True),
        Figure("replay.assemble_rate", "exchanges/s that one assemble thread takes", rate(two, "assemble_cpu_ns"), timed=True),
    ]


def measure(binary):
    counted = gate(binary)
    return counted + costs_of_links(binary, counted[0].value) + memory(binary) + speed(binary), None
