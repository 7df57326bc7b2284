"""Capabilities: those that `doctor` names suffice, and each that is taken away is named by what it costs."""
import os
import re
import shutil
import subprocess

from registry import case
from support import servers
from support.clients import Load
from support.compare import check_same
from support.servers import DEBIAN_PYTHON
from support.tracer import Tracer, environment
from support.workspace import PROGRAMS, WIRESPAN, Failure, Skip, check, check_equal, require_program

AGENT_USER, OTHER_USER = 65534, 65533
NEEDED = ("CAP_BPF", "CAP_PERFMON")


def as_user(user, capabilities=()):
    """The prefix of a command: that user, with exactly these capabilities, in every set."""
    wanted = ",".join(["-all", *("+" + name.removeprefix("CAP_").lower() for name in capabilities)])
    return [require_program("setpriv"), "--reuid", str(user), "--regid", str(user), "--clear-groups", f"--bounding-set={wanted}",
            f"--inh-caps={wanted}", f"--ambient-caps={wanted}"]


def reachable(workspace, file, name):
    """A copy that every user may run: a build directory may be in somebody's home."""
    path = workspace.path(name)
    if not os.path.exists(path):
        shutil.copy(file, path)
        os.chmod(path, 0o755)
    return path


def writable(workspace, name):
    """A file of root's that every user may write."""
    path = workspace.write(name, "")
    os.chmod(path, 0o666)
    return path


class Doctor:
    """What `doctor` tells of a set of capabilities."""

    def __init__(self, workspace, capabilities):
        done = subprocess.run([*as_user(AGENT_USER, capabilities), reachable(workspace, WIRESPAN, "wirespan"), "doctor"], capture_output=True,
                              text=True, timeout=300, env=environment(), check=False, cwd="/")
        self.status, self.text = done.returncode, done.stdout
        rows = re.findall(r"^(CAP_[A-Z_]+) +(yes|NO)\b(.*)$", done.stdout, re.MULTILINE)
        self.held = {name: held == "yes" for name, held, _ in rows}
        self.has_uprobes = bool(re.search(r"^uprobes +yes", done.stdout, re.MULTILINE))

    def missing(self):
        return [name for name, held in self.held.items() if not held]


def named_by_doctor(workspace):
    if os.geteuid() != 0:
        raise Skip("only root can give capabilities away")
    doctor = Doctor(workspace, NEEDED)
    # Before 5.11 there is no start without the third.
    check_equal(doctor.status, int("CAP_SYS_RESOURCE" in doctor.held), f"exit status of doctor with {NEEDED} alone:\n{doctor.text}")
    check(all(doctor.held.get(name) for name in NEEDED), f"doctor does not name {NEEDED}:\n{doctor.text}")
    return list(doctor.held)


def start_servers(workspace):
    """One server of the agent's own user, two of another: (server, its name)."""
    started = []
    for user, name, argv in (
            (AGENT_USER, "own", [reachable(workspace, workspace.built("ws_test_server"), "ws_test_server"), "--log"]),
            (OTHER_USER, "go", [reachable(workspace, workspace.built("go_server"), "go_server")]),
            (OTHER_USER, "python", [DEBIAN_PYTHON, reachable(workspace, os.path.join(PROGRAMS, "server.py"), "server.py"), "--log"])):
        log = writable(workspace, f"{name}.log")
        process = workspace.start(name, [*as_user(user), *argv, log], env=environment(OTEL_SERVICE_NAME=f"named-{name}"))
        started.append(servers.Server(process, int(process.await_line("stdout", "listening", 60)), log))
    return started


def trace(workspace, capabilities):
    """The capture of 100 requests to each server, all of which must have their span; and what was said meanwhile."""
    targets = start_servers(workspace)
    writable(workspace, "spans.jsonl")
    tracer = Tracer.attach(workspace, [server.pid for server in targets], prefix=as_user(AGENT_USER, capabilities),
                           binary=reachable(workspace, WIRESPAN, "wirespan"), cwd="/")
    sent = []
    for number, server in enumerate(targets):
        sent += Load(workspace, server.port, name=f"load-{number}", connections=4, requests=100, seed=number + 1).finish()
    capture = tracer.finish(*targets)
    check_same(sent, capture.of_kind("SERVER"), f"SERVER spans with {capabilities}")
    capture.check_nothing_lost()
    capture.warnings = [line for line in capture.errors if "warning:" in line]
    capture.resources = {span["resource"]["process.pid"]: span["resource"] for span in capture.spans}
    capture.of = dict(zip(("own", "go", "python"), (capture.resources[server.pid] for server in targets)))
    return capture


@case(timeout=300)
def least_privileges(workspace):
    """A user that is not root, with the capabilities that doctor names and no other, traces servers of his own and of another user:
    nothing is lost, nothing is missing, nothing is complained of."""
    named = named_by_doctor(workspace)
    capture = trace(workspace, named)
    check_equal(capture.warnings, [], f"warnings with {named}")
    for name, resource in capture.of.items():
        check_equal(resource["service.name"], f"named-{name}", "service.name, which the server's environment has")
        check("process.executable.path" in resource, f"{name}: no path of its executable: {resource}")
    notes = capture.summary["assembly_notes"]
    check_equal((notes.get("runtimes_go"), notes.get("runtimes_python"), notes.get("probes_refused")), (1, 1, None), f"runtimes and probes: {notes}")


def check_poorer(workspace, named, without):
    """Spans are the same; one line says what is not, and doctor has said so before."""
    held = [name for name in named if name != without]
    doctor = Doctor(workspace, held)
    check_equal((doctor.status, doctor.missing()), (0, [without]), f"exit status of doctor, what it misses without {without}:\n{doctor.text}")
    capture = trace(workspace, held)
    check(len(capture.warnings) == 1 and without in capture.warnings[0], f"without {without}, not one line that names it: {capture.warnings}")
    return doctor, capture


@case(timeout=300)
def without_ptrace(workspace):
    """Without CAP_SYS_PTRACE a process of another user has no executable and no runtime; one's own has."""
    _, capture = check_poorer(workspace, named_by_doctor(workspace), "CAP_SYS_PTRACE")
    check_equal([name for name, resource in capture.of.items() if "process.executable.path" in resource], ["own"], "servers whose executable is known")
    check("runtimes_go" not in capture.summary["assembly_notes"], f"a runtime was found: {capture.summary['assembly_notes']}")


@case(timeout=300)
def without_read_search(workspace):
    """Without CAP_DAC_READ_SEARCH the environment of another user's process is not read, so that its service has another name."""
    _, capture = check_poorer(workspace, named_by_doctor(workspace), "CAP_DAC_READ_SEARCH")
    check_equal([name for name, resource in capture.of.items() if resource["service.name"] == f"named-{name}"], ["own"], "servers named by their environment")


@case(timeout=300)
def without_admin(workspace):
    """Where the kernel asks for CAP_SYS_ADMIN, uprobes are not there without it; links are made without."""
    named = named_by_doctor(workspace)
    if "CAP_SYS_ADMIN" not in named:
        raise Skip("this kernel lets uprobes be attached without CAP_SYS_ADMIN")
    doctor, capture = check_poorer(workspace, named, "CAP_SYS_ADMIN")
    check(not doctor.has_uprobes, f"doctor says that uprobes work:\n{doctor.text}")
    check_equal(capture.summary["assembly_notes"].get("probes_refused"), 2, "processes whose probes were refused")


@case(timeout=300)
def without_bpf_or_perfmon(workspace):
    """Without one of the two there is no start: exit code 1, and one line that names it; so does doctor."""
    named = named_by_doctor(workspace)
    target = workspace.start("target", ["/bin/sleep", "300"])
    for without in NEEDED:
        # CAP_SYS_ADMIN stands for both.
        held = [name for name in named if name not in (without, "CAP_SYS_ADMIN")]
        doctor = Doctor(workspace, held)
        check(doctor.status == 1 and f"lacks {without}" in doctor.text, f"doctor without {without}: exit status {doctor.status}\n{doctor.text}")
        tracer = Tracer(workspace, "attach", ["--pid", str(target.pid)], prefix=as_user(AGENT_USER, held), cwd="/",
                        binary=reachable(workspace, WIRESPAN, "wirespan"), output=os.path.basename(writable(workspace, "spans.jsonl")))
        try:
            tracer.await_ready()
        except Failure:
            lines = [line for line in tracer.process.lines("stderr") if line.strip()]
            status = tracer.process.wait(10)
            check(status == 1 and len(lines) == 1 and f"without {without};" in lines[0], f"without {without}: exit status {status}, {lines}")
        else:
            raise Failure(f"it started without {without}")
