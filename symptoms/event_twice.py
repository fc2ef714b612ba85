"""A handler that is added at each connect: after the network was away once, there are two."""

from gevent import monkey

monkey.patch_all()

import socketio
from together import CURED, look_at, page, serve

WRONG = """
socket.on("connect", () => {
  socket.on("notice", (text) => console.log(`heard: ${text}`));
  arrive();
});
"""
RIGHT = """
socket.on("notice", (text) => console.log(`heard: ${text}`));
socket.on("connect", arrive);
"""
HTML = """<script src="/client.js"></script><script>
window.done = false;
let times = 0;
const socket = io();
function arrive() {
  times += 1;
  if (times === 1) socket.io.engine.close(); // the network is away; socket.io-client comes back
  else socket.emit("ask", () => { window.done = true; });
}
HANDLERS
</script>"""

sio = socketio.Server(async_mode="gevent")


@sio.event
def ask(sid):
    """Tell everybody once; what is acknowledged after it arrives after it."""
    sio.emit("notice", "Coffee is ready")
    return True


html = HTML.replace("HANDLERS", RIGHT if CURED else WRONG)
look_at(serve(socketio.WSGIApp(sio, page(html))))
