"""Be the pages of a full room: arrivals.py PLAN. They all come at once, come back, and leave.

PLAN is JSON, see workshop/bench/run.py; what is printed is as load.py prints it. At the phase that
is called KILL the tool kills the server, starts it again, and says its new processes on our
standard input. A page does what a browser and socket.io-client 4.8.4 do, over plain sockets.
"""

import errno
import functools
import gzip
import heapq
import itertools
import json
import math
import random
import re
import select
import socket
import sys
import time

from load import SIZE, Meter, main
from wire import ACCEPT, CLOSE, KEY, PING, PONG, TEXT, WireError, frames, masked

TOLD = ", or not everybody knows the right number"
KILL = "killing the server"
OPEN_TIMEOUT = 20  # of socket.io-client, in seconds, as the next
ACK_TIMEOUT = 10  # of board.js

# As Chromium sends them: a server has to read them all.
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0"
PAGE_HEADERS = f"""Connection: keep-alive
sec-ch-ua-platform: "Linux"
User-Agent: {AGENT} Safari/537.36
sec-ch-ua: "Not:A-Brand";v="8", "Chromium";v="156"
sec-ch-ua-mobile: ?0
Accept: */*
Sec-Fetch-Site: same-origin
Sec-Fetch-Mode: cors
Sec-Fetch-Dest: empty
Accept-Encoding: gzip, deflate, br, zstd"""
# But compression of the websocket is not offered, see README.md.
WEBSOCKET_HEADERS = f"""Connection: Upgrade
Pragma: no-cache
Cache-Control: no-cache
User-Agent: {AGENT} Safari/537.36
Upgrade: websocket
Sec-WebSocket-Version: 13
Accept-Encoding: gzip, deflate, br, zstd
Sec-WebSocket-Key: {KEY.decode()}"""


class Line:
    """A TCP connection of a page: requests, one after the other, or a websocket."""

    __slots__ = ("asked", "fd", "is_websocket", "page", "recv", "rest", "sock", "then", "unsent")

    def __init__(self, page):
        self.page, self.asked, self.then = page, None, None
        self.rest = self.unsent = b""
        self.is_websocket = False
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.recv, self.fd = self.sock.recv, self.sock.fileno()
        page.room.lines[self.fd] = self
        page.room.epoll.register(self.fd, select.EPOLLIN)
        code = self.sock.connect_ex(("127.0.0.1", page.room.port))
        if code not in (0, errno.EINPROGRESS, errno.ECONNREFUSED):
            raise WireError(f"no connection: {errno.errorcode[code]}")

    def write(self, data: bytes) -> None:
        """Send; what does not fit, or comes before there is a connection, follows."""
        if not self.unsent:
            try:
                data = data[self.sock.send(data) :]
            except BlockingIOError:
                pass
            except OSError:
                return  # Reading tells.
            if data:
                self.page.room.epoll.modify(self.fd, select.EPOLLIN | select.EPOLLOUT)
        self.unsent += data

    def say(self, payload: bytes) -> None:
        """Send a message by websocket."""
        self.write(masked(payload))

    def ready(self) -> None:
        """Send what waits, and take what has come."""
        if self.unsent:
            data, self.unsent = self.unsent, b""
            self.page.room.epoll.modify(self.fd, select.EPOLLIN)
            self.write(data)
        try:
            data = self.recv(SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.page.lost(self)
        elif self.is_websocket:
            self.take(data)
        else:
            self.read_answer(data)

    def read_answer(self, data: bytes) -> None:
        """Read on in an HTTP answer."""
        self.rest += data
        head, end, body = self.rest.partition(b"\r\n\r\n")
        status = head[9:12]
        if not end:
            return None
        if status == b"101":
            if ACCEPT not in head:
                raise WireError(f"the answer to a handshake: {head!r}")
            self.rest, self.is_websocket = b"", True
            self.page.room.answered()
            self.page.opened(self)
            if body:
                self.take(body)
            return None
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if not length:
            raise WireError(f"an answer of unknown length: {head!r}")
        if len(body) < int(length[1]):
            return None
        if status == b"200":
            self.page.room.answered()
        if not self.then:
            return self.page.lost(self)  # It wanted a websocket.
        self.rest = b""
        then, self.then = self.then, None
        self.page.is_free(self, b"connection: close" not in head.lower())
        return then(status, head, body)

    def take(self, data: bytes) -> None:
        """Read frames as they are written, and remember what bytes hold nothing but counts."""
        fresh = not self.rest
        found, self.rest = frames(self.rest + data)
        counts = [self.page.count_in(payload) for kind, payload in found if kind == TEXT]
        if fresh and not self.rest and found and len(counts) == len(found) and None not in counts:
            seen = self.page.room.seen
            if len(seen) > 5000:
                seen.clear()
            seen[data] = len(counts), counts[-1]
        for kind, payload in found:
            if self.fd is None:
                return  # It was closed meanwhile.
            if kind == TEXT:
                self.page.take(self, payload)
            elif kind == PING:
                self.write(masked(payload, PONG))
            elif kind == CLOSE:
                self.page.lost(self)

    def close(self) -> None:
        """Close it, as a browser does whose page is gone."""
        if self.fd is not None:
            del self.page.room.lines[self.fd]
            self.sock.close()
            self.fd = None


class Visitor:
    """A browser: its cookies, and its connections by HTTP, which are kept and used again."""

    def __init__(self, room):
        self.room = room
        self.cookies = {}
        self.busy, self.idle = set(), []

    def request(self, path: str, then, body: bytes | None = None) -> None:
        """Send a GET or a POST; then(status, head, body) takes the answer."""
        line = self.idle.pop() if self.idle else Line(self)
        self.busy.add(line)
        line.asked, line.then = path, then
        headers = PAGE_HEADERS
        if body is not None:
            headers += f"\nContent-type: text/plain;charset=UTF-8\nContent-Length: {len(body)}"
            headers += f"\nOrigin: http://127.0.0.1:{self.room.port}"
        line.write(self.head("GET" if body is None else "POST", path, headers) + (body or b""))

    def websocket(self, path: str) -> Line:
        """Open a websocket."""
        line = Line(self)
        self.busy.add(line)
        headers = f"{WEBSOCKET_HEADERS}\nOrigin: http://127.0.0.1:{self.room.port}"
        line.write(self.head("GET", path, headers))
        return line

    def head(self, method: str, path: str, headers: str) -> bytes:
        """Return a request up to its body."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.room.port}", headers]
        lines += [f"Referer: http://127.0.0.1:{self.room.port}/"]
        if self.cookies:
            lines += ["Cookie: " + "; ".join(f"{name}={v}" for name, v in self.cookies.items())]
        return ("\n".join(lines).replace("\n", "\r\n") + "\r\n\r\n").encode()

    def is_free(self, line: Line, kept: bool) -> None:
        """Keep a connection for the next request."""
        self.busy.discard(line)
        if kept:
            self.idle.append(line)
        else:
            line.close()

    def leave(self) -> None:
        """Close all connections."""
        for line in (*self.busy, *self.idle):
            line.close()
        self.busy, self.idle = set(), []


class Bystander(Visitor):
    """Somebody who only looks at the page, each time with a browser that has none of it."""

    def __init__(self, room):
        super().__init__(room)
        self.began, self.next = 0.0, math.inf
        self.times = []

    def look(self, now: float) -> None:
        """Ask for the page, if it is time to, and the last one has come."""
        if now >= self.next and not self.busy:
            # While there is no server this is also who finds out when there is one again.
            self.began, self.next = now, now + (0.02 if self.room.is_down else 0.1)
            self.request("/", self.shown)

    def shown(self, status: bytes, head: bytes, body: bytes) -> None:
        """Note how long it took."""
        self.leave()
        if status == b"200":
            self.times.append(time.perf_counter() - self.began)
        elif not self.room.is_down:
            self.room.failed += 1

    def lost(self, line: Line) -> None:
        """Try again next time."""
        self.leave()
        if not self.room.is_down:
            self.room.failed += 1


class Page(Visitor):
    """The page of a Socket.IO server that has both namespaces, and lets it join at once."""

    wants = frozenset({b"/notices", b"/presence"})  # what it takes to be live

    def __init__(self, room, number: int):
        super().__init__(room)
        self.random = random.Random(number)
        self.left = 0  # files that have yet to come
        self.loaded = False
        self.attempts = self.generation = 0
        self.remembered = False  # that websocket works: priorWebsocketSuccess of the client
        self.packets, self.told = 0, None
        self.live = False
        self.begin()

    def begin(self) -> None:
        """Forget the last connection."""
        self.generation += 1
        self.has, self.sid, self.pinged = set(), None, 0.0
        self.socket = self.probe = None
        self.polling = self.posting = self.upgrading = False
        self.waiting = []  # packets for the next POST

    # The page itself

    def load(self) -> None:
        """Ask for the page."""
        self.request("/", self.read)

    def read(self, status: bytes, head: bytes, body: bytes) -> None:
        """Ask for what the page names."""
        self.check(status, head)
        for name, value in re.findall(rb"(?i)\r\nset-cookie: *([^=]+)=([^;\r]*)", head):
            self.cookies[name.decode()] = value.decode()
        self.read_cursor(body)
        if self.loaded:
            return
        names = re.findall(rb'<(?:script|link)[^>]* (?:src|href)="(/[^"]+)"', body)
        self.left = len(names)
        for name in names:
            self.request(name.decode(), functools.partial(self.arrived, name))

    def arrived(self, name: bytes, status: bytes, head: bytes, body: bytes) -> None:
        """Connect, when all that the page names is here."""
        self.check(status, head)
        if not self.room.options and name.endswith(b"board.js"):
            self.room.options = options(body.decode())
        self.left -= 1
        if not self.left:
            self.loaded = True
            self.connect()

    def check(self, status: bytes, head: bytes) -> None:
        """Complain of a page or a file that did not come."""
        if status != b"200":
            raise WireError(f"a page or its file: {head[:200]!r}")

    def read_cursor(self, body: bytes) -> None:
        """Take what the page says of the stream; here nothing."""

    # The connection, as engine.io-client keeps it

    def connect(self) -> None:
        """Open a connection: by polling, unless websocket is all there is or has worked before."""
        self.begin()
        self.room.after(OPEN_TIMEOUT, self, self.give_up)
        options = self.room.options
        if options["polling"] and not (options["remembers"] and self.remembered):
            self.poll()
        else:
            self.socket = self.websocket("/socket.io/?EIO=4&transport=websocket")

    def give_up(self) -> None:
        """Try again if there is no session yet."""
        if self.sid is None:
            self.down()

    def opened(self, line: Line) -> None:
        """Go on with a websocket."""
        if line is self.probe:
            line.say(b"2probe")

    def take(self, line: Line, payload: bytes) -> None:
        """Take a message by websocket."""
        if line is not self.probe:
            self.heard(payload)
        elif payload == b"3probe":
            self.upgrading = self.remembered = True
            self.finish_polling()
        else:
            raise WireError(f"the answer to a probe: {payload[:200]!r}")

    def poll(self) -> None:
        """Ask for packets."""
        self.polling = True
        self.request(self.polling_path(), self.polled)

    def polling_path(self) -> str:
        """Return the path of polling requests."""
        sid = f"&sid={self.sid}" if self.sid else ""
        return f"/socket.io/?EIO=4&transport=polling&t=arrivals{sid}"

    def polled(self, status: bytes, head: bytes, body: bytes) -> None:
        """Take packets, and ask for more."""
        if status != b"200":
            return self.down(failed=True)
        generation = self.generation
        if b"\r\ncontent-encoding: gzip" in head.lower():  # python-engineio does so from 1 KiB on.
            body = gzip.decompress(body)
        for payload in body.split(b"\x1e"):
            self.heard(payload)
            if generation != self.generation:
                return None  # It closed the connection.
        self.polling = False
        return self.finish_polling() if self.upgrading else self.poll()

    def say(self, payload: bytes) -> None:
        """Send a packet by websocket, or with the next POST."""
        if self.socket:
            self.socket.say(payload)
        else:
            self.waiting.append(payload)
            self.post()

    def post(self) -> None:
        """Send the packets that wait, if no others are under way."""
        if self.waiting and not self.posting and not self.upgrading:
            body, self.waiting, self.posting = b"\x1e".join(self.waiting), [], True
            self.request(self.polling_path(), self.posted, body)

    def posted(self, status: bytes, head: bytes, body: bytes) -> None:
        """Go on, once the server has taken them."""
        if status != b"200":
            return self.down(failed=True)
        self.posting = False
        return self.finish_polling() if self.upgrading else self.post()

    def finish_polling(self) -> None:
        """Go over to the websocket, once no request is under way."""
        if self.polling or self.posting:
            return
        self.socket, self.probe, self.upgrading = self.probe, None, False
        for payload in (b"5", *self.waiting):
            self.socket.say(payload)
        self.waiting = []
        self.look()

    def lost(self, line: Line) -> None:
        """Go on without a connection that has ended."""
        if line in self.idle:
            self.idle.remove(line)
            line.close()
        elif not self.loaded:
            # A browser asks again by itself on a new connection, or its reader does.
            self.busy.discard(line)
            line.close()
            self.room.failed += 1
            self.room.after(1, self, self.request, line.asked, line.then)
        elif line is self.probe and not self.upgrading:
            self.probe = None  # It stays with polling.
            self.busy.discard(line)
            line.close()
            self.room.failed += 1
            self.look()
        else:
            self.down(failed=line is not self.socket or not line.is_websocket)

    def down(self, failed: bool = False) -> None:
        """Come back in a while; failed: the transport, after which the client begins anew."""
        for line in self.busy:
            line.close()
        self.busy = set()
        self.room.live -= self.live
        self.room.failed += not self.room.is_down
        self.live, self.told = False, None
        if failed:
            self.remembered = False
        if self.sid is not None:
            self.attempts = 0
        self.begin()
        self.room.after(self.delay(), self, self.connect)

    def delay(self) -> float:
        """Return how many seconds to wait, as the client's Backoff does."""
        delay = 1000.0 * 2**self.attempts
        self.attempts += 1
        chance = self.random.random()
        deviation = math.floor(chance * 0.5 * delay)
        delay += deviation if math.floor(chance * 10) & 1 else -deviation
        return int(min(delay, self.room.options["delay_max"])) / 1000

    # What is said

    def heard(self, payload: bytes) -> None:
        """Take a packet of Engine.IO."""
        self.packets += 1
        if (count := self.count_in(payload)) is not None:
            self.told = count
        elif payload == b"2":
            self.pinged = time.perf_counter()
            self.say(b"3")
        elif payload[:2] == b"0{":
            self.shake_hands(json.loads(payload[1:]))
        elif found := re.match(rb"40(/\w+),{", payload):
            self.has.add(found[1])
            self.joined(found[1])
            self.look()
        elif payload[:2] in (b"42", b"43"):
            self.event(payload)
        elif payload != b"6":  # the end of a poll
            raise WireError(f"an unexpected packet: {payload[:200]!r}")

    def shake_hands(self, said: dict) -> None:
        """Join both namespaces; with polling, try a websocket meanwhile."""
        self.sid, self.pinged, self.attempts = said["sid"], time.perf_counter(), 0
        self.remembered = self.socket is not None
        silence = (said["pingInterval"] + said["pingTimeout"]) / 1000
        self.room.after(silence, self, self.miss_ping, silence)
        if not self.socket and "websocket" in said["upgrades"]:
            path = f"/socket.io/?EIO=4&transport=websocket&sid={self.sid}"
            self.probe = self.websocket(path)
        for namespace in (b"/notices", b"/presence"):
            self.say(b"40%b," % namespace)

    def miss_ping(self, silence: float) -> None:
        """Hang up on a server that has not asked for a sign of life for too long."""
        left = self.pinged + silence - time.perf_counter()
        if left > 0:
            self.room.after(left, self, self.miss_ping, silence)
        else:
            self.down()

    def joined(self, namespace: bytes) -> None:
        """Go on, once a namespace has let us in."""

    def event(self, payload: bytes) -> None:
        """Take an event that is no count, or an acknowledgement."""

    def count_in(self, payload: bytes) -> int | None:
        """Return how many are here, if it is that what a message says."""
        if payload.startswith(b'42/presence,["count",'):
            return int(payload[21:-1])
        return None

    def look(self) -> None:
        """See whether this page is live now."""
        if not self.live and self.has >= self.wants and not self.probe:
            self.live = True
            self.room.live += 1
            self.room.last = time.perf_counter()


class Live(Page):
    """The page of step 4, which is told whether Redis is heard."""

    wants = Page.wants | {"live"}

    def event(self, payload: bytes) -> None:
        """Be live once the server hears Redis."""
        if payload == b'42/notices,["live",true]':
            self.has.add("live")
            self.look()


class Stream(Page):
    """The page of step 5 and later, which says how far it is, and catches up."""

    wants = Live.wants
    cursor, asked = None, 0

    def read_cursor(self, body: bytes) -> None:
        """Take the cursor from the page."""
        found = re.search(rb'id="cursor"[^>]*>"([0-9]+-[0-9]+)"<', body)
        if not found:
            raise WireError("a page without a cursor")
        self.cursor = found[1]

    def joined(self, namespace: bytes) -> None:
        """Catch up."""
        if namespace == b"/notices":
            self.catch_up()

    def catch_up(self) -> None:
        """Ask for what came since; ask again if no answer comes."""
        self.asked += 1
        self.say(b'42/notices,%d["since","%b"]' % (self.asked, self.cursor))
        self.room.after(ACK_TIMEOUT, self, self.miss_answer, self.asked)

    def miss_answer(self, asked: int) -> None:
        """Ask again in a second, if this is what was asked last."""
        if asked == self.asked and "live" not in self.has:
            self.room.after(1, self, self.catch_up)

    def event(self, payload: bytes) -> None:
        """Take what came since, and what is to be done now."""
        if payload.startswith(b'42/notices,["notices",'):
            self.cursor = json.loads(payload[11:])[1][-1][0].encode()
        elif payload == b'42/notices,["live",true]' or payload.endswith(b'["again"]'):
            self.catch_up()
        elif payload == b'43/notices,%d["live"]' % self.asked:
            self.has.add("live")
            self.look()
        elif payload.endswith(b'["reload"]'):
            raise WireError("a page was told to reload")


class Channels(Page):
    """The page of Django Channels: one websocket, which is live once it is open."""

    def connect(self) -> None:
        """Open it."""
        self.begin()
        self.room.after(OPEN_TIMEOUT, self, self.give_up)
        self.socket = self.websocket("/board/")

    def opened(self, line: Line) -> None:
        """Be live: the groups were joined before."""
        self.sid, self.attempts = "none", 0
        self.has |= self.wants
        self.look()

    def heard(self, payload: bytes) -> None:
        """Take a count."""
        self.packets += 1
        self.told = self.count_in(payload)

    def count_in(self, payload: bytes) -> int | None:
        """Return how many are here."""
        return json.loads(payload)["count"]


PAGES = {each.__name__: each for each in (Page, Live, Stream, Channels)}


def overflows() -> int:
    """Return how often the kernel found a listening socket's queue full; who came comes later."""
    with open("/proc/net/netstat") as file:
        names, values = (line.split() for line in file if line.startswith("TcpExt:"))
    return int(values[names.index("ListenOverflows")])


def options(script: str) -> dict:
    """Return what a page's script says to socket.io-client; what it does not say is as it comes."""
    found = re.search(r"reconnectionDelayMax: ?([0-9_]+)", script)
    if "reconnectionDelayMax" in script and not found:
        raise WireError("board.js says reconnectionDelayMax in a way that is not understood here")
    return {
        "polling": 'transports: ["websocket"]' not in script,
        "remembers": "rememberUpgrade: true" in script,
        "delay_max": int(found[1]) if found else 5000,
    }


class Stdin:
    """The tool, which says what the processes of the server are now."""

    is_websocket = False

    def __init__(self, room):
        self.room = room

    def ready(self) -> None:
        """Take them."""
        self.room.pids = json.loads(sys.stdin.readline())


class Room:
    """All pages of a run, and a bystander."""

    def __init__(self, plan: dict):
        self.port, self.pids, self.redis_pid = plan["port"], plan["pids"], plan["redis_pid"]
        self.limit, self.settle = plan["limit"], plan["settle"]
        self.epoll = select.epoll()
        self.lines, self.seen = {}, {}
        self.timers, self.order = [], itertools.count()
        self.options = {}  # of socket.io-client, once a page has its script
        self.live, self.last, self.failed = 0, 0.0, 0
        self.is_down, self.killed, self.back = False, None, None  # the server, its processes, when
        self.bystander = Bystander(self)
        # One more is there before the others, and stays: whoever leaves is told to it.
        kind = PAGES[plan["wire"]]
        self.witness, *self.pages = (kind(self, n) for n in range(plan["clients"] + 1))

    def after(self, seconds: float, page: Page, do, *arguments) -> None:
        """Do something in a while, unless the page has another connection by then."""
        when = time.perf_counter() + seconds
        timer = (when, next(self.order), page, page.generation, do, arguments)
        heapq.heappush(self.timers, timer)

    def turn(self, end: float) -> None:
        """Take what comes and what is due, and wait for it at most until then."""
        now = time.perf_counter()
        while self.timers and self.timers[0][0] <= now:
            _, _, page, generation, do, arguments = heapq.heappop(self.timers)
            if generation == page.generation:
                do(*arguments)
        self.bystander.look(now)
        due = self.timers[0][0] if self.timers else math.inf
        due = min(end, due, math.inf if self.bystander.busy else self.bystander.next)
        lines, seen = self.lines, self.seen
        for fd, event in self.epoll.poll(max(due - now, 0)):
            line = lines.get(fd)
            if line is None:
                continue  # closed in this turn
            if not line.is_websocket or line.rest or event != select.EPOLLIN:
                line.ready()
                continue
            try:
                data = line.recv(SIZE)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            found = seen.get(data)
            if found:
                page = line.page
                page.packets += found[0]
                page.told = found[1]
            elif data:
                line.take(data)
            else:
                line.page.lost(line)

    def until(self, done, what: str) -> None:
        """Go on until it is done; complain when that takes too long."""
        limit = time.perf_counter() + self.limit
        while not done():
            if time.perf_counter() > limit:
                raise WireError(f"after {self.limit} s {self.live} of {self.all} are live{what}")
            self.turn(limit)

    def idle(self, seconds: float) -> None:
        """Be there."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self.turn(end)

    @property
    def all(self) -> int:
        """Return how many there are with the witness."""
        return len(self.pages) + 1

    def answered(self) -> None:
        """Note when a server that was dead answers again."""
        if self.is_down and self.pids is not self.killed:
            self.back = time.perf_counter()
            self.is_down = False

    # What is measured

    def measure(self, pages: list[Page], start, done) -> dict:
        """Return what it costs from start() until it is done."""
        meter = Meter(self)
        self.failed, self.last, self.bystander.times = 0, 0.0, []
        before = overflows()
        began = self.bystander.next = time.perf_counter()
        start()
        self.until(done, TOLD)
        ended = time.perf_counter()
        self.idle(self.settle)  # What is still done then belongs to it.
        cost = meter.stop(1)
        self.bystander.next = math.inf
        self.until(lambda: not self.bystander.busy, ", and a bystander waits for the page")
        return {
            "seconds": (self.last or ended) - (self.back or began),
            "told": ended - (self.back or began),
            "page": max(self.bystander.times, default=None),
            "packets": sum(page.packets for page in pages) / len(pages),
            "failed": self.failed,
            "overflows": overflows() - before,
            "busy": cost["load_busy"],
        } | {who: cost[f"{who}_us"] / 1e6 for who in ("server", "load", "redis")}

    def all_told(self) -> bool:
        """Tell whether all are live and know how many they are."""
        everybody = self.all
        return self.live == everybody and all(
            page.told == everybody for page in (self.witness, *self.pages)
        )

    def come_first(self) -> None:
        """Have one page come: what the first one costs is not counted."""
        self.witness.load()
        self.until(lambda: self.live == 1 and self.witness.told == 1, TOLD)
        self.idle(self.settle)

    def arrive(self) -> dict:
        """Have all the others come at one moment."""

        def start():
            for page in self.pages:
                page.load()

        return self.measure(self.pages, start, self.all_told)

    def come_back(self, say) -> dict:
        """Have the server killed and started again, and all come back; count from its answering."""
        for page in self.pages:
            page.packets = 0
        self.is_down, self.killed = True, self.pids
        self.lines[0] = Stdin(self)
        self.epoll.register(0, select.EPOLLIN)
        began = self.bystander.next = time.perf_counter()
        say(KILL)
        self.until(lambda: self.back, ": the server does not answer")
        self.epoll.unregister(0)
        return {"down": self.back - began} | self.measure(self.pages, list, self.all_told)

    def leave(self) -> dict:
        """Have all but one go at one moment."""
        self.back, self.witness.packets = None, 0

        def start():
            for page in self.pages:
                page.leave()
                page.generation += 1  # so that nothing is due any more
            self.live, self.pages = 1, []

        return self.measure([self.witness], start, lambda: self.witness.told == 1)


def run(plan: dict, say=lambda phase: None) -> dict:
    """Do what the plan says, and return what came of it."""
    room = Room(plan)
    result = {"faults": {}, "deliveries": 0}
    try:
        room.come_first()
        say("arriving")
        result["arrive"] = room.arrive()
        result["back"] = room.come_back(say)
        say("leaving")
        result["leave"] = room.leave()
    except (WireError, OSError) as error:
        result["problem"] = str(error)
    return result | {"options": room.options}


if __name__ == "__main__":
    main(run)
