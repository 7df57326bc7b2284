"""A gRPC server and the unary calls that load it (tests/system/programs/grpc/peer.cc)."""
import subprocess

from live import processes


class GrpcServer:
    def __init__(self, binary):
        self.binary = binary
        self.process = processes.start([binary, "server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid, self.port = self.process.pid, self.process.stdout.readline().split()[1]

    def load(self, calls, concurrency):
        """Processor time of the server for each call. A call that fails is ours."""
        before = processes.cpu_ns(self.pid)
        subprocess.run([self.binary, "load", self.port, str(calls), str(concurrency)], check=True, stdin=subprocess.DEVNULL)
        return (processes.cpu_ns(self.pid) - before) / calls

    def end(self):
        self.process.stdin.close()
        if self.process.wait(60) != 0:
            raise RuntimeError(f"the gRPC server ended with {self.process.returncode}")
