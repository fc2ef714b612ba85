"""A proxy that ends TLS and does not say so: the server takes its own page for a stranger's."""

from gevent import monkey

monkey.patch_all()

import socketio
from together import CURED, get, serve

sio = socketio.Server(async_mode="gevent")
url = serve(socketio.WSGIApp(sio))

# The browser is on https://board.example, and says so. This is what nginx makes of its request:
said = {"Origin": "https://board.example", "Host": "127.0.0.1:8000"}
if CURED:
    # proxy_set_header Host $http_host;
    # proxy_set_header X-Forwarded-Proto $scheme;
    said |= {"Host": "board.example", "X-Forwarded-Proto": "https"}

status, _ = get(f"{url}/socket.io/?EIO=4&transport=polling", **said)
print("Connected." if status == 200 else "Refused.")
