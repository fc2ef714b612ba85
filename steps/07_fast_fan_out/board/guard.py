"""What keeps one browser from stopping everybody else's: each class says against what."""

import contextlib
import inspect
import io
import logging
import socket
import sys
import time
from functools import lru_cache

import engineio
import engineio.packet
import engineio.socket
import gevent
import geventwebsocket.handler
import socketio
import socketio.packet
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.wsgi import WSGIRequest
from django.db import connections
from gevent.lock import BoundedSemaphore
from gevent.pywsgi import Input
from geventwebsocket.exceptions import ProtocolError
from socketio.exceptions import ConnectionRefusedError

MAX_MESSAGE = 64_000  # bytes of one message from a browser
MAX_WAITING = 5000  # packets that wait for one browser to read them
MAX_REFUSED = 100  # messages of one browser that are nonsense
MAX_DATABASE_CONNECTIONS = 20  # of the 100 that PostgreSQL allows in all
MAX_FILES = 60_000  # of which each connection is one; many systems begin with 1024
# In seconds:
MAX_HEAD = 10  # until the head of a request is here, or its connection is not used again
MAX_BODY = 30  # until its body is
MAX_SILENCE = 60  # of a browser that is to read, or to go on with what it has begun to say
PING_EVERY, MAX_PONG = 5, 8  # A browser that says nothing is gone, on both sides, after these two.

logger = logging.getLogger(__name__)
signature_of = lru_cache(inspect.signature)


class OneLine(logging.LoggerAdapter):
    """Log what a browser got wrong as one line: its traceback would show only our libraries."""

    def exception(self, message, *args, **kwargs):
        self.warning(f"{message}: {sys.exc_info()[1]!r}", *args)


class Refused(ValueError):
    """A message is not what a browser may send."""


class Packet(socketio.packet.Packet):
    """Take text only, and no event that is the server's own to fire."""

    def decode(self, encoded_packet):
        try:
            super().decode(encoded_packet)
            self.check()
        except Exception as error:  # whatever the library makes of nonsense
            raise Refused(repr(error)) from None

    def check(self):
        # An announcement of binary data would let its attachments pile up here; we use none.
        if self.packet_type not in (
            socketio.packet.CONNECT,
            socketio.packet.DISCONNECT,
            socketio.packet.EVENT,
            socketio.packet.ACK,
        ):
            raise ValueError(f"packet type {self.packet_type!r}")
        if self.packet_type == socketio.packet.EVENT:
            match self.data:
                # Otherwise a browser could run on_connect, and say there who it is.
                case ["connect" | "disconnect", *_]:
                    raise ValueError(f"forged event {self.data[0]!r}")
                case [str(), *_]:
                    # JSON can spell half a character (\ud800); no database keeps it.
                    self.json.dumps(self.data, ensure_ascii=False).encode()
                case _:
                    raise ValueError("an event without a name")


class EngineServer(engineio.Server):
    """Let go of a browser that does not read what it is sent, and of each on its own."""

    def send_packet(self, sid, pkt):
        client = self.sockets.get(sid)
        if client and client.queue.qsize() >= MAX_WAITING:
            logger.warning("a browser does not read what it is sent: let go")
            while client.queue.qsize():
                client.queue.get()  # What waited is free now, not when the browser's writer ends.
            self.start_background_task(client.close, wait=False, abort=True)
        else:
            super().send_packet(sid, pkt)

    def _service_task(self):
        # The library's looks after one browser each millisecond or so, with a timer for each look.
        self.service_task_event = self.create_event()
        suspects = set()
        while not self.service_task_event.wait(1):
            now, silent = time.time(), set()
            for client in list(self.sockets.values()):
                silence = now - (client.last_ping or now)
                if client.heard and silence > self.ping_interval:
                    client.ping()  # Its pong lies behind its message, which waits for a turn.
                elif silence > self.ping_timeout:
                    silent.add(client)
            for client in silent & suspects:  # After another second: its answer may have lain here.
                self.start_background_task(
                    client.close, wait=False, reason=self.reason.PING_TIMEOUT
                )
            suspects = silent

    def handle_request(self, environ, start_response):
        def start(status, headers):
            # What a browser that was cut off begins anew must not be on a connection that is dead.
            start_response(status, [*headers, ("Connection", "close")])

        return super().handle_request(environ, start)

    def disconnect(self, sid):
        if sid in self.sockets:
            # The library would wait until the browser has taken what is queued: it may never.
            self.sockets[sid].close(wait=False, reason=self.reason.SERVER_DISCONNECT)


class EngineSocket(engineio.socket.Socket):
    """Keep nothing of a browser that has gone, however many of them come and go."""

    def __init__(self, server, sid):
        super().__init__(server, sid)
        # The library's greenlet sleeps until then, costs more, and keeps all this in memory.
        self.timer = gevent.get_hub().loop.timer(server.ping_interval, server.ping_interval)
        self.heard = 0  # messages of it that are being handled

    def check_ping_timeout(self):
        # The library's would let go of it here: on_disconnect, in the middle of somebody's emit.
        return not self.closed

    def schedule_ping(self):
        if self.last_ping and not self.closed:  # It has answered the one before.
            self.last_ping = None
            self.timer.again(self.ping)

    def ping(self):
        self.timer.stop()
        self.last_ping = time.time()
        self.send(engineio.packet.Packet(engineio.packet.PING))

    def receive(self, pkt):
        # The library would answer each of these, and nobody counts such answers. A browser that
        # really upgrades says it to what handles its websocket, not here.
        if pkt.packet_type != engineio.packet.UPGRADE:
            self.heard += 1
            try:
                super().receive(pkt)
            finally:
                self.heard -= 1

    def close(self, wait=True, abort=False, reason=None):
        super().close(wait, abort, reason)
        self.timer.close()
        self.server.sockets.pop(self.sid, None)


# python-engineio has no setting for this.
engineio.socket.Socket = EngineSocket


class Manager(socketio.Manager):
    """Look only into a browser's own rooms when it leaves, and not into everybody's."""

    def __init__(self):
        super().__init__()
        self.own = {}  # namespace and sid: rooms

    def basic_enter_room(self, sid, namespace, room, eio_sid=None):
        super().basic_enter_room(sid, namespace, room, eio_sid)
        self.own.setdefault((namespace, sid), set()).add(room)

    def basic_leave_room(self, sid, namespace, room):
        super().basic_leave_room(sid, namespace, room)
        self.own.get((namespace, sid), set()).discard(room)

    def basic_disconnect(self, sid, namespace, **kwargs):
        for room in self.own.pop((namespace, sid), ()):
            super().basic_leave_room(sid, namespace, room)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            with contextlib.suppress(KeyError, ValueError):
                pending[namespace].remove(sid)


class Server(socketio.Server):
    """Take small text messages only, one at a time from each browser, and let go of nonsense."""

    def __init__(self, **options):
        defaults = {
            "async_mode": "gevent",
            # Otherwise each event is a greenlet: a browser could have any number of them, and what
            # it says first could be done last.
            "async_handlers": False,
            "client_manager": Manager(),
            "serializer": Packet,
            "max_http_buffer_size": MAX_MESSAGE,
            "ping_interval": PING_EVERY,
            "ping_timeout": MAX_PONG,
            "cors_allowed_origins": [],  # No check here: Handler does it, by Django's settings.
            "logger": OneLine(logging.getLogger("socketio"), {}),
            "engineio_logger": OneLine(logging.getLogger("engineio"), {}),
        }
        super().__init__(**defaults | options)
        self.turns = BoundedSemaphore(MAX_DATABASE_CONNECTIONS)
        raise_limit_of_files()

    def _engineio_server_class(self):
        return EngineServer

    def _handle_eio_message(self, eio_sid, data):
        environ = self.environ.get(eio_sid)
        if environ is None:
            return  # Otherwise who has gone would come back, and stay in a room.
        try:
            super()._handle_eio_message(eio_sid, data)
        except Refused as error:
            logger.warning("a message was refused: %s", error)
            environ["refused"] = environ.get("refused", 0) + 1
            if environ["refused"] >= MAX_REFUSED:
                logger.warning("a browser goes on with what is refused: let go")
                self.eio.disconnect(eio_sid)

    def _handle_connect(self, eio_sid, namespace, data):
        super()._handle_connect(eio_sid, namespace, data)
        if eio_sid not in self.environ:  # It has gone while it waited for its turn.
            self._handle_disconnect(eio_sid, namespace, self.reason.TRANSPORT_CLOSE)

    def is_behind(self, sid, namespace):
        """Tell whether a browser has yet to read what it was sent: whoever sends much can wait."""
        client = self.eio.sockets.get(self.manager.eio_sid_from_sid(sid, namespace))
        return client is not None and not client.queue.empty()

    def _trigger_event(self, event, namespace, *args):
        handler = getattr(self.namespace_handlers.get(namespace), f"on_{event}", None)
        if handler and event not in ("connect", "disconnect"):
            try:
                signature_of(handler).bind(*args)
            except TypeError as error:
                raise Refused(f"{namespace} {event}: {error}") from None
        with self.turns:
            if event not in ("connect", "disconnect") and not self.manager.is_connected(
                args[0], namespace
            ):
                return self.not_handled  # It has gone while it waited for its turn.
            try:
                return super()._trigger_event(event, namespace, *args)
            except ConnectionRefusedError:
                raise
            except Exception as error:
                logger.exception("%s %s", namespace, event)
                if event == "connect":  # The browser would hear nothing at all.
                    raise ConnectionRefusedError("the server failed, see its log") from error
                return self.not_handled
            finally:
                # Each connection's greenlet has one of its own, and nobody else gives it back.
                connections.close_all()


def raise_limit_of_files():
    """Let this process have as many connections as the system lets it."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # Windows has no such limit.
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


class WebSocket(geventwebsocket.handler.WebSocket):
    """Refuse a message that is too large while it arrives, not once it is all in memory."""

    __slots__ = ("left",)

    def __init__(self, environ, stream, handler):
        super().__init__(environ, stream, handler)
        self.raw_read = self.read_payload

    def receive(self):
        self.left = MAX_MESSAGE
        try:
            message = None if self.closed else self.read_message()
            if message is not None:
                engineio.packet.Packet(encoded_packet=message)
            return message
        except (ProtocolError, ValueError, RecursionError) as error:
            logger.warning("a websocket message was refused: %r", error)
            self.close(1002)
        except OSError:
            pass  # The browser has gone.
        return None

    def read_frame(self):
        try:
            return super().read_frame()
        finally:
            # What lies ready is read without waiting, and nobody else would get a turn.
            gevent.sleep(0)

    def read_payload(self, length):
        self.left -= length  # of all its fragments
        if self.left < 0:
            logger.warning("a websocket message of more than %s bytes: refused", MAX_MESSAGE)
            self.close(1009)
            return b""
        return self.stream.read(length)

    def validate_utf8(self, payload):
        pass  # Decoding does it, once; the library looks at each byte, twice, which takes 20 ms.

    def close(self, code=1000, message=b""):
        handler = self.handler
        super().close(code, message)
        with contextlib.suppress(OSError, AttributeError):  # It has gone, or was closed before.
            handler.socket.shutdown(socket.SHUT_RDWR)  # Whoever waits for this browser ends.


def unmask(header, payload):
    """Unmask a payload as a whole: byte by byte, 60 kB take 7 ms in which nobody has a turn."""
    mask = (header.mask * (len(payload) // 4 + 1))[: len(payload)]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
    return number.to_bytes(len(payload), "big")


# gevent-websocket has no settings for these.
geventwebsocket.handler.WebSocket = WebSocket
geventwebsocket.websocket.Header.unmask_payload = unmask


class Handler(geventwebsocket.handler.WebSocketHandler):
    """Let only the site's own pages reach the Socket.IO server, and wait for nobody for ever."""

    def __init__(self, sock, address, server):
        # Otherwise the second of two notices in a row waits 40 ms for the first to be acknowledged.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(MAX_SILENCE)
        super().__init__(sock, address, server)
        self.rfile = sock.makefile("rb", 512)  # The library's 8 KiB stay as long as the connection.

    def handle_one_request(self):
        # Who asks for much at once waits for a turn, too. After sleep(0) the loop runs up to fifty
        # others that are ready before it looks at sockets again: that is long, of whole requests.
        gevent.sleep(0.001)
        self.head = gevent.Timeout.start_new(MAX_HEAD, TimeoutError("the head took too long"))
        try:
            return super().handle_one_request()
        finally:
            self.head.close()

    def read_request(self, requestline):
        try:
            return super().read_request(requestline)
        except OSError as error:
            raise ValueError(str(error)) from None  # One line in the log, not a traceback.

    def upgrade_websocket(self):
        # Called for every request, before it is a websocket and before the application sees it.
        self.head.close()
        status, problem = self.read_body() or self.find_problem() or (None, None)
        try:
            if problem is None:
                answer = super().upgrade_websocket()
                return answer and [line.encode() for line in answer]
        except ValueError as error:
            status, problem = "400 Bad Request", f"Sec-WebSocket-Key: {error}"
        if not status.startswith("404"):  # That is a line in the log already.
            logger.warning("refused a request from %s: %s", self.client_address[0], problem)
        self.start_response(status, [("Content-Type", "text/plain"), ("Connection", "close")])
        return [problem.encode()]

    def read_body(self):
        """Read all of it, so that nobody waits for the rest; return what is wrong, or None."""
        most, body = settings.DATA_UPLOAD_MAX_MEMORY_SIZE, b""
        try:
            if (self.content_length or 0) <= most:
                with gevent.Timeout(MAX_BODY, TimeoutError("the body took too long")):
                    body = self.wsgi_input.read(most + 1)
        except OSError as error:
            return "408 Request Timeout", str(error)
        finally:
            self.environ["wsgi.input"] = self.wsgi_input = Input(io.BytesIO(body), len(body))
        if max(len(body), self.content_length or 0) > most:
            return "413 Content Too Large", f"more than {most} bytes"
        return None

    def find_problem(self):
        """Return what is wrong with a request, as a status and a sentence, or None."""
        path = self.environ["PATH_INFO"]
        if ".." in path.replace("\\", "/").split("/"):
            return "404 Not Found", "a way out of the site"
        if not path.startswith("/socket.io/"):
            return None
        request = WSGIRequest(self.environ)
        try:
            own = f"{request.scheme}://{request.get_host()}"
        except DisallowedHost:
            return "400 Bad Request", "not a host of this site: see ALLOWED_HOSTS"
        if self.environ.get("HTTP_ORIGIN", own) not in [own, *settings.CSRF_TRUSTED_ORIGINS]:
            return "400 Bad Request", "not a page of this site: see CSRF_TRUSTED_ORIGINS"
        return None
