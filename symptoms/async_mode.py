"""A server is asked to be what this environment can't be."""

from gevent import monkey

monkey.patch_all()

import socketio
from together import CURED, get, serve

async_mode = "gevent_uwsgi"  # which needs to run inside uWSGI
if CURED:
    async_mode = "gevent"
sio = socketio.Server(async_mode=async_mode)
get(serve(socketio.WSGIApp(sio)) + "/socket.io/?EIO=4&transport=polling")
