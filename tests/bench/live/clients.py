"""Clients that do what no load generator does."""
import socket

REQUEST = b"GET /short HTTP/1.1\r\nHost: bench.test\r\nUser-Agent: odd\r\n\r\n"


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def exchange(self, piece=None):
        """One request, in pieces of that many bytes, and its response."""
        for at in range(0, len(REQUEST), piece or len(REQUEST)):
            self.socket.sendall(REQUEST[at:at + (piece or len(REQUEST))])
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.more()
        head, _, body = answer.partition(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        while len(body) < length:
            body += self.more()
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"answered by {head[:60]}")

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise RuntimeError("the server closed a connection")
        return data

    def close(self):
        self.socket.close()


def each_once(connections):
    for connection in connections:
        connection.exchange()


def short_connections(port, count):
    for _ in range(count):
        connection = Connection(port)
        connection.exchange()
        connection.close()
