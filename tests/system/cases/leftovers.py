"""What the agent's maps hold goes with what it is held for."""
import subprocess

from registry import case
from support import bpf, servers
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
