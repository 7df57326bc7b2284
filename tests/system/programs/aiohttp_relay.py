"""aio_relay.py with aiohttp on both sides."""
import asyncio
import sys

import aiohttp
from aiohttp import web

PORT, MODE, CALLS = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])


async def relay(request):
    for _ in range(CALLS):
        async with request.app["session"].get(f"http://127.0.0.1:{PORT}/work", headers={"X-Gt": request.headers["X-Gt"]}) as response:
            await response.read()
    return web.Response(text="ok")


async def session(app):
    connector = aiohttp.TCPConnector(force_close=MODE == "new", limit=0)
    async with aiohttp.ClientSession(connector=connector) as app["session"]:
        yield


async def main():
    app = web.Application()
    app.router.add_get("/relay", relay)
    app.cleanup_ctx.append(session)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print("port", runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
