"""Servers that do what file descriptors allow: what a tracer must follow by the socket, not by the descriptor.

odd_server.py --log FILE --mode dup|pass|exec|fork
  dup   every accepted descriptor is duplicated, the first one closed; requests are read from one copy, answered on another
  pass  the parent accepts, a child that it forked before gets the connection by SCM_RIGHTS and serves it
  exec  /exec/ID is answered, then the process execs itself and goes on with the same listening socket and connection
  fork  every connection is served by a child of its own
Prints `listening PORT`. Serves connections one after another. Log: as server.py.
"""
import argparse
import os
import signal
import socket
import sys

arguments = argparse.ArgumentParser()
arguments.add_argument("--log", required=True)
arguments.add_argument("--mode", choices=["dup", "pass", "exec", "fork"], required=True)
arguments.add_argument("--inherited", nargs=2, type=int, metavar=("LISTENER", "CONNECTION"))
options = arguments.parse_args()
log = open(options.log, "a", buffering=1)


def read_request(connection, buffer):
    while b"\r\n\r\n" not in buffer:
        data = connection.recv(65536)
        if not data:
            return None, buffer
        buffer += data
    head, _, rest = buffer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
    return (lines[0].split(" "), fields), rest


def serve(connection, listener, writer=None):
    writer = writer or connection
    peer = connection.getpeername()[1]
    buffer = b""
    while True:
        request, buffer = read_request(connection, buffer)
        if request is None:
            return
        (method, target, _), fields = request
        status = int(target.split("/")[2]) if target.startswith("/s/") else 200
        body = (target + "\n").encode()
        log.write(f"{peer}\t{method}\t{target}\t{fields.get('user-agent', '')}\t0\t{status}\n")
        writer.sendall(b"HTTP/1.1 %d Status\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
        if target.startswith("/exec/"):
            log.close()
            for part in (listener, connection):
                part.set_inheritable(True)
            os.execv(sys.executable, [sys.executable, __file__, "--log", options.log, "--mode", "exec",
                                      "--inherited", str(listener.fileno()), str(connection.fileno())])


def serve_passed(channel):
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
        if not message:
            return
        with socket.socket(fileno=descriptors[0]) as connection:
            serve(connection, None)


def main():
    if options.inherited:
        listener = socket.socket(fileno=options.inherited[0])
        with socket.socket(fileno=options.inherited[1]) as connection:
            serve(connection, listener)
    else:
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        channel = None
        if options.mode == "pass":
            channel, far = socket.socketpair()
            if os.fork() == 0:
                channel.close()
                listener.close()
                serve_passed(far)
                os._exit(0)
            far.close()
        print("listening", listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        if options.mode == "pass":
            socket.send_fds(channel, [b"c"], [connection.fileno()])
            connection.close()
        elif options.mode == "fork":
            if os.fork() == 0:
                serve(connection, listener)
                os._exit(0)
            connection.close()
        elif options.mode == "dup":
            reader, writer = connection.dup(), connection.dup()
            connection.close()
            with reader, writer:
                serve(reader, listener, writer)
        else:
            with connection:
                serve(connection, listener)


signal.signal(signal.SIGCHLD, signal.SIG_IGN)
main()
