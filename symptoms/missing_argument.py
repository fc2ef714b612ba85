"""The page sends an event without data, and the handler wants some."""

from gevent import monkey

monkey.patch_all()

import socketio
from together import CURED, PATIENCE, serve


class Notices(socketio.Namespace):
    """What a browser may ask for."""

    if CURED:

        def on_post(self, sid, text=""):
            return f"posted: {text}" if text else "nothing to post"

    else:

        def on_post(self, sid, text):
            return f"posted: {text}"


sio = socketio.Server(async_mode="gevent")
sio.register_namespace(Notices("/"))
with socketio.SimpleClient() as browser:
    browser.connect(serve(socketio.WSGIApp(sio)))
    try:
        print("The server says:", browser.call("post", timeout=PATIENCE))
    except socketio.exceptions.TimeoutError:
        print("The server says nothing.")
