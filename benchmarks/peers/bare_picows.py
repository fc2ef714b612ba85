"""The least that picows can do: `send` to each, its Cython frames it. python bare_picows.py PORT"""

import os
import sys

import picows
import redis.asyncio as redis
import uvloop
from frames import PAGE

HTML = [("Content-Type", "text/html"), ("Content-Length", str(len(PAGE)))]
clients = set()


class Browser(picows.WSListener):
    """A websocket on which nobody has anything to say."""

    def on_ws_connected(self, transport):
        clients.add(transport)

    def on_ws_disconnected(self, transport):
        clients.discard(transport)


def answer(request):
    """Return who listens to a websocket, or the page."""
    if "Upgrade" in request.headers:
        return Browser()
    page = picows.WSUpgradeResponse.create_ok_response(PAGE, HTML)
    return picows.WSUpgradeResponseWithListener(page, None)


async def main(port):
    """Subscribe, and tell every browser what is heard."""
    # It would take 16 KiB for each to read into.
    options = {"backlog": 1000, "read_buffer_init_size": 2048}
    server = await picows.ws_create_server(answer, "127.0.0.1", port, **options)
    async with server, redis.from_url(os.environ["REDIS_URL"]).pubsub() as pubsub:
        await pubsub.subscribe("notices")
        async for message in pubsub.listen():
            if message["type"] == "message":
                for client in clients:
                    client.send(picows.WSMsgType.TEXT, message["data"])


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
