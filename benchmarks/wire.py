"""What goes over the wire: websocket frames, and a class for each protocol that a server speaks."""

import base64
import hashlib
import json
import os
import re
import socket
import urllib.parse
from functools import lru_cache

import redis

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = base64.b64encode(os.urandom(16))
ACCEPT = base64.b64encode(hashlib.sha1(KEY + GUID).digest())
MASK = os.urandom(4)
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class WireError(Exception):
    """A server said what it must not, or nothing where it had to."""


def frames(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Return the whole frames at the beginning of the data, and what is left."""
    found, at = [], 0
    while len(data) - at >= 2:
        first, size = data[at], data[at + 1]
        if first & 0xF0 != 0x80 or first & 15 not in (TEXT, CLOSE, PING, PONG) or size > 127:
            raise WireError(f"a frame that begins with {data[at : at + 2].hex()}")
        begin = at + {126: 4, 127: 10}.get(size, 2)
        if size > 125:
            size = int.from_bytes(data[at + 2 : begin], "big")
        if len(data) < begin + size:
            break
        found.append((first & 15, data[begin : begin + size]))
        at = begin + size
    return found, data[at:]


@lru_cache(1000)
def masked(payload: bytes, kind: int = TEXT) -> bytes:
    """Return a frame as a browser sends it."""
    head = bytes((0x80 | kind, 0x80 | len(payload))) + MASK
    if len(payload) > 125:
        raise WireError(f"nothing here has to say {len(payload)} bytes")
    return head + bytes(byte ^ MASK[n % 4] for n, byte in enumerate(payload))


def get(path: str, port: int, *headers: str) -> bytes:
    """Return a GET request."""
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def upgrade(path: str, port: int) -> bytes:
    """Return the request that opens a websocket; compression is not offered."""
    headers = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    own = f"Origin: http://127.0.0.1:{port}"
    return get(path, port, *headers, own, f"Sec-WebSocket-Key: {KEY.decode()}")


class Plain:
    """Every message is a notice."""

    channel = "notices"
    path = "/notices/"
    hello = b"hello"  # something that a browser may send, and that the server need not answer
    one_listener = True  # that has to be there before a browser is sure to hear everything
    catches_up = False  # Whoever comes back is told what it has missed.
    ping_every = None  # seconds, where the server says so
    page = "/"

    def __init__(self, port: int):
        self.port = port

    def is_told(self, client) -> bool:
        """Tell whether a browser is to hear the notices at all."""
        return True

    def read_page(self, page: bytes) -> bool:
        """Take what the page says; tell whether it is all there."""
        return True

    def listens(self, client: redis.Redis) -> bool:
        """Tell whether a notice that is published now is heard."""
        return not self.one_listener or client.pubsub_numsub(self.channel)[0][1] > 0

    def begin(self, client) -> None:
        """Say the first word of a connection."""
        client.write(upgrade(self.path, self.port))

    def answered(self, client, status: bytes, head: bytes, body: bytes) -> None:
        """Take the answer to an HTTP request."""
        if status != b"101" or ACCEPT not in head:
            raise WireError(f"the answer to a handshake: {(head + body)[:200]!r}")
        client.is_websocket = True
        self.opened(client)

    def opened(self, client) -> None:
        """Go on, once it is a websocket."""
        client.is_ready()

    def greet(self, client) -> None:
        """Say something."""
        client.say(self.hello)

    def notices(self, payload: bytes) -> list[dict] | None:
        """Return the notices in a message; None: it is about something else."""
        return [json.loads(payload)]

    def heard(self, client, payload: bytes) -> None:
        """Take a message that is about something else."""
        raise WireError(f"an unexpected message: {payload[:200]!r}")

    def publisher(self, redis_port: int):
        """Return the connection by which notices are published."""
        return redis.Connection(port=redis_port)

    def publishing(self, notice: bytes) -> tuple | bytes:
        """Return the Redis command by which a notice, as JSON, is published."""
        return "PUBLISH", self.channel, notice


class Poster:
    """What a connection to Redis is to the others: requests are sent, and answers are read."""

    def __init__(self, port: int):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due, self.answers = 0, b""

    def pack_commands(self, requests: list[bytes]) -> bytes:
        """Join requests."""
        return b"".join(requests)

    def send_packed_command(self, requests: bytes) -> None:
        """Send requests, after the answers to those before."""
        while self.answers.count(b"HTTP/1.1 20") < self.due:
            data = self.sock.recv(1 << 16)
            if not data:
                raise WireError("nginx takes no more notices")
            self.answers += data
        self.due, self.answers = 0, b""
        self.sock.sendall(requests)

    def read_response(self) -> None:
        """Have an answer read later: the browsers are to be read first."""
        self.due += 1


class Nchan(Plain):
    """nginx with nchan, to which a notice is posted; it tells Redis."""

    one_listener = False  # It begins to listen when the first browser comes.

    def publisher(self, redis_port: int):
        """Return a connection to nginx."""
        return Poster(self.port)

    def greet(self, client) -> None:
        """Ask for a sign of life: nchan hangs up on a browser that says anything else."""
        client.write(masked(self.hello, PING))

    def publishing(self, notice: bytes) -> bytes:
        """Return a request."""
        head = f"POST /publish HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Length: "
        return head.encode() + b"%d\r\n\r\n%b" % (len(notice), notice)


class Channels(Plain):
    """Django Channels: the publisher calls group_send, which is one PUBLISH of this message."""

    channel = "asgi__group__notices"
    one_listener = False  # A browser joins the group before it is let in.

    def publishing(self, notice: bytes) -> tuple:
        """Return what `group_send("notices", {"type": "notice", "text": …})` sends, in msgpack."""
        text = b"\xda" + len(notice).to_bytes(2, "big") if len(notice) > 255 else None
        text = text or b"\xd9" + bytes((len(notice),))
        return "PUBLISH", self.channel, b"\x82\xa4type\xa6notice\xa4text" + text + notice


class SocketIO(Plain):
    """Socket.IO 5 in Engine.IO 4, websocket only: step 4, python-socketio on uvicorn, Node."""

    path = "/socket.io/?EIO=4&transport=websocket"
    hello = b'42/notices,["hello"]'

    def opened(self, client) -> None:
        """Wait: the server speaks first."""

    def notices(self, payload: bytes) -> list[dict] | None:
        """Return the notice of an event."""
        if payload.startswith(b'42/notices,["notice",'):
            return [json.loads(payload[11:])[1]]
        return None

    def heard(self, client, payload: bytes) -> None:
        """Answer the server's pings, join the namespace, and take no refusal."""
        if payload == b"2":
            client.say(b"3")
        elif payload.startswith(b"0{"):
            self.ping_every = self.ping_every or json.loads(payload[1:])["pingInterval"] / 1000
            client.say(b"40/notices,")
        elif payload.startswith(b"40/notices,"):
            self.joined(client)
        elif not payload.startswith(b"42/notices,"):
            raise WireError(f"an unexpected packet: {payload[:200]!r}")

    def joined(self, client) -> None:
        """Go on, once the namespace has let us in."""
        client.is_ready()


class Recovery(SocketIO):
    """Node's adapter: notices are what another server of its cluster appends to the stream."""

    def listens(self, client: redis.Redis) -> bool:
        """Tell whether the stream is waited for."""
        return client.info("clients")["blocked_clients"] > 0

    def notices(self, payload: bytes) -> list[dict] | None:
        """Return the notice of an event, which says too from where on a browser would recover."""
        if payload.startswith(b'42/notices,["notice",'):
            _, notice, _offset = json.loads(payload[11:])
            return [notice]
        return None

    def publishing(self, notice: bytes) -> tuple:
        """Return what `io.of("/notices").emit("notice", …)` appends."""
        packet = b'{"type":2,"data":["notice",%b]}' % notice
        data = b'{"packet":%b,"opts":{"rooms":[],"except":[],"flags":{}}}' % packet
        entry = ("uid", "0123456789abcdef", "nsp", "/notices", "type", "3", "data", data)
        return "XADD", "socket.io", "MAXLEN", "~", 10_000, "*", *entry


class Stream(SocketIO):
    """Step 7: a browser says how far its page is, and the notices come as entries of a stream."""

    one_listener = False  # It says itself when it is live.
    catches_up = True
    cursor = None

    def __init__(self, port: int):
        super().__init__(port)
        self.cursors = {}  # of each notice

    def read_page(self, page: bytes) -> bool:
        """Take the cursor from the page; tell whether it has one already."""
        found = re.search(rb'id="cursor"[^>]*>"([0-9]+-[0-9]+)"<', page)
        self.cursor = found and found[1]
        return found is not None

    def joined(self, client) -> None:
        """Ask for what came since."""
        cursor = self.cursors.get(client.next - 1, self.cursor)
        client.say(b'42/notices,0["since","%b"]' % cursor)

    def notices(self, payload: bytes) -> list[dict] | None:
        """Return the notices of an event, which may be several."""
        if payload.startswith(b'42/notices,["notices",'):
            entries = [entry for entry in json.loads(payload[11:])[1] if entry[1]]
            self.cursors |= {notice["id"]: cursor.encode() for cursor, notice in entries}
            return [notice for _, notice in entries]
        return None

    def heard(self, client, payload: bytes) -> None:
        """Take the answer to `since` as well."""
        if payload == b'43/notices,0["live"]':
            client.is_ready()
        elif payload in (b'43/notices,0["again"]', b'43/notices,0["wait"]'):
            self.joined(client)
        else:
            super().heard(client, payload)

    def publishing(self, notice: bytes) -> tuple:
        """Return what appends to the stream."""
        return "XADD", "notices", "MAXLEN", "~", 10_000, "*", "notice", notice


class Halls(Stream):
    """Step 8: browsers follow one hall each, by turns, and the notices are for the first one."""

    def __init__(self, port: int):
        super().__init__(port)
        self.halls, self.places = [], {}  # all there are; where the page is in each
        self.follows = {}  # browser: hall

    def read_page(self, page: bytes) -> bool:
        """Take the halls from the page, then the cursors from a page that follows all of them."""
        self.halls = re.findall(r'type="checkbox" name="hall" value="([^"]+)"', page.decode())
        self.page = "/?" + urllib.parse.urlencode([("hall", hall) for hall in self.halls])
        found = re.search(rb'id="cursors"[^>]*>(.*?)<', page)
        self.places = json.loads(found[1])
        return len(self.places) == len(self.halls) and None not in self.places.values()

    def is_told(self, client) -> bool:
        """Tell whether a browser is in the first hall."""
        return self.follows[client] == self.halls[0]

    def joined(self, client) -> None:
        """Follow a hall, from where the page is."""
        by_turns = self.halls[len(self.follows) % len(self.halls)]
        hall = self.follows.setdefault(client, by_turns)
        client.say(f'42/notices,0["since",{json.dumps({hall: self.places[hall]})}]'.encode())

    def notices(self, payload: bytes) -> list[dict] | None:
        """Return the notices of an event, which may be several."""
        if payload.startswith(b'42/notices,["notices",'):
            return [notice for _, notice in json.loads(payload[11:])[2] if notice]
        return None

    def publishing(self, notice: bytes) -> tuple:
        """Return what appends to the stream of the first hall."""
        stream = f"notices:{self.halls[0]}"
        return "XADD", stream, "MAXLEN", "~", 10_000, "*", "notice", notice


class Classic(Plain):
    """Socket.IO 0.9: a session by HTTP, then a websocket of its own for it."""

    hello = b'5::/notices:{"name":"post","args":[{}]}'  # no notice: not saved
    one_listener = False  # Each browser has its own, and is told when it listens.

    def begin(self, client) -> None:
        """Ask for a session."""
        client.write(get("/socket.io/1/", self.port, "Connection: close"))

    def answered(self, client, status: bytes, head: bytes, body: bytes) -> None:
        """Open the websocket of the session."""
        if status == b"101":
            return super().answered(client, status, head, body)
        session, colon, _ = body.partition(b":")
        if status != b"200" or not colon:
            raise WireError(f"the answer to a handshake: {(head + body)[:200]!r}")
        session = session.split(b"\r\n")[-1].decode()  # There may be a chunk's size before it.
        client.connect_again(upgrade(f"/socket.io/1/websocket/{session}", self.port))

    def opened(self, client) -> None:
        """Wait: the server speaks first."""

    def notices(self, payload: bytes) -> list[dict] | None:
        """Return the notice of an event."""
        if payload.startswith(b"5::/notices:"):
            event = json.loads(payload[12:])
            return event["args"] if event["name"] == "notice" else None
        return None

    def heard(self, client, payload: bytes) -> None:
        """Answer heartbeats, join the namespace, and wait for its listener."""
        if payload == b"2::":
            client.say(b"2::")
        elif payload == b"1::":
            client.say(b"1::/notices")
        elif payload.startswith(b"5::/notices:") and json.loads(payload[12:])["name"] == "live":
            if json.loads(payload[12:])["args"] == [True] and not client.ready:
                client.is_ready()
        elif not payload.startswith((b"1::/notices", b"8::", b"6::")):
            raise WireError(f"an unexpected packet: {payload[:200]!r}")


WIRES = {
    each.__name__: each
    for each in (Plain, Nchan, Channels, SocketIO, Recovery, Stream, Halls, Classic)
}
