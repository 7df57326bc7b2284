"""A service of the zoo on aiohttp, server and client: aio.py BACKEND_PORT two|gather|sleep|task keep|new asyncio|uvloop"""
import asyncio
import random
import sys

import aiohttp
from aiohttp import web

BACKEND, WORK, POOLING, LOOP = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
URL = f"http://127.0.0.1:{BACKEND}/b"


async def call(session, truth):
    async with session.get(URL, headers={"X-Gt": truth}) as response:
        await response.read()


async def serve(request):
    session, truth = request.app["session"], request.headers["X-Gt"]
    if WORK == "gather":
        await asyncio.gather(*(call(session, f"{truth}/{number}") for number in range(3)))
    elif WORK == "task":
        await asyncio.create_task(call(session, f"{truth}/0"))
    elif WORK == "sleep":
        await asyncio.sleep(0.001 + random.random() * 0.005)
        await call(session, f"{truth}/0")
    else:
        await call(session, f"{truth}/0")
        await call(session, f"{truth}/1")
    return web.Response(text="ok\n")


async def main():
    app = web.Application()
    connector = aiohttp.TCPConnector(limit=0, force_close=POOLING == "new")
    app["session"] = aiohttp.ClientSession(connector=connector)
    app.router.add_get("/run", serve)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=60)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    print("listening", runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if LOOP == "uvloop":
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
