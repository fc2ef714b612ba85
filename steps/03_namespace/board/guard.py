"""What keeps one browser from stopping everybody else's: each class says against what."""

import inspect
import logging
import socket
import sys
import time

import engineio
import geventwebsocket.handler
import socketio
import socketio.packet
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.wsgi import WSGIRequest
from django.db import connections
from gevent.lock import BoundedSemaphore
from geventwebsocket.exceptions import ProtocolError
from socketio.exceptions import ConnectionRefusedError

MAX_MESSAGE = 64_000  # bytes of one message from a browser
MAX_WAITING = 5000  # packets that wait for one browser to read them
MAX_SILENCE = 60  # seconds; a browser is asked for a sign of life every 25
MAX_DATABASE_CONNECTIONS = 20  # of the 100 that PostgreSQL allows in all

logger = logging.getLogger(__name__)


class OneLine(logging.LoggerAdapter):
    """Log what a browser got wrong as one line: its traceback would show only our libraries."""

    def exception(self, message, *args, **kwargs):
        self.warning(f"{message}: {sys.exc_info()[1]!r}", *args)


class Packet(socketio.packet.Packet):
    """Take text only, and no event that is the server's own to fire."""

    def decode(self, encoded_packet):
        super().decode(encoded_packet)
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
        elif client and client.last_ping and time.time() - client.last_ping > self.ping_timeout:
            pass  # Gone: soon let go. The library would do so here, on_disconnect inside this emit.
        else:
            super().send_packet(sid, pkt)

    def disconnect(self, sid):
        if sid in self.sockets:
            # The library would wait until the browser has taken what is queued: it may never.
            self.sockets[sid].close(wait=False, reason=self.reason.SERVER_DISCONNECT)


class Server(socketio.Server):
    """A Socket.IO server that takes small text messages only, and sends to those who read."""

    def __init__(self, **options):
        super().__init__(
            async_mode="gevent",
            serializer=Packet,
            max_http_buffer_size=MAX_MESSAGE,
            cors_allowed_origins=[],  # No check here: Handler does it, by Django's settings.
            logger=OneLine(logging.getLogger("socketio"), {}),
            engineio_logger=OneLine(logging.getLogger("engineio"), {}),
            **options,
        )

    def _engineio_server_class(self):
        return EngineServer

    def _handle_eio_message(self, eio_sid, data):
        if eio_sid in self.environ:  # Otherwise who has gone would come back, and stay in a room.
            super()._handle_eio_message(eio_sid, data)


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

    def read_payload(self, length):
        self.left -= length  # of all its fragments
        if self.left < 0:
            logger.warning("a websocket message of more than %s bytes: refused", MAX_MESSAGE)
            self.close(1009)
            return b""
        return self.stream.read(length)


# gevent-websocket has no setting for this.
geventwebsocket.handler.WebSocket = WebSocket


class Handler(geventwebsocket.handler.WebSocketHandler):
    """Let only the site's own pages reach the Socket.IO server, and wait for nobody for ever."""

    def __init__(self, sock, address, server):
        # Otherwise the second of two notices in a row waits 40 ms for the first to be acknowledged.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(MAX_SILENCE)
        super().__init__(sock, address, server)

    def upgrade_websocket(self):
        # Called for every request, before it is a websocket and before the application sees it.
        if self.environ["PATH_INFO"].startswith("/socket.io/"):
            problem = self.find_problem()
            if problem:
                logger.warning("refused a request from %s: %s", self.client_address[0], problem)
                headers = [("Content-Type", "text/plain"), ("Connection", "close")]
                self.start_response("400 Bad Request", headers)
                return [problem.encode()]
        return super().upgrade_websocket()

    def find_problem(self):
        """Say what is wrong with a request to the Socket.IO server, or None."""
        request = WSGIRequest(self.environ)
        try:
            own = f"{request.scheme}://{request.get_host()}"
        except DisallowedHost:
            return "not a host of this site: see ALLOWED_HOSTS"
        if self.environ.get("HTTP_ORIGIN", own) not in [own, *settings.CSRF_TRUSTED_ORIGINS]:
            return "not a page of this site: see CSRF_TRUSTED_ORIGINS"
        return None


class Namespace(socketio.Namespace):
    """Give back the database connections that an event has used, and bound how many are in use."""

    turns = BoundedSemaphore(MAX_DATABASE_CONNECTIONS)

    def trigger_event(self, event, *args):
        handler = getattr(self, f"on_{event}", None)
        if handler and event not in ("connect", "disconnect"):
            try:
                inspect.signature(handler).bind(*args)
            except TypeError as error:
                logger.warning("%s %s: %s", self.namespace, event, error)
                return None
        with self.turns:
            try:
                return super().trigger_event(event, *args)
            except Exception as error:
                if event != "connect" or isinstance(error, ConnectionRefusedError):
                    raise
                # The browser would hear nothing at all, and the log hold one line.
                logger.exception("%s connect", self.namespace)
                raise ConnectionRefusedError("the server failed, see its log") from error
            finally:
                # Each event is a greenlet, and Django keeps a connection for each.
                connections.close_all()
