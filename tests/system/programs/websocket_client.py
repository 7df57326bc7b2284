"""A WebSocket client by `websockets`. websocket_client.py PORT on|off: on = permessage-deflate. Says "connected", then "done N" after the Nth line that it is
told, having sent a round of messages and got every echo; at the end of its input it closes with 1000."""
import asyncio
import sys

import websockets

port, deflate = int(sys.argv[1]), sys.argv[2] == "on"


async def send_round(socket):
    async def echoed(message):
        await socket.send(message)
        whole = message if isinstance(message, (str, bytes)) else "".join(message)
        assert await socket.recv() == whole
    for message in ("hello", "ä" * 700, b"\x00\xff" * 5, b"b" * 2000, ["in ", "three ", "parts"], "x" * 200_000, b"y" * 70_000):
        await echoed(message)
    await (await socket.ping(b"are you there"))
    await socket.send("push 5")
    for i in range(5):
        assert await socket.recv() == f"pushed {i}"
    assert await socket.recv() == "push 5"


async def main():
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    compression = "deflate" if deflate else None
    async with websockets.connect(f"ws://127.0.0.1:{port}/chat?key=secret", compression=compression, ping_interval=None,
                                  max_size=None) as socket:
        print("connected", flush=True)
        rounds = 0
        while await lines.readline():
            await send_round(socket)
            rounds += 1
            print(f"done {rounds}", flush=True)

asyncio.run(main())
