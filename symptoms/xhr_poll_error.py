"""The page asks where no Socket.IO server is."""

from gevent import monkey

monkey.patch_all()

import socketio
from together import CURED, free_port, look_at, page, serve

HTML = """<script src="/client.js"></script><script>
window.done = false;
const socket = io(ADDRESS, { reconnection: false });
socket.on("connect", () => { console.log("Connected."); window.done = true; });
socket.on("connect_error", (error) => {
  console.log(`connect_error: ${error.message}`);
  window.done = true;
});
</script>"""

address = f'"http://127.0.0.1:{free_port()}"'  # Nothing listens there.
if CURED:
    address = ""  # io() without one asks the server that the page is from.
sio = socketio.Server(async_mode="gevent")
look_at(serve(socketio.WSGIApp(sio, page(HTML.replace("ADDRESS", address or "undefined")))))
