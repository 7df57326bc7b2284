"""An ASGI service of the zoo (uvicorn) with httpx: two calls for every request. asgi.py BACKEND_PORT keep|new asyncio|uvloop"""
import socket
import sys

import httpx
import uvicorn

BACKEND, POOLING, LOOP = int(sys.argv[1]), sys.argv[2], sys.argv[3]
client = None


async def application(scope, receive, send):
    global client
    if scope["type"] != "http":
        return
    if client is None:
        keep = 200 if POOLING == "keep" else 0
        client = httpx.AsyncClient(timeout=20, limits=httpx.Limits(max_connections=None, max_keepalive_connections=keep))
    truth = dict(scope["headers"])[b"x-gt"].decode()
    for number in range(2):
        await client.get(f"http://127.0.0.1:{BACKEND}/b", headers={"X-Gt": f"{truth}/{number}"})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
    await send({"type": "http.response.body", "body": b"ok\n"})


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(1024)
print("listening", listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(application, log_level="warning", loop=LOOP, lifespan="off", timeout_keep_alive=60)).run([listener])
