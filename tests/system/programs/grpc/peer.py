"""A gRPC server, and a client that logs what each of its calls came to: grpcio (the C core), without generated code.

    peer.py server                                      says `listening PORT`; ends with its standard input
    peer.py client PORT LOG ROUNDS CONCURRENCY [early]  waits for a line on standard input, then calls every behaviour ROUNDS times;
                                                        with `early`, the connection is made, and used for a call, before

A method's name is its behaviour, a dash and the call's number: the server does what the first part says. One line of the log for
each call: {"method": "lab.Echo/Unary-3", "status": "OK"}. tests/system/programs/grpc/go/main.go is the same in Go.
"""
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc

MESSAGES = 5
BODY = b"m" * 1000
DEADLINE_S = 0.3
LONG_S = 60


def upload(requests, _context):
    return str(sum(len(request) for request in requests)).encode()


def refuse(code):
    def handler(_request, context):
        context.abort(code, "as asked")
    return handler


def download(_request, _context):
    for _ in range(MESSAGES):
        yield BODY


def chat(requests, _context):
    yield from requests


def refuse_late(_request, context):
    yield BODY
    context.abort(grpc.StatusCode.ABORTED, "after a message")


def endless(_request, context):
    """One message, and then nothing until the client goes."""
    over = threading.Event()
    context.add_callback(over.set)
    yield BODY
    over.wait(LONG_S)


def slow(_request, context):
    over = threading.Event()
    context.add_callback(over.set)
    over.wait(LONG_S)
    return b""


HANDLERS = {
    "Unary": grpc.unary_unary_rpc_method_handler(lambda request, _context: request),
    "NotFound": grpc.unary_unary_rpc_method_handler(refuse(grpc.StatusCode.NOT_FOUND)),
    "Internal": grpc.unary_unary_rpc_method_handler(refuse(grpc.StatusCode.INTERNAL)),
    "Download": grpc.unary_stream_rpc_method_handler(download),
    "Upload": grpc.stream_unary_rpc_method_handler(upload),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
    "Late": grpc.unary_stream_rpc_method_handler(refuse_late),
    "Endless": grpc.unary_stream_rpc_method_handler(endless),
    "Slow": grpc.unary_unary_rpc_method_handler(slow),
}


class Echo(grpc.GenericRpcHandler):
    def service(self, handler_call_details):
        name = handler_call_details.method.rsplit("/", 1)[1]
        return HANDLERS.get(name.split("-", 1)[0])


def serve():
    server = grpc.server(ThreadPoolExecutor(256), handlers=(Echo(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print("listening", port, flush=True)
    sys.stdin.read()
    server.stop(None).wait()


def requests():
    for _ in range(MESSAGES):
        yield BODY


def call(channel, behaviour, path):
    """Raises grpc.RpcError for every status but OK."""
    if behaviour in ("Download", "Late"):
        for _ in channel.unary_stream(path)(BODY):
            pass
    elif behaviour == "Upload":
        channel.stream_unary(path)(requests())
    elif behaviour == "Chat":
        for _ in channel.stream_stream(path)(requests()):
            pass
    elif behaviour == "Endless":
        responses = channel.unary_stream(path)(BODY)
        next(responses)
        responses.cancel()
        next(responses)
    elif behaviour == "Slow":
        channel.unary_unary(path)(BODY, timeout=DEADLINE_S)
    else:
        channel.unary_unary(path)(BODY)


def run_client(port, log_path, rounds, concurrency, is_early):
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    behaviours = [*HANDLERS, "Missing"]
    if is_early:
        call(channel, "Unary", f"/lab.Echo/Unary-{rounds * len(behaviours)}")
    print("ready", flush=True)
    sys.stdin.readline()
    grpc.channel_ready_future(channel).result()  # a deadline is not to pass before the call is sent

    def logged(number):
        behaviour = behaviours[number % len(behaviours)]
        method = f"lab.Echo/{behaviour}-{number}"
        try:
            call(channel, behaviour, "/" + method)
            status = "OK"
        except grpc.RpcError as error:
            status = error.code().name
        return {"method": method, "status": status}

    with ThreadPoolExecutor(concurrency) as pool, open(log_path, "w", encoding="ascii") as log:
        for row in pool.map(logged, range(rounds * len(behaviours))):
            log.write(json.dumps(row) + "\n")
    channel.close()


if sys.argv[1] == "server":
    serve()
else:
    run_client(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), "early" in sys.argv)
