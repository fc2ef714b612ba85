"""The least that uvloop can do: frame once, `write` to each. python bare_uvloop.py PORT"""

import asyncio
import os
import sys

import redis.asyncio as redis
import uvloop
from frames import answer, frame

clients = set()


class Browser(asyncio.Protocol):
    """One connection: a request, and then a websocket on which nobody has anything to say."""

    def __init__(self):
        self.request = b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        if self.transport in clients:
            return
        self.request += data
        if b"\r\n\r\n" not in self.request:
            return
        reply, is_websocket = answer(self.request)
        self.transport.write(reply)
        if is_websocket:
            clients.add(self.transport)
        else:
            self.transport.close()

    def connection_lost(self, error):
        clients.discard(self.transport)


async def main(port):
    """Subscribe, and tell every browser what is heard."""
    loop = asyncio.get_running_loop()
    await loop.create_server(Browser, "127.0.0.1", port, backlog=1000)
    async with redis.from_url(os.environ["REDIS_URL"]).pubsub() as pubsub:
        await pubsub.subscribe("notices")
        async for message in pubsub.listen():
            if message["type"] == "message":
                data = frame(message["data"])
                for transport in clients:
                    transport.write(data)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
