"""What happens on each event that a browser sends: most of our code goes here."""

import json
import logging

import gevent
import socketio
from django.contrib.auth import get_user
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.wsgi import WSGIRequest
from django.utils import timezone

from .forms import NoticeForm

logger = logging.getLogger(__name__)


class Notices(socketio.Namespace):
    """/notices: take a notice from one browser, tell every browser what Redis says."""

    live = False

    def on_connect(self, sid, environ, auth):
        """Tell a new browser whether Redis is heard."""
        self.emit("live", self.live, to=sid)

    def set_live(self, live):
        """Tell every browser whether Redis is heard."""
        self.live = live
        self.emit("live", live)

    def broadcast(self, data):
        """Tell every browser what Redis said, if it is a notice: anybody may publish anything."""
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

    def on_post(self, sid, data):
        """Save a notice; acknowledge with ok, or with what is wrong with the form."""
        request = self.get_request(sid)
        data = data if isinstance(data, dict) else {}  # A browser may send anything.
        form = NoticeForm(data, request=request)
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


class Presence(socketio.Namespace):
    """/presence: tell every browser how many are here."""

    def __init__(self, namespace):
        super().__init__(namespace)
        self.here = set()
        self.waiting = False

    def on_connect(self, sid, environ, auth):
        """Count a browser in."""
        self.here.add(sid)
        self.emit_soon()

    def on_disconnect(self, sid, reason):
        """Count a browser out."""
        self.here.discard(sid)
        self.emit_soon()

    def emit_soon(self):
        """Tell every browser, once a second at most: N who arrive at once are not N² packets."""
        if not self.waiting:
            self.waiting = True
            gevent.spawn_later(1, self.emit_count)

    def emit_count(self):
        """Tell every browser how many are here now."""
        self.waiting = False
        self.emit("count", len(self.here))
