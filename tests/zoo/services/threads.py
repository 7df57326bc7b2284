"""A service of the zoo: a thread per connection, two calls for every request, over new connections or a pool.
threads.py BACKEND_PORT new|pool|faults"""
import http.client
import queue
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BACKEND, MODE = int(sys.argv[1]), sys.argv[2]
POOL = queue.LifoQueue()


def new(path, truth):
    request = urllib.request.Request(f"http://127.0.0.1:{BACKEND}{path}", headers={"X-Gt": truth})
    with urllib.request.urlopen(request, timeout=0.04 if path.endswith("/slow") else 20) as response:
        response.read()


def pooled(path, truth):
    try:
        connection = POOL.get_nowait()
    except queue.Empty:
        connection = http.client.HTTPConnection("127.0.0.1", BACKEND, timeout=20)
    connection.request("GET", path, headers={"X-Gt": truth})
    connection.getresponse().read()
    POOL.put(connection)


def faults(truth):
    """Fails, takes too long, is cut off; then a call that works."""
    for number, path in enumerate(("/b/error", "/b/slow", "/b/reset", "/b")):
        try:
            new(path, f"{truth}/{number}")
        except (urllib.error.URLError, OSError, http.client.HTTPException):
            pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self):
        truth = self.headers["X-Gt"]
        if MODE == "faults":
            faults(truth)
        else:
            for number in range(2):
                (pooled if MODE == "pool" else new)("/b", f"{truth}/{number}")
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")
        self.wfile.flush()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


server = Server(("127.0.0.1", 0), Handler)
print("listening", server.server_address[1], flush=True)
server.serve_forever()
