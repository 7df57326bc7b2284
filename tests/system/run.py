#!/usr/bin/env python3
"""Runs system tests by name: run.py CASE... | --list | --all [--keep].

Each case starts real programs in its own directory, traces exactly those, and compares spans with what the programs logged.
Exit code: 0 passed, 1 failed, 77 skipped (with the reason). --list prints `name serial timeout` for CMake.
"""
import importlib
import os
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from registry import CASES  # noqa: E402
from support.workspace import Failure, Skip, WIRESPAN, Workspace, check, require_bpf  # noqa: E402

for module in sorted(os.listdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases"))):
    if module.endswith(".py") and not module.startswith("__"):
        importlib.import_module(f"cases.{module[:-3]}")

SKIPPED = 77


def run(case, keep):
    workspace = Workspace(case.name)
    passed = False
    try:
        check(os.access(WIRESPAN, os.X_OK), f"no wirespan binary at {WIRESPAN}; build it first")
        if case.bpf:
            require_bpf()
        case.function(workspace)
        passed = True
        print(f"PASS {case.name}")
        return 0
    except Skip as reason:
        passed = True
        print(f"SKIP {case.name}: {reason}")
        return SKIPPED
    except Failure as failure:
        print(f"FAIL {case.name}: {failure}")
        traceback.print_tb(failure.__traceback__, limit=6, file=sys.stdout)
        return 1
    except Exception as error:  # pylint: disable=broad-except
        print(f"FAIL {case.name}: {error!r}")
        traceback.print_exc(file=sys.stdout)
        return 1
    finally:
        kept = keep and not passed
        workspace.close(kept)
        if kept:
            print(f"kept: {workspace.directory}")


def main(arguments):
    keep = "--keep" in arguments
    names = [argument for argument in arguments if not argument.startswith("--")]
    if "--list" in arguments:
        for case in CASES.values():
            print(case.name, int(case.serial), case.timeout)
        return 0
    if "--all" in arguments:
        names = list(CASES)
    unknown = [name for name in names if name not in CASES]
    if unknown or not names:
        print(f"run.py: no such case: {' '.join(unknown) or '(none given)'}; see --list", file=sys.stderr)
        return 2
    results = [run(CASES[name], keep) for name in names]
    if len(results) > 1:
        print(f"{results.count(0)} passed, {results.count(1)} failed, {results.count(SKIPPED)} skipped")
    return results[0] if len(results) == 1 else int(1 in results)


sys.exit(main(sys.argv[1:]))
