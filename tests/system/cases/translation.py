"""Address translation between client and server: three network namespaces of the test's own, the middle one translates both addresses."""
import os
import subprocess

from registry import case
from support import servers
from support.compare import check_joined, check_logs_agree, read_client_log
from support.tracer import Tracer
from support.workspace import Skip, check_equal, require_program

RULES = """
table ip nat {{
  chain before {{ type nat hook prerouting priority -100; tcp dport 8080 dnat to 10.98.2.2:{port}; }}
  chain after {{ type nat hook postrouting priority 100; oifname "s" masquerade; }}
}}
"""


class Translator:
    """Namespaces client, router, server; client 10.98.1.2 reaches the server's 10.98.2.2 as 10.98.1.1:8080 and is seen as 10.98.2.1."""

    def __init__(self, workspace):
        for program in ("ip", "nft"):
            require_program(program)
        self.client, self.router, self.server = (f"wirespan-{os.getpid()}-{name}" for name in ("c", "r", "s"))
        made = []
        workspace.at_end(lambda: [subprocess.run(["ip", "netns", "del", name], check=False) for name in made])
        for name in (self.client, self.router, self.server):
            self._run(["ip", "netns", "add", name])
            made.append(name)
        self._link("c", self.client, "10.98.1")
        self._link("s", self.server, "10.98.2")
        self._in(self.router, ["sysctl", "-qw", "net.ipv4.ip_forward=1"])

    def translate(self, port):
        self._in(self.router, ["nft", "-f", "-"], RULES.format(port=port))

    def _link(self, name, end, network):
        self._run(["ip", "-n", self.router, "link", "add", name, "type", "veth", "peer", "name", "e", "netns", end])
        self._run(["ip", "-n", self.router, "addr", "add", f"{network}.1/24", "dev", name])
        self._run(["ip", "-n", end, "addr", "add", f"{network}.2/24", "dev", "e"])
        self._run(["ip", "-n", self.router, "link", "set", name, "up"])
        self._run(["ip", "-n", end, "link", "set", "e", "up"])
        self._run(["ip", "-n", end, "route", "add", "default", "via", f"{network}.1"])

    def _in(self, namespace, argv, text=None):
        self._run(["ip", "netns", "exec", namespace, *argv], text)

    @staticmethod
    def _run(argv, text=None):
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Skip(f"{' '.join(argv[:4])}: {done.stderr.strip()[-200:]}")


@case()
def join_through_address_translation(workspace):
    """Both addresses and ports differ at the two ends; every server span still has its client span as parent, and none a wrong one."""
    translator = Translator(workspace)
    log = workspace.path("server.log")
    process = workspace.start("server", ["ip", "netns", "exec", translator.server, workspace.built("ws_test_server"), "--log", log,
                                         "--host", "10.98.2.2"])
    server = servers.Server(process, int(process.await_line("stdout", "listening")), log)
    translator.translate(server.port)
    sent_log = workspace.path("load.log")
    load = workspace.start("load", ["ip", "netns", "exec", translator.client, workspace.built("ws_test_load"), "--log", sent_log,
                                    "--host", "10.98.1.1", "--port", "8080", "--connections", "20", "--requests", "1000", "--hold"],
                           stdin=subprocess.PIPE)
    load.await_line("stdout", "connected")
    tracer = Tracer.attach(workspace, [server.pid, load.pid])
    load.popen.stdin.write(b"go\n")
    load.popen.stdin.close()
    check_equal(load.wait(60), 0, "exit status of the load")
    capture = tracer.finish(server)
    check_logs_agree([e._replace(port=None) for e in read_client_log(sent_log)], [e._replace(port=None) for e in server.log()])

    check_equal((len(capture.of_kind("CLIENT")), len(capture.of_kind("SERVER"))), (1000, 1000), "spans")
    check_joined(capture.spans)
    for span in capture.spans:
        own, peer = ("10.98.1.2", "10.98.1.1") if span["kind"].upper() == "CLIENT" else ("10.98.2.2", "10.98.2.1")
        seen = (span["attributes"]["network.local.address"], span["attributes"]["network.peer.address"])
        check_equal(seen, (own, peer), "addresses, translated between the ends")
    capture.check_nothing_lost()
