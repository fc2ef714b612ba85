"""Serve the lessons to who reads them here: python -m workshop.room.home_server [HOST:]PORT.

`python3 -m workshop home` starts it, and tells it by the environment what it needs.
"""

from gevent import monkey

monkey.patch_all()

import os
import signal
import sys
from pathlib import Path

import gevent
import socketio
from django.core.handlers.wsgi import WSGIHandler
from django.http import Http404
from django.urls import re_path
from gevent.pywsgi import WSGIServer

from workshop.base import notes
from workshop.room import lessons
from workshop.room.work import Work
from workshop.serving.guard import Handler, Server
from workshop.serving.kept import Kept
from workshop.serving.web import answer, configure

if not os.environ.get("HOME_TOKEN"):
    sys.exit("python3 -m workshop home  starts this server.")
# Not in the environment any more: what the buttons start has no business with them.
TOKEN = os.environ.pop("HOME_TOKEN")
KEPT = Path(os.environ.pop("HOME_FILE"))
FOLDER = Path(os.environ.pop("HOME_FOLDER", notes.MY))

configure(__name__, frames="DENY")


def page(request, address):
    """Send a page of the lessons, or what it is made with."""
    found = lessons.find(address, live=True)
    if found is None:
        raise Http404
    return answer(request, *found)


urlpatterns = [re_path(r"^([\w./@-]*)$", page)]


def serve(host, port):
    """Answer requests until SIGINT (Ctrl-C) or SIGTERM."""
    sio, kept = Server(), Kept(KEPT)
    work = Work("/home", TOKEN, FOLDER, kept)
    sio.register_namespace(work)
    app = socketio.WSGIApp(sio, WSGIHandler())
    server = WSGIServer((host, port), app, handler_class=Handler)
    try:
        server.start()
    except OSError as error:
        sys.exit(f"{error.strerror}.")
    gevent.signal_handler(signal.SIGINT, server.stop)
    gevent.signal_handler(signal.SIGTERM, server.stop)
    gevent.spawn(work.look_around)
    server.serve_forever()
    work.end()
    kept.write()


if __name__ == "__main__":
    host, _, port = sys.argv[-1].rpartition(":")
    if not port.isdecimal():
        sys.exit("Usage: python -m workshop.room.home_server [HOST:]PORT")
    serve(host or "127.0.0.1", int(port))
