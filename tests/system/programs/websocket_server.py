"""A WebSocket server by aiohttp with an exact log. websocket_server.py PORT LOG [deflate]

Echoes what it gets; "push N" makes it send N texts, each in a call of its own. One JSON line per connection when it is over: what it got and sent, by kind."""
import json
import sys

from aiohttp import WSMsgType, web

port, log_path = int(sys.argv[1]), sys.argv[2]
deflate = len(sys.argv) > 3
log = open(log_path, "w", buffering=1, encoding="utf-8")


async def chat(request):
    socket = web.WebSocketResponse(compress=deflate, autoping=False, max_msg_size=0)
    await socket.prepare(request)
    got, sent = {"text": 0, "binary": 0, "ping": 0}, {"text": 0, "binary": 0, "pong": 0}
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            got["text"] += 1
            for i in range(int(message.data.split()[1]) if message.data.startswith("push ") else 0):
                await socket.send_str(f"pushed {i}")
                sent["text"] += 1
            await socket.send_str(message.data)
            sent["text"] += 1
        elif message.type == WSMsgType.BINARY:
            got["binary"] += 1
            await socket.send_bytes(message.data)
            sent["binary"] += 1
        elif message.type == WSMsgType.PING:
            got["ping"] += 1
            await socket.pong(message.data)
            sent["pong"] += 1
    log.write(json.dumps({"got": got, "sent": sent, "close_code": socket.close_code}) + "\n")
    return socket


application = web.Application()
application.router.add_get("/chat", chat)
web.run_app(application, host="127.0.0.1", port=port, print=None)
