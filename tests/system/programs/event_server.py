"""A server of streams by aiohttp. event_server.py PORT: /events sends a server-sent event every 50 ms, /poll answers nothing, both until /stop is asked for."""
import asyncio
import sys

from aiohttp import web

stopped = asyncio.Event()


async def events(request):
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    number = 0
    while not stopped.is_set():
        await response.write(f"id: {number}\ndata: tick\n\n".encode())
        number += 1
        try:
            await asyncio.wait_for(stopped.wait(), 0.05)
        except asyncio.TimeoutError:
            pass
    await response.write_eof()
    return response


async def poll(_request):
    await stopped.wait()
    return web.Response(text="news\n")


async def stop(_request):
    stopped.set()
    return web.Response(text="stopping\n")


application = web.Application()
application.router.add_get("/events", events)
application.router.add_get("/poll", poll)
application.router.add_get("/stop", stop)
web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None)
