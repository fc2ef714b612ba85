"""python-socketio on asyncio: uvicorn socketio_asgi:app"""

import asyncio
import json
import os

import redis.asyncio as redis
import socketio

# Where there may be several processes: with MANAGER, whoever publishes is such a manager as well.
manager = socketio.AsyncRedisManager(os.environ["REDIS_URL"]) if "MANAGER" in os.environ else None
sio = socketio.AsyncServer(async_mode="asgi", client_manager=manager)
background = set()  # asyncio itself would let a task be collected


async def listen():
    """Subscribe, and tell every browser what is heard."""
    async with redis.from_url(os.environ["REDIS_URL"]).pubsub() as pubsub:
        await pubsub.subscribe("notices")
        async for message in pubsub.listen():
            if message["type"] == "message":
                await sio.emit("notice", json.loads(message["data"]), namespace="/notices")


async def start():
    """Begin to listen with the server, where no manager does."""
    if manager is None:
        background.add(asyncio.create_task(listen()))


@sio.event(namespace="/notices")
async def connect(sid, environ):
    """Take any browser."""


app = socketio.ASGIApp(sio, static_files={"/": "page.html"}, on_startup=start)
