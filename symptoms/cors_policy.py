"""A page of one address asks a Socket.IO server at another: the browser does not let it read."""

from gevent import monkey

monkey.patch_all()

import socketio
from together import CURED, look_at, page, serve

HTML = """<script src="/client.js"></script><script>
window.done = false;
const socket = io("SERVER", { reconnection: false });
socket.on("connect", () => { console.log("Connected."); window.done = true; });
socket.on("connect_error", (error) => { console.log(error.message); window.done = true; });
</script>"""

sio = socketio.Server(async_mode="gevent")
server = serve(socketio.WSGIApp(sio))
frontend = serve(page(HTML.replace("SERVER", server)))  # another port is another origin
if CURED:
    sio.eio.cors_allowed_origins = [frontend]  # socketio.Server(cors_allowed_origins=[…])

look_at(frontend)
