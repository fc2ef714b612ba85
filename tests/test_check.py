"""Every hint of `workshop check`: steps that are broken as an attendee would break them."""

import contextlib
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from support import PATIENCE, ROOT, STEPS, DidNotCome, wait_until
from workshop.base import notes
from workshop.base.parts import where
from workshop.base.problem import Problem
from workshop.base.steps import find
from workshop.learn import by_importing, check, diagnose, tutor
from workshop.learn.hint import Hint
from workshop.learn.lessons import NUMBERS, lesson

MADE = shutil.ignore_patterns("db.sqlite3", "secret_key.txt", "__pycache__")


def between(path, begin, end):
    """Return a piece of a file, from where it begins up to another."""
    return begin + path.read_text().partition(begin)[2].partition(end)[0]


# Tried unbroken, and step 1 by --watch below. All of them would take half a minute, for tests that
# are run on each step anyway.
WHOLE = [max(STEPS)]
SPAWN = "    gevent.spawn(listen, notices)\n"
PATCH = (
    "monkey.patch_all()  # First of all: whatever is imported before this keeps the sockets that "
    "block.\n"
)
LIVE = "notices/live.py"
MAIN = "if __name__" + (STEPS[2] / "serve.py").read_text().partition("if __name__")[2]
BOARD_JS = "notices/static/notices/board.js"
BOARD = "notices/templates/notices/board.html"
NAMESPACES = "notices/namespaces.py"
GET_REQUEST = between(STEPS[3] / NAMESPACES, "    def get_request(", "\n\nclass Presence(")
PRESENCE = 'sio.register_namespace(Presence("/presence"))\n'
SERVED = between(STEPS[3] / "serve.py", PRESENCE, "\n\nif __name__")
ON_NOTICE = 'notices.on("notice", (notice) => show(notice));\n'
ON_CONNECT = between(STEPS[3] / BOARD_JS, "presence.on(", "  notices.io.engine.on(")
OFFICIAL = "        form.instance.official = get_user(request).is_staff\n"
SAVE = "        notice = form.save()\n"
NOTICES_JS = 'const notices = io("/notices", options);\n'


@dataclass(frozen=True)
class Variant:
    """A small change of a step, and the hint that has to come of it."""

    step: int
    file: str
    old: str | None  # None: the file is not there
    new: str
    hint: str  # its name
    words: str = ""  # in what it says
    place: str = ""  # the file to look at, if it is another one

    def make(self, folder):
        """Copy the step, change it, and return the copy."""
        copy = shutil.copytree(STEPS[self.step], folder / "my", ignore=MADE)
        path = copy / self.file
        if self.old is None:
            path.unlink()
            return copy
        text = path.read_text()
        assert self.old in text, f"{self.old!r} has to be in {self.file}"
        path.write_text(text.replace(self.old, self.new))
        return copy


# Found by reading and importing: no server, no browser.
SEEN = {
    "a bracket that is not closed": Variant(
        2, "serve.py", "sys.exit(f", "sys.exit((f", "syntax error", "'(' was never closed"
    ),
    "a colon too few": Variant(
        1, "notices/views.py", "def board(request):", "def board(request)", "syntax error",
        "expected ':'",
    ),
    "a brace too many in the page's script": Variant(
        3, BOARD_JS, 'say("#count", "");\n}', 'say("#count", "");\n}}', "syntax error", "'}'"
    ),
    "quotes of a word processor": Variant(
        2, "serve.py", 'async_mode="gevent"', "async_mode=“gevent”", "syntax error",
        "Quotes are straight",
    ),
    "an import that is missing": Variant(
        1, "notices/views.py", "import redirect, render", "import render", "undefined name",
        "redirect",
    ),
    "an import that is missing in an event": Variant(
        3, "notices/namespaces.py", "from .forms import NoticeForm\n", "", "undefined name",
        "In the step it is imported: from .forms import NoticeForm",
    ),
    "no patch": Variant(
        2, "serve.py", PATCH, "", "monkey.patch_all()", "never calls monkey.patch_all()"
    ),
    "a patch after the imports": Variant(
        2, "serve.py", "from gevent import monkey\n\n" + PATCH,
        "import socketio\nfrom gevent import monkey\n\n" + PATCH,
        "monkey.patch_all()", "Line 3 imports something before it",
    ),
    "a patch in a function": Variant(
        3, "serve.py", PATCH, "def patch():\n    " + PATCH, "monkey.patch_all()",
    ),
    "a name that its module does not have": Variant(
        3, "notices/namespaces.py", "class Presence(", "class Presences(", "import error",
        "Did you mean Presences?", "serve.py",
    ),
    "a module with a typo": Variant(
        4, "notices/models.py", "from .live import", "from .liev import", "import error",
        "There is no module notices.liev. Did you mean live?",
    ),
    "an attribute with a typo": Variant(
        2, "board/urls.py", "views.slow", "views.slwo", "exception", "has no attribute 'slwo'"
    ),
    "a model without its migration": Variant(
        1, "notices/models.py", "max_length=40", "max_length=60", "forgotten migration",
        "alter field author on notice",
    ),
    "a new field without its migration": Variant(
        3, "notices/models.py", "    class Meta:",
        "    urgent = models.BooleanField(default=False)\n\n    class Meta:",
        "forgotten migration", "add field urgent to notice",
    ),
    "a template tag that is not closed": Variant(
        1, BOARD, "{% endfor %}", "", "template error", "Looking for one of: empty, endfor"
    ),
    "a script that is not there": Variant(
        3, BOARD, "'notices/board.js'", "'notices/bord.js'", "missing static file",
        "loads notices/bord.js",
    ),
    "guard.py forgotten": Variant(
        3, "board/guard.py", None, "", "missing file: board/guard.py", "not meant to be typed"
    ),
    "board.js forgotten": Variant(3, BOARD_JS, None, "", f"missing file: {BOARD_JS}", "loads it"),
    "live.py forgotten": Variant(
        4, "notices/live.py", None, "", "missing file: notices/live.py", "imports it"
    ),
    "a client that the settings do not find": Variant(
        3, "board/settings.py", '/ "socket.io-client" /', '/ "socketio-client" /',
        "socket.io-client not found", "does not look for it there",
    ),
    "a method with a typo": Variant(
        3, "notices/namespaces.py", "def on_post(", "def on_psot(", "event name",
        "Did you mean on_post where it says on_psot?",
    ),
    "an event with a typo in the page": Variant(
        3, BOARD_JS, 'emitWithAck("post"', 'emitWithAck("posst"', "event name",
        'Did you mean "post"?',
    ),
    "an event with a typo in an emit": Variant(
        4, "notices/namespaces.py", 'self.emit("notice"', 'self.emit("notcie"', "event name",
        'listens for "notice", and Notices never emits it',
    ),
    "an event that is never emitted": Variant(
        3, "notices/namespaces.py", '        self.emit("notice", notice.as_dict())\n', "",
        "event name", 'listens for "notice"', BOARD_JS,
    ),
    "a namespace with a typo": Variant(
        3, BOARD_JS, 'io("/notices"', 'io("/notice"', "event name",
        'board.js connects to "/notice", and serve.py registers "/notices" and "/presence"',
    ),
    "a namespace that is not registered": Variant(
        3, "serve.py", 'sio.register_namespace(Presence("/presence"))\n', "", "event name",
        'board.js connects to "/presence", and serve.py registers "/notices".',
    ),
    "outbox.py forgotten": Variant(
        5, "notices/outbox.py", None, "", "missing file: notices/outbox.py", "imports it"
    ),
    "an outbox without its migration": Variant(
        5, "notices/migrations/0002_outbox.py", None, "", "forgotten migration",
        "create model Outbox", "notices/models.py",
    ),
    "the event of the step before": Variant(
        5, BOARD_JS, 'notices.on("notices"', 'notices.on("notice"', "event name",
        'Did you mean "notices"?',
    ),
    "a question that nobody answers": Variant(
        5, "notices/namespaces.py", "def on_since(", "def on_sinse(", "event name",
        "Did you mean on_since where it says on_sinse?",
    ),
    "no client": Variant(
        3, BOARD,
        """    <script defer src="{% static 'socket.io/socket.io.min.js' %}"></script>\n""", "",
        "the page and its script: socket.io/socket.io.min.js", "does not load socket.io.min.js",
    ),
    "no script": Variant(
        3, BOARD, """    <script defer src="{% static 'notices/board.js' %}"></script>\n""", "",
        "the page and its script: notices/board.js", "does not load board.js",
    ),
    "the scripts in the other order": Variant(
        3, BOARD,
        """    <script defer src="{% static 'socket.io/socket.io.min.js' %}"></script>
    <script defer src="{% static 'notices/board.js' %}"></script>\n""",
        """    <script defer src="{% static 'notices/board.js' %}"></script>
    <script defer src="{% static 'socket.io/socket.io.min.js' %}"></script>\n""",
        "the page and its script: socket.io/socket.io.min.js", "before socket.io.min.js",
    ),
    "scripts that do not wait": Variant(
        3, BOARD, "script defer", "script", "the page and its script: notices/board.js",
        "before the page is read",
    ),
    "no place for the state": Variant(
        3, BOARD, '<span id="state" role="status">Not live.</span> ', "",
        "the page and its script: #state", 'In the step it is: <p><span id="state"',
    ),
    "a place with a typo": Variant(
        3, BOARD, 'id="answer"', 'id="anwser"', "the page and its script: #answer",
        "Did you mean #answer where it says #anwser?",
    ),
    "no transports for the script": Variant(
        3, BOARD, '    {{ transports|json_script:"transports" }}\n', "",
        "the page and its script: #transports", "In the step it is: {{ transports|json_script",
    ),
    "transports by one's own hand": Variant(
        3, BOARD_JS, 'JSON.parse(document.querySelector("#transports").textContent)',
        '["websocket"]', "the page and its script: #transports",
        "board.js never looks for #transports.",
    ),
    "no template for a notice": Variant(
        3, BOARD,
        '      <template>{% include "notices/notice.html" with notice=None %}</template>\n', "",
        "the page and its script: template", "In the step it is: <template>",
    ),
    "an event that is async": Variant(
        3, "notices/namespaces.py", "    def on_post(", "    async def on_post(", "event name",
        "on_post is an `async def`",
    ),
    "a connection to no namespace": Variant(
        3, BOARD_JS, 'io("/notices", options)', "io(options)", "event name",
        'io() without a name first connects to the namespace "/"',
    ),
    "a form that the browser sends too": Variant(
        3, BOARD_JS, "  event.preventDefault();\n", "", "how the form is sent",
        "sent to the server by the browser, too",
    ),
    "an answer that nobody waits for": Variant(
        3, BOARD_JS, "= await notices.timeout", "= notices.timeout", "how the form is sent",
        "nobody waits for the answer",
    ),
    "a patch that leaves threads": Variant(
        2, "serve.py", "monkey.patch_all()", "monkey.patch_all(thread=False)",
        "monkey.patch_all()", "It says monkey.patch_all(thread=False)",
    ),
    "a listing that is pasted twice": Variant(
        3, BOARD_JS, NOTICES_JS, NOTICES_JS * 2, "syntax error", "pasted a second time?"
    ),
    "an event that forgets whose it is": Variant(
        3, "notices/namespaces.py", "def on_post(self, sid, data)", "def on_post(self, data)",
        "undefined name", "In the step it is an argument of on_post(self, sid, data)",
    ),
}  # fmt: skip

# Found by trying: the hint's name is the point of the lesson.
TRIED = {
    "no token": Variant(
        1, BOARD, "{% csrf_token %}", "", "a posted notice is on the board",
        "has no token in it", BOARD,
    ),
    "a test of one's own that fails": Variant(
        1, "notices/tests.py", '.text, "new")', '.text, "old")', "the step's own tests pass",
        "test_the_newest_notice_is_first fails. AssertionError: 'new' != 'old'",
    ),
    "no server yet": Variant(
        2, "serve.py", None, "", "missing file: serve.py", "There is no serve.py yet"
    ),
    "a server that is over at once": Variant(
        2, "serve.py", "    server.serve_forever()\n", "", "server does not start",
        "said where it is, and ended at once",
    ),
    "a server that fails when it is called": Variant(
        2, "serve.py", "WSGIServer((host, port), app", "WSGIServer((host, prt), app",
        "undefined name", "prt",
    ),
    "a server whose arguments are wrong": Variant(
        2, "serve.py", "gevent.signal_handler(signal.SIGINT, server.stop)",
        "gevent.signal_handler(server.stop, signal.SIGINT)", "server error",
        "The server's log says: TypeError",
    ),
    "a main part that is indented": Variant(
        2, "serve.py", MAIN, "".join(f"    {line}" for line in MAIN.splitlines(True)),
        "server does not start", "is indented, so it is a part of the function above it",
    ),
    "arguments in the other order": Variant(
        2, "serve.py", "WSGIApp(sio, StaticFilesHandler(application))",
        "WSGIApp(StaticFilesHandler(application), sio)", "the board is at /, as before",
        "The server's log says: TypeError: 'Server' object is not callable",
    ),
    "nobody calls serve": Variant(
        2, "serve.py", 'if __name__ == "__main__":', "def never():", "server does not start",
        "nothing in it calls serve()",
    ),
    "no websockets": Variant(
        2, "serve.py", ", handler_class=WebSocketHandler", "",
        "a connection can become a websocket", "WebSocketHandler lets a connection",
    ),
    "a user who is kept": Variant(
        3, "notices/namespaces.py", "get_user(request).is_staff", "False",
        "who is an organiser is asked in each event", "on_post asks the session again",
    ),
    "a method that is a function": Variant(
        3, NAMESPACES, GET_REQUEST, textwrap.dedent(GET_REQUEST),
        "a post is acknowledged with ok", "get_request is a method of Notices: is it indented",
    ),
    "an attribute of another name": Variant(
        3, NAMESPACES, "self.here = set()", "self.present = set()",
        "a client connects to both namespaces", "__init__ sets it: self.here = set()",
    ),
    "a namespace that is registered too late": Variant(
        3, "serve.py", SERVED, SERVED.replace(PRESENCE, "") + f"    {PRESENCE}",
        "a client connects to both namespaces", "The line that registers /presence comes too late",
    ),
    "a call for a function": Variant(
        3, NAMESPACES, "spawn_later(1, self.emit_count)", "spawn_later(1, self.emit_count())",
        "everybody is told how many are here", "a page was told",
    ),
    "a mark that is set too late": Variant(
        3, NAMESPACES, OFFICIAL + SAVE, SAVE + OFFICIAL,
        "who is an organiser is asked in each event", "In the step it is in another place",
    ),
    "a listener in a listener": Variant(
        3, BOARD_JS, ON_NOTICE + ON_CONNECT, f"{ON_CONNECT}  {ON_NOTICE}",
        "the page comes back by itself, and shows each notice once", "should show one",
    ),
    "no pause between two tries": Variant(
        4, LIVE, "            notices.set_live(False)\n            gevent.sleep(1)\n",
        "            notices.set_live(False)\n",
        "when Redis is gone the page stays up, and says so", "it was tried",
    ),
    "nobody listens": Variant(
        4, "serve.py", SPAWN, "", "one greenlet subscribes, and the board is at /",
        "spawns no greenlet for it",
    ),
    "nobody reads": Variant(
        5, "serve.py", SPAWN, "", "one greenlet reads the stream, and the board is at /",
        "spawns no greenlet for it",
    ),
    "markup where there should be text": Variant(
        3, BOARD_JS, 'querySelector(".text").textContent', 'querySelector(".text").innerHTML',
        "text that arrives is shown as text", "shows 0 notices",
    ),
    "an argument of another library": Variant(
        3, "notices/namespaces.py", "notice.as_dict())", "notice.as_dict(), broadcast=True)",
        "a post is acknowledged with ok", "unexpected keyword argument 'broadcast'",
    ),
    "an outage in which nothing is saved": Variant(
        4, LIVE, "as_dict()))\n    except RedisError", "as_dict()))\n    except ValueError",
        "when Redis is gone the page stays up, and says so", "ConnectionError",
    ),
    "a listener that starts too late": Variant(
        4, "serve.py", SPAWN + "    server.serve_forever()\n",
        "    server.serve_forever()\n" + SPAWN, "one greenlet subscribes, and the board is at /",
        "the line that spawns listen() is after it",
    ),
    "a listener without a namespace": Variant(
        4, "serve.py", SPAWN, "    gevent.spawn(listen)\n",
        "one greenlet subscribes, and the board is at /",
        "missing 1 required positional argument: 'notices' gevent.spawn(listen)",
    ),
    "the module in place of a client": Variant(
        4, LIVE, "redis = Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 1))",
        "import redis", "one greenlet subscribes, and the board is at /",
        "The server's log says: AttributeError: module 'redis' has no attribute 'pubsub'",
    ),
    "a channel of another name to listen to": Variant(
        4, LIVE, "subscribe(CHANNEL)", 'subscribe("notice")',
        "one greenlet subscribes, and the board is at /",
        'Redis was told SUBSCRIBE "notice", and the channel is "notices".',
    ),
    "a channel of another name to publish to": Variant(
        4, LIVE, "redis.publish(CHANNEL", 'redis.publish("notice"',
        "whoever saves a notice publishes it",
        'Redis was told PUBLISH "notice", and the channel is "notices".', LIVE,
    ),
    "a stream of another name": Variant(
        5, LIVE, 'STREAM = "notices"', 'STREAM = "notice"',
        "one greenlet reads the stream, and the board is at /", 'and the stream is "notices".',
    ),
    "what is for others in somebody's catch-up": Variant(
        8, "notices/halls.py", 'if fields.get("to") == str(user.id)]', "]",
        "who slept is told later, and nobody else is",
        "A browser was told 'While you slept', which is not for it.",
    ),
    "a session that ends and stays": Variant(
        8, NAMESPACES, "            self.disconnect(sid)", "            pass",
        "when a session ends nothing more is told", "it did not come: the packet '41/notices,'",
    ),
    "a notice that is not JSON": Variant(
        4, LIVE, "json.dumps(notice.as_dict())", "notice", "whoever saves a notice publishes it",
        "The server's log says: Notice 2 is saved, but no screen was told: Invalid input", LIVE,
    ),
    "a view without an address": Variant(
        2, "board/urls.py", '    path("slow/", views.slow),\n', "",
        "a slow request is a greenlet that waits", "The server's log says: Not Found: /slow/",
    ),
    "a listener that is called": Variant(
        4, "serve.py", SPAWN, "    listen(notices)\n", "the server still ends when it is told to",
        "SIGINT did not end it",
    ),
    "published too early": Variant(
        4, "notices/models.py", "transaction.on_commit(lambda: publish(self))", "publish(self)",
        "it is published once the database has it for good", "has said nothing",
    ),
    "an emit that was to go": Variant(
        4, "notices/namespaces.py", "        form.save()\n",
        '        notice = form.save()\n        self.emit("notice", notice.as_dict())\n',
        'all of "What changes" is there', "has Notices.on_post as in the step before",
    ),
    "a message that ends the listener": Variant(
        4, "notices/namespaces.py", "(AttributeError, RecursionError, ValueError)", "KeyError",
        "what is not a notice is skipped", "The server's log says: JSONDecodeError",
    ),
    "an outage that ends the listener": Variant(
        4, "notices/live.py", "notices.set_live(False)", "raise",
        "when Redis is gone the page stays up, and says so", "ConnectionError",
    ),
}  # fmt: skip


def run(number, folder, *options, patience=8):
    """Run `workshop check`; return its exit code and what it said, without the line breaks.

    The patience is in seconds; a hint of what does not come takes that long.
    """
    done = subprocess.run(
        [sys.executable, "-m", "workshop", "check", str(number), "--dir", folder, *options],
        cwd=ROOT,
        env=os.environ | {"PATIENCE": str(patience), "COLUMNS": "250"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def joined(text):
    """Return a text on one line."""
    return " ".join(text.split())


@pytest.fixture(scope="module")
def runs(tmp_path_factory, request):
    """All that is tried by the chosen tests, three at a time: most of it is waiting."""
    ours = [item for item in request.session.items if item.path == request.path]
    chosen = [getattr(item, "callspec", None) for item in ours]
    names = {value for each in chosen if each for value in each.params.values()}
    found = {}
    with ThreadPoolExecutor(3) as pool:
        for number in sorted(names & set(WHOLE), reverse=True):  # the slowest first
            folder = tmp_path_factory.mktemp("whole") / "my"
            copy = shutil.copytree(STEPS[number], folder, ignore=MADE)
            # Nothing here should be waited for in vain, however busy the machine is.
            found[number] = pool.submit(run, number, copy, patience=60)
        for name, variant in (TRIED | SEEN).items():
            if name in names:
                copy = variant.make(tmp_path_factory.mktemp("broken"))
                if name in TRIED:
                    found[name] = pool.submit(run, variant.step, copy, "--hint")
                else:
                    step = find(str(variant.step))
                    found[name] = copy, pool.submit(diagnose.find_trouble, copy, step)
        yield found


@pytest.mark.parametrize("name", SEEN)
def test_what_can_be_seen_has_its_hint(name, runs):
    """Without a server and without a browser."""
    variant = SEEN[name]
    folder, looked = runs[name]
    hint = looked.result()
    assert hint, "nothing was found"
    assert hint.name == variant.hint, hint
    assert variant.words in joined(f"{hint.happened} {hint.more}"), hint
    assert hint.file == (variant.place or variant.file), hint
    if variant.old and variant.new and not variant.place:
        line = (folder / hint.file).read_text().splitlines()[(hint.line or 1) - 1]
        assert hint.name == "forgotten migration" or hint.line or hint.part, hint
        assert not hint.code or hint.code.splitlines()[0] in line, hint


@pytest.mark.parametrize("name", TRIED)
def test_what_is_tried_has_its_hint(name, runs):
    """On one server and in one browser, up to the first that fails."""
    variant = TRIED[name]
    code, said = runs[name].result()
    assert "Traceback" not in said, said
    assert code == 1, said
    assert said.count("✗") == 1, said
    assert f"✗ {variant.hint}" in said, said
    assert variant.words in joined(said), said
    # A long folder is broken over two lines, in the middle of a name.
    place = "".join(said.split()).partition("Lookat")[2].partition("README.md")[0]
    assert (variant.place or variant.file) in place, said


@pytest.mark.parametrize("number", WHOLE)
def test_an_unbroken_step_is_all_done(number, runs):
    """Each point is ticked off, and what comes next is said."""
    code, said = runs[number].result()
    assert code == 0, said
    all_is_done(number, said)


def all_is_done(number, said):
    """Hold what is said about a whole step against its lesson."""
    points = lesson(number)
    assert re.findall(r"✓ (.+)", said) == [point.works for point in points]
    assert f"{len(points)} of {len(points)}" in said
    assert f"All done: step {number} works." in said
    if number + 1 in STEPS:
        assert f"start {number + 1} --keep" in said


def test_a_second_and_a_third_hint_say_more(tmp_path):
    """And a change that is another mistake begins again."""
    folder = SEEN["a method with a typo"].make(tmp_path)
    first, second, third = [run(3, folder, *options)[1] for options in ([], *[["--hint"]] * 2)]
    assert "Did you mean on_post" not in first
    assert "Did you mean on_post" in joined(second)
    assert "+     def on_post(self, sid, data):" not in second
    assert "+     def on_post(self, sid, data):" in third
    assert notes.read(folder)["hint"]["level"] == 3
    code = folder / "notices/namespaces.py"
    code.write_text(code.read_text().replace("    def on_psot", "   def on_post"))
    assert "unindent does not match" in run(3, folder)[1]
    assert notes.read(folder)["hint"]["level"] == 1


def test_what_is_copied_has_two_levels(tmp_path):
    """The command says all: four hundred lines after it would not."""
    folder = SEEN["guard.py forgotten"].make(tmp_path)
    said = [run(3, folder, *options)[1] for options in ([], *[["--hint"]] * 2)]
    assert "A second hint:" in said[0]
    assert all("cp steps/03_namespace/board/guard.py" in each for each in said[1:])
    assert not any("lines themselves" in each or "class Handler" in each for each in said)


def test_stopped_while_the_log_has_an_exception_it_says_only_that(tmp_path):
    """The servers are ended then, whatever their logs would fail."""
    folder = TRIED["a listener without a namespace"].make(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-m", "workshop", "check", "4", "--dir", folder],
        cwd=ROOT,
        env=os.environ | {"PATIENCE": "600"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def is_served():
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):  # It may have ended.
                if "serve.py" in child.cmdline() and child.net_connections("tcp"):
                    return True

    try:
        wait_until(is_served, "the server")
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=PATIENCE)[0]
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in said, said
    assert "Stopped." in said, said


def test_what_fails_outside_of_a_test_is_no_ctrl_c(monkeypatch):
    """Only who has ended it is told that it was stopped."""

    def main(*_, **options):
        raise AssertionError("a log that fails")

    for name in ("PYTEST_ADDOPTS", "TEMPLATE_DATABASE"):
        monkeypatch.setenv(name, "")  # to be as it was at the end
    monkeypatch.setattr(pytest, "main", main)
    tutor = SimpleNamespace(given_up=False, stopped=False, said="")
    with pytest.raises(Problem, match="a log that fails"):
        check.run_pytest(tutor, STEPS[2], find("2"))
    tutor.given_up = True
    with pytest.raises(KeyboardInterrupt):
        check.run_pytest(tutor, STEPS[2], find("2"))


def test_what_a_client_says_when_its_test_is_over_is_on_no_screen():
    """It may find out half a minute later that a server was killed."""
    code = "import socketio, support; socketio.Client.connect = lambda *_, **options: None\n"
    code += "sio = support.Client('http://localhost', namespaces=()).sio\n"
    code += "sio.logger.error('late'); sio.eio.logger.error('late')"
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command,
        cwd=ROOT / "tests",
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_port_that_is_taken_has_its_hint(tmp_path):
    """It is written into serve.py, and somebody has it: says who."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        call = 'serve(host or "127.0.0.1", int(port))'
        variant = Variant(2, "serve.py", call, f"serve(port={port})", "port taken")
        code, said = run(2, variant.make(tmp_path))
    assert code == 1
    assert "✗ port taken" in said
    assert f"Port {port} is taken by" in joined(said)
    assert f"(process {os.getpid()})" in joined(said)


def test_a_missing_client_has_its_hint(tmp_path, monkeypatch):
    """It was never fetched."""
    monkeypatch.setattr(by_importing, "NODE_MODULES", tmp_path / "node_modules")
    folder = shutil.copytree(STEPS[3], tmp_path / "my", ignore=MADE)
    hint = diagnose.find_trouble(folder, find("3"))
    assert hint.name == "node_modules missing"
    assert "run 3" in hint.more


def test_a_file_that_is_not_utf8_has_its_hint(tmp_path):
    """As an editor on an old Windows saves it."""
    folder = shutil.copytree(STEPS[2], tmp_path / "my", ignore=MADE)
    file = folder / "serve.py"
    text = file.read_text().replace("sio = ", "# for Zoë\nsio = ")
    file.write_bytes(text.encode("cp1252"))
    hint = diagnose.find_trouble(folder, find("2"))
    assert (hint.name, hint.file) == ("not UTF-8", "serve.py")
    assert "# for Zo" in text.splitlines()[hint.line - 1]


def test_a_migration_that_was_not_run_has_its_hint(tmp_path):
    """The folder's own database lacks a column."""
    folder = shutil.copytree(STEPS[1], tmp_path / "my", ignore=MADE)
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate", "--verbosity=0"], cwd=folder, check=True)
    model = folder / "notices/models.py"
    model.write_text(model.read_text().replace("max_length=40", "max_length=60"))
    subprocess.run([*manage, "makemigrations"], cwd=folder, check=True, capture_output=True)
    hint = diagnose.find_trouble(folder, find("1"))
    assert hint.name == "forgotten migration"
    assert "Not run on your database yet: notices.0002_alter_notice_author." in hint.happened


def test_nothing_is_written_into_the_repositorys_steps():
    """Whatever is checked there."""
    assert notes.file_of(STEPS[3]).parent == ROOT / ".workshop"


def test_the_progress_is_kept_in_the_folder(tmp_path):
    """What works, and the steps that are done."""
    folder = SEEN["a method with a typo"].make(tmp_path)
    notes.write(folder, {"step": STEPS[3].name, "done": [STEPS[2].name]})
    run(3, folder)
    known = notes.read(folder)
    assert known["done"] == [STEPS[2].name]
    assert known["progress"] == {"step": STEPS[3].name, "passed": [], "of": len(lesson(3))}


def test_a_folder_without_a_step_is_a_sentence(tmp_path):
    """And so is one that is not there."""
    command = [sys.executable, "-m", "workshop", "check", "--dir"]
    for folder, words in ((tmp_path, "Which step is"), (tmp_path / "no", "There is no folder")):
        done = subprocess.run([*command, folder], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 2
        assert words in done.stderr
        assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def listed():
    """The tests of all steps, one a line, as pytest names them."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    files = sorted(Path(__file__).parent.glob("test_0*.py"))
    return subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True).stdout


@pytest.mark.parametrize("number", NUMBERS)
def test_every_point_names_what_there_is(number, listed):
    """Tests, a file, a part of it, and a section of a README."""
    step = find(str(number))
    for point in lesson(number):
        for test in point.tests:
            name = rf"^tests/test_{step.number}_\w+\.py::{re.escape(test)}(\[.*)?$"
            assert re.search(name, listed, re.M), test
        assert (step.folder / point.file).is_file(), point
        assert not point.part or where(step.folder / point.file, point.part), point
        readme = find(str(point.lesson)).readme if point.lesson else step.readme
        assert re.search(rf"^##+ {re.escape(point.section)}$", readme, re.M), point


def test_a_page_that_is_not_there_is_said_though_stacks_come_first():
    """As they do when the server has a turn for the signal before it has one for the request."""
    watching = tutor.Tutor(STEPS[2], find("2"), [], print, bool)
    log = ["*" * 80, "* Threads", "*" * 80, "Not Found: /slow/"]
    watching.servers = [SimpleNamespace(log=log)]
    hint = watching.logged(Hint("", "", "", "", lesson=find("2")), DidNotCome("the greenlet"))
    assert hint.happened == "The server's log says: Not Found: /slow/"
    assert hint.file == "board/urls.py"


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT to one process")
def test_watch_checks_again_at_each_save(tmp_path):
    """A mistake has its hint; once it is mended and saved, everything is ticked off."""
    variant = SEEN["a colon too few"]
    copy = variant.make(tmp_path)
    file = copy / variant.file
    command = ["check", str(variant.step), "--dir", copy, "--watch", "--alone"]
    process = subprocess.Popen(
        [sys.executable, "-m", "workshop", *command],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def said():
        return "".join(iter_until(process.stdout, "Save a file to check again"))

    try:
        assert f"✗ {variant.hint}" in said()
        file.write_text((STEPS[variant.step] / variant.file).read_text())
        all_is_done(variant.step, said())
        process.send_signal(signal.SIGINT)
        assert "Traceback" not in process.communicate(timeout=PATIENCE)[0]
    finally:
        process.kill()
        process.wait()


def plain(heard):
    """Return what a terminal was told, without its colours."""
    return joined(re.sub(r"\x1b\[[\d;?]*\w", "", heard.decode()))


class Watch:
    """`check --watch` in a terminal."""

    def __init__(self, number, folder, *options, **env):
        import pty

        command = ["check", str(number), "--dir", folder]
        self.terminal, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workshop", *command, "--watch", *options],
            cwd=ROOT,
            env=os.environ | {"COLUMNS": "100", "PAGER": "cat"} | env,
            **dict.fromkeys(("stdin", "stdout", "stderr"), theirs),
        )
        os.close(theirs)
        self.heard = b""

    def press(self, key):
        """Press a key."""
        os.write(self.terminal, key.encode())

    def said(self, until):
        """Return what it says, up to some words; what comes after them is for the next time."""
        while until.encode() not in self.heard:
            ready, _, _ = select.select([self.terminal], [], [], PATIENCE)
            assert ready, f"{until!r} did not come: {self.heard.decode()}"
            self.heard += os.read(self.terminal, 100_000)
        before, words, self.heard = self.heard.partition(until.encode())
        return plain(before + words)

    def to_the_end(self):
        """Return what else it says until it ends."""
        with contextlib.suppress(OSError):  # Nobody has the other end any more.
            while more := os.read(self.terminal, 100_000):
                self.heard += more
        assert self.process.wait(PATIENCE) == 0
        return plain(self.heard)

    def end(self):
        """End it, if it has not ended yet."""
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)


@pytest.fixture
def watch():
    """Watch folders, until the end of the test: watch(number, folder, options) → Watch."""
    with contextlib.ExitStack() as stack:

        def start(number, folder, *options, **env):
            watching = Watch(number, folder, *options or ["--alone"], **env)
            stack.callback(watching.end)
            return watching

        yield start


@pytest.mark.skipif(os.name == "nt", reason="has no pseudo-terminals")
def test_a_key_says_more(watch, tmp_path):
    """Without another try: a better hint, the lines, the diff; and a jump, which asks once more."""
    folder = SEEN["a method with a typo"].make(tmp_path)
    watching = watch(3, folder)
    assert "Did you mean on_post" not in watching.said("q  end")
    for key, words in (("h", "Did you mean on_post"), ("l", "+ def on_post(")):
        watching.press(key)
        assert words in watching.said("q  end")
    assert notes.read(folder)["hint"]["level"] == 3
    watching.press("d")
    watching.said("on_psot")
    watching.press("j")
    watching.said("j again: jump to step 4. What you have is kept aside.")
    watching.press("j")
    assert "✗ to do: " in watching.said("q  end")
    assert notes.read(folder)["step"] == STEPS[4].name
    assert len([*tmp_path.glob("my-*/notices/namespaces.py")]) == 1
    watching.press("q")
    assert watching.process.wait(PATIENCE) == 0


@pytest.mark.skipif(os.name == "nt", reason="has no pseudo-terminals")
def test_a_jump_that_is_refused_stays_where_it_was(watch):
    """One of the repository's own folders is not to be filled with another step."""
    watching = watch(1, STEPS[1])
    watching.said("q  end")
    watching.press("j")
    watching.said("j again: jump to step 2.")
    for _ in range(2):
        watching.press("j")
        watching.said("steps/01_plain_django would be a part of the workshop, for git.")
    watching.press("q")
    assert watching.process.wait(PATIENCE) == 0


def iter_until(stream, text):
    """Yield the lines of a stream up to the one with this text."""
    for line in stream:
        yield line
        if text in line:
            return
    raise AssertionError(f"it ended before it said {text!r}")
