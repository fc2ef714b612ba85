"""The pages of other servers: each as the client that its documentation recommends, and no more."""

import json
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from socket import SHUT_RDWR
from typing import Any

import requests
import websocket

from workshop.fire.clients import NAMESPACES, Connecting
from workshop.install.programs import find_node

PAGE = Path(__file__).with_name("page.js")

PATIENCE = 20  # seconds for a connection to come to be: socket.io-client's own


class SocketIO(Connecting):
    """socket.io-client itself, in Node.js, with the options that its page gives it."""

    options: dict[str, Any] = {}  # It comes back by itself, for ever.
    namespaces = ["/notices"]
    process: Any = None

    def __init__(self, name: str, url: str, transports: list[str] | None = None):
        super().__init__(name, url, transports)
        self.loaded([])

    def start(self) -> None:
        """Begin."""
        options = self.options | ({"transports": self.transports} if self.transports else {})
        page = [self.url, json.dumps(options), *self.namespaces]
        # Ctrl-C is the tool's; and a page whose tool is gone has an end of its own.
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        command = [find_node() or "node", str(PAGE), *page]
        self.process = subprocess.Popen(command, start_new_session=True, text=True, **pipes)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        """Take what happens in the page."""
        for line in self.process.stdout:
            what, data = json.loads(line)
            if what == "notice":
                self.told(data["id"], data["text"])
            elif what == "live":
                self.hears = data
            else:
                self.there = what == "connect"
                self.connections += self.there

    def sleep(self) -> None:
        """Stop the whole page."""
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def hang_up(self) -> None:
        """End the connection as if it had broken."""
        with suppress(OSError):
            self.process.stdin.write("\n")
            self.process.stdin.flush()

    def close(self) -> None:
        """Go."""
        self.process.kill()
        self.process.wait()


class Live(SocketIO):
    """Step 4's page: it is told as well whether the server hears Redis."""

    options = {"rememberUpgrade": True, "timeout": 5000, "reconnectionDelayMax": 3000}
    namespaces = NAMESPACES
    upgrades = False  # It comes back by websocket at once.
    hears = False

    @property
    def live(self) -> bool:
        """Tell whether the page would say that it is live."""
        return self.connected and self.hears


class Channels(Connecting):
    """A page with a websocket of its own, which it opens again when it is closed."""

    polls = upgrades = False
    longest_pause = 5.0
    socket: websocket.WebSocket | None = None
    longest_silence: float | None = None  # A browser's websocket waits for ever.

    def __init__(self, name: str, url: str, transports: list[str] | None = None):
        super().__init__(name, url, transports)
        self.loaded([])

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
        self.connections += 1

    def heard(self, said: str) -> None:
        """Show a notice."""
        self.show(json.loads(said))

    def show(self, notice: dict) -> None:
        """Show a notice, whatever was shown before."""
        self.reading.wait()
        self.told(notice["id"], notice["text"])

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
                self.show(*event["args"])
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
