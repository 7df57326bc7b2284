"""The doors as a user meets them: run, attach, replay, doctor; their exit codes, their one line of error, what they leave."""
import json
import os
import shutil
import signal
import subprocess

from registry import case
from support import servers
from support.clients import Load, RawConnection
from support.compare import check_same, path_of
from support.servers import REAL_PYTHON
from support.tracer import Tracer, environment
from support.workspace import PROGRAMS, WIRESPAN, Failure, accepts, check, check_equal, free_port, require_program, wait_until


def command(workspace, *arguments, **options):
    """Runs wirespan to its end: (status, lines of standard output, lines of standard error)."""
    done = subprocess.run([options.pop("binary", WIRESPAN), *arguments], capture_output=True, text=True, timeout=60, env=environment(), check=False,
                          stdin=options.pop("stdin", subprocess.DEVNULL), cwd=workspace.directory, **options)
    return done.returncode, done.stdout.splitlines(), [line for line in done.stderr.splitlines() if line.strip()]


def check_refusal(outcome, status, *words):
    """One line on standard error that names the matter, nothing on standard output, and that exit code."""
    code, out, err = outcome
    check_equal(code, status, f"exit code ({err})")
    check_equal(out, [], "standard output")
    check_equal(len(err), 1, f"lines on standard error {err}")
    for word in words:
        check(word.lower() in err[0].lower(), f"'{word}' is not in: {err[0]}")


@case(bpf=False)
def usage_errors(workspace):
    """Wrong usage of every kind: exit code 2 and one line."""
    bad = workspace.write("bad.yaml", "ring-bytes: 65536\nno-such-key: 1\n")
    for arguments, word in ((["attach"], "--pid"), (["attach", "--pid", "1", "--config", workspace.path("none.yaml")], "none.yaml"),
                            (["attach", "--pid", "1", "--config", bad], "no-such-key"), (["attach", "--pid", "abc"], "abc"), (["attach", "--pid", "-3"], "-3"), (["nonsense"], "nonsense"),
                            (["attach", "--pid", "1", "--nonsense"], "nonsense"), (["attach", "--pid", "1", "--capture-source", "magic"], "magic"),
                            (["attach", "--pid", "1", "--format", "xml"], "xml"), (["attach", "--pid", "1", "--duration", "soon"], "soon"),
                            (["run"], "run"), (["run", "--"], "run"), (["attach", "--pid", "1", "--ring-bytes", "1000"], "1000"),
                            (["attach", "--pid", "1", "--otlp-endpoint", "::no url::"], "no url"),
                            (["attach", "--pid", "1", "--otlp-endpoint", "http://127.0.0.1:4318", "--otlp-protocol", "smoke"], "smoke"),
                            (["replay"], "replay"), (["decode", "--protocol", "morse"], "morse")):
        outcome = command(workspace, *arguments)
        try:
            check_refusal(outcome, 2, word)
        except Failure as failure:
            raise Failure(f"wirespan {' '.join(arguments)}: {failure}") from None


@case()
def environment_errors(workspace):
    """What the machine refuses: exit code 1 and one line that names it."""
    mine = str(os.getpid())
    gone = workspace.start("gone", ["/bin/true"])
    gone.wait()
    for arguments, words in ((["attach", "--pid", str(gone.pid)], (str(gone.pid),)),
                             (["attach", "--pid", mine, "--output", workspace.path("no/such/folder/out")], ("no/such/folder", "No such file")),
                             (["attach", "--pid", mine, "--record", workspace.path("no/such/folder/r.wscap")], ("no/such/folder",)),
                             (["replay", workspace.path("none.wscap")], ("none.wscap", "No such file"))):
        outcome = command(workspace, *arguments)
        try:
            check_refusal(outcome, 1, *words)
        except Failure as failure:
            raise Failure(f"wirespan {' '.join(arguments)}: {failure}") from None


@case(bpf=False)
def module_of_grpc(workspace):
    """OTLP/gRPC takes the module beside the program, or where it is installed: without it, or with another file in its place, exit
    code 1 and one line, before anything is observed. Whoever does not export so needs none."""
    gone = workspace.start("gone", ["/bin/true"])
    gone.wait()
    os.makedirs(workspace.path("lib", "wirespan"))
    os.mkdir(workspace.path("bin"))
    binary, module = shutil.copy(WIRESPAN, workspace.path("bin", "wirespan")), os.path.join(os.path.dirname(WIRESPAN), "wirespan_grpc.so")
    attach = ["attach", "--pid", str(gone.pid), "--otlp-endpoint", f"http://127.0.0.1:{free_port()}", "--otlp-protocol"]
    beside, installed = workspace.path("bin", "wirespan_grpc.so"), workspace.path("lib", "wirespan", "wirespan_grpc.so")
    for outcome in (command(workspace, *attach, "grpc", binary=binary), command(workspace, "run", *attach[3:], "grpc", "--", "/bin/true", binary=binary)):
        check_refusal(outcome, 1, "wirespan_grpc.so", os.path.realpath(beside), os.path.realpath(installed))
    check_refusal(command(workspace, *attach, "http/protobuf", binary=binary), 1, f"--pid {gone.pid}: no such process")
    shutil.copy(module, installed)
    check_refusal(command(workspace, *attach, "grpc", binary=binary), 1, f"--pid {gone.pid}: no such process")
    workspace.write("bin/wirespan_grpc.so", "no module\n")
    check_refusal(command(workspace, *attach, "grpc", binary=binary), 1, "cannot load", os.path.realpath(beside))
    check_refusal(command(workspace, *attach, "grpc"), 1, f"--pid {gone.pid}: no such process")


@case(bpf=False)
def broken_recordings(workspace):
    """Files that are no recording, and an empty one: exit code 1 and one line."""
    for name, data in (("noise.wscap", bytes(range(256)) * 40), ("text.wscap", b"this is not a recording\n"), ("empty.wscap", b"")):
        with open(workspace.path(name), "wb") as file:
            file.write(data)
        check_refusal(command(workspace, "replay", workspace.path(name)), 1, name)


@case()
def not_root(workspace):
    """Without privileges: exit code 1, one line that says what is missing."""
    binary = workspace.path("wirespan")
    shutil.copy(WIRESPAN, binary)
    os.chmod(binary, 0o755)
    target = workspace.start("target", ["/bin/sleep", "60"])
    done = subprocess.run([require_program("setpriv"), "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", binary, "attach",
                           "--pid", str(target.pid)], capture_output=True, text=True, timeout=60, env=environment(), check=False, cwd="/")
    check_refusal((done.returncode, done.stdout.splitlines(), done.stderr.splitlines()), 1, "root")


@case()
def full_disk(workspace):
    """The output's disk is full: the load is not disturbed, the end has exit code 1 and one line that says so."""
    disk = workspace.path("disk")
    os.mkdir(disk)
    server = servers.cpp(workspace)
    script = f"mount -t tmpfs -o size=64k none {disk} && exec \"$@\""
    tracer = workspace.start("wirespan", [require_program("unshare"), "-m", "sh", "-c", script, "sh", WIRESPAN, "attach", "--pid", str(server.pid),
                                          "--format", "json", "--output", os.path.join(disk, "out")], env=environment())
    tracer.await_line("stderr", "ready:")
    sent = Load(workspace, server.port, connections=4, requests=3000).finish()
    check_equal(len(sent), 3000, "requests answered")
    tracer.send_signal(signal.SIGINT)
    status = tracer.wait(30)
    told = [line for line in tracer.lines("stderr") if "No space left" in line]
    check_equal((status, len(told)), (1, 1), f"exit status, lines about the disk: {tracer.lines('stderr')[-5:]}")


@case()
def run_exit_codes(workspace):
    """`run` ends as the command ends: its code, 128+N for a signal, and a missing command is one line."""
    shell = require_program("sh")
    for script, expected in (("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 128 + signal.SIGTERM), ("kill -KILL $$", 128 + signal.SIGKILL)):
        code, _, err = command(workspace, "run", "--format", "none", "--", shell, "-c", script)
        check_equal(code, expected, f"exit code of run -- sh -c '{script}' ({err[-2:]})")
    code, _, err = command(workspace, "run", "--format", "none", "--", workspace.path("no-such-command"))
    check(code == 1, f"exit code of a missing command: {code}")
    check(any("no-such-command" in line for line in err), f"the missing command is not named: {err}")


@case()
def run_traces_from_the_first_byte(workspace):
    """`run` starts a server whose very first request is traced; output of the command passes through; SIGTERM is forwarded."""
    log = workspace.path("python.log")
    tracer = Tracer.run(workspace, [REAL_PYTHON, os.path.join(PROGRAMS, "server.py"), "--log", log])
    port = int(tracer.process.await_line("stdout", "listening"))
    sent = Load(workspace, port, connections=3, requests=60, statuses="200,404", post_every=4).finish()
    tracer.await_spans(len(sent))
    capture = tracer.stop(expected=128 + signal.SIGTERM, number=signal.SIGTERM)
    check_same(sent, capture.of_kind("SERVER"), "SERVER spans")
    check(not accepts(port), "the command still listens after run ended")


@case()
def run_follows_children(workspace):
    """What the command starts is traced as well: a shell that starts a server and a client of it."""
    script = workspace.write("job.sh", f"""
{REAL_PYTHON} {PROGRAMS}/server.py --log {workspace.path("s.log")} > {workspace.path("port")} &
server=$!
while ! grep -q listening {workspace.path("port")}; do :; done
read word port < {workspace.path("port")}
{REAL_PYTHON} {PROGRAMS}/client.py $port {workspace.path("c.log")} 30
kill $server
wait $server
exit 5
""")
    capture = Tracer.run(workspace, [require_program("sh"), script]).collect()
    check_equal(capture.status, 5, f"exit status {capture.errors[-2:]}")
    from support.compare import check_joined, read_client_log
    sent = read_client_log(workspace.path("c.log"))
    check_equal(len(sent), 30, "requests")
    check_same(sent, capture.of_kind("SERVER"), "SERVER spans")
    check_same(sent, capture.of_kind("CLIENT"), "CLIENT spans")
    check_joined(capture.spans)


@case()
def attach_ends_with_the_last_target(workspace):
    """`attach` ends by itself when its last target has ended, and at --duration."""
    server = servers.python(workspace)
    tracer = Tracer.attach(workspace, [server.pid])
    sent = Load(workspace, server.port, connections=2, requests=20).finish()
    tracer.await_spans(20)
    server.stop()
    capture = tracer.collect(30)
    check_equal(capture.status, 0, f"exit status {capture.errors[-2:]}")
    check_same(sent, capture.of_kind("SERVER"), "SERVER spans")
    other = servers.cpp(workspace, name="other")
    timed = Tracer.attach(workspace, [other.pid], "--duration", "1s", output="timed.jsonl")
    check_equal(timed.collect(30).status, 0, "exit status after --duration")


@case()
def select_by_exe_and_port(workspace):
    """--exe and --port name a process as well as its pid does. Only this test's own copy of the server is called so."""
    own = workspace.path("ws_own_server")
    shutil.copy(workspace.built("ws_test_server"), own)
    log = workspace.path("own.log")
    process = workspace.start("own", [own, "--log", log])
    port = int(process.await_line("stdout", "listening"))
    for number, selector in enumerate((["--exe", own], ["--port", str(port)])):
        tracer = Tracer(workspace, "attach", selector, output=f"by-{number}.jsonl").await_ready()
        sent = Load(workspace, port, name=f"load-{number}", connections=2, requests=30, seed=number + 1).finish()
        tracer.await_spans(30)
        check_same(sent, tracer.stop().of_kind("SERVER"), f"SERVER spans with {selector[0]}")


@case()
def record_then_replay(workspace):
    """A recording replayed gives the live spans, to the last attribute."""
    server = servers.cpp(workspace, "--threads", "2")
    recording = workspace.path("r.wscap")
    tracer = Tracer.attach(workspace, [server.pid], "--record", recording)
    sent = Load(workspace, server.port, connections=20, requests=1500, statuses="200,404,503", post_every=3, traceparent_every=2).finish()
    live = tracer.finish(server)
    check_same(sent, live.of_kind("SERVER"), "live spans")
    code, out, err = command(workspace, "replay", recording, "--format", "json")
    check_equal(code, 0, f"exit code of replay ({err[-2:]})")
    lines = [json.loads(line) for line in out]
    summary, replayed = lines[-1], lines[:-1]
    check_equal(summary.get("type"), "summary", "last line")
    check_equal(summary["spans"], len(replayed), "spans in replay's summary")
    left = {span["span_id"]: span for span in live.spans}
    right = {span["span_id"]: span for span in replayed}
    check_equal(sorted(right), sorted(left), "span ids of replay and live")
    for span_id, span in left.items():
        if span != right[span_id]:
            keys = [key for key in span if span[key] != right[span_id].get(key)]
            raise Failure(f"{path_of(span)} differs in {keys}: live {[span[k] for k in keys]}, replay {[right[span_id].get(k) for k in keys]}")
    truncated = workspace.path("cut.wscap")
    with open(recording, "rb") as whole, open(truncated, "wb") as part:
        part.write(whole.read()[:os.path.getsize(recording) // 2 + 3])
    code, out, err = command(workspace, "replay", truncated, "--format", "json")
    check(code == 0 and len(err) == 1, f"a cut recording: exit code {code}, {err}")
    check(len(out) > 100, f"a cut recording: {len(out)} lines of what was whole")


@case()
def waterfall_on_a_terminal(workspace):
    """--format tree prints each trace as a waterfall that names services and requests."""
    server = servers.cpp(workspace)
    process = workspace.start("wirespan", [WIRESPAN, "attach", "--pid", str(server.pid), "--format", "tree"], env=environment())
    process.await_line("stderr", "ready:")
    with RawConnection(server.port) as connection:
        connection.send("GET /s/404/tree HTTP/1.1\r\nHost: t\r\n\r\n")
        connection.response()
    wait_until(lambda: "404" in process.text("stdout"), "the waterfall of the request")
    process.send_signal(signal.SIGINT)
    check_equal(process.wait(20), 0, "exit status")
    check("GET" in process.text("stdout"), f"the method is not in the tree: {process.text('stdout')}")


@case()
def doctor_tells(workspace):
    """doctor names both sources with a verdict and a reason, and changes nothing."""
    code, out, _ = command(workspace, "doctor")
    text = "\n".join(out)
    check_equal(code, 0, "exit code of doctor")
    for word in ("socket", "syscall", "kernel"):
        check(word in text.lower(), f"doctor does not speak of '{word}':\n{text}")


@case()
def dead_endpoint_is_counted(workspace):
    """An OTLP endpoint where nobody listens: tracing goes on, the end takes less than six seconds, each span not delivered is counted."""
    server = servers.cpp(workspace)
    tracer = Tracer.attach(workspace, [server.pid], "--otlp-endpoint", f"http://127.0.0.1:{free_port()}", "--otlp-protocol", "http/protobuf")
    sent = Load(workspace, server.port, connections=4, requests=200).finish()
    tracer.await_spans(len(sent), 15)
    capture = tracer.stop()
    check(capture.seconds_to_stop < 6, f"stopping took {capture.seconds_to_stop:.1f} s")
    check_same(sent, capture.of_kind("SERVER"), "SERVER spans in the file")
    check_equal(sum(count for reason, count in capture.dropped.items() if reason.startswith("otlp_")), 200, f"dropped {capture.dropped}")
