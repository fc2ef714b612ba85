"""asyncio in two greenlets at once: they are one thread, and a thread has one event loop."""

from gevent import monkey

monkey.patch_all()

import asyncio

import gevent
from together import CURED


async def ask():
    """Wait for somebody else, as a library for asyncio does."""
    await asyncio.sleep(0.1)
    return "an answer"


def handle():
    """Answer a request."""
    if CURED:
        return gevent.get_hub().threadpool.apply(asyncio.run, (ask(),))  # in a real thread
    return asyncio.run(ask())


requests = [gevent.spawn(handle) for _ in range(3)]
gevent.joinall(requests)
print("Answered:", sum(request.successful() for request in requests), "of 3")
