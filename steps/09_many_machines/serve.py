"""Serve the site with gevent, a Socket.IO server in front of it: python serve.py [[HOST:]PORT]."""

from gevent import monkey

monkey.patch_all()  # First of all: whatever is imported before this keeps the sockets that block.

import gc
import signal
import sys

import gevent
import socketio
from django.contrib.staticfiles.handlers import StaticFilesHandler
from gevent.pywsgi import WSGIServer
from gevent.util import print_run_info

from board.fan_out import Manager
from board.guard import Server
from board.proxy import BehindNginx
from board.wsgi import application
from notices.live import listen
from notices.namespaces import Presence, notices
from notices.outbox import keep_empty
from notices.presence import count_all
from notices.sessions import end_old

sio = Server(client_manager=Manager())
sio.register_namespace(notices)
presence = Presence("/presence")
sio.register_namespace(presence)


def serve(host="127.0.0.1", port=8000):
    """Answer requests until SIGINT (Ctrl-C) or SIGTERM. On SIGUSR1, print each greenlet's stack."""
    # What is under /socket.io/ goes to the Socket.IO server, everything else to Django.
    app = socketio.WSGIApp(sio, StaticFilesHandler(application))
    # A room that comes at once waits to be let in: without the number, 256 may.
    server = WSGIServer((host, port), app, handler_class=BehindNginx, backlog=4096)
    try:
        server.start()
    except OSError as error:
        sys.exit(f"{error.strerror}. Another port: python serve.py {port + 1}")
    # Not before: what stops a server that is yet to start ends in a traceback.
    gevent.signal_handler(signal.SIGINT, server.stop)
    gevent.signal_handler(signal.SIGTERM, server.stop)
    if hasattr(signal, "SIGUSR1"):  # not on Windows
        gevent.signal_handler(signal.SIGUSR1, print_run_info)
    print(f"The notice board is at http://{host}:{port}/ (Ctrl-C stops it)", flush=True)
    for hall in notices.halls.values():
        gevent.spawn(listen, hall)
    gevent.spawn(keep_empty)
    gevent.spawn(count_all, presence, notices.halls)
    gevent.spawn(end_old)
    # The garbage collector looks at every object, and a browser is many: look after 100 000 new
    # ones, not 700, and never at what is there from the start.
    gc.freeze()
    gc.set_threshold(100_000)
    server.serve_forever()


if __name__ == "__main__":
    host, _, port = (sys.argv[1] if sys.argv[1:] else "8000").rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        sys.exit("Usage: python serve.py [[HOST:]PORT], for example: python serve.py 8001")
    serve(host or "127.0.0.1", int(port))
