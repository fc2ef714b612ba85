"""A page without a browser: python-socketio's client, which does what board.js does."""

import html
import json
import logging
import queue
import random
import re
import socket
import threading
import time
import uuid
from concurrent.futures import CancelledError, Future, InvalidStateError
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from functools import partial

import engineio
import requests
import socketio
from socketio.exceptions import SocketIOError

from workshop.fire.tally import BOARD, Viewer

NAMESPACES = ["/notices", "/presence"]
CURSOR = re.compile(r'<script id="cursors?" type="application/json">(.*?)</script>')
NOTICE = re.compile(r'<li id="notice-(\d+)">\s*<p class="text">(.*?)</p>')

# What these libraries say about a lost connection is no news here.
quiet = logging.getLogger("workshop.fire")
quiet.addHandler(logging.NullHandler())
quiet.propagate = False


class InOrder(engineio.Client):
    """Handle one message after the other, as a browser does: the library has a thread for each."""

    def _trigger_event(self, event, *args, run_async=False, **options):
        return super()._trigger_event(event, *args, **options)


class NoPage(Exception):
    """What came is no page of ours."""


class Client(socketio.Client):
    """A client for one connection: who uses it connects again with another one."""

    def __init__(self):
        options = {"logger": quiet, "engineio_logger": quiet, "handle_sigint": False}
        super().__init__(reconnection=False, **options)

    def _engineio_client_class(self):
        return InOrder


class Connecting(Viewer):
    """Who connects, and again after each loss, with the pauses of socket.io-client."""

    theirs = "the server"  # These are known to do right.
    longest_pause = 3.0
    polls = upgrades = True  # if it is told to
    there = False

    def __init__(self, name: str, url: str, transports: list[str] | None = None):
        super().__init__()
        self.name, self.url, self.transports = name, url, transports
        self.reading = threading.Event()  # not while it sleeps
        self.reading.set()
        self.closed = threading.Event()
        self.connections = self.failures = 0

    def start(self) -> None:
        """Connect, and stay connected."""
        threading.Thread(target=self.stay_connected, daemon=True).start()

    @property
    def connected(self) -> bool:
        """Tell whether it is connected, as far as it knows."""
        return self.there

    @property
    def live(self) -> bool:
        """Tell whether the page would say that it is live."""
        return self.connected

    def close(self) -> None:
        """Go, without waiting for anybody."""
        self.closed.set()
        self.wake()
        self.hang_up()

    def sleep(self) -> None:
        """Read nothing."""
        self.reading.clear()

    def wake(self) -> None:
        """Read on."""
        self.reading.set()

    def stay_connected(self) -> None:
        """Connect, and again after each loss."""
        while not self.closed.is_set():
            with suppress(SocketIOError, ValueError, OSError):
                self.converse()
            self.hang_up()
            self.closed.wait(min(self.longest_pause, 2**self.failures * random.uniform(0.5, 1.5)))
            self.failures += 1

    def converse(self) -> None:
        """Connect, and listen until the connection is lost."""
        raise NotImplementedError

    def hang_up(self) -> None:
        """End the connection, if there is one."""
        raise NotImplementedError


class Page(Connecting):
    """A page without a page."""

    def __init__(self, name: str, url: str, transports: list[str] | None = None):
        super().__init__(name, url, transports)
        self.state = "again"  # as in board.js
        self.cursor: str | None = None
        self.hall: str | None = None  # where each has a cursor of its own
        self.board: dict[int, str] = {}
        self.awaited: set[Future] = set()
        self.outbox: queue.Queue[dict[str, str] | None] = queue.Queue()
        self.answered = self.refused = self.held_up = 0
        self.sio = Client()
        self.load_anew()

    def start(self) -> None:
        """Connect, stay connected, and post."""
        super().start()
        threading.Thread(target=self.post_all, daemon=True).start()

    @property
    def connected(self) -> bool:
        """Tell whether the namespace is connected."""
        return "/notices" in self.sio.namespaces

    @property
    def live(self) -> bool:
        """Tell whether the page would say that it is live."""
        return self.connected and self.state == "live"

    def close(self) -> None:
        """Go, and post no more."""
        self.outbox.put(None)
        super().close()

    # How the connection is

    def converse(self) -> None:
        """Connect, and listen until the connection is lost."""
        sio = self.sio = Client()
        sio.on("connect", self.on_connect, namespace="/notices")
        sio.on("live", self.on_live, namespace="/notices")
        sio.on("notices", self.on_notices, namespace="/notices")
        # wait=False: the library would go on waiting after a connection that has died.
        sio.connect(self.url, namespaces=NAMESPACES, transports=self.transports, wait=False)
        self.failures = 0
        sio.eio.wait()

    def on_connect(self) -> None:
        """Begin to catch up."""
        self.connections += 1
        threading.Thread(target=self.catch_up, daemon=True).start()

    def hang_up(self) -> None:
        """End the connection, and tell whoever waits for an answer that it will not come."""
        hang_up(self.sio)
        for answer in list(self.awaited):
            answer.cancel()

    def ask(self, event: str, data, seconds: float):
        """Emit, and return the acknowledgement."""
        answer: Future = Future()
        self.awaited.add(answer)
        try:
            callback = partial(resolve, answer)
            self.sio.emit(event, data, namespace="/notices", callback=callback)
            return answer.result(seconds)
        finally:
            self.awaited.discard(answer)

    # What the server says

    def on_live(self, live: bool, hall: str | None = None) -> None:
        """Catch up when the server hears Redis again, or from step 9 on: this hall's part of it."""
        self.reading.wait()
        if hall != self.hall and hall is not None:
            return
        self.state = "wait"
        if live:
            threading.Thread(target=self.catch_up, daemon=True).start()

    def catch_up(self) -> None:
        """Tell the server the cursor, and do what it says, until live."""
        connection = self.connections
        while connection == self.connections:  # else another thread does it
            try:
                if self.state == "reload":
                    self.load_anew()
                self.state = "again"
                here = {self.hall: self.cursor} if self.hall else self.cursor
                said = self.state = self.ask("since", here, 10)
                if said not in ("again", "reload"):
                    return
            except (SocketIOError, CancelledError):
                return  # not connected: again when it is
            except (Late, requests.RequestException, NoPage):
                time.sleep(1)

    def on_notices(self, *said) -> None:
        """Show what was not shown before; ask again if something before it did not arrive."""
        self.reading.wait()
        entries, after = said[1:3] if self.hall else said[:2]
        if self.cursor and as_numbers(after) > as_numbers(self.cursor):
            if self.state == "live":
                threading.Thread(target=self.catch_up, daemon=True).start()
            return
        for place, notice in entries:
            if self.cursor and as_numbers(place) <= as_numbers(self.cursor):
                self.dropped += 1
                continue
            self.cursor = place
            if notice:
                self.show(notice["id"], notice["text"])

    def show(self, number: int, text: str) -> None:
        """Put a notice on top of the board, or where it was."""
        if number in self.board:
            self.mended(number, text)
        else:
            self.told(number, text)
        self.board[number] = text
        while len(self.board) > BOARD:
            del self.board[next(iter(self.board))]  # the oldest

    def load_anew(self) -> None:
        """Load the page, and take the cursor and the notices that it has."""
        answer = requests.get(self.url, timeout=10)
        answer.raise_for_status()
        page = answer.text
        if not (cursor := CURSOR.search(page)):
            raise NoPage(self.url)
        self.cursor = json.loads(cursor[1])
        if isinstance(self.cursor, dict):  # from step 8 on
            [(self.hall, self.cursor)] = self.cursor.items()
        board = [(int(number), html.unescape(text)) for number, text in NOTICE.findall(page)]
        self.board = dict(reversed(board))
        self.loaded(board)

    # What the client says

    def post(self, text: str) -> None:
        """Have a notice posted, once."""
        self.outbox.put({"key": uuid.uuid4().hex, "author": self.name, "text": text})

    def post_all(self) -> None:
        """Post what waits, each with its key until there is an answer."""
        while notice := self.outbox.get():
            while not self.closed.is_set():
                try:
                    answer = self.ask("post", notice, 5)
                except (SocketIOError, CancelledError, Late):
                    self.closed.wait(0.1)
                    continue
                answer = answer if isinstance(answer, dict) else {}
                if answer.get("ok"):
                    self.answered += 1
                    self.held_up += answer.get("held_up", False)
                    break
                self.refused += 1
                self.closed.wait(1)  # The page waits for ten.


def hang_up(sio: Client) -> None:
    """End a connection at once: the library's own ways wait for the server's last word."""
    if (ws := sio.eio.ws) and ws.sock:
        with suppress(OSError):
            ws.sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads
        ws.shutdown()
    sio.eio.disconnect(abort=True)


def resolve(answer: Future, *said) -> None:
    """Hand an acknowledgement to who waits, if it still does."""
    with suppress(InvalidStateError):
        answer.set_result(said[0] if said else None)


def as_numbers(cursor: str) -> tuple:
    """Return a cursor as numbers: "2-10" is after "2-9"."""
    return tuple(map(int, cursor.split("-")))
