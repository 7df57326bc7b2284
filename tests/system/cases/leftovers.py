"""What the agent's maps hold goes with what it is held for."""
import signal
import subprocess

from registry import case
from support import bpf, servers
from support.clients import Load
from support.tracer import Tracer
from support.workspace import check, check_equal, free_port, require_program, wait_until


@case()
def policies_go_with_their_connections(workspace):
    """Connections so short that they are gone before the agent decides about them leave no policy behind."""
    require_program("bpftool")
    h2load, port = require_program("h2load"), free_port()
    server = servers.nginx(workspace, upstreams=f"server {{ listen 127.0.0.1:{port} http2; location / {{ return 200 ok; }} }}")
    tracer = Tracer.attach(workspace, [server.pid])
    for _ in range(20):
        done = subprocess.run([h2load, "-n", "20", "-c", "2", "-m", "8", f"http://127.0.0.1:{port}/h2"], capture_output=True, text=True,
                              timeout=60, check=False)
        check("20 succeeded" in done.stdout, done.stdout[-300:])
    tracer.await_spans(400)
    wait_until(lambda: bpf.map_keys(tracer.pid, "policies") == [], "no policy without its connection")
    capture = tracer.finish(server)
    check_equal(len(capture.of_kind("SERVER")), 400, "SERVER spans")
    capture.check_nothing_lost()


@case()
def threads_go_with_their_process(workspace):
    """Of a killed process the leader may end before its threads: what is known of each goes, whoever is last."""
    require_program("bpftool")
    keeper = servers.cpp(workspace, name="keeper")
    killed = [servers.cpp(workspace, "--threads", "8", name=f"killed{number}") for number in range(6)]
    tracer = Tracer.attach(workspace, [keeper.pid] + [server.pid for server in killed])
    for server in killed:
        Load(workspace, server.port, connections=16, requests=32).finish()
    tracer.await_spans(6 * 32)
    known = len(bpf.map_keys(tracer.pid, "threads"))
    check(known >= 6, f"only {known} threads known before the end")
    for server in killed:
        server.process.send_signal(signal.SIGKILL)
    wait_until(lambda: bpf.map_keys(tracer.pid, "threads") == [], "no thread without its process")
    capture = tracer.finish(keeper)
    capture.check_nothing_lost()
