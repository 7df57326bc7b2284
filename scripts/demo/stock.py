"""The demo's stock service: ordinary Python, a thread per connection. GET /stock/N looks up the price of N at the price service.

stock.py PRICES_PORT: prints `listening PORT`. Every 50th item is out of stock (503), as in life.
"""
import http.client
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PRICES_PORT = int(sys.argv[1])
local = threading.local()


def price_of(item):
    """Asks over this thread's own kept connection; opens it again should the other side have closed it."""
    for attempt in (1, 2):
        connection = getattr(local, "connection", None) or http.client.HTTPConnection("127.0.0.1", PRICES_PORT, timeout=10)
        local.connection = connection
        try:
            connection.request("GET", f"/price/{item}")
            response = connection.getresponse()
            return response.status, response.read()
        except (http.client.HTTPException, OSError):
            connection.close()
            local.connection = None
            if attempt == 2:
                raise
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        item = self.path.rsplit("/", 1)[1]
        status, body = 503, b'"out of stock"'
        if not item.isdigit() or int(item) % 50 != 49:
            status, price = price_of(item)
            body = json.dumps({"item": item, "price": price.decode().strip()}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


with Server(("127.0.0.1", 0), Handler) as server:
    print("listening", server.server_address[1], flush=True)
    server.serve_forever()
