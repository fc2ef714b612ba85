"""What happens on each event that a browser sends: most of our code goes here."""

import json
import logging

import gevent
from django.contrib.auth import get_user
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.wsgi import WSGIRequest
from django.utils import timezone
from redis import RedisError

from board.compat import Namespace

from .forms import NoticeForm
from .live import CHANNEL, listen, redis

logger = logging.getLogger(__name__)


class Notices(Namespace):
    """/notices: take a notice from one browser, tell that browser what Redis says."""

    listeners = set()  # On the class: each browser has an instance of its own.

    def initialize(self):
        """Begin to listen, for this one browser."""
        self.spawn(self.listener)

    def listener(self):
        """Subscribe and listen until the browser goes, which kills what was spawned for it."""
        self.listeners.add(self)
        try:
            listen(self)
        finally:
            self.listeners.discard(self)

    def set_live(self, live):
        """Tell this browser whether Redis is heard."""
        self.emit("live", live)

    def broadcast(self, data):
        """Tell this browser what Redis said, if it is a notice: anybody may publish anything."""
        try:
            notice = json.loads(data)
            form = NoticeForm(notice)
            if not form.is_valid():
                raise ValueError(form.errors.as_json())
            known = {
                "id": notice["id"] if isinstance(notice.get("id"), int) else None,
                "official": notice.get("official") is True,
                "created": str(notice.get("created") or timezone.now().isoformat()),
            }
        except (AttributeError, RecursionError, ValueError) as error:
            logger.error("Skipped what is not a notice: %.200r: %s", data, error)
        else:
            self.emit("notice", known | form.cleaned_data)

    def on_post(self, data):
        """Save a notice; acknowledge with ok, or with what is wrong with the form."""
        request = self.get_request()
        data = data if isinstance(data, dict) else {}  # A browser may send anything.
        form = NoticeForm(data, request=request)
        if not form.is_valid():
            return {"ok": False, "errors": form.errors.get_json_data()}
        form.instance.official = get_user(request).is_staff
        form.save()
        return {"ok": True}

    def get_request(self):
        """Return the request that opened this connection, with the session as it is now.

        The request itself stays as it was when the browser connected. Whoever it was then may have
        logged out since: ask for the user in each event, and keep nobody.
        """
        request = WSGIRequest(self.environ)
        SessionMiddleware(lambda request: None).process_request(request)
        return request


class Presence(Namespace):
    """/presence: tell every browser how many are here, and what that takes."""

    here = set()
    changed = False
    taken = 0, 0  # listeners, and connections to Redis

    def recv_connect(self):
        """Count a browser in."""
        self.here.add(self)
        Presence.changed = True

    def disconnect(self, *args, **kwargs):
        """Count a browser out."""
        self.here.discard(self)
        Presence.changed = True
        super().disconnect(*args, **kwargs)


def count_listeners():
    """Count the listeners here and how many Redis has, and tell every browser what has changed.

    Once a second at most: N who arrive at once are not N² packets.
    """
    while True:
        try:
            taken = len(Notices.listeners), redis.pubsub_numsub(CHANNEL)[0][1]
        except RedisError:
            taken = len(Notices.listeners), 0
        if Presence.changed or taken != Presence.taken:
            Presence.changed, Presence.taken = False, taken
            for browser in Presence.here:
                browser.emit("count", len(Presence.here), *taken)
        gevent.sleep(1)
