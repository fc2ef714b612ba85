"""What is sent becomes JSON, and JSON has no dates."""

from gevent import monkey

monkey.patch_all()

from datetime import UTC, datetime

import socketio
from together import CURED, serve

sio = socketio.Server(async_mode="gevent")
with socketio.SimpleClient() as browser:
    browser.connect(serve(socketio.WSGIApp(sio)))
    now = datetime.now(UTC)
    if CURED:
        now = now.isoformat()  # and in the page: new Date(text)
    sio.emit("notice", {"text": "Coffee is ready", "posted": now})
    print("The browser heard:", *browser.receive(timeout=60))
