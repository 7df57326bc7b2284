"""An ordinary threaded Python HTTP service on http.server, with an exact log.

server.py --log FILE [--host A] [--file PATH]
Prints `listening PORT`. Answers
  /s/STATUS/ID   STATUS and a small body
  /chunked/ID    a chunked response of 2,011 bytes with a trailer; /long/ID one of 25,011 bytes
  /file/ID       the file of --file by sendfile(2)
  /slow/ID       headers, then a body that ends when the client closes its side (for tests that kill in mid-request)
  /upgrade/ID    101, then the connection echoes bytes
Log: peer port, method, target, user agent, body bytes, status.
"""
import argparse
import os
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

arguments = argparse.ArgumentParser()
arguments.add_argument("--log", required=True)
arguments.add_argument("--host", default="127.0.0.1")
arguments.add_argument("--file")
options = arguments.parse_args()
log = open(options.log, "w", buffering=1)
log_lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            total = 0
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                total += len(self.rfile.read(size))
                if size == 0:
                    while self.rfile.readline() not in (b"\r\n", b"\n", b""):
                        pass
                    return total
                self.rfile.readline()
        return len(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def answer(self):
        body = self.read_body()
        parts = self.path.split("/")
        fixed = {"chunked": 200, "long": 200, "file": 200, "slow": 200, "upgrade": 101}
        status = int(parts[2]) if parts[1] == "s" else fixed.get(parts[1], 404)
        with log_lock:  # before the answer: who has the answer may end this process at once
            log.write(f"{self.client_address[1]}\t{self.command}\t{self.path}\t{self.headers.get('User-Agent', '')}\t{body}\t{status}\n")
        answers = {"chunked": self.chunked, "long": lambda: self.chunked((1, 10, 5000, 20000)), "file": self.file, "slow": self.slow,
                   "upgrade": self.upgrade}
        answers.get(parts[1], lambda: self.plain(status))()

    def plain(self, status):
        text = (self.path + "\n").encode()
        self.send_response(status)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if status not in (204, 304) and self.command != "HEAD":
            self.wfile.write(text)

    def chunked(self, sizes=(1, 10, 2000)):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Trailer", "X-Sum")
        self.end_headers()
        for size in sizes:
            self.wfile.write(b"%x;note=1\r\n" % size + b"z" * size + b"\r\n")
        self.wfile.write(b"0\r\nX-Sum: %d\r\n\r\n" % sum(sizes))

    def file(self):
        size = os.path.getsize(options.file)
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.flush()
        with open(options.file, "rb") as source:
            sent = 0
            while sent < size:
                sent += os.sendfile(self.connection.fileno(), source.fileno(), sent, min(size - sent, 1 << 30))

    def slow(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(b"begun")
        self.wfile.flush()
        self.connection.recv(1)
        self.close_connection = True

    def upgrade(self):
        self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
        while data := self.connection.recv(65536):
            self.connection.sendall(data)
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = answer


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    address_family = socket.AF_INET6 if ":" in options.host else socket.AF_INET


with Server((options.host, 0), Handler) as server:
    print("listening", server.server_address[1], flush=True)
    try:
        server.serve_forever(poll_interval=0.05)
    except KeyboardInterrupt:
        sys.exit(0)
