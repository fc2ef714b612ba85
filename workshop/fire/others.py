"""The pages of other servers: each as the client that its documentation recommends, and no more."""

import json
from contextlib import suppress
from socket import SHUT_RDWR

import requests
import websocket

from workshop.fire.clients import NAMESPACES, Client, Connecting

PATIENCE = 20  # seconds for a connection to come to be: socket.io-client's own


class Listener(Connecting):
    """socket.io-client as it comes: it is told each notice by itself, and asks for nothing."""

    longest_pause = 5.0
    namespaces = NAMESPACES[:1]
    events: tuple[str, ...] = ("notice",)

    def __init__(self, name: str, url: str, transports: list[str] | None = None):
        super().__init__(name, url, transports)
        self.loaded([])

    def on_notice(self, notice: dict, *more) -> None:
        """Show a notice, whatever was shown before."""
        self.reading.wait()
        self.told(notice["id"], notice["text"])


class Live(Listener):
    """Step 4's page: it is told as well whether the server hears Redis."""

    longest_pause = 3.0
    namespaces = NAMESPACES
    events = ("notice", "live")
    hears = False

    def on_live(self, hears: bool) -> None:
        """Note it."""
        self.hears = hears

    @property
    def live(self) -> bool:
        """Tell whether the page would say that it is live."""
        return self.connected and self.hears


class Session(Client):
    """A client that keeps the secret id of its session, which python-socketio's does not."""

    pid = ""

    def _handle_connect(self, namespace, data):
        self.pid = (data or {}).get("pid", "")
        super()._handle_connect(namespace, data)


class Recovering(Listener):
    """socket.io-client where the server recovers the state of a connection.

    It comes back with the id of its session and with the offset of the last event, which the
    server had put behind the event's own arguments.
    """

    client = Session

    def on_connect(self) -> None:
        """Keep the id."""
        super().on_connect()
        self.auth["pid"] = self.sio.pid

    def on_notice(self, notice: dict, *more) -> None:
        """Show a notice, and keep its offset."""
        super().on_notice(notice)
        if self.auth.get("pid") and more:
            self.auth["offset"] = more[-1]


class Channels(Listener):
    """A page with a websocket of its own, which it opens again when it is closed."""

    polls = False
    socket: websocket.WebSocket | None = None
    longest_silence: float | None = None  # A browser's websocket waits for ever.

    def converse(self) -> None:
        """Connect, and listen until the connection is lost."""
        try:
            self.socket = websocket.create_connection(self.address(), timeout=PATIENCE)
            self.socket.settimeout(self.longest_silence)
            self.opened()
            while (said := self.socket.recv()) and not self.closed.is_set():
                self.heard(str(said))
        except websocket.WebSocketException as error:
            raise OSError(str(error)) from None

    def address(self) -> str:
        """Return where the websocket is."""
        return f"ws{self.url.removeprefix('http')}/notices/"

    def opened(self) -> None:
        """Note that it is connected: the server has put it into its group before."""
        self.failures = 0
        self.on_connect()

    def heard(self, said: str) -> None:
        """Show a notice."""
        self.on_notice(json.loads(said))

    @property
    def connected(self) -> bool:
        """Tell whether the websocket is open, as far as this end knows."""
        return self.socket is not None and self.socket.connected

    def hang_up(self) -> None:
        """End the connection, if there is one."""
        if self.socket and self.socket.sock:
            with suppress(OSError):
                self.socket.sock.shutdown(SHUT_RDWR)  # wakes the thread that reads
            self.socket.shutdown()


class Classic(Channels):
    """socket.io-client 0.9 with classic's board.js, by websocket."""

    longest_pause = 8.0
    hears = False

    def address(self) -> str:
        """Return where the websocket of a new session is."""
        answer = requests.get(f"{self.url}/socket.io/1/", timeout=PATIENCE)
        session, heartbeat, *_ = answer.text.split(":")
        self.longest_silence = float(heartbeat)
        return f"ws{self.url.removeprefix('http')}/socket.io/1/websocket/{session}"

    def opened(self) -> None:
        """Wait: the server speaks first."""
        self.hears = False

    def heard(self, said: str) -> None:
        """Answer heartbeats, join the namespace, and show what it says."""
        kind, event = said[:3], said.removeprefix("5::/notices:")
        if said == "1::":
            self.say("1::/notices")
        elif said == "1::/notices":
            super().opened()
        elif kind == "2::":
            self.say("2::")
        elif event != said:
            event = json.loads(event)
            if event["name"] == "notice":
                self.on_notice(*event["args"])
            elif event["name"] == "live":
                [self.hears] = event["args"]

    def say(self, packet: str) -> None:
        """Send a packet."""
        if self.socket:
            self.socket.send(packet)

    @property
    def live(self) -> bool:
        """Tell whether the page would say that it is live."""
        return self.connected and self.hears
