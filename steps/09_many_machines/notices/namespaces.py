"""What happens on each event that a browser sends: most of our code goes here."""

import logging

import gevent
import socketio
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.wsgi import WSGIRequest

from board.outage import OUTAGE

from . import outbox
from .forms import NoticeForm
from .halls import Hall, People
from .live import PEOPLE, stream_for, stream_of
from .sessions import person, session

logger = logging.getLogger(__name__)


class Notices(socketio.Namespace):
    """/notices: take a notice from one browser, tell those who follow its hall."""

    def __init__(self, namespace):
        super().__init__(namespace)
        self.halls = {hall: Hall(hall, stream_of(hall), self) for hall in settings.HALLS}
        self.halls[PEOPLE] = People(PEOPLE, PEOPLE, self)
        self.users = {}  # sid: who it is, of those who have logged in

    def on_connect(self, sid, environ, auth):
        """Have a room for each session: when it ends, that is who is to leave."""
        if key := self.get_request(sid).session.session_key:
            self.enter_room(sid, session(key))

    def on_disconnect(self, sid, reason):
        """Forget who it was; the library forgets the rooms."""
        self.users.pop(sid, None)

    def end(self, room):
        """Hang up on everybody in a room; who may still be there comes back."""
        for sid, _ in list(self.server.manager.get_participants(self.namespace, room)):
            self.disconnect(sid)

    def on_since(self, sid, cursors, who=None):
        """Have a browser follow these halls from these cursors on, and no others.

        Tell it what came after them; acknowledge with what it is to do now. Its page was made for
        whom it says: the number of a user, or none.
        """
        cursors = cursors if isinstance(cursors, dict) else {}  # A browser may send anything.
        try:
            user = get_user(self.get_request(sid))
        except OUTAGE as error:
            logger.error("Nobody knows who asks: %s", error)
            return "later"
        before = self.users.pop(sid, None)
        if before and before != user:
            self.leave_room(sid, person(before.id))
        answers = set()
        # The page, or this connection, is from before a log-in or a log-out.
        if who != user.id or (PEOPLE in cursors and not who):
            cursors, answers = {}, {"reconnect"}
        elif who and self.server.manager.is_connected(sid, self.namespace):
            self.users[sid] = user
        for name, hall in self.halls.items():
            # It names halls. Which room that is, and whose, is for us to say.
            if name in cursors:
                answers.add(hall.follow(sid, user, cursors[name]))
            else:
                self.leave_room(sid, hall.room_of(user))
        order = "reconnect", "reload", "wait", "again"
        return next((each for each in order if each in answers), "live")

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
        held_up = stream_for(form.instance) in outbox.held_up
        return {"ok": True, "held_up": True} if held_up else {"ok": True}

    def get_request(self, sid):
        """Return the request that opened this connection, with the session as it is now.

        The request itself stays as it was when the browser connected. Whoever it was then may have
        logged out since: ask for the user in each event, and keep nobody.
        """
        request = WSGIRequest(self.server.get_environ(sid, self.namespace))
        SessionMiddleware(lambda request: None).process_request(request)
        return request


class Presence(socketio.Namespace):
    """/presence: tell every browser how many are here, in all processes."""

    def __init__(self, namespace):
        super().__init__(namespace)
        self.here = set()  # in this process
        self.count = 0
        self.waiting = False

    def on_connect(self, sid, environ, auth):
        """Count a browser in, and say which process it has come to."""
        self.emit("process", environ["SERVER_PORT"], to=sid)
        self.here.add(sid)
        self.emit_soon()

    def on_disconnect(self, sid, reason):
        """Count a browser out."""
        self.here.discard(sid)

    def set_count(self, number):
        """Say how many are here, in all processes."""
        if number != self.count:
            self.count = number
            self.emit_soon()

    def emit_soon(self):
        """Tell every browser, once a second at most: N who arrive at once are not N² packets."""
        if not self.waiting:
            self.waiting = True
            gevent.spawn_later(1, self.emit_count)

    def emit_count(self):
        """Tell every browser how many are here now."""
        self.waiting = False
        # What was added up may be from before they came.
        self.emit("count", max(self.count, len(self.here)))


notices = Notices("/notices")  # How far it has got is in each page, too: see views.py.
