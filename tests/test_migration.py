"""Each row of the table in classic/README.md: the same scenario on both servers, in Chromium.

tests/migration has the two servers. Where "nothing came" has to be shown, something else follows
that must come.
"""

import os
import re

import pytest

from support import CLASSIC, ROOT, STEPS, Server, wait_until

HERE = ROOT / "tests" / "migration"
README = (CLASSIC / "README.md").read_text(encoding="utf-8")


class Side:
    """One of the two servers, and two windows on it."""

    def __init__(self, name, client, chromium):
        modules = ROOT / "node_modules"
        self.server = Server(
            HERE / name,
            CLIENT=str(modules / client / "dist" / "socket.io.min.js"),
            PYTHONPATH=os.pathsep.join(
                map(str, [HERE, CLASSIC][: 1 + (name == "gevent_socketio")])
            ),
        )
        self.contexts = [chromium.new_context() for _ in range(2)]
        self.windows = [context.new_page() for context in self.contexts]

    def open(self, number=0):
        """Return a window, loaded anew."""
        self.windows[number].goto(self.server.url)
        return self.windows[number]

    def join(self, namespace, *events, number=0, before=""):
        """Join a namespace from a window, and return it."""
        window = self.open(number)
        window.evaluate(f"(what) => {{ {before}; socket = join(...what); }}", [namespace, *events])
        heard(window, "connect")
        return window

    def join_both(self, namespace, *events):
        """Join a namespace from both windows, and return them."""
        return [self.join(namespace, *events, number=number) for number in range(2)]

    def noted(self, name):
        """Return what the server has noted."""
        return self.server.get("/noted").json()[name]

    def close(self):
        """Close the windows, and stop the server."""
        try:
            for context in self.contexts:
                context.close()
        finally:
            self.server.stop()
        assert self.server.tracebacks() == [], self.server.log


@pytest.fixture(scope="module")
def old(chromium):
    """gevent-socketio, with socket.io-client 0.9.17."""
    side = Side("gevent_socketio", "socket.io-client-classic", chromium)
    yield side
    side.close()


@pytest.fixture(scope="module")
def new(chromium):
    """python-socketio, with the socket.io-client of the steps."""
    side = Side("python_socketio", "socket.io-client", chromium)
    yield side
    side.close()


def watch(window):
    """Return a list of the addresses that a window asks for from now on."""
    asked = []
    window.on("request", lambda request: asked.append(request.url))
    window.on("websocket", lambda websocket: asked.append(websocket.url))
    return asked


def emit(window, *event):
    """Emit an event."""
    window.evaluate("(event) => socket.emit(...event)", list(event))


def ask(window, *event):
    """Emit an event, and return the acknowledgement's arguments."""
    return window.evaluate("(event) => ask(socket, ...event)", list(event))


def heard(window, event, data=None):
    """Wait until a window has heard an event, and return all that it has heard."""
    window.wait_for_function(
        """([event, data]) => heard.some(([name, first]) =>
            name === event && (data === null || first === data))""",
        arg=[event, data],
    )
    return window.evaluate("heard")


def test_server(old, new):
    """The browser asks for /socket.io/ on either; Django sees it on the old one only."""
    for side in (old, new):
        asked = watch(side.windows[0])
        side.join("/emit")
        assert any(f":{side.server.port}/socket.io/" in url for url in asked)
    seen = [
        {path.split("/")[1] for path in side.noted("asked")} & {"socket.io"} for side in (old, new)
    ]
    assert seen == [{"socket.io"}, set()]


def test_manage(old, new):
    """An instance a browser, and one for all; a namespace that is not there."""
    counts = [[ask(window, "visit") for window in side.join_both("/visits")] for side in (old, new)]
    assert counts == [[[1], [1]], [[1], [2]]]
    said = []
    for side in (old, new):
        window = side.open()
        window.evaluate("socket = join('/nowhere', 'error', 'connect_error')")
        window.wait_for_function("heard.length")
        said.append(window.evaluate("heard")[0][:2])
    assert said == [["error", "no_such_namespace"], ["connect_error", ""]]


def test_namespace_life_cycle(old, new):
    """Connect, welcome, and the end; and a namespace that lets nobody in."""
    orders, reasons, refusals = [], [], []
    for side in (old, new):
        window = side.join("/life", "welcome")
        orders.append([event for event, *_ in heard(window, "welcome")])
        window.goto("about:blank")
        reasons += wait_until(lambda side=side: side.noted("left"), "the window to be gone")
        window = side.open()
        window.evaluate("socket = join('/closed', 'disconnect', 'connect_error')")
        window.wait_for_function("heard.length && heard.at(-1)[0] !== 'connect'")
        refusals.append([event for event, *_ in window.evaluate("heard")[:2]])
    assert orders == [["connect", "welcome"], ["welcome", "connect"]]
    assert reasons == ["no reason", "transport close"]
    assert refusals == [
        ["connect", "disconnect"],
        ["connect_error"],
    ]


def test_emit(old, new):
    """To this browser, or to everybody; a tuple is one value, or several."""
    what = [1, "two", {"three": 3}]
    for side in (old, new):
        one, other = side.join_both("/emit", "said")
        emit(one, "say", *what)
        assert heard(one, "said", 1)[1:] == [["said", *what]]
        emit(other, "say", "the end")
        assert heard(other, "said", "the end")[1:] == [["said", "the end"]]
    one, other = new.windows
    emit(one, "say_to_all", "everybody")
    for window in (one, other):
        heard(window, "said", "everybody")
    pairs = []
    for side in (old, new):
        one = side.join("/emit", "said")
        emit(one, "pair")
        pairs.append(heard(one, "said")[1])
    assert pairs == [["said", [1, 2]], ["said", 1, 2]]


def test_order_of_events(old, new):
    """As they came, or, by default, as they are done."""
    orders = []
    for side, before in ((old, ""), (new, ""), (new, "path = '/default'")):
        window = side.join("/order", "done", before=before)
        window.evaluate("for (const seconds of [0.5, 0]) socket.emit('work', seconds)")
        window.wait_for_function("heard.length === 3")
        orders.append([seconds for _, seconds in window.evaluate("heard")[1:]])
    assert orders == [[0.5, 0], [0.5, 0], [0, 0.5]]


def test_rooms(old, new):
    """Who tells a room hears it too, or not."""
    told = []
    for side in (old, new):
        one, other = side.join_both("/rooms", "told")
        for window in (one, other):
            ask(window, "enter", "blue")
        ask(one, "tell", "red", "Nobody")
        ask(one, "tell", "blue", "Hello")
        ask(other, "tell", "blue", "The end")
        heard(other, "told", "Hello")
        told.append([[text for _, text in heard(one, "told", "The end")[1:]]])
        told[-1].append([text for _, text in other.evaluate("heard")[1:]])
    assert told == [
        [["The end"], ["Hello"]],
        [["Hello", "The end"], ["Hello", "The end"]],
    ]
    ask(one, "tell_others", "blue", "Not me")
    ask(one, "tell", "blue", "The very end")
    heard(other, "told", "Not me")
    assert heard(one, "told", "The very end")[-2:] == [
        ["told", "The end"],
        ["told", "The very end"],
    ]


def test_broadcast(old, new):
    """To all or to all others; on the old server also to who never joined, and thereby joins."""
    came = []
    for side in (old, new):
        one, other = side.join_both("/everybody", "shouted")
        emit(one, "shout", "All")
        emit(one, "whisper", "All but me")
        assert heard(other, "shouted", "All but me")[1:] == [
            ["shouted", "All"],
            ["shouted", "All but me"],
        ]
        emit(other, "shout", "The end")
        assert heard(one, "shouted", "The end")[1:] == [["shouted", "All"], ["shouted", "The end"]]
        side.join("/emit", number=1)
        before = side.noted("came")
        ask(one, "shout", "Who is there?")
        ask(other, "say", "It has passed")
        came.append(side.noted("came") - before)
    assert came == [1, 0]


def test_acknowledgements(old, new):
    """Several values, none, and the browser's answer to the server."""
    answers = []
    for side in (old, new):
        window = side.join("/answers", "answered", "error")
        answers.append([ask(window, "two"), ask(window, "none")])
        window.evaluate("socket.on('question', (text, answer) => answer(text + '!', 2))")
        emit(window, "quiz", "Well")
        assert ["answered", "Well!", 2] in heard(window, "answered")
        emit(window, "quiz", "1 + 1")
        emit(window, "quiz", "After that")
        answers[-1].append(["answered", "1 + 1!", 2] in heard(window, "answered", "After that!"))
    assert answers == [
        [["first", "second"], [None], False],
        [["first", "second"], [], True],
    ]


def test_sessions(old, new):
    """Of a connection, or of a connection's one namespace."""
    kept = []
    for side in (old, new):
        window = side.open()
        kept.append(
            window.evaluate(
                """async () => {
                const socket = io.connect("/session"), other = io.connect("/session-2");
                await ask(socket, "keep", "it");
                return [await ask(socket, "kept"), await ask(other, "kept")];
            }"""
            )
        )
    assert kept == [[["it"], ["it"]], [["it"], []]]


def test_request(old, new):
    """It stays as it was at the connection, on either."""
    for side in (old, new):
        side.open().evaluate("document.cookie = 'who=Ada'")
        window = side.join("/request")
        assert ask(window, "who") == ["Ada"]
        window.evaluate("document.cookie = 'who=Grace'")
        assert ask(window, "who") == ["Ada"]


def test_spawn(old, new):
    """What works for a browser ends with it, or goes on."""
    for side, left in ((old, 0), (new, 1)):
        window = side.join("/spawn")
        ask(window, "work")
        window.goto("about:blank")
        wait_until(lambda side=side: "worker" in side.noted("left"), "the window to be gone")
        wait_until(lambda side=side, left=left: side.noted("working") == left, f"{left} to work")


def test_json(old, new):
    """The order of keys, and a Decimal."""
    values = []
    for side in (old, new):
        window = side.join("/values", "value")
        emit(window, "keys")
        heard(window, "value")
        keys = window.evaluate("Object.keys(heard[1][1])")
        emit(window, "decimal")
        window.wait_for_function("heard.length === 3")
        values.append([keys, window.evaluate("heard[2][1]")])
    assert values == [
        [["a", "b"], 1.5],
        [["b", "a"], "Object of type Decimal is not JSON serializable"],
    ]


BOTH = "transports = ['polling', 'websocket']"


def test_transports(old, new):
    """Which is tried first, what remains without websockets, and how it is named."""
    ways = []
    for side, name in (
        (old, "socket.socket.transport.name"),
        (new, "socket.io.engine.transport.name"),
    ):
        for number, last in enumerate(["websocket", "polling"]):
            asked = watch(side.windows[number])
            if last == "polling":
                side.windows[number].add_init_script("delete window.WebSocket")
            window = side.join("/answers", number=number, before=BOTH)
            ask(window, "two")
            window.wait_for_function(f"{name}.endsWith('{last}')")
            polls = any("polling" in url for url in asked)
            ways.append([window.evaluate(name), polls])
    assert ways == [
        ["websocket", False],
        ["xhr-polling", True],
        ["websocket", True],
        ["polling", True],
    ]


def test_client_calls(old, new):
    """What is written the same, and what is not."""
    ends = []
    for side in (old, new):
        window = side.open()
        window.evaluate(
            """() => {
            socket = io.connect("/text");
            for (const event of ["connect", "heard", "disconnect"])
                socket.on(event, (...what) => heard.push([event, ...what]));
            socket.send("Before it is connected");
        }"""
        )
        assert ["heard", "Before it is connected"] in heard(window, "heard")
        window.evaluate("socket.disconnect()")
        ends.append(heard(window, "disconnect")[2][:2])
    assert ends == [["disconnect"], ["disconnect", "io client disconnect"]]
    # From its only namespace: the old server ends the connection, and the client comes back.
    old.windows[0].wait_for_function("heard.length > 3 && heard.at(-1)[0] === 'connect'")
    assert new.windows[0].evaluate("heard.at(-1)[0]") == "disconnect"
    for side, there, gone in (
        (old, ["io.version", "socket.socket.connected", "socket.json"], NEW_CALLS),
        (new, NEW_CALLS, ["io.version", "socket.socket", "socket.json"]),
    ):
        for call in there:
            assert side.windows[0].evaluate(f"{call} !== undefined"), call
        for call in gone:
            assert side.windows[0].evaluate(f"{call} === undefined"), call


NEW_CALLS = ["socket.connected", "socket.active", "socket.timeout", "socket.emitWithAck"]
FRAMES = [
    {
        "sent": ["1::/session", '5:1+:/session:{"name":"keep","args":["it"]}'],
        "received": ["1::", "1::/session", "6::/session:1+[null]"],
    },
    {
        "sent": ["40/session,", '42/session,0["keep","it"]'],
        "received": ['0{"sid":', '40/session,{"sid":', "43/session,0[]"],
    },
]


def test_wire_protocol(old, new):
    """The frames of one connection, one event and its acknowledgement."""
    for side, expected in zip((old, new), FRAMES, strict=True):
        frames = {"sent": [], "received": []}
        window = side.open()
        window.on("websocket", lambda websocket, frames=frames: keep_frames(websocket, frames))
        window.evaluate("socket = io.connect('/session', { transports: ['websocket'] })")
        ask(window, "keep", "it")
        for way, starts in expected.items():
            assert len(frames[way]) == len(starts)
            for frame, start in zip(frames[way], starts, strict=True):
                assert frame.startswith(start)
    assert not old.server.get("/socket.io/?EIO=4&transport=polling").text.startswith("0{")
    assert new.server.get("/socket.io/1/").status_code == 400


def keep_frames(websocket, frames):
    """Keep what goes either way."""
    websocket.on("framesent", lambda frame: frames["sent"].append(frame))
    websocket.on("framereceived", lambda frame: frames["received"].append(frame))


# The table


def rows():
    """Return the cells of each row."""
    table = re.search(r"\| \| gevent-socketio \|.*\n.*\n((?:\|.*\n)+)", README)[1]
    return [row.strip("| ").split(" | ") for row in table.splitlines()]


def test_each_row_of_the_table_has_its_test():
    tests = [f"test_{name.lower().replace(' ', '_')}" for name, *_ in rows()]
    assert [name for name in tests if name not in globals()] == []
    assert tests == [name for name in globals() if name in tests]


@pytest.mark.parametrize(
    ("column", "places"),
    [(1, [CLASSIC, HERE / "gevent_socketio"]), (2, [STEPS[4], HERE / "python_socketio"])],
    ids=["old", "new"],
)
def test_the_code_in_the_table_is_code_that_runs(column, places):
    files = [
        path for place in places for path in place.rglob("*.*") if path.suffix in (".py", ".js")
    ]
    code = "\n".join(path.read_text(encoding="utf-8") for path in [*files, *HERE.glob("*.js")])
    code += "\n".join(frame for way in FRAMES[column - 1].values() for frame in way)
    shown = [each for row in rows() for each in re.findall("`(.+?)`", row[column])]
    assert len(shown) >= len(rows())
    assert [each for each in shown if each not in code] == []
