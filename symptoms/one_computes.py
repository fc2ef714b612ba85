"""One request computes, and everybody waits: a greenlet gives way only where it waits."""

from gevent import monkey

monkey.patch_all()

import time

import gevent
from gevent.event import Event
from together import CURED, PATIENCE, get, serve


def compute():
    """Compute without a pause, until the board has been answered; a second is enough to see it."""
    end = time.monotonic() + PATIENCE
    while not answered and time.monotonic() < end:
        pass


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/report/":
        began.set()
        if CURED:
            gevent.get_hub().threadpool.apply(compute)  # in a real thread
        else:
            compute()
        return [b"The report"]
    answered.append("the board")
    return [b"The board"]


began, answered = Event(), []
url = serve(application)
report = gevent.spawn(get, f"{url}/report/")
began.wait()
board = gevent.spawn(get, f"{url}/")
gevent.joinall([report, board])
