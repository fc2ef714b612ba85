"""What happens on each event that a browser sends: most of our code goes here."""

import json
import logging
from datetime import UTC, datetime
from functools import lru_cache

from django.contrib.auth import get_user
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import ValidationError
from django.core.handlers.wsgi import WSGIRequest
from redis import RedisError

from board.guard import Namespace

from .forms import NoticeForm
from .live import place, read_after

logger = logging.getLogger(__name__)


@lru_cache(1000)  # The same for each browser that catches up.
def read_notice(cursor, data):
    """Return what an entry says, or None if it is no notice: anybody may append anything."""
    try:
        notice = json.loads(data)
        fields = NoticeForm.base_fields  # A whole form takes 30 times as long, for each notice.
        return {
            "id": notice["id"] if isinstance(notice.get("id"), int) else None,
            "author": fields["author"].clean(notice.get("author")),
            "text": fields["text"].clean(notice.get("text")),
            "official": notice.get("official") is True,
            "created": str(notice.get("created") or time_of(cursor)),
        }
    except (AttributeError, OverflowError, RecursionError, ValidationError, ValueError) as error:
        logger.error("Skipped what is not a notice: %.200r: %s", data, error)
        return None


def time_of(cursor):
    """Return when an entry was appended: that is its first number, in milliseconds."""
    return datetime.fromtimestamp(place(cursor)[0] / 1000, UTC).isoformat()


def check(entries):
    """Return entries as a browser takes them: each cursor, and its notice if it has one."""
    return [
        (cursor, None if "began" in fields else read_notice(cursor, fields.get("notice", "")))
        for cursor, fields in entries
    ]


class Notices(Namespace):
    """/notices: take a notice from one browser, tell every browser what the stream says."""

    live = False
    cursor = None  # how far in the stream the browsers of this process were told

    def begin(self, cursor):
        """Go on from this entry, with nobody caught up: it is not the stream that they know."""
        Notices.cursor = cursor
        self.close_room("caught up")
        self.live = False  # so that each browser hears that it is live, and asks

    def tell_live(self, live):
        """Tell every browser when the server does not hear Redis, and when it does again."""
        if live != self.live:
            self.live = live
            self.emit("live", live)

    def tell(self, entries):
        """Tell every browser that has caught up."""
        # With what they come after: so a browser sees if something before them did not arrive.
        self.emit("notices", (check(entries), self.cursor), to="caught up")
        Notices.cursor = entries[-1][0]

    def on_since(self, sid, cursor):
        """Tell a browser what came after its cursor; acknowledge with what it is to do now."""
        if not self.live:
            return "wait"
        if self.is_behind(sid):
            return "again"
        try:
            # What every browser was told, this one has: then there is nothing to ask Redis for.
            entries = [] if cursor == self.cursor else read_after(cursor)
        except RedisError:
            self.tell_live(False)  # until the listener hears it again
            return "wait"
        if entries is None:
            return "reload"
        if entries:
            self.emit("notices", (check(entries), cursor), to=sid)
            cursor = entries[-1][0]
        if place(cursor) < place(self.cursor):
            return "again"
        # No greenlet runs between that look and this: what is new from here on comes with tell().
        self.enter_room(sid, "caught up")
        return "live"

    def is_behind(self, sid):
        """Tell whether a browser has yet to read what it was sent: so long it gets no more."""
        client = self.server.eio.sockets.get(
            self.server.manager.eio_sid_from_sid(sid, self.namespace)
        )
        return client and not client.queue.empty()

    def on_post(self, sid, data):
        """Save a notice; acknowledge with ok, or with what is wrong with the form."""
        request = self.get_request(sid)
        data = data if isinstance(data, dict) else {}  # A browser may send anything.
        form = NoticeForm(data, sender=request.META["REMOTE_ADDR"])
        if form.has_error("key", "unique"):
            return {"ok": True}  # It is saved: only the answer did not arrive.
        if not form.is_valid():
            return {"ok": False, "errors": form.errors.get_json_data()}
        form.instance.official = get_user(request).is_staff
        form.save()
        return {"ok": True}

    def get_request(self, sid):
        """Return the request that opened this connection, with the session as it is now.

        The request itself stays as it was when the browser connected. Whoever it was then may have
        logged out since: ask for the user in each event, and keep nobody.
        """
        request = WSGIRequest(self.server.get_environ(sid, self.namespace))
        SessionMiddleware(lambda request: None).process_request(request)
        return request


class Presence(Namespace):
    """/presence: tell every browser how many are here."""

    def __init__(self, namespace):
        super().__init__(namespace)
        self.here = set()

    def on_connect(self, sid, environ, auth):
        """Count a browser in."""
        self.here.add(sid)
        self.emit("count", len(self.here))

    def on_disconnect(self, sid, reason):
        """Count a browser out."""
        self.here.discard(sid)
        self.emit("count", len(self.here))
