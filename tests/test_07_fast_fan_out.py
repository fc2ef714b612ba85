"""Step 7: everybody is told as before, at a fraction of the cost; who does not read is let go.

Each thing that emit offers is tried on fan_out_app.py, on two servers: with python-socketio's own
manager and sockets ("stock"), and with the step's ("fan_out"). What is expected is the same.
"""

import ast
import contextlib
import json
import shutil
import socket
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import engineio.packet
import pytest
import requests
import socketio.packet
import test_01_plain_django as plain
import test_02_gevent_server as gevent_server
import test_06_many_servers as many_servers
import test_full_room as full_room
import test_guard as guard
import websocket
from playwright.sync_api import expect
from test_03_namespace import fill, sees
from test_05_nothing_missed import Browser, say

from support import PATIENCE, Client, HungUp, Server, environment, wait_until

STEP = 7
STATE = "Live, by {}."
FILES = [*many_servers.FILES, "board/direct.py", "board/fan_out.py"]
SERVE = """
from gevent import monkey
monkey.patch_all()
import sys
from fan_out_app import serve
serve(sys.argv[1])
"""
SOCKET_IO = "/socket.io/?EIO=4&transport="
LONG = "\N{PARTY POPPER}" * 270  # 3240 bytes in JSON


def act(name, *args, **options):
    """Say what the application is to do: call something of python-socketio, or of its own."""
    return name, args, options


class App(Server):
    """A server that does what it is told."""

    def do(self, *acts):
        """Let it do this at once, one after the other, and return what came of each."""
        answer = requests.post(self.url, repr(acts).encode(), timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return ast.literal_eval(answer.text)

    def one(self, name, *args, **options):
        """Let it do one thing, and return what came of it."""
        return self.do(act(name, *args, **options))[0]


@pytest.fixture(scope="module", params=["stock", "fan_out"])
def app(request, step, tmp_path_factory):
    """The application in a copy of the step, with one manager or the other."""
    copy = tmp_path_factory.mktemp("app") / "step"
    shutil.copytree(step, copy, ignore=shutil.ignore_patterns("db.sqlite3", "__pycache__"))
    (copy / "serve.py").write_text(SERVE)
    shutil.copy(Path(__file__).with_name("fan_out_app.py"), copy)
    settings = {"DJANGO_SETTINGS_MODULE": "board.settings"}
    if request.param == "fan_out":
        settings["FAN_OUT"] = "1"
    app = App(copy, **settings)
    app.is_stock = request.param == "stock"
    yield app
    app.stop()
    assert app.tracebacks() == [], "\n".join(app.log)


only_fan_out = pytest.mark.parametrize("app", ["fan_out"], indirect=True)


class Told:
    """A browser that keeps the packets that it is sent, and the events in them."""

    def __init__(self, app, namespaces=("/hall",), auth=None, name="Somebody"):
        self.app, self.headers = app, {"X-Name": name}
        self.packets, self.events, self.sids = [], [], {}
        self.unfinished = None  # an event whose attachments have not come yet
        self.open()
        for namespace in namespaces:
            self.say(f"40{namespace},{json.dumps(auth) if auth else ''}")
            wait_for(self, lambda namespace=namespace: namespace in self.sids)
        self.sid = self.sids.get("/hall")

    def hear(self, encoded):
        """Keep a packet."""
        packet = engineio.packet.Packet(encoded_packet=encoded)
        if packet.packet_type == engineio.packet.PING:
            self.say("3")
        if packet.packet_type != engineio.packet.MESSAGE:
            return
        self.packets.append(encoded)
        if self.unfinished:
            if self.unfinished.add_attachment(packet.data):
                self.events.append(tuple(self.unfinished.data))
                self.unfinished = None
            return
        packet = socketio.packet.Packet(encoded_packet=packet.data)
        if packet.packet_type == socketio.packet.CONNECT:
            self.sids[packet.namespace] = packet.data["sid"]
        elif packet.packet_type == socketio.packet.BINARY_EVENT:
            self.unfinished = packet
        elif packet.packet_type == socketio.packet.EVENT:
            self.events.append(tuple(packet.data))
            if packet.id is not None:
                self.say(f"43{packet.namespace},{packet.id}{json.dumps(packet.data[1:])}")

    def told(self):
        """Return the events up to the one that is called end, each with its arguments."""
        wait_for(self, lambda: ("end",) in self.events)
        end = self.events.index(("end",))
        told, self.events = self.events[:end], self.events[end + 1 :]
        return told


def wait_for(browser, condition):
    """Let a browser read until something is so."""
    while not condition():
        browser.read()


class ByWebsocket(Told):
    """With a websocket."""

    def __init__(self, app, *namespaces, small=False, polling=None, **options):
        self.small = small  # The system keeps hardly anything that it does not read.
        self.polling = polling  # the browser that is about to go over to this websocket
        super().__init__(app, () if polling else namespaces or ("/hall",), **options)

    def open(self):
        """Connect."""
        self.connection = socket.socket()
        self.connection.settimeout(PATIENCE)
        if self.small:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.connection.connect(("127.0.0.1", self.app.port))
        self.ws = websocket.WebSocket()
        address = self.app.url.replace("http", "ws") + SOCKET_IO + "websocket"
        address += f"&sid={self.polling.session}" if self.polling else ""
        self.ws.connect(address, socket=self.connection, header=self.headers)
        if not self.polling:
            self.session = json.loads(self.ws.recv()[1:])["sid"]

    def say(self, packet):
        """Send a packet."""
        self.ws.send(packet)

    def read(self):
        """Read a packet."""
        frame = self.ws.recv_frame()  # recv() would answer the last one.
        self.closed = frame.opcode == websocket.ABNF.OPCODE_CLOSE
        assert not self.closed, "the server closed the websocket"
        is_text = frame.opcode == websocket.ABNF.OPCODE_TEXT
        self.hear(frame.data.decode() if is_text else frame.data)

    def read_to_the_end(self):
        """Read until the server hangs up."""
        ended = (websocket.WebSocketConnectionClosedException, OSError, AssertionError)
        with contextlib.suppress(*ended):
            wait_for(self, lambda: False)

    def ends(self):
        """Wait for the server's goodbye, and say whether it has hung up as well."""
        self.read_to_the_end()
        assert self.closed, "the websocket should be closed before the connection is"
        return self.app.is_stock or self.connection.recv(1) == b""

    def reset(self):
        """Be gone at once, as a crash of the machine's system looks to a server."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def close(self):
        """Be gone."""
        self.connection.close()


class ByPolling(Told):
    """Without a websocket."""

    def open(self):
        """Connect."""
        self.http, self.address = requests.Session(), self.app.url + SOCKET_IO + "polling"
        self.session = json.loads(self.poll()[0][1:])["sid"]
        self.address += f"&sid={self.session}"

    def poll(self):
        """Return the packets of one answer."""
        answer = self.http.get(self.address, headers=self.headers, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return answer.text.split("\x1e")

    def say(self, packet):
        """Send a packet."""
        assert self.http.post(self.address, packet.encode(), timeout=PATIENCE).ok

    def read(self):
        """Read what there is."""
        for packet in self.poll():
            self.hear(packet)

    def close(self):
        """Be gone, unless it has gone over to a websocket."""
        self.http.post(self.address, b"1", timeout=PATIENCE)
        self.http.close()


class PythonClient:
    """The real client of python-socketio."""

    def __init__(self, app, *transports):
        self.client = Client(app.url, ["/hall"], list(transports))
        self.client.sio.on("question", lambda *data: data, namespace="/hall")
        self.sid = self.client.sio.get_sid("/hall")
        self.address = f"{app.url}{SOCKET_IO}polling&sid={self.client.sio.eio.sid}"

    def told(self):
        """Return the events up to the one that is called end, each with its arguments."""
        return list(iter(lambda: self.client.heard.get(timeout=PATIENCE), ("end",)))

    def close(self):
        """Be gone; by polling it would not say so."""
        if self.client.sio.connected and self.client.sio.transport() == "polling":
            requests.post(self.address, b"1", timeout=PATIENCE)
        self.client.close()


# The real client takes at most 16 packets by one answer of polling.
KINDS = {
    "raw websocket": ByWebsocket,
    "raw polling": ByPolling,
    "client, websocket": lambda app: PythonClient(app, "websocket"),
    "client, polling": lambda app: PythonClient(app, "polling"),
    "client, upgraded": lambda app: PythonClient(app, "polling", "websocket"),
}


@pytest.fixture
def join(app):
    """Connect browsers that end with the test: join(ByWebsocket, …)."""
    with contextlib.ExitStack() as stack:

        def start(kind=ByWebsocket, *arguments, **options):
            browser = kind(app, *arguments, **options)
            stack.callback(browser.close)
            return browser

        yield start


@pytest.fixture
def everybody(join):
    """A browser of each kind."""
    return [join(kind) for kind in KINDS.values()]


@pytest.fixture
def others(join):
    """A browser of each kind that takes any number of packets at once."""
    return [join(kind) for name, kind in KINDS.items() if name != "client, polling"]


@pytest.fixture
def small():
    """Connect a browser as the page is one, which keeps hardly anything that it does not read."""
    with contextlib.ExitStack() as stack:

        def start(server):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.port))
            browser = Browser(server, socket=connection, listen=False)
            stack.callback(browser.close)
            return browser

        yield start


@pytest.fixture
def meanwhile():
    """Let something run in a thread, and return its future: meanwhile(function, …)."""
    with ThreadPoolExecutor(4) as pool:
        yield pool.submit


END = act("emit", "end")
WORDS = "\N{PARTY POPPER} \N{GREEK SMALL LETTER PI} \u2028 \0"
DATA = [
    *[(None, ()), ((), ()), ("", ("",)), (0, (0,)), (False, (False,)), (WORDS, (WORDS,))],
    *[((None,), (None,)), (("a", 1, None), ("a", 1, None)), ([], ([],)), ([1, [2]], ([1, [2]],))],
    *[({}, ({},)), ({"a": {WORDS: [1.5]}}, ({"a": {WORDS: [1.5]}},)), ((1, (2, 3)), (1, [2, 3]))],
]
BINARY = [
    (b"", (b"",)),
    (b"\0\xff", (b"\0\xff",)),
    ((b"1", "text", b"2"), (b"1", "text", b"2")),
    (
        {"a": [b"x" * 5000, {"b": b"y"}], "c": WORDS},
        ({"a": [b"x" * 5000, {"b": b"y"}], "c": WORDS},),
    ),
]


class TestEmit:
    """Whom it is for, and what it brings: as python-socketio has it."""

    def test_everybody_is_told_whatever_it_is(self, app, everybody):
        """Nothing, one thing, several, in any script."""
        app.do(*[act("emit", "news", data) for data, _ in DATA], END)
        for each in everybody:
            assert each.told() == [("news", *args) for _, args in DATA]

    def test_it_is_for_rooms_and_for_one_and_not_for_those_who_are_skipped(self, app, everybody):
        """Somebody who is in two of the rooms is told once."""
        a, b, c, d, e = (each.sid for each in everybody)
        rooms = [(a, "red"), (b, "red"), (b, "blue"), (c, "blue")]
        app.do(*[act("enter_room", sid, room) for sid, room in rooms])
        cases = [
            ({"to": "red"}, {a, b}),
            ({"room": "blue"}, {b, c}),
            ({"to": ["red", "blue"]}, {a, b, c}),
            ({"room": ["blue", "none", "red"]}, {a, b, c}),
            ({"to": ["none", "red"]}, {a, b}),
            ({"to": c}, {c}),
            ({"room": d}, {d}),
            ({"to": [a, d]}, {a, d}),
            ({"to": a, "room": b}, {a}),
            ({"skip_sid": a}, {b, c, d, e}),
            ({"skip_sid": [a, d]}, {b, c, e}),
            ({"skip_sid": []}, {a, b, c, d, e}),
            ({"to": "red", "skip_sid": b}, {a}),
            ({"to": ["red", "blue"], "skip_sid": [a, c, "nobody"]}, {b}),
            ({"to": d, "skip_sid": d}, set()),
        ]
        acts = [act("emit", "case", number, **case[0]) for number, case in enumerate(cases)]
        app.do(*acts, END)
        for each in everybody:
            expected = [("case", n) for n, (_, whom) in enumerate(cases) if each.sid in whom]
            assert each.told() == expected

    def test_a_room_is_as_it_is_at_that_moment(self, app, everybody):
        """Entered, left and closed between two events."""
        first, *others, last = everybody
        told = [act("emit", "told", number, to="green") for number in range(5)]
        app.do(
            told[0],
            *[act("enter_room", each.sid, "green") for each in [first, *others]],
            told[1],
            act("leave_room", first.sid, "green"),
            told[2],
            act("enter_room", last.sid, "green"),
            told[3],
            act("close_room", "green"),
            told[4],
            END,
        )
        assert first.told() == [("told", 1)]
        for each in others:
            assert each.told() == [("told", 1), ("told", 2), ("told", 3)]
        assert last.told() == [("told", 3)]

    def test_telling_nobody_is_no_mistake(self, app, everybody):
        """Nor is a namespace that nobody is in, or that there is not."""
        nobody = [{"to": "nobody"}, {"to": ["nobody", "none"]}]
        nobody += [{"namespace": "/empty"}, {"namespace": "/nowhere", "to": "nobody"}]
        nobody += [{"skip_sid": [each.sid for each in everybody]}]
        app.do(*[act("emit", "told", "x", **options) for options in nobody], END)
        for each in everybody:
            assert each.told() == []

    @pytest.mark.parametrize("kind", KINDS)
    def test_an_acknowledgement_comes_back_with_its_data(self, app, join, meanwhile, kind):
        """A callback is for one browser, so there is nothing to frame once."""
        browser = join(KINDS[kind])
        for data in ["?", ("?", [1], WORDS)]:
            answer = meanwhile(app.do, act("ask", browser.sid, "question", data, PATIENCE), END)
            told = browser.told()
            assert kind.startswith("client") or told == [("question", *data)]
            assert answer.result() == [data, None]

    @pytest.mark.parametrize("kind", KINDS)
    def test_bytes_are_bytes_wherever_they_are_in_the_data(self, app, join, kind):
        """Each is a packet of its own, after the one that it belongs to."""
        browser = join(KINDS[kind])
        acts = [act("emit", "bytes", data, to=browser.sid) for data, _ in BINARY]
        app.do(*acts, END)
        assert browser.told() == [("bytes", *args) for _, args in BINARY]

    @pytest.mark.parametrize("size", [125, 126, 65535, 65536])
    def test_a_frame_has_the_header_that_its_length_asks_for(self, app, join, size):
        """A websocket frame says its length in one byte, in three, or in nine."""
        browser, other = join(), join(ByPolling)
        packet = f'42/hall,["size","{"x" * (size - 19)}"]'.encode()
        assert len(packet) == size
        app.do(act("emit", "size", "x" * (size - 19)), END)
        expected = b"\x81"  # text, and nothing comes after it
        if size < 126:
            expected += bytes([size])
        elif size < 65536:
            expected += b"\x7e" + struct.pack("!H", size)
        else:
            expected += b"\x7f" + struct.pack("!Q", size)
        expected += packet + b'\x81\x0f42/hall,["end"]'
        got = b""
        while len(got) < len(expected):
            got += browser.connection.recv(len(expected) - len(got))
        assert got == expected
        assert other.told() == [("size", "x" * (size - 19))]

    def test_one_browser_may_be_in_two_namespaces(self, app, join):
        """Over one connection, in the order in which it was emitted."""
        both, one = join(ByWebsocket, "/hall", "/annex"), join(ByPolling, ["/annex"])
        emitted = [("/hall", 1), ("/annex", 2), ("/annex", 3), ("/hall", 4)]
        app.do(*[act("emit", "in", [where, n], namespace=where) for where, n in emitted])
        app.do(act("disconnect", both.sids["/annex"], namespace="/annex"))
        app.do(act("emit", "in", 5, namespace="/annex"), END)
        app.do(act("emit", "end", namespace="/annex"))
        assert both.told() == [("in", [where, n]) for where, n in emitted]
        assert one.told() == [("in", ["/annex", 2]), ("in", ["/annex", 3]), ("in", 5)]
        expected = [f'42{where},["in",["{where}",{n}]]' for where, n in emitted]
        assert both.packets[2:] == [*expected, "41/annex,", '42/hall,["end"]']


class TestConnection:
    """Connecting, changing over to a websocket, and going."""

    @pytest.mark.parametrize("kind", [ByWebsocket, ByPolling])
    def test_what_on_connect_emits_comes_first(self, app, join, kind):
        """Before the namespace says that it is connected."""
        browser = join(kind, auth={"name": "Ada"})
        expected = ['42/hall,["welcome","Ada"]', f'40/hall,{{"sid":"{browser.sid}"}}']
        assert browser.packets == expected

    def test_what_comes_together_with_the_handshake_is_heard(self, app, join):
        """Some clients do not wait until they are let in."""
        head = f"GET {SOCKET_IO}websocket HTTP/1.1\r\nHost: localhost:{app.port}\r\n"
        head += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        head += "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        with socket.create_connection(("127.0.0.1", app.port), PATIENCE) as browser:
            # With an end of a line in it: it is no second request.
            browser.sendall(head.encode() + guard.frame(b'40/hall,{"name":\n"Ada"}'))
            told = b""
            while b"40/hall,{" not in told:
                told += browser.recv(4096)
            lines = len(app.log)
            app.do(END)
        assert len(app.log) <= lines + 1, "a line for what the test asks"

    def test_what_is_emitted_during_an_upgrade_comes_once_and_in_order(self, app, join, meanwhile):
        """Before the probe, between it and the end, and after."""
        browser = join(ByPolling)
        last_poll = meanwhile(browser.poll)
        app.do(act("emit", "told", 1))
        for packet in last_poll.result():
            browser.hear(packet)
        app.do(act("emit", "told", 2))
        wait_for(browser, lambda: ("told", 2) in browser.events)
        last_poll = meanwhile(browser.poll)  # It has nothing to answer yet.
        upgraded = join(polling=browser)
        upgraded.say("2probe")
        assert upgraded.ws.recv() == "3probe"
        for packet in last_poll.result():
            browser.hear(packet)
        app.do(act("emit", "told", 3), act("emit", "told", 4, to=browser.sid))
        assert browser.poll() == ["6"], "who changes over is not to be told by polling"
        upgraded.say("5")
        app.do(act("emit", "told", 5))
        wait_for(upgraded, lambda: ("told", 5) in upgraded.events)
        app.do(act("emit", "told", 6), END)
        assert [*browser.events, *upgraded.told()] == [("told", n) for n in range(1, 7)]
        assert browser.events == [("told", 1), ("told", 2)]
        upgraded.say('42/hall,7["say","by websocket"]')
        wait_for(upgraded, lambda: '43/hall,7["by websocket"]' in upgraded.packets)

    @pytest.mark.parametrize(
        "said",
        [[], ["2probe"], ["2probe", "2"], ["2"]],
        ids=["nothing", "probe", "probe and nonsense", "nonsense"],
    )
    def test_an_upgrade_that_is_not_finished_goes_on_by_polling(self, app, join, meanwhile, said):
        """Whatever was said on the websocket that came to nothing."""
        browser = join(ByPolling)
        last_poll = meanwhile(browser.poll)
        upgraded = join(polling=browser)
        for packet in said:
            upgraded.say(packet)
        if "2probe" in said:
            assert upgraded.ws.recv() == "3probe"
        app.do(act("emit", "told", 1))
        for packet in last_poll.result():
            browser.hear(packet)
        upgraded.close()
        wait_for(browser, lambda: ("told", 1) in browser.events)
        app.do(act("emit", "told", 2), END)
        assert browser.told() == [("told", 1), ("told", 2)]
        browser.say('42/hall,7["say","by polling"]')
        wait_for(browser, lambda: '43/hall,7["by polling"]' in browser.packets)

    def test_of_two_upgrades_at_once_the_one_that_is_finished_counts(self, app, join):
        """A browser that is in a hurry has itself to blame, but is told everything."""
        browser = join(ByPolling)
        first, second = join(polling=browser), join(polling=browser)
        for each in (first, second):
            each.say("2probe")
            assert each.ws.recv() == "3probe"
        first.say("5")
        first.say('42/hall,7["say","by the first"]')
        wait_for(first, lambda: '43/hall,7["by the first"]' in first.packets)
        app.do(act("emit", "told", 1), act("emit", "told", 2, to=browser.sid), END)
        assert first.told() == [("said", "by the first"), ("told", 1), ("told", 2)]
        if not app.is_stock:  # That has two writers then.
            second.say("5")
            second.read_to_the_end()
            app.do(act("emit", "told", 3), END)
            assert first.told() == [("told", 3)]

    def test_what_a_websocket_does_not_read_yet_is_nothing_for_polling(self, app, join):
        """Pongs, before the upgrade is finished, which it never is."""
        browser = join(ByPolling)
        upgraded = join(small=True, polling=browser)
        upgraded.say("2probe")
        assert upgraded.ws.recv() == "3probe"
        upgraded.connection.sendall((b"\x89\xfd" + bytes(4 + 125)) * 500)
        app.do(act("emit", "told", 1))
        assert browser.poll() == ["6"]
        upgraded.reset()
        app.do(act("emit", "told", 2), END)
        assert browser.told() == [("told", 1), ("told", 2)]

    @pytest.mark.parametrize("kind", KINDS)
    def test_who_is_disconnected_hears_what_was_emitted_before(self, app, join, kind):
        """And on_disconnect runs once, with why."""
        browser, other = join(KINDS[kind]), join()
        app.do(act("enter_room", other.sid, "waiting for it"))
        goodbye = act("emit", "goodbye", "x" * 100_000, to=browser.sid)
        app.do(goodbye, act("disconnect", browser.sid), act("emit", "more"), END)
        if kind.startswith("client"):
            assert browser.client.wait("goodbye") == "x" * 100_000
            wait_until(lambda: not browser.client.sio.connected, "the client to be disconnected")
            assert browser.client.heard.empty()
        else:
            wait_for(browser, lambda: "41/hall," in browser.packets)
            assert browser.events == [("goodbye", "x" * 100_000)]
        assert other.told() == [("gone", browser.sid), ("more",)]
        assert app.one("diary", browser.sid) == [("disconnect", "server disconnect")]

    @pytest.mark.parametrize("farewell", [b"", b"\x88\x82\0\0\0\0\x03\xe8"], ids=["end", "close"])
    def test_what_a_browser_says_last_is_heard(self, app, join, farewell):
        """With who it was, before on_disconnect: though it came together with the end."""
        browser, other = join(ByWebsocket, name="Ada"), join()
        app.do(act("enter_room", other.sid, "waiting for it"))
        last = b'42/hall,["say","the last thing"]'
        frame = bytes([0x81, 0x80 | len(last)]) + bytes(4) + last
        browser.connection.sendall(frame + farewell)
        browser.connection.shutdown(socket.SHUT_WR)
        wait_for(other, lambda: ("gone", browser.sid) in other.events)
        assert other.events == [("said", "the last thing"), ("gone", browser.sid)]
        expected = [("say", "the last thing", "Ada"), ("disconnect", "transport close")]
        assert app.one("diary", browser.sid) == expected

    def test_who_vanishes_during_a_broadcast_is_nobody_elses_trouble(
        self, app, others, join, meanwhile
    ):
        """A reset, not a goodbye; once with small events, and once with some that do not fit."""
        for text in ("small", "large" * 2000):
            browser = join(small=True)
            port = browser.connection.getsockname()[1]
            told = [act("emit", "told", [n, text]) for n in range(40)]
            broadcast = meanwhile(app.do, *told[:20], act("hold", port), *told[20:], END)
            app.wait_for_log(f"on hold {port}")
            browser.reset()
            broadcast.result()
            for each in others:
                assert each.told() == [("told", [n, text]) for n in range(40)]
            gone = wait_until(lambda sid=browser.sid: app.one("diary", sid), "on_disconnect")
            assert gone == [("disconnect", "transport close")]

    def test_what_handlers_emit_meanwhile_is_in_the_same_order_for_everybody(
        self, app, others, join, meanwhile
    ):
        """In the middle of a series of broadcasts, each in a greenlet of its own."""
        before = len(app.one("emitted"))
        sayers = [join(), join()]
        series = meanwhile(app.one, "series", 60)
        for number in range(10):
            for sayer in sayers:
                sayer.say(f'42/hall,{number}["say","{number} from {sayer.sid}"]')
        series.result()
        for sayer in sayers:
            done = f'43/hall,9["9 from {sayer.sid}"]'
            wait_for(sayer, lambda sayer=sayer, done=done: done in sayer.packets)
        app.do(END)
        emitted = app.one("emitted")[before:]
        assert len(emitted) == 80
        order, *orders = [each.told() for each in [*others, *sayers]]
        # Of two greenlets that want to emit while a third one does, either may come first.
        assert sorted(order) == sorted(("said", text) for text in emitted)
        for source in ("series", *(f"from {sayer.sid}" for sayer in sayers)):
            own = [("said", text) for text in emitted if source in text]
            assert [told for told in order if source in told[1]] == own
        assert all(each == order for each in orders)

    def test_who_emits_during_a_broadcast_does_not_overtake_it(self, app, join):
        """Whom the broadcast has not reached yet is told that first."""
        browsers = [join() for _ in range(7)]
        app.do(act("enter_room", browsers[-1].sid, "a few"), act("overtake", "a few"), END)
        assert browsers[0].told() == [("said", "first")]
        assert browsers[-1].told() == [("said", "first"), ("told", "second")]

    def test_a_ping_has_its_pong(self, app, join):
        """A websocket's own: a browser does not send any, other clients do."""
        browser = join()
        browser.ws.ping("are you there?")
        app.do(act("emit", "told"))
        assert browser.ws.recv_data(True)[:2] == (websocket.ABNF.OPCODE_PONG, b"are you there?")
        assert browser.ws.recv() == '42/hall,["told"]'

    def test_a_sign_of_life_is_asked_for_and_who_gives_none_is_let_go(self, app, join):
        """Again and again, as long as the answer comes."""
        app.do(act("ping_every", 0.1))
        try:
            alive, silent = join(), join()
            app.do(act("enter_room", alive.sid, "waiting for it"))
            for _ in range(3):
                assert alive.ws.recv() == "2"
                alive.say("3")
            assert silent.ws.recv() == "2"
            wait_for(alive, lambda: ("gone", silent.sid) in alive.events)
            assert silent.ends()
            [(_, reason)] = app.one("diary", silent.sid)
            # The library's greenlet that writes gives up by itself when there is nothing to write.
            assert reason in ("ping timeout", *(["transport close"] if app.is_stock else []))
            app.do(END)
            assert alive.told() == [("gone", silent.sid)]
        finally:
            app.do(act("ping_every", 25))


class TestDriver:
    """What makes it quick."""

    @only_fan_out
    def test_what_is_the_same_for_everybody_is_framed_once(self, app, join):
        """However many there are."""
        browsers = [join() for _ in range(5)]
        before, _, _, after = app.do(
            act("count", "frames"), act("emit", "told"), END, act("count", "frames")
        )
        assert after - before <= 2, "two events for five browsers should be framed twice"
        for browser in browsers:
            assert browser.told() == [("told",)]

    @only_fan_out
    def test_it_is_on_its_way_when_emit_returns(self, app, join):
        """With no other greenlet in between: each was written to directly, once."""
        browsers = [join() for _ in range(5)]
        before, _, after = app.do(act("count", "sends"), act("emit", "told"), act("count", "sends"))
        assert after - before == 5
        app.do(END)
        for browser in browsers:
            assert browser.told() == [("told",)]

    @only_fan_out
    def test_a_broadcast_gives_way(self, app, join):
        """To what comes, after each two browsers, as the application has it; all are told."""
        browsers = [join() for _ in range(7)]
        assert app.one("turns") >= 3
        app.do(END)
        for browser in browsers:
            assert browser.told() == [("said", "turns")]

    def test_who_is_idle_costs_no_greenlet(self, app, join):
        """Also after a sign of life was asked for.

        python-socketio has one that hears it, and one that writes. (And a third that waits until
        it asks, for which board/guard.py has a timer.) That it can be otherwise hangs on a class
        that an upgrade of python-engineio may change or move: engineio.socket.Socket, which the
        server makes, with its method _upgrade_websocket.
        """
        app.do(act("ping_every", 0.2))
        wait_until(lambda: app.one("connections") == 1, "all but who asks to be gone")
        before = app.one("stacks")
        browsers = [join() for _ in range(10)]
        app.do(act("ping_every", 25))
        for browser in browsers:
            assert browser.ws.recv() == "2"
            browser.say("3")
        browsers.append(join())
        number = before + len(browsers) * (2 if app.is_stock else 0)
        wait_until(lambda: app.one("stacks") == number, f"{number} greenlets")
        app.do(END)
        for browser in browsers:
            assert browser.told() == []


SINCE = """
import django
django.setup()
from notices.namespaces import notices
notices.cursor, notices.live = "1-1", True
notices.server = type("Server", (), {"is_behind": lambda self, *browser: False})()
notices.enter_room = lambda sid, room: None
def emit(event, data, to):
    # In the middle of it others have a turn.
    print(data[1], "then", notices.cursor, notices.on_since("somebody", "2-1"))
notices.emit = emit
notices.broadcast([("2-1", {"began": ""})])
"""


def test_who_says_its_cursor_during_a_broadcast_is_told_no_less_than_others(step):
    """Otherwise it would be live without what the others are being told."""
    settings = environment(DJANGO_SETTINGS_MODULE="board.settings", PYTHONPATH=str(step))
    command = [sys.executable, "-c", SINCE]
    said = subprocess.check_output(command, cwd=step, env=settings, text=True)
    assert said == "1-1 then 2-1 live\n"


class TestBehind:
    """Who does not read at once: for a while, or never."""

    def test_who_reads_on_later_is_told_everything_in_order(self, app, join):
        """With nothing cut: what did not fit, what came while it waited, and what comes then."""
        browser, other = join(small=True), join()
        for _ in range(2):  # Who has caught up may be behind again.
            acts = [act("emit", "told", [n, "large" * 2000]) for n in range(60)]
            waiting = app.do(*acts, act("waiting", browser.session))[-1]
            assert waiting, "what does not fit should wait in the browser's queue"
            for number in range(60, 70):
                app.do(act("emit", "told", [number, "small"]))
            app.do(END)
            expected = [("told", [n, "large" * 2000 if n < 60 else "small"]) for n in range(70)]
            assert other.told() == expected
            assert browser.told() == expected, "also where a frame was cut in two by what fits"
        app.do(act("emit", "told", 70), END)
        assert browser.told() == [("told", 70)]
        assert app.one("waiting", browser.session) == 0

    def test_who_is_hung_up_on_is_told_what_waits_before(self, app, join):
        """Then that it is over, and only then the connection ends."""
        behind, idle = join(small=True), join()
        told = [act("emit", "told", [n, "large" * 2000], to=behind.sid) for n in range(40)]
        app.do(*told, *[act("hang_up", each.session) for each in (behind, idle)])
        if not app.is_stock:  # That would write the pong into the middle.
            behind.ws.ping("are you still there?")  # It is too late for one.
        for browser in (idle, behind):
            assert browser.ends()
            assert app.one("diary", browser.sid) == [("disconnect", "server disconnect")]
        assert behind.events == [("told", [n, "large" * 2000]) for n in range(40)]

    @only_fan_out
    def test_what_waits_is_written_in_one_go(self, app, join):
        """Not each frame by itself."""
        browser = join(small=True)
        acts = [act("emit", "told", [n, "x" * 1000]) for n in range(400)]
        before, *_, waiting = app.do(act("count", "takes"), *acts, act("waiting", browser.session))
        assert waiting > 100_000, "it should not all fit"
        app.do(END)
        assert browser.told() == [("told", [n, "x" * 1000]) for n in range(400)]
        assert app.one("count", "takes") - before < 10

    @only_fan_out
    def test_a_pong_waits_for_the_frame_that_is_cut_in_two(self, app, join):
        """python-socketio's own socket would write it into the middle."""
        browser = join(small=True)
        app.do(*[act("emit", "told", [n, "large" * 2000]) for n in range(40)])
        browser.ws.ping("are you there?")
        browser.say('42/hall,7["say","I am"]')
        wait_until(lambda: app.one("diary", browser.sid), "the server to hear it")
        heard = []
        while len(heard) < 43:
            opcode, data = browser.ws.recv_data(True)
            heard.append(data.decode() if opcode == websocket.ABNF.OPCODE_TEXT else data)
        expected = [f'42/hall,["told",[{n},"{"large" * 2000}"]]' for n in range(40)]
        assert heard == [
            *expected,
            b"are you there?",
            '42/hall,["said","I am"]',
            '43/hall,7["I am"]',
        ]

    @only_fan_out
    def test_who_does_not_read_is_let_go_and_others_are_told_meanwhile(self, app, join):
        """With one line in the log; and what waited is forgotten at once."""
        wait_until(lambda: app.one("connections") == 1, "all but who asks to be gone")
        stacks, lines = app.one("stacks"), len(app.log)
        deaf, other = join(small=True), join()
        app.do(act("enter_room", other.sid, "waiting for it"))
        for number in range(40):
            app.do(act("emit", "told", [number, "x" * 50_000]), END)
            told = other.told()
            assert ("told", [number, "x" * 50_000]) in told
            if ("gone", deaf.sid) in told:
                break
        wait_for(other, lambda: ("gone", deaf.sid) in [*other.events, *told])
        assert number > 18, "a megabyte may wait"
        assert app.one("diary", deaf.sid) == [("disconnect", "transport close")]
        assert app.one("waiting", deaf.session) < 1000
        wait_until(lambda: app.one("stacks") <= stacks + 1, "its greenlets to end")
        deaf.read_to_the_end()
        kept = [event for event in deaf.events if event[0] == "told"]
        assert kept == [("told", [n, "x" * 50_000]) for n in range(len(kept))]
        assert len([line for line in app.log[lines:] if "does not read" in line]) == 1

    @only_fan_out
    def test_who_is_told_too_much_at_once_is_let_go_once(self, app, join):
        """In one go, so that there is no moment in which its greenlet could end."""
        deaf, lines = join(small=True), len(app.log)
        app.one("flood", deaf.sid, 50_000, 100)
        gone = [("disconnect", "transport close")]
        wait_until(lambda: app.one("diary", deaf.sid) == gone, "on_disconnect, once")
        app.wait_for_log("does not read")
        assert len([line for line in app.log[lines:] if "does not read" in line]) == 1
        assert app.one("waiting", deaf.session) < 1000


class TestStart(plain.TestStart):
    """As before: a process alone is a whole server; the models have not changed."""

    test_django_finds_nothing_to_complain_about = None
    test_the_migrations_are_those_of_the_models = None

    def test_the_server_has_this_manager(self, step, redis):
        """From outside a server that tells everybody in the library's way looks the same."""
        code = "import serve; print(type(serve.sio.manager).__module__)"
        settings = environment(REDIS_URL=redis.url, PYTHONPATH=str(step))
        command = [sys.executable, "-c", code]
        printed = subprocess.check_output(command, cwd=step, env=settings, text=True)
        assert printed == "board.fan_out\n", "sio should be Server(client_manager=Manager())"


class TestStop:
    """With those who are written to directly."""

    test_it_stops_cleanly_though_sockets_are_open = (
        gevent_server.TestStop.test_it_stops_cleanly_though_sockets_are_open
    )


class TestWindow:
    """In a browser, all is as before."""

    def test_a_notice_is_in_every_window(self, server, redis, visit):
        """What somebody writes, and what a program says."""
        page, other = visit(server), visit(server)
        fill(page, "Written in one window")
        say(redis, "Said by a program")
        for each in (page, other):
            sees(each, "Written in one window")
            sees(each, "Said by a program")
            expect(each.locator("#count")).to_have_text("2 are here.")


class TestComesBack:
    """Who was let go comes back by itself, and misses nothing: that is what step 5 was for."""

    def test_who_did_not_read_is_told_the_rest_when_it_is_back(
        self, serve, step, redis, small, tmp_path
    ):
        """In order, and nothing twice; others are told meanwhile."""
        # It is to be let go for what it does not read, and not for its silence.
        server = serve(guard.patient(step, tmp_path), POSTS_IN_TEN_SECONDS="100000")
        deaf, other, texts = small(server), Browser(server), []
        lines = len(server.log)
        while not any("does not read" in line for line in server.log[lines:]):
            assert len(texts) < 5000, "16 MB are more than the system keeps for one connection"
            more = [f"{len(texts) + number} {LONG}" for number in range(100)]
            say(redis, *more)
            assert other.notices_until(more[-1]) == more
            texts += more
        deaf.listen()
        with contextlib.suppress(HungUp):
            deaf.notices_until("never said")
        again = Browser(server, since=deaf.cursor)
        assert deaf.told + again.notices_until(texts[-1]) == texts
        assert 0 < len(deaf.told) < len(texts)
        assert "reload" not in again.answers
        for each in (other, again):
            each.close()


bystander = guard.bystander
# What touches the websocket, of what test_guard.py tries on step 4.
test_a_message_over_64_kb_is_refused_before_it_is_here = (
    guard.test_a_message_over_64_kb_is_refused_before_it_is_here
)
test_a_message_over_64_kb_is_refused_however_it_is_fragmented = (
    guard.test_a_message_over_64_kb_is_refused_however_it_is_fragmented
)
test_a_message_is_as_long_as_its_bytes = guard.test_a_message_is_as_long_as_its_bytes
test_a_message_under_64_kb_is_taken = guard.test_a_message_under_64_kb_is_taken
test_announced_binary_attachments_do_not_pile_up = (
    guard.test_announced_binary_attachments_do_not_pile_up
)
test_frames_that_are_not_websocket_hang_up_that_browser_alone = (
    guard.test_frames_that_are_not_websocket_hang_up_that_browser_alone
)
test_an_upgrade_that_begins_with_nonsense_is_dropped = (
    guard.test_an_upgrade_that_begins_with_nonsense_is_dropped
)
test_a_browser_that_is_gone_without_a_word_is_let_go = (
    guard.test_a_browser_that_is_gone_without_a_word_is_let_go
)
test_many_that_fall_silent_at_once_hold_up_nobody = (
    guard.test_many_that_fall_silent_at_once_hold_up_nobody
)
test_the_second_of_two_packets_does_not_wait_for_the_first = (
    guard.test_the_second_of_two_packets_does_not_wait_for_the_first
)
test_a_browser_that_stops_reading_is_let_go = guard.test_a_browser_that_stops_reading_is_let_go
test_whoever_says_something_meanwhile_is_answered = (
    full_room.test_whoever_says_something_meanwhile_is_answered
)
test_who_goes_on_with_what_is_refused_is_let_go = (
    full_room.test_who_goes_on_with_what_is_refused_is_let_go
)
test_nothing_is_kept_of_who_has_gone = full_room.test_nothing_is_kept_of_who_has_gone


@pytest.mark.parametrize("transport", ["websocket"])
def test_nonsense_is_one_line_in_the_log_and_hurts_nobody_else(server, bystander, transport, raw):
    """By polling nothing is new."""
    guard.test_nonsense_is_one_line_in_the_log_and_hurts_nobody_else(
        server, bystander, transport, raw
    )


@pytest.mark.parametrize("transport", ["websocket"])
def test_who_has_said_goodbye_does_not_come_back(server, bystander, transport, raw):
    """By polling nothing is new."""
    guard.test_who_has_said_goodbye_does_not_come_back(server, bystander, transport, raw)
