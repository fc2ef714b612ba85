"""A browser's websocket without a greenlet: gevent's loop says when there is something to read."""

import contextlib
import socket

import engineio.socket
import gevent
from engineio.exceptions import UnknownPacketError
from engineio.packet import NOOP, PING, Packet
from gevent import monkey
from gevent.socket import wait_write
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, TextMessage

from .guard import MAX_MESSAGE, MAX_SILENCE, EngineSocket, logger

MAX_BEHIND = 1_000_000  # bytes in the queue of a browser
MAX_READ = 8192  # bytes at once
READ = 1  # what a watcher of gevent's loop waits for

# The kernel's own: what would have to wait fails at once, and no greenlet is there to switch to.
KernelSocket = monkey.get_original("socket", "socket")
framer = Connection(ConnectionType.SERVER)


def frame(packet):
    """Return a packet as it goes over a websocket."""
    data = packet.encode()
    kind = TextMessage if isinstance(data, str) else BytesMessage
    return framer.send(kind(data))


FRAMED_PING = frame(Packet(PING))


class Waiting(list):
    """A queue at which nobody waits; one of gevent's takes 2 KB, also while it is empty."""

    put, qsize = list.append, list.__len__

    def get(self):
        return self.pop(0)

    def empty(self):
        return not self


class Socket(EngineSocket):
    """A browser's connection. With a websocket, whoever emits writes to it directly.

    What does not fit waits in the queue, for a greenlet that ends when all is written. What
    comes in is heard by one that ends when all is heard: an idle browser has none.
    """

    writing = False
    ended = False
    behind = 0  # bytes in the queue
    message = b""  # as much of it as is here

    def _upgrade_websocket(self, environ, start_response):
        """Take the connection from the request that opened it, whose greenlet ends."""
        websocket = environ["wsgi.websocket"]
        if not self.connected or self.finish_polling(websocket):
            self.begin(websocket)
        return []

    def begin(self, websocket):
        """Hear a browser from now on, and write to it."""
        handler, data = websocket.handler, b""
        handler.socket.settimeout(0)
        with contextlib.suppress(OSError):  # It may have gone.
            data = handler.rfile.read1()  # what it has said already
        self.connection = KernelSocket(fileno=handler.socket.detach())
        self.connection.setblocking(False)
        websocket.closed, websocket.stream = True, None  # for the library, which would close it
        self.parser = Connection(ConnectionType.SERVER)
        self.watcher = gevent.get_hub().loop.io(self.connection.fileno(), READ)
        self.connected = self.upgraded = True
        # Another queue: a poll that still waits must take nothing of what is for the websocket.
        waiting, self.queue = self.take(), Waiting()
        for packet in waiting:
            self.send(packet)
        if data:
            gevent.spawn(self.hear, data)
        else:
            self.watcher.start(self.wake)

    def finish_polling(self, websocket):
        """Go over from polling to a websocket; tell whether the browser did."""
        self.upgrading = True  # What it is told meanwhile waits.
        # A ping by websocket and its pong; then 5, for the end of polling.
        agreed = websocket.receive() == "2probe"
        if agreed:
            with contextlib.suppress(OSError):  # It may have gone.
                websocket.send("3probe")
            self.queue.put(Packet(NOOP))  # The answer to its last poll.
            agreed = websocket.receive() == "5"
        self.upgrading = False
        return agreed and not self.closed and not self.upgraded

    def wake(self):
        """Have somebody hear what has come: gevent's loop itself must not wait."""
        self.watcher.stop()
        gevent.spawn(self.hear)

    def hear(self, data=b""):
        """Hear what has come; the loop watches for more."""
        try:
            data = data or self.connection.recv(MAX_READ)
            for message in self.messages(data):
                with contextlib.suppress(UnknownPacketError):
                    self.receive(Packet(encoded_packet=message))
            if data and self.parser.state is not ConnectionState.CLOSED:
                self.watcher.start(self.wake)
                return
        except OSError:
            pass  # It has gone.
        except (ValueError, RecursionError) as error:
            logger.warning("a websocket message was refused: %r", error)
            self.say_goodbye(1002)
        self.end()

    def messages(self, data):
        """Yield each message that is whole."""
        self.parser.receive_data(data)
        for event in self.parser.events():
            # What lies ready is read without waiting, and nobody else would get a turn.
            gevent.sleep(0)
            match event:
                case Message(data=data):
                    is_text = isinstance(data, str)
                    self.message += data.encode() if is_text else data
                    if len(self.message) > MAX_MESSAGE:
                        raise ValueError(f"more than {MAX_MESSAGE} bytes")
                    if event.message_finished:
                        whole, self.message = self.message, b""
                        yield whole.decode() if is_text else whole
                case Ping() if self.parser.state is ConnectionState.OPEN:
                    self.write(self.parser.send(event.response()))
                case CloseConnection():
                    if self.parser.state is ConnectionState.REMOTE_CLOSING:
                        self.write(self.parser.send(event.response()))
                    elif self.parser.state is ConnectionState.OPEN:
                        raise ValueError(event.reason)  # what came is no websocket's

    def end(self):
        """Close the connection, unless somebody still writes, who then does."""
        self.ended = True
        self.watcher.close()
        self.close(abort=True, reason=self.server.reason.TRANSPORT_CLOSE)
        if not self.writing:
            self.connection.close()

    def send(self, pkt):
        """Send a packet."""
        if self.upgraded:
            self.write(FRAMED_PING if pkt.packet_type == PING else frame(pkt))
        else:
            super().send(pkt)

    def write(self, data):
        """Write what fits; the rest follows when there is room."""
        if self.behind > MAX_BEHIND:
            return  # It is let go.
        if self.writing:
            self.queue.put(data)
            self.behind += len(data)
            if self.behind > MAX_BEHIND:
                logger.warning("a browser does not read what it is sent: let go")
                self.hang_up()
            return
        try:
            sent = self.connection.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:  # It has gone.
            self.hang_up()
            return
        if sent < len(data):
            self.writing = True
            gevent.spawn(self.write_rest, data[sent:])

    def write_rest(self, data):
        """Write the rest, and then all that waits in one go, until nothing does."""
        try:
            while data:
                wait_write(self.connection.fileno(), MAX_SILENCE)
                data = data[self.connection.send(data) :]
                # The library's close() puts a None there, for a greenlet that we do not have.
                data = data or b"".join(filter(None, self.take()))
            if self.closed:
                self.hang_up()
        except OSError:  # It has gone, was let go, or took nothing for a minute.
            self.take()
            self.hang_up()
        self.writing = False
        if self.ended:
            self.connection.close()

    def take(self):
        """Empty the queue, and return what was in it."""
        self.behind = 0
        return [self.queue.get() for _ in range(self.queue.qsize())]

    def close(self, wait=True, abort=False, reason=None):
        """Close: once what waits is written, or with abort at once; nobody waits for that here."""
        super().close(wait=False, abort=abort, reason=reason)
        if self.upgraded:
            if not abort:
                self.say_goodbye(1000)
            if abort or not self.writing:
                self.hang_up()

    def say_goodbye(self, code):
        """Tell the browser's websocket that it is over, and why."""
        if self.parser.state is ConnectionState.OPEN:
            self.write(self.parser.send(CloseConnection(code)))

    def hang_up(self):
        """End the connection: whoever hears the browser then ends it."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


# python-engineio has no setting for the class of its sockets.
engineio.socket.Socket = Socket
