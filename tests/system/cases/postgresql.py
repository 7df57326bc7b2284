"""PostgreSQL: a real server with psycopg, asyncpg, psql and pgbench. Every statement that a client executed is one span at each end, in the
simple, the extended and the prepared form, and nothing of its values is in it."""
import json
import os
import pwd
import signal
import subprocess
from collections import Counter

from registry import case
from support import servers
from support.clients import GatedProcess
from support.tracer import Tracer, environment
from support.workspace import PROGRAMS, Skip, check, check_equal, free_port, require_program

from .redis import require_module
from .status import await_counts


def server_program(name):
    root = "/usr/lib/postgresql"
    versions = sorted(os.listdir(root), key=int) if os.path.isdir(root) else []
    for version in reversed(versions):
        path = os.path.join(root, version, "bin", name)
        if os.access(path, os.X_OK):
            return path
    raise Skip(f"{name} of PostgreSQL is not installed")


def postgresql_server(workspace):
    """The server refuses to run as root: then it is the user that its package made."""
    directory = workspace.path("data")
    os.mkdir(directory, 0o700)
    options = {"env": environment(LC_ALL="C.UTF-8"), "cwd": "/"}
    if os.geteuid() == 0:
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:
            raise Skip("no user postgres for the server to run as") from None
        os.chown(directory, user.pw_uid, user.pw_gid)

        def become():
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
        options["preexec_fn"] = become
    initdb = subprocess.run([server_program("initdb"), "-D", directory, "-U", "bob", "-A", "trust", "-E", "UTF8", "--no-sync"],
                            check=False, capture_output=True, text=True, **options)
    check_equal(initdb.returncode, 0, f"initdb ({initdb.stderr[-400:]})")
    port = free_port()
    argv = [server_program("postgres"), "-D", directory, "-p", str(port), "-c", "listen_addresses=127.0.0.1",
            "-c", f"unix_socket_directories={directory}", "-c", "fsync=off", "-c", "autovacuum=off"]
    return servers.listening(workspace, "postgres", port, argv, signal.SIGINT, **options)


def facts(span):
    attributes = span["attributes"]
    check_equal(attributes["db.system.name"], "postgresql", "db.system.name")
    check_equal(attributes.get("db.namespace"), "postgres", f"db.namespace of {span['name']}")
    return attributes.get("db.query.summary", ""), attributes.get("db.response.status_code")


def run_psql(port, *statements):
    argv = [require_program("psql"), "-X", "-h", "127.0.0.1", "-p", str(port), "-U", "bob", "-d", "postgres"]
    for statement in statements:
        argv += ["-c", statement]
    return argv


@case(timeout=180)
def postgresql_psycopg(workspace):
    """psycopg: both protocols, errors, prepared statements, a pipeline, COPY both ways, a cancelled query, a transaction."""
    require_module("psycopg")
    check_client(workspace, "postgresql_client.py")


@case(timeout=180)
def postgresql_asyncpg(workspace):
    """asyncpg: statements prepared once, many executions in one go, errors, a cursor in a transaction, a cancelled query."""
    require_module("asyncpg")
    check_client(workspace, "postgresql_asyncpg.py")


def check_client(workspace, program):
    server = postgresql_server(workspace)
    log = workspace.path("client.log")
    argv = [servers.DEBIAN_PYTHON, os.path.join(PROGRAMS, program), str(server.port), log]
    client = GatedProcess(workspace, "client", argv)
    tracer = Tracer.attach(workspace, [server.pid, client.pid], "--status-listen", "127.0.0.1:0")
    client.open().finish()
    with open(log, encoding="utf-8") as lines:
        expected = Counter((fact["summary"], fact["error"]) for fact in map(json.loads, lines))
    outcomes = Counter()
    for (_, error), count in expected.items():
        outcomes["postgresql", "postgres", error or "", error or ""] += count
    await_counts(tracer.facts["status"], "db_client_operation_duration_seconds",
                 ("db_system_name", "db_namespace", "db_response_status_code", "error_type"), outcomes)
    capture = tracer.finish(server)
    for kind in ("SERVER", "CLIENT"):
        spans = capture.of_kind(kind)
        check_equal(Counter(map(facts, spans)), expected, f"statements of {kind} spans")
        for span in spans:
            # Only what is longer than what is copied of a turn may lack a part, and says so.
            missing = span["attributes"].get("wirespan.incomplete")
            is_long = span["attributes"].get("db.query.text") == "SELECT length($1)"
            check(missing is None or (is_long and missing == "request_not_seen"), f"{span['name']} of kind {kind}: {missing}")
    check("SECRET-WORD" not in open(tracer.output, encoding="utf-8").read(), "a value reached the output")
    capture.check_nothing_lost()


@case(timeout=180)
def postgresql_tools(workspace):
    """psql, and pgbench by the simple, the extended and the prepared form over 4 connections each: seven statements a transaction."""
    server = postgresql_server(workspace)
    connection = ["-h", "127.0.0.1", "-p", str(server.port), "-U", "bob"]
    pgbench = require_program("pgbench")
    filled = subprocess.run([pgbench, *connection, "-i", "-q", "postgres"], check=False, capture_output=True, text=True)
    check_equal(filled.returncode, 0, f"pgbench -i ({filled.stderr[-300:]})")
    clients, transactions = 4, 50
    shell = GatedProcess(workspace, "psql", run_psql(server.port, "SELECT 'SECRET-WORD'", "BEGIN; SELECT count(*) FROM pgbench_history; COMMIT",
                                                     "SELECT * FROM nowhere"))
    loads = [GatedProcess(workspace, f"pgbench-{mode}", [pgbench, *connection, "-n", "-M", mode, "-c", str(clients), "-t", str(transactions), "postgres"])
             for mode in ("simple", "extended", "prepared")]
    tracer = Tracer.attach(workspace, [server.pid, shell.pid, *(load.pid for load in loads)])
    shell.open().finish(expected=1)
    for load in loads:
        load.open().finish()
    capture = tracer.finish(server)
    each = clients * transactions * len(loads)
    for kind in ("SERVER", "CLIENT"):
        spans = [facts(span) for span in capture.of_kind(kind)]
        counts = Counter(summary for summary, _ in spans)
        statements = ("BEGIN", "UPDATE pgbench_accounts", "SELECT pgbench_accounts", "UPDATE pgbench_tellers", "UPDATE pgbench_branches",
                      "INSERT pgbench_history", "END")
        check_equal({name: counts[name] for name in statements}, dict.fromkeys(statements, each), f"statements of {kind} spans")
        check_equal({name: counts[f"PREPARE {name}"] for name in statements}, dict.fromkeys(statements, clients), f"preparations of {kind} spans")
        check_equal(counts["BEGIN; SELECT pgbench_history; COMMIT"], 1, f"psql's statements of {kind} spans")
        check_equal(Counter(error for _, error in spans if error), Counter({"42P01": 1}), f"errors of {kind} spans")
        unknown = [span for span in capture.of_kind(kind) if "wirespan.unknown_statement" in span["attributes"]]
        check_equal(unknown, [], f"{kind} spans of unknown statements")
    check("SECRET-WORD" not in open(tracer.output, encoding="utf-8").read(), "a value reached the output")
    capture.check_nothing_lost()
