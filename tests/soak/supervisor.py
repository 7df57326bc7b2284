#!/usr/bin/env python3
"""The process that the soak traces: starts and ends services as it is told, and does nothing else. Every service is its child, so the
tracer follows it from its first byte.

Standard input: JSON lines, {"start": [argv], "output": FILE} or {"stop": pid, "signal": number}. Standard output: one JSON line each,
{"pid": n} or {"status": n}. Its end of input ends it and what it still has.
"""
import json
import signal
import subprocess
import sys

services = {}


def start(command):
    with open(command["output"], "ab") as output:
        process = subprocess.Popen(command["start"], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    services[process.pid] = process
    return {"pid": process.pid}


def stop(command):
    process = services.pop(command["stop"])
    process.send_signal(command["signal"])
    try:
        return {"status": process.wait(30)}
    except subprocess.TimeoutExpired:
        process.kill()
        return {"status": process.wait()}


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(start(command) if "start" in command else stop(command)), flush=True)
    for process in services.values():
        process.kill()
        process.wait()


main()
