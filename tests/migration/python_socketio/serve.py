"""The scenarios of test_migration.py on python-socketio, beside the same on gevent-socketio."""

from gevent import monkey

monkey.patch_all()

import sys
from decimal import Decimal

import gevent
import socketio
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler
from scenario import application, noted
from socketio import Namespace
from socketio.exceptions import ConnectionRefusedError


class Visits(Namespace):
    """Whose instance is it?"""

    visits = 0

    def on_visit(self, sid):
        """Count."""
        self.visits += 1
        return self.visits


class Life(Namespace):
    """From the first packet to the last."""

    def on_connect(self, sid, environ, auth):
        """Welcome a browser."""
        self.emit("welcome", to=sid)

    def on_disconnect(self, sid, reason):
        """Note that it left."""
        noted["left"].append(reason)


class Closed(Namespace):
    """Lets nobody in."""

    def on_connect(self, sid, environ, auth):
        """Refuse."""
        raise ConnectionRefusedError("not today")


class Emit(Namespace):
    """To one browser."""

    def on_say(self, sid, *what):
        """Say it back."""
        self.emit("said", what, to=sid)

    def on_pair(self, sid):
        """Say a tuple."""
        self.emit("said", (1, 2), to=sid)

    def on_say_to_all(self, sid, *what):
        """Say it, and forget to whom."""
        self.emit("said", what)


class Order(Namespace):
    """What is done first."""

    def on_work(self, sid, seconds):
        """Take so long, and say so."""
        gevent.sleep(seconds)
        self.emit("done", seconds, to=sid)


class Rooms(Namespace):
    """To those who are in a room."""

    def on_enter(self, sid, room):
        """Enter."""
        self.enter_room(sid, room)

    def on_tell(self, sid, room, text):
        """Tell a room."""
        self.emit("told", text, to=room)

    def on_tell_others(self, sid, room, text):
        """Tell the others in a room."""
        self.emit("told", text, to=room, skip_sid=sid)


class Everybody(Namespace):
    """To everybody."""

    def on_connect(self, sid, environ, auth):
        """Count a browser in."""
        noted["came"] += 1

    def on_shout(self, sid, text):
        """Tell all."""
        self.emit("shouted", text)

    def on_whisper(self, sid, text):
        """Tell all others."""
        self.emit("shouted", text, skip_sid=sid)


class Answers(Namespace):
    """Acknowledgements, either way."""

    def on_two(self, sid):
        """Answer with two values."""
        return "first", "second"

    def on_none(self, sid):
        """Answer with nothing."""

    def on_quiz(self, sid, question):
        """Ask the browser, and say what it answered."""

        def answered(*answer):
            self.emit("answered", answer, to=sid)

        self.emit("question", question, to=sid, callback=answered)


class Session(Namespace):
    """What is kept for a browser."""

    def on_keep(self, sid, what):
        """Keep it."""
        with self.session(sid) as session:
            session["kept"] = what

    def on_kept(self, sid):
        """Answer with it."""
        return self.get_session(sid).get("kept")


class Request(Namespace):
    """Who it is."""

    def on_who(self, sid):
        """Answer with a cookie."""
        return WSGIRequest(self.server.get_environ(sid, self.namespace)).COOKIES["who"]


class Spawn(Namespace):
    """Work for a browser."""

    def on_work(self, sid):
        """Begin."""
        self.server.start_background_task(self.work)

    def work(self):
        """Work for long."""
        noted["working"] += 1
        try:
            gevent.sleep(3600)
        finally:
            noted["working"] -= 1

    def on_disconnect(self, sid, reason):
        """Note that it left."""
        noted["left"].append("worker")


class Values(Namespace):
    """What becomes of a value."""

    def on_keys(self, sid):
        """In this order."""
        self.emit("value", {"b": 1, "a": 2}, to=sid)

    def on_decimal(self, sid):
        """Of a price, say; or what is wrong with it."""
        try:
            self.emit("value", Decimal("1.5"), to=sid)
        except TypeError as error:
            self.emit("value", str(error), to=sid)


class Text(Namespace):
    """What is sent without a name."""

    def on_message(self, sid, text):
        """Say it back."""
        self.emit("heard", text, to=sid)


sio = socketio.Server(async_mode="gevent", async_handlers=False)
sio.register_namespace(Visits("/visits"))
sio.register_namespace(Life("/life"))
sio.register_namespace(Closed("/closed"))
sio.register_namespace(Emit("/emit"))
sio.register_namespace(Order("/order"))
sio.register_namespace(Rooms("/rooms"))
sio.register_namespace(Everybody("/everybody"))
sio.register_namespace(Answers("/answers"))
sio.register_namespace(Session("/session"))
sio.register_namespace(Session("/session-2"))
sio.register_namespace(Request("/request"))
sio.register_namespace(Spawn("/spawn"))
sio.register_namespace(Values("/values"))
sio.register_namespace(Text("/text"))
default = socketio.Server(async_mode="gevent")
default.register_namespace(Order("/order"))

settings.configure(ALLOWED_HOSTS=["127.0.0.1"])
host, port = sys.argv[1].split(":")
app = socketio.WSGIApp(sio, socketio.WSGIApp(default, application, socketio_path="default"))
WSGIServer((host, int(port)), app, handler_class=WebSocketHandler).serve_forever()
