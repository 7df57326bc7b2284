"""A WSGI service of the zoo (gunicorn): two calls for every request. ZOO_BACKEND=PORT, ZOO_MODE=new|pool."""
import http.client
import os
import queue
import urllib.request

BACKEND, MODE = int(os.environ["ZOO_BACKEND"]), os.environ["ZOO_MODE"]
POOL = queue.LifoQueue()


def call(truth):
    if MODE == "new":
        request = urllib.request.Request(f"http://127.0.0.1:{BACKEND}/b", headers={"X-Gt": truth})
        with urllib.request.urlopen(request, timeout=20) as response:
            response.read()
        return
    try:
        connection = POOL.get_nowait()
    except queue.Empty:
        connection = http.client.HTTPConnection("127.0.0.1", BACKEND, timeout=20)
    connection.request("GET", "/b", headers={"X-Gt": truth})
    connection.getresponse().read()
    POOL.put(connection)


def application(environ, start_response):
    for number in range(2):
        call(f"{environ['HTTP_X_GT']}/{number}")
    start_response("200 OK", [("Content-Length", "3")])
    return [b"ok\n"]
