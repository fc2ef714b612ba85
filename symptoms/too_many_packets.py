"""A client that polls sends all that it has to say in one request, and the server takes sixteen."""

from gevent import monkey

monkey.patch_all()

import engineio
import socketio
from gevent.event import Event
from together import CURED, PATIENCE, serve

if CURED:
    engineio.payload.Payload.max_decode_packets = 100  # or websocket, which sends each on its own

POINTS = 50
drawn, over = [], Event()


def draw(sid, point):
    drawn.append(point)
    if len(drawn) == POINTS:
        over.set()


sio = socketio.Server(async_mode="gevent", async_handlers=False)
sio.on("draw", draw)
client = socketio.Client(reconnection=False)
client.connect(serve(socketio.WSGIApp(sio)), transports=["polling"], wait_timeout=60)
for point in range(POINTS):  # a finger moves over the screen
    client.emit("draw", point)
over.wait(PATIENCE)
print(f"The server drew {len(drawn)} of {POINTS} points.")
