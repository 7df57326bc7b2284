"""Redis: a real server with redis-py, redis-rb, redis-cli and redis-benchmark. Every command that a client sent, or the server counted, is one
span at each end, whatever it was sent together with, and nothing of its values is in it."""
import json
import os
from collections import Counter

from registry import case
from support import servers
from support.clients import GatedProcess, RawConnection
from support.tracer import Tracer
from support.workspace import PROGRAMS, Failure, Skip, check, check_equal, free_port, require_program

from .status import await_counts


def redis_server(workspace):
    port = free_port()
    argv = [require_program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", workspace.directory, "--daemonize", "no"]
    return servers.listening(workspace, "redis-server", port, argv)


def require_module(name):
    if os.spawnv(os.P_WAIT, servers.DEBIAN_PYTHON, [servers.DEBIAN_PYTHON, "-c", f"import {name}"]) != 0:
        raise Skip(f"{name} for {servers.DEBIAN_PYTHON} is not installed")


def facts(span):
    attributes = span["attributes"]
    check_equal(attributes["db.system.name"], "redis", "db.system.name")
    # Only a command of more arguments than are copied of a turn may lack some, and says so.
    missing = attributes.get("wirespan.incomplete")
    check(missing is None or (missing == "request_not_seen" and attributes["db.query.text"].startswith("RPUSH list ?")),
          f"{attributes.get('db.query.text')}: {missing}")
    return attributes["db.operation.name"], attributes.get("db.namespace"), attributes.get("db.response.status_code")


def expected_of(path):
    """(operation, database, error) of every command of the log, as spans say them."""
    commands, errors, messages = [], [], 0
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            fact = json.loads(line)
            if "command" in fact:
                commands.append((fact["command"], fact["database"]))
            messages += "message" in fact
            errors += [fact["error"]] if "error" in fact else []
    return commands, errors, messages


@case()
def redis_py(workspace):
    """redis-py: plain commands, errors, values and lists beyond what is copied, a pipeline, transactions, publish and subscribe, another
    database."""
    require_module("redis")
    check_client(workspace, [servers.DEBIAN_PYTHON, os.path.join(PROGRAMS, "redis_client.py")])


@case()
def redis_rb(workspace):
    """The same of redis-rb."""
    ruby = "/usr/bin/ruby"  # which has the modules of Debian's packages
    if not os.path.exists(ruby) or os.spawnv(os.P_WAIT, ruby, [ruby, "-e", "require 'redis'"]) != 0:
        raise Skip("redis for /usr/bin/ruby is not installed")
    check_client(workspace, [ruby, os.path.join(PROGRAMS, "redis_client.rb")])


def check_client(workspace, argv):
    server = redis_server(workspace)
    log = workspace.path("client.log")
    client = GatedProcess(workspace, "client", [*argv, str(server.port), log])
    tracer = Tracer.attach(workspace, [server.pid, client.pid])
    client.open().finish()
    capture = tracer.finish(server)
    commands, errors, messages = expected_of(log)
    check_equal(messages, 5, "messages that the client got")
    # EXEC is told as what it executes: once three INCRBY, once a SET and a GET.
    operations = Counter(name for name, _ in commands)
    check_equal(operations.pop("EXEC"), 2, "EXEC")
    operations.update({"MULTI INCRBY": 1, "MULTI": 1})
    for kind in ("SERVER", "CLIENT"):
        spans = [facts(span) for span in capture.of_kind(kind)]
        check_equal(Counter(name.upper() for name, _, _ in spans), operations, f"operations of {kind} spans")
        check_equal(Counter(error for _, _, error in spans if error), Counter(errors), f"errors of {kind} spans")
        in_database = sum(1 for name, database in commands if database == 3 and name != "SELECT")
        check_equal(Counter(database for _, database, _ in spans if database), Counter({"3": in_database}), f"databases of {kind} spans")
    texts = {span["attributes"]["db.query.text"] for span in capture.spans}
    texts |= {name.upper() + space + rest for name, space, rest in (text.partition(" ") for text in texts)}  # as one library sends them
    for text in ("SET greeting ?", "HSET user:1 name ? age ?", "MSET a ? b ?", "EVAL ? 1 a ?", "SUBSCRIBE news jobs", "PUBLISH news ?",
                 "LRANGE list 0 -1", "FROBNICATE ?"):
        check(text in texts, f"no span says {text!r}: {sorted(texts)[:60]}")
    below = {span["span_id"]: span for span in capture.of_kind("CLIENT")}
    for span in capture.of_kind("SERVER"):
        parent = below.get(span["parent_span_id"])
        check(parent and parent["attributes"]["db.query.text"] == span["attributes"]["db.query.text"],
              f"{span['attributes']['db.query.text']}: the server's span is not below its client's")
    check("SECRET-WORD" not in open(tracer.output, encoding="utf-8").read(), "a value reached the output")
    capture.check_nothing_lost()


def command_counts(port):
    """What the server itself counted, by command."""
    with RawConnection(port) as connection:
        connection.send("*2\r\n$4\r\nINFO\r\n$12\r\ncommandstats\r\n")
        text = b""
        while not text.endswith(b"\r\n\r\n") and not text.startswith(b"-"):
            part = connection.socket.recv(1 << 16)
            if not part:
                raise Failure("redis-server closed")
            text += part
    counts = Counter()
    for line in text.decode().split():
        if line.startswith("cmdstat_"):
            name, _, rest = line[len("cmdstat_"):].partition(":")
            counts[name.split("|")[0]] += int(rest.split("calls=")[1].split(",")[0])
    return counts


@case()
def redis_tools(workspace):
    """redis-cli, and redis-benchmark with 16 commands at a time over 10 connections: as many spans as the server counted commands, and
    as many measurements of the clients'."""
    server = redis_server(workspace)
    port = str(server.port)
    cli = GatedProcess(workspace, "redis-cli", [require_program("redis-cli"), "-p", port, "-r", "7", "incr", "counter"])
    load = GatedProcess(workspace, "redis-benchmark", [require_program("redis-benchmark"), "-p", port, "-n", "4000", "-c", "10", "-P", "16",
                                                       "-t", "set,get,lpush", "-q"])
    tracer = Tracer.attach(workspace, [server.pid, cli.pid, load.pid], "--status-listen", "127.0.0.1:0")
    cli.open().finish()
    load.open().finish()
    counted = command_counts(server.port)
    del counted["info"]
    await_counts(tracer.facts["status"], "db_client_operation_duration_seconds", ("db_system_name", "db_operation_name", "server_port"),
                 Counter({("redis", name, port): count for name, count in counted.items()}), folded=True)
    capture = tracer.finish(server)
    check_equal((counted["set"], counted["get"], counted["incr"]), (4000, 4000, 7), "commands that the server counted")
    for kind in ("SERVER", "CLIENT"):
        operations = Counter(facts(span)[0].lower() for span in capture.of_kind(kind))
        del operations["info"]
        check_equal(operations, counted, f"operations of {kind} spans")
    capture.check_nothing_lost()
