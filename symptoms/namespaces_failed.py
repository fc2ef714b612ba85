"""The client asks for a namespace that the server does not have."""

from gevent import monkey

monkey.patch_all()

import socketio
from together import CURED, serve

sio = socketio.Server(async_mode="gevent")


class Notices(socketio.Namespace):
    """What a browser may ask for in /notices."""

    def on_post(self, sid, text):
        """Take a notice."""
        return f"posted: {text}"


if CURED:
    sio.register_namespace(Notices("/notices"))

client = socketio.Client()
try:
    client.connect(serve(socketio.WSGIApp(sio)), namespaces=["/notices"], wait_timeout=60)
    print("The server says:", client.call("post", "Coffee is ready", namespace="/notices"))
except socketio.exceptions.ConnectionError as error:
    print("The client:", error)
client.disconnect()
