"""A script, or Celery, emits by a `sio` of its own, and that has no browsers."""

import subprocess
import sys

from gevent import monkey

monkey.patch_all()

import socketio
from together import CURED, PATIENCE, redis_server, serve, wait_for_listener

SCRIPT = """
import socketio
sio = socketio.Server(async_mode="threading")  # as `from serve import sio` makes it anew
sio.emit("notice", "The backup is done")
"""
CURED_SCRIPT = """
import socketio, sys
sio = socketio.RedisManager(sys.argv[1], write_only=True)  # tells Redis, which tells the server
sio.emit("notice", "The backup is done")
"""

redis = f"redis://127.0.0.1:{redis_server().port}"
manager = socketio.RedisManager(redis) if CURED else None
sio = socketio.Server(async_mode="gevent", client_manager=manager)
with socketio.SimpleClient() as browser:
    browser.connect(serve(socketio.WSGIApp(sio)), transports=["websocket"])
    script = SCRIPT
    if CURED:
        script = CURED_SCRIPT
        wait_for_listener(redis)
    subprocess.run([sys.executable, "-c", script, redis], check=True)
    try:
        print("The browser heard:", *browser.receive(timeout=PATIENCE))
    except socketio.exceptions.TimeoutError:
        print("The script has ended without an error, and the browser heard nothing.")
