"""Two servers that take turns: the second does not know the session that the first has begun."""

from gevent import monkey

monkey.patch_all()

import itertools

import socketio
from together import CURED, serve

# As two workers behind a proxy: each request is for the next of them.
workers = [socketio.WSGIApp(socketio.Server(async_mode="gevent")) for _ in range(2)]
turns = itertools.cycle(workers)
url = serve(lambda environ, start_response: next(turns)(environ, start_response))

transports = ["polling", "websocket"]  # what a client does by itself
if CURED:
    # In the page: io({ transports: ["websocket"] })
    transports = ["websocket"]

client = socketio.Client(reconnection=False)
try:
    client.connect(url, transports=transports, wait_timeout=60)
    print(f"Connected, by {client.transport()}.")
    client.disconnect()
except socketio.exceptions.ConnectionError as error:
    print("The client:", error)
