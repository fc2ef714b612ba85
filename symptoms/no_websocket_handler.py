"""gevent's server without the handler that speaks websocket."""

from gevent import monkey

monkey.patch_all()

import socketio
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler
from together import CURED

sio = socketio.Server(async_mode="gevent")
app = socketio.WSGIApp(sio)
if CURED:
    server = WSGIServer(("127.0.0.1", 0), app, handler_class=WebSocketHandler)
else:
    server = WSGIServer(("127.0.0.1", 0), app)
server.start()
client = socketio.Client(reconnection=False)
try:
    client.connect(
        f"http://127.0.0.1:{server.server_port}", transports=["websocket"], wait_timeout=60
    )
    print(f"Connected, by {client.transport()}.")
except socketio.exceptions.ConnectionError as error:
    print("The client:", error)
client.disconnect()
