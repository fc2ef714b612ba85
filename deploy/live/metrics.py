"""What Prometheus is told, and whoever asks whether this process is well."""

import contextlib
import time

import gevent
from django.db import Error, connections
from prometheus_client import REGISTRY, Counter, make_wsgi_app
from prometheus_client.core import GaugeMetricFamily
from redis import RedisError

from notices import live
from notices.models import Outbox
from notices.namespaces import notices

PATIENCE = 2  # seconds for Redis, and for the database: whoever asks waits, and not for ever

told = Counter("board_notices_told", "Notices, times the browsers that this process has told")


class Metrics:
    """What is looked up when somebody asks."""

    def __init__(self, server, greenlets):
        self.server, self.sio, self.greenlets = server, server.sio, greenlets
        self.emit, notices.emit = notices.emit, self.count_and_emit
        REGISTRY.register(self)

    def members(self, namespace, room):
        """Return how many are in a room."""
        return len(self.sio.manager.rooms.get(namespace, {}).get(room, ()))

    def count_and_emit(self, event, data=None, to=None, **options):
        """Emit an event of the step's namespace, and count notices."""
        if event == "notices":
            notices_in_it = sum(notice is not None for _, notice in data[1])
            told.inc(notices_in_it * self.members("/notices", to))
        return self.emit(event, data, to=to, **options)

    def describe(self):
        """Say nothing before somebody asks: the library would call collect()."""
        return []

    def problem(self):
        """Return why this process is not well, or None."""
        if any(each.dead for each in self.greenlets):
            return "a greenlet has died: see the log"
        if self.server.draining:
            return "draining"
        return None if notices.is_live() else "Redis is not heard"

    def collect(self):
        """Yield each metric."""
        browsers = GaugeMetricFamily(
            "board_browsers", "Browsers connected to this process", labels=["namespace"]
        )
        for namespace in self.sio.namespace_handlers:
            browsers.add_metric([namespace], self.members(namespace, None))
        yield browsers
        hears, draining = notices.is_live(), self.server.draining
        yield GaugeMetricFamily("board_hears_redis", "1: all streams are heard", value=hears)
        yield GaugeMetricFamily("board_draining", "1: it is about to end", value=draining)
        for look_up in (stream_lag, outbox_length):
            found = []  # A number that nobody knows is left out.
            with gevent.Timeout(PATIENCE, False), contextlib.suppress(RedisError, Error):
                found.append(look_up())
            yield from found


def stream_lag():
    """Look up in Redis what has not been told yet."""
    lag = GaugeMetricFamily(
        "board_stream_lag_seconds",
        "Age of the oldest entry of a stream that this process has not told yet",
        labels=["hall"],
    )
    for hall in notices.halls.values():
        lag.add_metric([hall.name], age_of_next(hall))
    return lag


def outbox_length():
    """Look up in the database what is yet to be published."""
    try:
        length = Outbox.objects.count()
    finally:
        connections.close_all()  # as in board/guard.py: nobody else does for a greenlet
    return GaugeMetricFamily("board_outbox_length", "Saved, not published yet", value=length)


def age_of_next(hall):
    """Return how many seconds ago the first entry was appended that a hall has not been told."""
    entries = live.redis.xrange(hall.stream, f"({hall.cursor}" if hall.cursor else "-", count=1)
    return max(0, time.time() - live.place(entries[0][0])[0] / 1000) if entries else 0


def make_monitor(metrics):
    """Return what answers on the port that nobody but us can reach."""
    prometheus = make_wsgi_app()

    def monitor(environ, start_response):
        match environ["PATH_INFO"]:
            case "/metrics":
                return prometheus(environ, start_response)
            case "/livez":  # This process has a turn. To restart it would not bring Redis back.
                status, said = "200 OK", "alive"
            case "/healthz" if problem := metrics.problem():
                status, said = "503 Service Unavailable", problem
            case "/healthz":
                status, said = "200 OK", "ok"
            case _:
                status, said = "404 Not Found", "/metrics, /healthz, /livez"
        start_response(status, [("Content-Type", "text/plain")])
        return [f"{said}\n".encode()]

    return monitor
