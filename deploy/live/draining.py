"""A server that is told to end: it takes nobody new, and its browsers come back elsewhere."""

import contextlib
import logging
import time

import gevent
from gevent.pywsgi import WSGIServer

from board.guard import MAX_DATABASE_CONNECTIONS
from board.proxy import BehindNginx

PATIENCE = 10  # seconds for what is still being answered when the last browser was asked to go

logger = logging.getLogger(__name__)


class Handler(BehindNginx):
    """Answer one request on each connection; while draining, let no browser begin."""

    def start_response(self, status, headers, exc_info=None):
        # A connection that is kept may be closed just when it is used again: while this process
        # drains, and after MAX_HEAD of board/guard.py.
        if not status.startswith("101"):
            headers = [*headers, ("Connection", "close")]
        return super().start_response(status, headers, exc_info)

    def find_problem(self):
        new = self.environ["PATH_INFO"].startswith("/socket.io/") and (
            "sid=" not in self.environ["QUERY_STRING"]
        )
        if new and self.server.draining:
            return "503 Service Unavailable", "this process is about to end"
        return super().find_problem()


class Server(WSGIServer):
    """A server that can be drained."""

    draining = False
    answering = 0  # requests, from the moment when their connection is taken

    def __init__(self, listener, sio, application, **options):
        log = {"log": None, "error_log": logging.getLogger("gevent.pywsgi")}
        super().__init__(listener, application, handler_class=Handler, **log, **options)
        self.sio = sio

    def do_handle(self, *args):
        self.answering += 1  # Its greenlet may begin late, where many come at once.
        super().do_handle(*args)

    def handle(self, *args):
        try:
            super().handle(*args)
        finally:
            self.answering -= 1

    def left(self):
        """Return how many browsers, requests and events there still are."""
        events = MAX_DATABASE_CONNECTIONS - self.sio.turns.counter
        return len(self.sio.eio.sockets), self.answering, events

    def drain(self, seconds):
        """Ask the browsers to come back, spread over so many seconds; return when all have gone."""
        # Who is in the queue has been let in, and may have sent something: it would be lost.
        with contextlib.suppress(OSError):
            while taken := self.do_read():
                self.do_handle(*taken)
        # nginx is refused a connection from here on, and goes on to the next process.
        self.close()
        gevent.sleep(0.5)  # Whose connection was taken just now has yet to say what it wants.
        self.draining = True
        began, asked = time.monotonic(), list(self.sio.eio.sockets)
        logger.info("Draining: %s browsers are asked to come back elsewhere", len(asked))
        for number, sid in enumerate(asked):
            # All at once would be a crowd at the others' doors. Each page comes by itself, with its
            # cursor, after half a second to one and a half: that is socket.io-client's own.
            gevent.sleep(max(0, began + number * seconds / len(asked) - time.monotonic()))
            # On its own: on_disconnect waits for a turn, which the database may hold up.
            gevent.spawn(self.sio.eio.disconnect, sid)
        deadline = began + seconds + PATIENCE
        # What a browser has said just before may be on its way into the database when it has gone.
        while any(left := self.left()) and time.monotonic() < deadline:
            gevent.sleep(0.05)
        took = time.monotonic() - began
        if any(left):
            what = "Ended with %s browsers, %s requests and %s events left, %.1f seconds"
            logger.warning(what, *left, took)
        else:
            logger.info("Drained: the last has gone after %.1f seconds", took)
