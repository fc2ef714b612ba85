"""The scenarios of test_migration.py on gevent-socketio, beside the same on python-socketio."""

from gevent import monkey

monkey.patch_all()

import sys
from decimal import Decimal

import gevent
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from scenario import application, noted
from socketio import socketio_manage
from socketio.mixins import BroadcastMixin, RoomsMixin
from socketio.server import SocketIOServer

from board.compat import Handler, Namespace


class Visits(Namespace):
    """Whose instance is it?"""

    visits = 0

    def on_visit(self):
        """Count."""
        self.visits += 1
        return self.visits


class Life(Namespace):
    """From the first packet to the last."""

    def recv_connect(self):
        """Welcome a browser."""
        self.emit("welcome")

    def disconnect(self, *args, **kwargs):
        """Note that it left."""
        noted["left"].append("no reason")
        super().disconnect(*args, **kwargs)


class Closed(Namespace):
    """Lets nobody in."""

    def recv_connect(self):
        """Hang up."""
        self.disconnect()


class Emit(Namespace):
    """To one browser."""

    def on_say(self, *what):
        """Say it back."""
        self.emit("said", *what)

    def on_pair(self):
        """Say a tuple."""
        self.emit("said", (1, 2))


class Order(Namespace):
    """What is done first."""

    def on_work(self, seconds):
        """Take so long, and say so."""
        gevent.sleep(seconds)
        self.emit("done", seconds)


class Rooms(Namespace, RoomsMixin):
    """To those who are in a room."""

    def on_enter(self, room):
        """Enter."""
        self.join(room)

    def on_tell(self, room, text):
        """Tell a room."""
        self.emit_to_room(room, "told", text)


class Everybody(Namespace, BroadcastMixin):
    """To everybody."""

    def recv_connect(self):
        """Count a browser in."""
        noted["came"] += 1

    def on_shout(self, text):
        """Tell all."""
        self.broadcast_event("shouted", text)

    def on_whisper(self, text):
        """Tell all others."""
        self.broadcast_event_not_me("shouted", text)


class Answers(Namespace):
    """Acknowledgements, either way."""

    def on_two(self):
        """Answer with two values."""
        return "first", "second"

    def on_none(self):
        """Answer with nothing."""

    def on_quiz(self, question):
        """Ask the browser, and say what it answered."""
        self.emit("question", question, callback=self.answered)

    def answered(self, *answer):
        """Say what it was."""
        self.emit("answered", *answer)


class Session(Namespace):
    """What is kept for a browser."""

    def on_keep(self, what):
        """Keep it."""
        self.session["kept"] = what

    def on_kept(self):
        """Answer with it."""
        return self.session.get("kept")


class Request(Namespace):
    """Who it is."""

    def on_who(self):
        """Answer with a cookie."""
        return self.request.COOKIES["who"]


class Spawn(Namespace):
    """Work for a browser."""

    def on_work(self):
        """Begin."""
        self.spawn(self.work)

    def work(self):
        """Work for long."""
        noted["working"] += 1
        try:
            gevent.sleep(3600)
        finally:
            noted["working"] -= 1

    def disconnect(self, *args, **kwargs):
        """Note that it left."""
        noted["left"].append("worker")
        super().disconnect(*args, **kwargs)


class Values(Namespace):
    """What becomes of a value."""

    def on_keys(self):
        """In this order."""
        self.emit("value", {"b": 1, "a": 2})

    def on_decimal(self):
        """Of a price, say."""
        self.emit("value", Decimal("1.5"))


class Text(Namespace):
    """What is sent without a name."""

    def recv_message(self, text):
        """Say it back."""
        self.emit("heard", text)


NAMESPACES = {
    "/visits": Visits,
    "/life": Life,
    "/closed": Closed,
    "/emit": Emit,
    "/order": Order,
    "/rooms": Rooms,
    "/everybody": Everybody,
    "/answers": Answers,
    "/session": Session,
    "/session-2": Session,
    "/request": Request,
    "/spawn": Spawn,
    "/values": Values,
    "/text": Text,
}


def site(environ, start_response):
    """Hand a connection to its namespaces, and all else to the application."""
    if "socketio" not in environ:
        return application(environ, start_response)
    noted["asked"].append(environ["PATH_INFO"])
    socketio_manage(environ, NAMESPACES, WSGIRequest(environ))
    return []


settings.configure(ALLOWED_HOSTS=["127.0.0.1"])
host, port = sys.argv[1].split(":")
SocketIOServer(
    (host, int(port)),
    site,
    resource="socket.io",
    transports=list(Handler.handler_types),
    policy_server=False,
    handler_class=Handler,
).serve_forever()
