#!/usr/bin/env python3
"""Runs the zoo: run.py [CASE...] [--quick] [--match REGEX] [--list] [--seed N] [--json FILE] [--no-replay] [--keep] [--only-zero-wrong]

Every case in turn (or those named), then the table, each gate's verdict and the JSON. Exit code: 0 every gate passed, 1 not, 2 wrong
usage, 77 nothing could be measured here. --only-zero-wrong: the exit code looks at the gates on wrong links, joins and replay alone.
"""
import argparse
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "system")]
sys.dont_write_bytecode = True

from support.workspace import ROOT, Skip, WIRESPAN, Workspace, require_bpf  # noqa: E402
from zoo import report, runner  # noqa: E402
from zoo.cases import CASES  # noqa: E402

SKIPPED = 77
ALWAYS = ("every case", "no wrong", "no link", "no request", "both-ends", "replay")


def arguments_of():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("cases", nargs="*")
    for flag in ("--quick", "--list", "--no-replay", "--keep", "--only-zero-wrong"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--match")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", default=os.path.join(ROOT, "build", "results", "zoo.json"))
    return parser.parse_args()


def chosen(arguments):
    unknown = [name for name in arguments.cases if name not in CASES]
    if unknown:
        print(f"run.py: no such case: {' '.join(unknown)}; see --list", file=sys.stderr)
        sys.exit(2)
    names = arguments.cases or [case.name for case in CASES.values() if case.quick or not arguments.quick]
    return [CASES[name] for name in names if not arguments.match or re.search(arguments.match, name)]


def main():
    arguments = arguments_of()
    cases = chosen(arguments)
    if arguments.list:
        for case in cases:
            print(f"{case.name}{' (quick)' if case.quick else ''}: {report.promised(case)}{'; ' + case.why if case.why else ''}")
        return 0
    try:
        if not os.access(WIRESPAN, os.X_OK):
            raise Skip(f"no wirespan binary at {WIRESPAN}; build it first")
        require_bpf()
    except Skip as reason:
        print(f"SKIP zoo: {reason}")
        return SKIPPED
    results = []
    for number, case in enumerate(cases, 1):
        result = runner.run(case, Workspace(f"zoo-{case.name}"), runner.QUICK_PHASES if arguments.quick else runner.PHASES,
                            arguments.seed + number, not arguments.no_replay, arguments.keep)
        results.append(result)
        total = result.verdict.total() if result.verdict else None
        told = result.skipped or result.failed or f"right {total.right_count}, wrong {total.wrong_count}, recall {report.percent(total.recall)} %, join {report.percent(total.join)} %"
        print(f"[{number}/{len(cases)}] {case.name}: {told} ({result.seconds:.0f} s)", file=sys.stderr, flush=True)
    all_gates = list(report.gates(results))
    report.print_all(results, all_gates)
    report.write_json(arguments.json, results, all_gates)
    looked_at = [gate for gate in all_gates if gate.name.startswith(ALWAYS) or not arguments.only_zero_wrong]
    if not any(result.verdict or result.failed for result in results):
        return SKIPPED
    return 1 if any(gate.misses for gate in looked_at) else 0


if __name__ == "__main__":
    sys.exit(main())
