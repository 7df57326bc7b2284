#!/usr/bin/env python3
"""Waits for a guest: guest_watch.py PID RESULTS MONITOR QUIET_SECONDS

Ends with 0 when the emulator with that PID has ended, with 3 when the guest's results have not grown for QUIET_SECONDS although it
runs: then where its processors are, three times over a second, is on standard error."""
import os
import re
import socket
import sys
import time


def runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] != "Z"


def size(path):
    return os.path.getsize(path) if os.path.exists(path) else 0


def processors(monitor):
    """What the emulator says of its processors."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(5)
        link.connect(monitor)
        link.recv(4096)
        link.sendall(b"info registers -a\n")
        text, deadline = "", time.monotonic() + 3
        while time.monotonic() < deadline and text.count("RIP=") < 2:
            text += link.recv(65536).decode(errors="replace")
    return " ".join(re.findall(r"RIP=\w+|HLT=\d|CPU#\d", text))


def main():
    pid, results, monitor, quiet = int(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])
    last, since = -1, time.monotonic()
    while runs(pid):
        if size(results) != last:
            last, since = size(results), time.monotonic()
        if time.monotonic() - since > quiet:
            print(f"the guest has said nothing for {quiet:.0f} s", file=sys.stderr)
            for _ in range(3):
                print(processors(monitor), file=sys.stderr)
                time.sleep(0.5)
            return 3
        time.sleep(0.5)
    return 0


if __name__ == "__main__":
    sys.exit(main())
