"""A Python http.client with an exact log. client.py PORT LOG COUNT: COUNT requests by 3 threads, a connection each.
Log: local port, connection, sequence, method, target, user agent, trace id or "-", status."""
import http.client
import os
import sys
import threading

port, log_path, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
log = open(log_path, "w", buffering=1)
lock = threading.Lock()
failures = []


def run(index):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for number in range(index, count, 3):
            target = f"/s/{(200, 404, 503)[number % 3]}/python-{os.getpid()}-{number}"
            agent = f"python-client/{os.getpid()}.{number}"
            method = "POST" if number % 5 == 4 else "GET"
            connection.request(method, target, body=b"x" * (number * 13 % 3000) if method == "POST" else None,
                               headers={"User-Agent": agent})
            local = connection.sock.getsockname()[1]
            response = connection.getresponse()
            response.read()
            with lock:
                log.write("\t".join(map(str, (local, index, number, method, target, agent, "-", response.status))) + "\n")
    except Exception as error:  # pylint: disable=broad-except
        failures.append(error)


threads = [threading.Thread(target=run, args=(index,)) for index in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(f"client.py: {failures[0]!r}" if failures else 0)
