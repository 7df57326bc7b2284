"""The clients of the soak. Every request has a number of its own in its path, /s/200/NUMBER; what became of it is kept by number."""
import random
import re
import socket
import subprocess
import threading

TEXT = "GET /s/200/{number} HTTP/1.1\r\nHost: soak.test\r\nUser-Agent: soak\r\n\r\n"
UNSENT, UNSURE, ANSWERED = 0, 1, 2


class Book:
    """What became of each request. UNSURE: sent, at least in part, and not answered whole: it may or may not have a span."""

    def __init__(self):
        self._lock = threading.Lock()
        self.fate = bytearray()
        self.connections = 0
        self.http2 = {"answered": 0, "unsure": 0}

    def begin(self):
        with self._lock:
            self.fate.append(UNSURE)
            return len(self.fate) - 1

    def answered(self, number):
        self.fate[number] = ANSWERED

    def connected(self):
        with self._lock:
            self.connections += 1

    def count(self, fate):
        return self.fate.count(fate)


class Connection:
    def __init__(self, book, instance, over_unix):
        if over_unix:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(60)
            self.socket.connect(instance.unix_path)
        else:
            self.socket = socket.create_connection(("127.0.0.1", instance.port), timeout=60)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.book, self.buffer = book, b""
        book.connected()

    def exchange(self, count):
        """`count` requests at once, then their responses."""
        numbers = [self.book.begin() for _ in range(count)]
        self.socket.sendall("".join(TEXT.format(number=number) for number in numbers).encode())
        for number in numbers:
            self.response()
            self.book.answered(number)

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed")
        self.buffer += data

    def _until(self, mark):
        while mark not in self.buffer:
            self._more()
        part, _, self.buffer = self.buffer.partition(mark)
        return part

    def _take(self, size):
        while len(self.buffer) < size:
            self._more()
        self.buffer = self.buffer[size:]

    def response(self):
        head = self._until(b"\r\n\r\n").lower()
        if not head.startswith(b"http/1.1 200"):
            raise ConnectionError(f"answered by {head[:40]}")
        if b"transfer-encoding: chunked" in head:
            while size := int(self._until(b"\r\n"), 16):
                self._take(size + 2)
            self._take(2)
        else:
            self._take(int(re.search(rb"content-length: *(\d+)", head).group(1)))

    def close(self):
        self.socket.close()


def keep_alive(connection):
    for _ in range(random.randint(20, 200)):
        connection.exchange(1)


def short(connection):
    connection.exchange(1)


def pipelined(connection):
    for _ in range(random.randint(1, 10)):
        connection.exchange(random.randint(2, 6))


def aborted(connection):
    """A part of a request, or a whole one whose answer is not awaited."""
    text = TEXT.format(number=connection.book.begin()).encode()
    connection.socket.sendall(text[:random.choice((len(text), len(text) // 2, 4))])


def idle(connection):
    connection.exchange(1)
    connection.socket.settimeout(random.uniform(0.5, 3))
    try:
        connection.socket.recv(1)  # nothing comes but the end
    except TimeoutError:
        pass


class Client(threading.Thread):
    """One behaviour against one service, connection after connection, until it is stopped."""

    def __init__(self, book, service, behaviour, over_unix=False):
        super().__init__(name=f"{service.name}-{behaviour.__name__}", daemon=True)
        self.book, self.service, self.behaviour, self.over_unix = book, service, behaviour, over_unix
        self._stopping = threading.Event()

    def run(self):
        while not self._stopping.wait(random.uniform(0.01, 0.1)):
            instance = self.service.current
            if instance is None:
                continue
            connection = None
            try:
                connection = Connection(self.book, instance, self.over_unix)
                self.behaviour(connection)
            except OSError:
                pass  # the service ended meanwhile: what was open stays UNSURE
            finally:
                if connection:
                    connection.close()

    def stop(self):
        self._stopping.set()


class Http2Client(threading.Thread):
    """h2load: clear HTTP/2 with prior knowledge, several streams at once; its requests have one path, /h2."""

    def __init__(self, book, service, h2load):
        super().__init__(name="http2", daemon=True)
        self.book, self.service, self.h2load = book, service, h2load
        self._stopping = threading.Event()

    def run(self):
        while not self._stopping.wait(random.uniform(0.5, 2)):
            instance = self.service.current
            if instance is None or instance.http2_port is None:
                continue
            count = random.randint(10, 200)
            done = subprocess.run([self.h2load, "-n", str(count), "-c", "2", "-m", "8", f"http://127.0.0.1:{instance.http2_port}/h2"],
                                  capture_output=True, text=True, timeout=300, check=False)
            told = re.search(r"(\d+) succeeded", done.stdout)
            succeeded = int(told.group(1)) if told else 0
            self.book.http2["answered"] += succeeded
            self.book.http2["unsure"] += count - succeeded

    def stop(self):
        self._stopping.set()


def every_client(book, services, h2load):
    clients = []
    for name, service in services.items():
        for behaviour in (keep_alive, short, aborted, idle):
            clients.append(Client(book, service, behaviour))
        if name in ("nginx", "node", "go", "cpp"):
            clients.append(Client(book, service, pipelined))
    if "nginx" in services:
        clients += [Client(book, services["nginx"], keep_alive, True), Client(book, services["nginx"], short, True)]
        if h2load:
            clients.append(Http2Client(book, services["nginx"], h2load))
    return clients


def stop_all(clients):
    for client in clients:
        client.stop()
    for client in clients:
        client.join(120)
