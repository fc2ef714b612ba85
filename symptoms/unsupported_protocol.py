"""A client of an earlier Socket.IO asks: EIO=3 is the protocol of its versions 1 and 2."""

from gevent import monkey

monkey.patch_all()

import socketio
from together import CURED, get, serve

sio = socketio.Server(async_mode="gevent")
url = serve(socketio.WSGIApp(sio))

# As socket.io-client does: what version it is, is in the address.
EIO = 3  # socket.io-client 2
if CURED:
    EIO = 4  # socket.io-client 3 and 4
status, text = get(f"{url}/socket.io/?EIO={EIO}&transport=polling")
if status == 200:
    print("Connected: the server offers", text[1:].partition(",")[0] + " …")
