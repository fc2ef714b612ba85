"""What happens on each event that a browser sends: most of our code goes here."""

import logging

import gevent
import socketio
from django.contrib.auth import get_user
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.wsgi import WSGIRequest
from redis import RedisError

from board.outage import OUTAGE

from . import outbox
from .entries import check
from .forms import NoticeForm
from .live import place, read_after

logger = logging.getLogger(__name__)


class Notices(socketio.Namespace):
    """/notices: take a notice from one browser, tell every browser what the stream says."""

    live = False
    cursor = None  # how far in the stream the browsers of this process were told

    def begin(self, cursor):
        """Go on from this entry, with nobody caught up: it is not the stream that they know."""
        self.cursor = cursor
        self.close_room("caught up")
        self.live = False  # so that each browser hears that it is live, and asks

    def set_live(self, live):
        """Tell every browser when the server does not hear Redis, and when it does again."""
        if live != self.live:
            self.live = live
            self.emit("live", live)

    def broadcast(self, entries):
        """Tell every browser that has caught up."""
        # With what they come after: so a browser sees if something before them did not arrive.
        after, self.cursor = self.cursor, entries[-1][0]
        self.emit("notices", (check(entries), after), to="caught up")

    def on_since(self, sid, cursor):
        """Tell a browser what came after its cursor; acknowledge with what it is to do now."""
        if not self.live:
            return "wait"
        if self.server.is_behind(sid, self.namespace):
            return "again"
        try:
            # What every browser was told, this one has: then there is nothing to ask Redis for.
            entries = [] if cursor == self.cursor else read_after(cursor)
        except RedisError:
            self.set_live(False)  # until the listener hears it again
            return "wait"
        if entries is None:
            return "reload"
        if entries:
            self.emit("notices", (check(entries), cursor), to=sid)
            cursor = entries[-1][0]
        if place(cursor) < place(self.cursor):
            return "again"
        # No greenlet runs between that look and this: what is new from here on is broadcast.
        self.enter_room(sid, "caught up")
        return "live"

    def on_post(self, sid, data):
        """Save a notice; acknowledge with ok, or with what is wrong."""
        try:
            return self.save(self.get_request(sid), data)
        except OUTAGE as error:
            logger.error("Not saved: %s", error)
            problem = "Not saved yet: the database does not take it. It will be sent again."
            return {"ok": False, "errors": {"": [{"message": problem, "code": "wait"}]}}

    def save(self, request, data):
        """Save a notice, unless the form finds something wrong with it."""
        data = data if isinstance(data, dict) else {}  # A browser may send anything.
        form = NoticeForm(data, request=request)
        if form.has_error("key", "unique"):
            return {"ok": True}  # It is saved: only the answer did not arrive.
        if not form.is_valid():
            return {"ok": False, "errors": form.errors.get_json_data()}
        form.instance.official = get_user(request).is_staff
        form.save()
        return {"ok": True, "held_up": True} if outbox.held_up else {"ok": True}

    def get_request(self, sid):
        """Return the request that opened this connection, with the session as it is now.

        The request itself stays as it was when the browser connected. Whoever it was then may have
        logged out since: ask for the user in each event, and keep nobody.
        """
        request = WSGIRequest(self.server.get_environ(sid, self.namespace))
        SessionMiddleware(lambda request: None).process_request(request)
        return request


class Presence(socketio.Namespace):
    """/presence: tell every browser how many are here, in this process and elsewhere."""

    def __init__(self, namespace):
        super().__init__(namespace)
        self.here = set()
        self.elsewhere = 0
        self.waiting = False

    def on_connect(self, sid, environ, auth):
        """Count a browser in, and say which process it has come to."""
        self.emit("process", environ["SERVER_PORT"], to=sid)
        self.here.add(sid)
        self.emit_soon()

    def on_disconnect(self, sid, reason):
        """Count a browser out."""
        self.here.discard(sid)
        self.emit_soon()

    def set_elsewhere(self, number):
        """Count those of the other processes."""
        if number != self.elsewhere:
            self.elsewhere = number
            self.emit_soon()

    def emit_soon(self):
        """Tell every browser, once a second at most: N who arrive at once are not N² packets."""
        if not self.waiting:
            self.waiting = True
            gevent.spawn_later(1, self.emit_count)

    def emit_count(self):
        """Tell every browser how many are here now."""
        self.waiting = False
        self.emit("count", len(self.here) + self.elsewhere)


notices = Notices("/notices")  # How far it has got is in each page, too: see views.py.
