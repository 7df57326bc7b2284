"""A service whose answers the test lets go: late_relay.py BACKEND_PORT. GET /wait/K makes a call to the backend, on a thread of its
own, and is answered once GET /go/K came. Prints `listening PORT`.
"""
import http.client
import sys
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BACKEND = int(sys.argv[1])
GO = defaultdict(threading.Event)
LOCK = threading.Lock()


def event(name):
    with LOCK:
        return GO[name]


def call(path):
    connection = http.client.HTTPConnection("127.0.0.1", BACKEND, timeout=20)
    connection.request("GET", path)
    connection.getresponse().read()
    connection.close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        _, word, name = self.path.split("/")
        if word == "wait":
            threading.Thread(target=call, args=(f"/s/200/{name}",), daemon=True).start()
            event(name).wait()
        else:
            event(name).set()
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print("listening", server.server_address[1], flush=True)
server.serve_forever()
