"""Two workers: what one emits, the browsers of the other never hear."""

from gevent import monkey

monkey.patch_all()

import socketio
from together import CURED, PATIENCE, redis_server, serve, wait_for_listener

redis = f"redis://127.0.0.1:{redis_server().port}"


def worker():
    """Return the Socket.IO server of a worker process."""
    manager = None  # its own browsers, and no others
    if CURED:
        manager = socketio.RedisManager(redis)  # Each worker hears what any of them emits.
    return socketio.Server(async_mode="gevent", client_manager=manager)


first, second = worker(), worker()
with socketio.SimpleClient() as browser:
    browser.connect(serve(socketio.WSGIApp(second)), transports=["websocket"])
    if CURED:
        wait_for_listener(redis)
    first.emit("notice", "Coffee is ready")
    try:
        print("The other worker's browser heard:", *browser.receive(timeout=PATIENCE))
    except socketio.exceptions.TimeoutError:
        print("The other worker's browser heard nothing.")
