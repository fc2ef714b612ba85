"""A browser's connection that whoever emits writes to directly, waiting for nobody."""

import contextlib
import socket

import engineio.socket
import gevent
from engineio.exceptions import UnknownPacketError
from engineio.packet import NOOP, Packet
from geventwebsocket.websocket import Header, WebSocket

from .guard import EngineSocket, logger

MAX_BEHIND = 1_000_000  # bytes in the queue of a browser


def frame(packet):
    """Return a packet as it goes over a websocket."""
    data, opcode = packet.encode(), WebSocket.OPCODE_BINARY
    if isinstance(data, str):
        data, opcode = data.encode(), WebSocket.OPCODE_TEXT
    # A whole message, and not masked: only what a browser sends is.
    return Header.encode_header(fin=True, opcode=opcode, mask=b"", length=len(data), flags=0) + data


class Socket(EngineSocket):
    """A browser's connection. With a websocket, whoever emits writes to it directly.

    What does not fit waits in the queue, for a greenlet that ends when all is written.
    """

    writing = False
    behind = 0  # bytes in the queue

    def _upgrade_websocket(self, environ, start_response):
        """Hear a browser until it goes."""
        if self.begin(environ["wsgi.websocket"]):
            try:
                while (message := self.websocket.receive()) is not None:
                    with contextlib.suppress(UnknownPacketError):
                        self.receive(Packet(encoded_packet=message))
            finally:
                self.close(abort=True, reason=self.server.reason.TRANSPORT_CLOSE)
        return []

    def begin(self, websocket):
        """Write to a websocket from now on; tell whether it is ours."""
        if self.connected and not self.finish_polling(websocket):
            return False
        self.websocket, self.connection = websocket, websocket.handler.socket
        # Pongs too: written past us they could land in the middle of a frame.
        websocket.raw_write = self.write
        self.connected = self.upgraded = True
        for packet in self.take():
            self.send(packet)
        return True

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
        if not agreed or self.closed or self.upgraded:
            return False
        # A poll that still waits must take nothing of what is for the websocket.
        waiting, self.queue = self.take(), self.server.create_queue()
        for packet in waiting:
            self.queue.put(packet)
        return True

    def send(self, pkt):
        """Send a packet."""
        if self.upgraded:
            self.write(frame(pkt))
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
            sent = self.connection.send(data, 0, 0.0)
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
                self.connection.sendall(data)
                # The library's close() puts a None there, for a greenlet that we do not have.
                data = b"".join(filter(None, self.take()))
            if self.closed:
                self.hang_up()
        except OSError:  # It has gone, was let go, or took more than a minute.
            self.take()
            self.hang_up()
        self.writing = False

    def take(self):
        """Empty the queue, and return what was in it."""
        self.behind = 0
        return [self.queue.get() for _ in range(self.queue.qsize())]

    def close(self, wait=True, abort=False, reason=None):
        """Close: once what waits is written, or with abort at once; nobody waits for that here."""
        super().close(wait=False, abort=abort, reason=reason)
        if self.upgraded:
            if not abort and not self.websocket.closed:
                self.websocket.send_frame(b"", WebSocket.OPCODE_CLOSE)
            if abort or not self.writing:
                self.hang_up()

    def hang_up(self):
        """End the connection: the greenlet that hears the browser then ends too."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


# python-engineio has no setting for the class of its sockets.
engineio.socket.Socket = Socket
