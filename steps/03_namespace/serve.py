"""Serve the site with gevent, a Socket.IO server in front of it: python serve.py [[HOST:]PORT]."""

from gevent import monkey

monkey.patch_all()  # First of all: whatever is imported before this keeps the sockets that block.

import signal
import sys

import gevent
import socketio
from django.contrib.staticfiles.handlers import StaticFilesHandler
from gevent.pywsgi import WSGIServer
from gevent.util import print_run_info

from board.guard import Handler, Server
from board.wsgi import application
from notices.namespaces import Notices, Presence

sio = Server()
sio.register_namespace(Notices("/notices"))
sio.register_namespace(Presence("/presence"))


def serve(host="127.0.0.1", port=8000):
    """Answer requests until SIGINT (Ctrl-C) or SIGTERM. On SIGUSR1, print each greenlet's stack."""
    # What is under /socket.io/ goes to the Socket.IO server, everything else to Django.
    app = socketio.WSGIApp(sio, StaticFilesHandler(application))
    # A room that comes at once waits to be let in: without the number, 256 may.
    server = WSGIServer((host, port), app, handler_class=Handler, backlog=4096)
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
    server.serve_forever()


if __name__ == "__main__":
    host, _, port = (sys.argv[1] if sys.argv[1:] else "8000").rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        sys.exit("Usage: python serve.py [[HOST:]PORT], for example: python serve.py 8001")
    serve(host or "127.0.0.1", int(port))
