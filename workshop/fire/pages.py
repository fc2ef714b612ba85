"""Be the pages of a room while all is restarted: pages.py PORT NUMBER. Standard library alone.

Each does what board.js and socket.io-client do: connect, say its cursor, be live; come back when it
has lost its connection. A line on standard input asks: "reset" begins to measure anew, "look" is
answered with what there is to see since, "end N" with what each was told of the notices 1 to N.
"""

import asyncio
import json
import random
import re
import sys
import time
from collections import Counter
from functools import lru_cache

TIMEOUT, LONGEST_DELAY = 5, 3.0  # seconds, as in board.js
SILENCE = 13  # seconds: the server says something every five
CURSORS = re.compile(rb'id="cursors" type="application/json">(.*?)<')
NOTICE = re.compile(rb'id="notice-\d+">\s*<p class="text">(\d+)<')


def place(cursor: str) -> tuple:
    """Return a cursor as two numbers."""
    return tuple(map(int, cursor.split("-")))


def cursors_of(page: bytes) -> dict[str, str]:
    """Return the cursors that a page has: none if it has not come, or does not know them yet."""
    found = CURSORS.search(page)
    cursors = json.loads(found[1]) if found else {}
    return {} if None in cursors.values() else cursors


@lru_cache(1000)  # The same goes to all pages.
def parsed(said: bytes) -> list:
    """Return what an event has, but for its name."""
    return json.loads(said[11:])[1:]


class Room:
    """All pages, and somebody who loads the page again and again."""

    def __init__(self, port: int, number: int):
        self.port = port
        self.pages = [Page(self) for _ in range(number)]
        self.reset()

    def reset(self) -> None:
        """Measure from now on."""
        self.away: dict[Page, float] = {}  # the longest time that a page was not live
        self.failed, self.slowest = 0, 0.0
        for page in self.pages:
            if not page.live:
                page.lost_at = time.monotonic()

    def look(self) -> dict:
        """Return what there is to see."""
        now = time.monotonic()
        waiting = [now - page.lost_at for page in self.pages if not page.live]
        return {
            "live": len(self.pages) - len(waiting),
            "away": len(self.away.keys() | {page for page in self.pages if not page.live}),
            "longest": max([0.0, *self.away.values(), *waiting]),
            "failed": self.failed,
            "slowest": self.slowest,
            "least": min(page.last for page in self.pages),
        }

    def tally(self, last: int) -> dict:
        """Return what was lost, doubled or swapped, of the notices up to a number."""
        wanted, faults = range(1, last + 1), Counter(lost=0, twice=0, disorder=0)
        for page in self.pages:
            faults["lost"] += len(set(wanted) - page.shown.keys())
            faults["twice"] += sum(count - 1 for count in page.shown.values())
            faults["disorder"] += page.disorder
        reloads = sum(page.reloads for page in self.pages)
        return faults | {"received": sum(len(p.shown) for p in self.pages), "reloads": reloads}

    async def load(self) -> bytes:
        """Load the page; nothing if it does not come."""
        try:
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
                    answer = await reader.read()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return b""
        return answer if b" 200 " in answer[:20] else b""

    async def pass_by(self) -> None:
        """Load the page five times a second, as somebody does who comes just now."""
        while True:
            began = time.monotonic()
            self.failed += not await self.load()
            self.slowest = max(self.slowest, took := time.monotonic() - began)
            await asyncio.sleep(max(0, 0.2 - took))

    async def run(self) -> None:
        """Come, and answer what is asked."""
        for _ in range(100):
            if cursors := cursors_of(await self.load()):
                break
            await asyncio.sleep(0.1)
        else:
            sys.exit("The page does not come.")
        tasks = []
        for each in self.pages:
            each.cursors = dict(cursors)
            tasks.append(asyncio.create_task(each.stay()))
            await asyncio.sleep(0.005)  # They come one after the other: that is not what is tried.
        tasks.append(asyncio.create_task(self.pass_by()))
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        while line := (await reader.readline()).decode().split():
            if line[0] == "reset":
                self.reset()
            else:
                said = self.look() if line[0] == "look" else self.tally(int(line[1]))
                print(json.dumps(said), flush=True)


class Page(asyncio.Protocol):
    """One page, and its connection."""

    live = False
    last = disorder = reloads = asked = 0
    transport: asyncio.Transport

    def __init__(self, room: Room):
        self.room = room
        self.cursors: dict[str, str] = {}
        self.lost_at = time.monotonic()
        self.shown: Counter[int] = Counter()

    def set_live(self, live: bool) -> None:
        """Note since when it is not live, and for how long it was not."""
        if self.live and not live:
            self.lost_at = time.monotonic()
        elif live and not self.live:
            away = time.monotonic() - self.lost_at
            self.room.away[self] = max(away, self.room.away.get(self, 0.0))
        self.live = live

    async def stay(self) -> None:
        """Connect, and again after each loss, with the pauses of socket.io-client."""
        loop, self.attempts = asyncio.get_running_loop(), 0
        while True:
            self.rest, self.joined, self.lost = b"", False, loop.create_future()
            try:
                async with asyncio.timeout(TIMEOUT):
                    await loop.create_connection(lambda: self, "127.0.0.1", self.room.port)
            except (OSError, TimeoutError):
                self.lost.set_result(None)
            silence = TIMEOUT
            while not self.lost.done():
                self.heard = False
                await asyncio.wait([self.lost], timeout=silence)
                if not self.heard:
                    self.transport.abort()
                silence = SILENCE
            delay = 2**self.attempts * random.uniform(0.5, 1.5)
            self.attempts += 1
            await asyncio.sleep(min(delay, LONGEST_DELAY))

    def connection_made(self, transport) -> None:
        """Ask for a websocket."""
        self.transport = transport
        path = "/socket.io/?EIO=4&transport=websocket"
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        head += "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        transport.write(f"{head}Sec-WebSocket-Key: {'A' * 22}==\r\n\r\n".encode())

    def connection_lost(self, error) -> None:
        """Be away."""
        self.set_live(False)
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Take frames as they are whole, after the answer to the handshake."""
        self.heard = True
        data = self.rest + data
        if not self.joined:
            head, end, after = data.partition(b"\r\n\r\n")
            if end and not head.startswith(b"HTTP/1.1 101"):
                return self.transport.abort()
            if end:
                self.joined, self.attempts = True, 0
                self.say("40/notices,")
                self.say("40/presence,")
            data = after if end else data
        while self.joined and len(data) > 1:
            begin = {126: 4, 127: 10}.get(data[1], 2)
            size = data[1] if begin == 2 else int.from_bytes(data[2:begin])
            if len(data) < begin + size:
                break
            if data[0] != 0x81:
                return self.transport.abort()  # It is closed.
            self.hear(data[begin : begin + size])
            data = data[begin + size :]
        self.rest = data
        return None

    def say(self, text: str) -> None:
        """Send a message, masked with zeros."""
        data = text.encode()
        size = bytes([128 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2)
        self.transport.write(b"\x81" + size + bytes(4) + data)

    def hear(self, said: bytes) -> None:
        """Take a packet."""
        if said == b"2":
            self.say("3")
        elif said.startswith(b"40/notices,"):
            self.catch_up()
        elif said.startswith(b'42/notices,["notices"'):
            self.take(*parsed(said))
        elif said.startswith(b'42/notices,["live"'):
            self.set_live(False)
            if b"true" in said:
                self.catch_up()
        elif said.startswith(b"43/notices,%d[" % self.asked):
            answer = json.loads(said[said.index(b"[") :])[0]
            self.set_live(answer == "live")
            if answer == "reload":
                self.task = asyncio.create_task(self.load_anew())
            elif answer == "again":
                self.catch_up()
            elif answer == "later":
                asyncio.get_running_loop().call_later(1, self.catch_up)

    def catch_up(self) -> None:
        """Say how far it is."""
        self.asked += 1
        self.say(f"42/notices,{self.asked}{json.dumps(['since', self.cursors, None])}")

    async def load_anew(self) -> None:
        """Load the page, and take the cursor and the notices that it has."""
        self.reloads += 1
        if cursors := cursors_of(page := await self.room.load()):
            self.cursors = cursors
            numbers = {int(text) for text in NOTICE.findall(page)}
            self.shown |= Counter(dict.fromkeys(numbers, 1))
            self.last = max([self.last, *numbers])
        self.catch_up()

    def take(self, hall: str, entries: list, after: str, cursor: str) -> None:
        """Show what was not shown before."""
        if place(after) > place(self.cursors[hall]):
            if self.live:
                self.catch_up()
            return
        for each, notice in entries:
            if place(each) > place(self.cursors[hall]) and notice:
                number = int(notice["text"])
                self.shown[number] += 1
                self.disorder += number < self.last
                self.last = max(self.last, number)
        self.cursors[hall] = max(self.cursors[hall], cursor, key=place)


if __name__ == "__main__":
    asyncio.run(Room(*map(int, sys.argv[1:])).run())
