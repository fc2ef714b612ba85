"""Serve the site to the internet, behind nginx: python -m live.serve [HOST:]PORT."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "live.settings")

import serve as step  # isort: skip  # First of all: gevent's patch comes before what is imported.

import gc
import logging
import signal
import sys

import gevent
import socketio
from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.http import Http404
from django.views.static import serve as serve_file
from gevent.event import Event
from gevent.pywsgi import WSGIServer
from gevent.util import print_run_info

from .draining import Server
from .metrics import Metrics, make_monitor

logger = logging.getLogger("live.serve")  # It is run as __main__.


class Static(StaticFilesHandler):
    """Answer with a file of STATIC_ROOT, where no nginx does it before."""

    def serve(self, request):
        try:
            answer = serve_file(request, self.file_path(request.path), settings.STATIC_ROOT)
        except OSError as error:  # No file has a name that is so long.
            raise Http404 from error
        answer["Cache-Control"] = "max-age=31536000, public, immutable"
        return answer


application = socketio.WSGIApp(step.sio, Static(step.application))


def start(listener, **options):
    """Start all that the step's serve.py starts, and the monitor; return the server."""
    server = Server(listener, step.sio, application, **options)
    greenlets = []
    monitor = os.environ.get("MONITOR") or "127.0.0.1", server.server_port + 10_000
    # First: if its port is taken, nobody has come yet. log=None: it is asked every few seconds.
    WSGIServer(monitor, make_monitor(Metrics(server, greenlets)), log=None).start()
    server.start()
    gevent.signal_handler(signal.SIGUSR1, print_run_info)
    greenlets += [gevent.spawn(step.listen, hall) for hall in step.notices.halls.values()]
    greenlets += [
        gevent.spawn(step.keep_empty),
        gevent.spawn(step.count_all, step.presence, step.notices.halls),
        gevent.spawn(step.end_old),
    ]
    for each in greenlets:
        each.link_exception(say_that_it_died)
    gc.freeze()
    gc.set_threshold(100_000)
    return server


def say_that_it_died(greenlet):
    """Log it: nobody waits for such a greenlet, and all goes on without it."""
    logger.error("A greenlet has died: this process must be restarted", exc_info=greenlet.exc_info)


def main(host, port):
    """Serve until SIGTERM or SIGINT, then drain; a second one ends it at once."""
    told, again = Event(), Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, lambda: (again if told.is_set() else told).set())
    try:
        server = start((host, port), backlog=4096)
    except OSError as error:
        sys.exit(f"Nothing can listen there: {error}")
    logger.info("The notice board is at http://%s:%s/, for nginx", host, port)
    told.wait()
    gevent.wait([gevent.spawn(server.drain, settings.DRAIN_SECONDS), again], count=1)


if __name__ == "__main__":
    host, _, port = (sys.argv[1] if sys.argv[1:] else "8000").rpartition(":")
    if not port.isdecimal() or not 0 < int(port) <= 55_535:  # The monitor has ten thousand more.
        sys.exit("Usage: python -m live.serve [[HOST:]PORT], for example 127.0.0.1:8001")
    main(host or "127.0.0.1", int(port))
