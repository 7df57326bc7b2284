"""An agent that nothing comes to rests, until the kernel wakes it."""
import os

from registry import case
from support import servers
from support.clients import Load
from support.tracer import Tracer
from support.workspace import check, wait_until

PPOLL = {"x86_64": "271", "aarch64": "73"}[os.uname().machine]
REQUESTS = 10


def said(thread, what):
    with open(f"{thread}/{what}", encoding="ascii") as file:
        return file.read()


def rests(pid):
    """The threads that read the rings, all of them, sleep in ppoll."""
    threads = [f"/proc/{pid}/task/{tid}" for tid in os.listdir(f"/proc/{pid}/task")]
    readers = [thread for thread in threads if said(thread, "comm").startswith("events-")]
    return readers and all(said(thread, "syscall").split()[0] == PPOLL for thread in readers)


def trace(workspace, *options):
    server = servers.cpp(workspace, "--threads", "2")
    tracer = Tracer.attach(workspace, [server.pid], *options)
    for number in range(REQUESTS):
        wait_until(lambda: rests(tracer.pid), "the readers at rest")
        Load(workspace, server.port, connections=1, requests=1, name=f"load{number}").finish()
        tracer.await_spans(number + 1)
    capture = tracer.finish(server)
    capture.check_nothing_lost()
    # A rest may have been over by itself just then, but hardly each time.
    woken = capture.summary["kernel"]["wakes"]
    check(woken >= REQUESTS // 2, f"{woken} wakes for {REQUESTS} requests that came one by one")


@case()
def a_record_wakes_a_resting_agent(workspace):
    """Each of a few requests, far apart, wakes the thread that reads its ring."""
    trace(workspace)


@case()
def resting_readers_of_several_rings_call_each_other(workspace):
    """The same with four rings: whoever is woken calls the others."""
    trace(workspace, "--rings", "4")
