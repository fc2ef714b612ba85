"""The page's client is not where the page says: then there is no `io` in it."""

from gevent import monkey

monkey.patch_all()

import socketio
from together import CURED, look_at, page, serve

HTML = """<link rel="icon" href="data:,"><script src="SOURCE"></script><script>
const socket = io();
window.done = false;
socket.on("connect", () => { console.log("Connected."); window.done = true; });
</script>"""

source = "/static/socket.io.js"  # which is nowhere
if CURED:
    source = "/client.js"  # open it in a window of its own: the address has to show the client
sio = socketio.Server(async_mode="gevent")
look_at(serve(socketio.WSGIApp(sio, page(HTML.replace("SOURCE", source)))))
