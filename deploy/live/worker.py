"""The same under gunicorn: see gunicorn.conf.py."""

import gevent
from gunicorn.workers.ggevent import GeventWorker


class Worker(GeventWorker):
    """Serve as live/serve.py does, and drain as it does."""

    def run(self):
        from django.conf import settings  # not before gunicorn has patched this process

        from .serve import start

        gevent.spawn(self.keep_alive)
        server = start(self.sockets[0])
        while self.alive:
            gevent.sleep(0.1)
        server.drain(settings.DRAIN_SECONDS)

    def keep_alive(self):
        """Tell gunicorn that this process has a turn: otherwise it kills it."""
        while True:
            self.notify()
            gevent.sleep(1)
