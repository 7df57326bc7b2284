"""A service on asyncio that makes calls for each request: aio_relay.py BACKEND_PORT MODE CALLS; MODE: new (a connection for each call)
or pooled. Copies the request's header X-Gt onto its calls, one after the other. Prints the port it listens on. With the standard
library only, so that any interpreter runs it: one task per connection, as in aiohttp.
"""
import asyncio
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
    if MODE == "pooled":
        IDLE.append((reader, writer))
    else:
        writer.close()


async def serve(reader, writer):
    TASKS.add(asyncio.current_task())
    try:
        while True:
            fields = await read_head(reader)
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


asyncio.run(main())
