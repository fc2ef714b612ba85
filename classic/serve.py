"""Serve the site with gevent-socketio, as in 2013: python serve.py [[HOST:]PORT]."""

from gevent import monkey

monkey.patch_all()  # First of all: whatever is imported before this keeps the sockets that block.

import signal
import sys

import gevent
from django.contrib.staticfiles.handlers import StaticFilesHandler
from gevent.util import print_run_info
from socketio.server import SocketIOServer

from board.compat import Handler
from board.wsgi import application
from notices.namespaces import count_listeners


def serve(host="127.0.0.1", port=8000):
    """Answer requests until SIGINT (Ctrl-C) or SIGTERM. On SIGUSR1, print each greenlet's stack."""
    server = SocketIOServer(
        (host, port),
        StaticFilesHandler(application),
        resource="socket.io",
        transports=list(Handler.handler_types),
        policy_server=False,  # for Flash
        handler_class=Handler,
    )
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
    gevent.spawn(count_listeners)
    server.serve_forever()


if __name__ == "__main__":
    host, _, port = (sys.argv[1] if sys.argv[1:] else "8000").rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        sys.exit("Usage: python serve.py [[HOST:]PORT], for example: python serve.py 8001")
    if host not in ("", "localhost", "127.0.0.1"):
        sys.exit("Only for this machine: nobody looks after gevent-socketio any more.")
    serve(host or "127.0.0.1", int(port))
