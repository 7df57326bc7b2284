#!/usr/bin/env python3
"""The system tests' own parts, without a tracer: every server and client tells the truth, and the comparer misses nothing."""
import copy
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from support import servers  # noqa: E402
from support.clients import GatedProcess, Load, RawConnection, client_argv  # noqa: E402
from support.compare import Exchange, check_joined, check_logs_agree, differences, read_client_log  # noqa: E402
from support.workspace import Failure, Skip, Workspace  # noqa: E402


class WithWorkspace(unittest.TestCase):
    def setUp(self):
        self.workspace = Workspace("harness")
        self.addCleanup(self.workspace.close)

    def skip_or(self, function, *arguments):
        try:
            return function(*arguments)
        except Skip as reason:
            return self.skipTest(str(reason))


class Logs(WithWorkspace):
    def agree(self, server, **load):
        options = {"connections": 5, "requests": 120, "statuses": "200,404,503", "post_every": 4, "traceparent_every": 3, **load}
        sent = Load(self.workspace, server.port, **options).finish()
        self.assertEqual(len(sent), 120)
        check_logs_agree(sent, server.stop())

    def test_cpp_server(self):
        self.agree(self.skip_or(servers.cpp, self.workspace, "--threads", "2"))

    def test_cpp_server_pipelined(self):
        self.agree(self.skip_or(servers.cpp, self.workspace), depth=4)

    def test_python_server(self):
        self.agree(servers.python(self.workspace))

    def test_node_server(self):
        self.agree(self.skip_or(servers.node, self.workspace))

    def test_go_server(self):
        self.agree(self.skip_or(servers.go, self.workspace))

    def test_java_server(self):
        self.agree(self.skip_or(servers.java, self.workspace))

    def test_nginx(self):
        self.agree(self.skip_or(servers.nginx, self.workspace, 2), post_every=0)

    def test_apache(self):
        self.agree(self.skip_or(servers.apache, self.workspace), statuses="200,404,403", post_every=0)

    def test_haproxy(self):
        backend = self.skip_or(servers.cpp, self.workspace)
        proxy = self.skip_or(servers.haproxy, self.workspace, backend.port)
        sent = Load(self.workspace, proxy.port, connections=3, requests=60, statuses="200,404").finish()
        self.assertEqual(sorted(e.target for e in sent), sorted(e.target for e in backend.stop()))

    def test_odd_servers(self):
        for mode in ("dup", "pass", "exec", "fork"):
            with self.subTest(mode):
                server = servers.odd(self.workspace, mode)
                for _ in range(2):
                    with RawConnection(server.port) as connection:
                        for target in ("/s/200/a", "/exec/x" if mode == "exec" else "/s/404/x", "/s/200/b"):
                            connection.send(f"GET {target} HTTP/1.1\r\nHost: t\r\n\r\n")
                            self.assertIn(connection.response()[0], (200, 404))
                self.assertEqual(len(server.stop()), 6)
                os.remove(self.workspace.path("odd.log"))

    def test_clients(self):
        for name in ("python", "node", "go"):
            with self.subTest(name):
                server = self.skip_or(servers.cpp, self.workspace)
                log = self.workspace.path(f"{name}.client.log")
                try:
                    argv = client_argv(self.workspace, name, server.port, log, 40)
                except Skip as reason:
                    print(f"SKIP {name}: {reason}")
                    continue
                GatedProcess(self.workspace, name, argv).open().finish()
                check_logs_agree(read_client_log(log), server.stop())

    def test_unix_socket_and_hold(self):
        path = self.workspace.path("s")
        server = self.skip_or(servers.cpp, self.workspace, "--unix", path)
        sent = Load(self.workspace, unix=path, connections=3, requests=30, hold=True).go().finish()
        check_logs_agree(sent, server.stop())

    def test_unlimited_load_ends_with_its_input(self):
        server = self.skip_or(servers.cpp, self.workspace)
        load = Load(self.workspace, server.port, connections=3, requests=0, hold=True).go()
        sent = load.finish()
        check_logs_agree(sent, server.stop())


def span_of(exchange, number):
    return {"trace_id": exchange.trace_id or f"{number:032x}", "span_id": f"{number:016x}", "parent_span_id": "", "kind": "SERVER", "start_ns": 1,
            "end_ns": 2, "attributes": {"url.path": exchange.target, "http.request.method": exchange.method, "network.peer.port": exchange.port,
                                        "http.response.status_code": exchange.status, "user_agent.original": exchange.agent}}


class Comparer(unittest.TestCase):
    def setUp(self):
        self.log = [Exchange(1000 + n, "GET", f"/s/200/{n}", f"agent/{n}", f"{n + 1:032x}", 200) for n in range(10)]
        self.spans = [span_of(exchange, number) for number, exchange in enumerate(self.log)]

    def found(self, spans):
        return "\n".join(differences(self.log, spans))

    def test_the_same_is_the_same(self):
        self.assertEqual(self.found(self.spans), "")

    def test_missing(self):
        self.assertIn("1 missing", self.found(self.spans[1:]))

    def test_doubled(self):
        self.assertIn("1 doubled", self.found(self.spans + self.spans[:1]))

    def test_unknown(self):
        self.spans[3]["attributes"]["url.path"] = "/elsewhere"
        self.assertIn("1 not in the log", self.found(self.spans))

    def test_each_wrong_field(self):
        for key, value in (("http.response.status_code", 404), ("http.request.method", "POST"), ("user_agent.original", "agent/7"),
                           ("network.peer.port", 1), ("http.response.status_code", None)):
            with self.subTest(key):
                spans = copy.deepcopy(self.spans)
                spans[5]["attributes"][key] = value
                self.assertIn(key, self.found(spans))

    def test_wrong_trace(self):
        self.spans[2]["trace_id"] = "f" * 32
        self.assertIn("trace_id", self.found(self.spans))

    def test_swapped_connections(self):
        left, right = self.spans[0]["attributes"], self.spans[1]["attributes"]
        left["network.peer.port"], right["network.peer.port"] = right["network.peer.port"], left["network.peer.port"]
        self.assertEqual(len(differences(self.log, self.spans)), 2)

    def test_time_runs_backwards(self):
        self.spans[4]["end_ns"] = 0
        self.assertIn("ends before it starts", self.found(self.spans))

    def test_logs_that_differ(self):
        with self.assertRaises(Failure):
            check_logs_agree(self.log, self.log[1:] + self.log[1:2])

    def test_join_needs_parent_and_evidence(self):
        client = {**span_of(self.log[0], 50), "kind": "CLIENT"}
        server = {**span_of(self.log[0], 51), "parent_span_id": client["span_id"], "link": {"evidence": "same-connection", "confidence": "exact"}}
        check_joined([client, server])
        for change in ({"parent_span_id": "0" * 16}, {"link": {"evidence": "backward", "confidence": "exact"}}, {"trace_id": "1" * 32}):
            with self.assertRaises(Failure):
                check_joined([client, {**server, **change}])
        with self.assertRaises(Failure):
            check_joined([client])


class RunCase(unittest.TestCase):
    def test_unknown_case_is_refused(self):
        runner = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run.py")
        done = subprocess.run([sys.executable, runner, "no_such_case"], capture_output=True, check=False)
        self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    unittest.main()
