"""A handler waits without gevent's patch: the whole server is silent, and clients give it up."""

from gevent import monkey

monkey.patch_all()

import socketio
from together import CURED, free_port, start, wait_for

PATCH = """
from gevent import monkey

monkey.patch_all()
"""
SERVER = """
import sys
import time

import socketio
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

# A sign of life each 6 seconds, not each 25: sooner seen.
sio = socketio.Server(async_mode="gevent", ping_interval=6, ping_timeout=6)
sio.on("report", lambda sid: time.sleep(60))  # for example a database, or another site
sio.on("hello", lambda sid: "Hello")
app = socketio.WSGIApp(sio)
WSGIServer(sys.argv[1], app, log=None, handler_class=WebSocketHandler).serve_forever()
"""

port = free_port()
start({"serve.py": PATCH + SERVER if CURED else SERVER}, "serve.py", f"127.0.0.1:{port}")
wait_for(port)


def end(answer):
    """Say what was answered."""
    print("The server says:", answer)
    client.disconnect()


client = socketio.Client(reconnection=False)
client.connect(f"http://127.0.0.1:{port}", transports=["websocket"], wait_timeout=60)
client.emit("report")
client.emit("hello", callback=end)
client.wait()
print("The connection has ended.")
