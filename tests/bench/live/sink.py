#!/usr/bin/env python3
"""An OTLP/HTTP receiver that costs as little as it can: takes every request, keeps the bodies of traces as they came, answers 200.

sink.py FILE     FILE gets [u8 is gzip][u32 length][body] for each; the first line of standard output is the port. What is in the
                 bodies is counted afterwards, by spans.py.
"""
import socket
import struct
import sys
import threading


def read_head(stream):
    """The request line's target and the fields, in lower case; None at the end of the connection."""
    line = stream.readline(65536)
    if not line:
        return None, {}
    target, fields = line.split()[1], {}
    while True:
        line = stream.readline(65536).strip()
        if not line:
            return target, fields
        name, _, value = line.partition(b":")
        fields[name.strip().lower()] = value.strip().lower()


def read_chunks(stream):
    body = bytearray()
    while True:
        size = int(stream.readline(1024).split(b";")[0], 16)
        body += stream.read(size)
        stream.readline(1024)
        if size == 0:
            return bytes(body)


def serve(connection, file, lock):
    with connection, connection.makefile("rb") as stream:
        while True:
            target, fields = read_head(stream)
            if target is None:
                return
            if fields.get(b"expect") == b"100-continue":
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            if fields.get(b"transfer-encoding") == b"chunked":
                body = read_chunks(stream)
            else:
                body = stream.read(int(fields.get(b"content-length", 0)))
            if target.endswith(b"/v1/traces"):
                with lock:
                    file.write(struct.pack("<BI", fields.get(b"content-encoding") == b"gzip", len(body)) + body)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n")


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)
    lock = threading.Lock()
    with open(sys.argv[1], "wb", buffering=0) as file:
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(connection, file, lock), daemon=True).start()


main()
