"""The client says something in a namespace in which it has not been let in (yet)."""

from gevent import monkey

monkey.patch_all()

import socketio
from together import CURED, serve

sio = socketio.Server(async_mode="gevent")
sio.on("post", lambda sid, text: f"posted: {text}", namespace="/notices")
url = serve(socketio.WSGIApp(sio))

client = socketio.Client()
if CURED:
    client.connect(url, namespaces=["/notices"], wait_timeout=60)
else:
    client.connect(url, wait_timeout=60)  # /, and no other
try:
    print("The server says:", client.call("post", "Coffee is ready", namespace="/notices"))
finally:
    client.disconnect()
