"""A service on asyncio that makes calls for each request: aio_relay.py BACKEND_PORT MODE CALLS; MODE: new (a connection for each call)
or pooled, tasks (each in a task of its own, gathered by a task of its own) or forked (as tasks, in a child process). Copies the
request's header X-Gt onto its calls, one after the other. Prints the port it listens on. With the standard library only, so that any interpreter runs it: one task per connection, as in aiohttp.
"""
import asyncio
import os
import signal
import sys

PORT, MODE, CALLS = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
IDLE = []
TASKS = set()  # up to 3.11 nothing else keeps the tasks of start_server alive


async def read_head(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    return {name.lower(): value for name, value in fields.items()}


async def call(truth):
    reader, writer = IDLE.pop() if IDLE else await asyncio.open_connection("127.0.0.1", PORT)
    writer.write(b"GET /work HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-Gt: " % PORT + truth + b"\r\n\r\n")
    fields = await read_head(reader)
    await reader.readexactly(int(fields[b"content-length"]))
    if MODE != "new":
        IDLE.append((reader, writer))
    else:
        writer.close()


async def call_all(truth):
    await asyncio.gather(*(call(truth) for _ in range(CALLS)))


async def serve(reader, writer):
    TASKS.add(asyncio.current_task())
    try:
        while True:
            fields = await read_head(reader)
            if MODE in ("tasks", "forked"):
                await asyncio.create_task(call_all(fields[b"x-gt"]))
            else:
                for _ in range(CALLS):
                    await call(fields[b"x-gt"])
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()
        TASKS.discard(asyncio.current_task())


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if MODE == "forked" and (child := os.fork()):
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    os.waitpid(child, 0)
else:
    asyncio.run(main())
