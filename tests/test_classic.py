"""The classic edition: the board of step 4 on the server of 2013, and what keeps that alive."""

import contextlib
import json
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import requests
import test_01_plain_django as plain
import websocket
from playwright.sync_api import expect
from test_02_gevent_server import ask
from test_03_namespace import NO_CONNECTION, fill, sees
from test_04_redis_listener import by_command, publish, say, subscribers
from test_guard import frame

from support import (
    CLASSIC,
    PATIENCE,
    ROOT,
    STEPS,
    Redis,
    Server,
    environment,
    free_port,
    javascript_error,
    manage,
    python,
    wait_until,
)
from workshop.base import what_changes

README = (CLASSIC / "README.md").read_text(encoding="utf-8")
STATE = "Live, by {}."
COUNTED = "{} are here. Listeners {}, Redis connections {}."
TRANSPORTS = ["websocket", "xhr-polling", "jsonp-polling"]
POST = '5:1+:/notices:{"name":"post","args":[{"author":"Old","text":"%s"}]}'
LIVE = '5::/notices:{"args":[true],"name":"live"}'
NOTICE = '5::/notices:{"args":[{"author"'
# Close a connection so that whoever writes to it is told at once.
AT_ONCE = socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
SAVED = '6::/notices:1+[{"ok":true}]'


@pytest.fixture(scope="module")
def step():
    """The folder under test."""
    return CLASSIC


class Old:
    """A client of protocol 0.9, packet by packet, by any transport."""

    def __init__(self, server, *namespaces, transport="websocket", **options):
        self.server, self.transport, self.came = server, transport, []
        session = server.get("/socket.io/1/").text.partition(":")[0]
        self.path = f"/socket.io/1/{transport}/{session}"
        if transport == "websocket":
            address = server.url.replace("http", "ws") + self.path
            self.ws = websocket.create_connection(address, timeout=PATIENCE, **options)
        self.wait("1::")
        for namespace in namespaces:
            self.say(f"1::{namespace}")
            self.wait(f"1::{namespace}")

    def say(self, packet):
        """Send a packet."""
        if self.transport == "websocket":
            return self.ws.send(packet)
        body = packet.encode()
        if self.transport == "jsonp-polling":
            body = {"d": json.dumps(packet)}
        return requests.post(f"{self.server.url}{self.path}?i=0", body, timeout=PATIENCE)

    def read(self):
        """Return the packets that come next."""
        if self.transport == "websocket":
            return [self.ws.recv()]
        text = self.server.get(f"{self.path}?i=0").content.decode()
        if self.transport == "jsonp-polling":
            text = javascript_string(re.fullmatch(r"io\.j\[0\]\((.*)\);", text)[1])
        return re.split("\ufffd\\d+\ufffd", text)[1:] or [text]

    def wait(self, start):
        """Wait for a packet that begins so, and return it."""
        while True:
            while not self.came:
                self.came = self.read()
            if (packet := self.came.pop(0)).startswith(start):
                return packet

    def post(self, text):
        """Post a notice, and wait until it is saved."""
        self.say(POST % text)
        return self.wait(SAVED)

    def close(self):
        """Leave, and wait until the server knows."""
        if self.transport == "websocket":
            self.ws.close(timeout=PATIENCE)
        else:
            self.server.get(f"{self.path}?disconnect=1")


def javascript_string(code):
    """Return the one string that this has to be, or raise ValueError."""
    if code.startswith("'"):
        if "'" in code[1:-1]:
            raise ValueError(f"no JavaScript: {code}")
        return code[1:-1]
    return json.loads(code)


class TestBoard(plain.TestBoard):
    """Everything of step 1, over HTTP."""


class TestWindows:
    """Windows of a real browser, two by websocket and one by each way to poll, on one server."""

    @pytest.fixture(scope="class")
    @classmethod
    def windows(cls, chromium, server):
        """The four, which stay open; none may ask another site, or find an error."""
        contexts = [chromium.new_context() for _ in range(4)]
        pages, wrong = [context.new_page() for context in contexts], []
        for page, transport in zip(pages, TRANSPORTS + TRANSPORTS[:1], strict=True):
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on("request", lambda request: wrong.append(request.url))
            page.goto(f"{server.url}/?transport={transport}")
        for page in pages:
            expect(page.locator("#state")).to_contain_text("Live")
        yield pages
        for context in contexts:
            context.close()
        assert [what for what in wrong if not what.startswith((server.url, "data:"))] == []

    def test_each_connects_and_says_by_which_transport(self, windows):
        """The one that was asked for."""
        for page, transport in zip(windows, TRANSPORTS + TRANSPORTS[:1], strict=True):
            expect(page.locator("#state")).to_have_text(STATE.format(transport))

    @pytest.mark.parametrize("number", range(3), ids=TRANSPORTS)
    def test_a_post_is_acknowledged_and_in_every_window(self, windows, number):
        """The field is emptied once the server has said that it is saved."""
        page = windows[number]
        text = f'It\'s "{number}": </script> \\ + é 😀'
        fill(page, text)
        expect(page.get_by_label("Notice")).to_have_value("")
        expect(page.locator("#answer")).to_have_text("")
        for each in windows:
            sees(each, text)

    @pytest.mark.parametrize("number", range(3), ids=TRANSPORTS)
    def test_a_wrong_post_is_acknowledged_with_what_is_wrong(self, windows, number):
        """And the text is kept."""
        page = windows[number]
        fill(page, "Who am I?", author=" ")
        expect(page.locator("#answer")).to_have_text("This field is required.")
        expect(page.get_by_label("Notice")).to_have_value("Who am I?")

    def test_what_is_published_outside_is_on_every_screen(self, windows, redis, server, step):
        """By a program that knows Redis alone, and by one that saves it; nonsense is skipped."""
        publish(redis, "[" * 100_000)
        publish(redis, {"author": "Ada"})
        say(redis, "<b>Said</b> outside")
        by_command(server, step, redis, "Saved outside")
        for page in windows:
            sees(page, "<b>Said</b> outside")
            sees(page, "Saved outside")

    def test_each_takes_a_listener_and_a_connection_to_redis(self, windows, redis):
        """Counted here and by Redis, and said on every page."""
        wait_until(lambda: subscribers(redis) == 4, "Redis to count four")
        for page in windows:
            expect(page.locator("#count")).to_have_text(COUNTED.format(4, 4, 4))

    def test_a_window_that_is_closed_is_counted_out_with_its_listener(self, windows, server, visit):
        """At once; and without a wish it was a websocket."""
        fifth = visit(server)
        for page in (fifth, windows[0]):
            expect(page.locator("#count")).to_have_text(COUNTED.format(5, 5, 5))
        fifth.close()
        expect(windows[0].locator("#count")).to_have_text(COUNTED.format(4, 4, 4))

    def test_after_a_crash_every_window_comes_back_by_itself(self, windows, server, redis):
        """By the transport that it had; what was said meanwhile is missing, as in step 4."""
        server.stop(signal.SIGKILL)
        for page in windows:
            expect(page.locator("#state")).to_have_text(NO_CONNECTION)
        say(redis, "Said to nobody")
        server.start()
        self.test_each_connects_and_says_by_which_transport(windows)
        for page in windows:
            expect(page.locator("#count")).to_contain_text("4 are here.")
        say(redis, "Said to all who are back")
        for page in windows:
            sees(page, "Said to all who are back")
            expect(page.locator("#notices")).not_to_contain_text("Said to nobody")


class TestRedis:
    """Redis may go away and come back, and is asked for a connection a browser."""

    def test_the_page_says_when_redis_is_gone_and_is_live_again(
        self, serve, step, visit, connected
    ):
        """And a notice is saved all the same."""
        redis = Redis()
        server = serve(step, REDIS_URL=redis.url)
        page = visit(server)
        redis.stop()
        expect(page.locator("#state")).to_have_text(re.compile("not live: the server can't hear"))
        expect(page.locator("#count")).to_contain_text("Redis connections 0.")
        fill(page, "Saved all the same")
        expect(page.get_by_label("Notice")).to_have_value("")
        redis.start()
        connected(page)
        page.reload()
        sees(page, "Saved all the same")
        server.stop()
        redis.stop()

    @pytest.mark.parametrize(("folder", "connections"), [(CLASSIC, 10), (STEPS[4], 1)])
    def test_ten_browsers_take(self, serve, raw, folder, connections):
        """Ten connections here, and one in step 4: the README says so."""
        redis = Redis()
        server = serve(folder, REDIS_URL=redis.url)
        browsers = [(Old if folder == CLASSIC else raw)(server, "/notices") for _ in range(10)]
        assert len(browsers) == 10
        wait_until(lambda: subscribers(redis) == connections, f"{connections} connections")
        assert "ten browsers are ten listeners and ten connections" in README
        server.stop()
        redis.stop()

    def test_a_hundred_browsers_are_as_many_as_redis_py_has_connections(self, serve, step):
        """The next one is not live, and what is posted is saved, and told to nobody."""
        redis = Redis()
        server = serve(step, REDIS_URL=redis.url)
        browsers = [Old(server, "/notices") for _ in range(100)]
        wait_until(lambda: subscribers(redis) == 100, "a hundred connections")
        browsers.append(Old(server, "/notices"))
        assert '"args":[false]' in browsers[-1].wait("5::/notices:")
        server.post("Ada", "Too many")
        server.wait_for_log("is saved, but no screen was told: Too many connections")
        server.stop()
        redis.stop()


class TestUser:
    """Who somebody is, is asked per event: the request is as old as the connection."""

    def test_what_the_organisers_post_is_official_until_they_log_out(self, server):
        """On a socket that stays open."""
        session = server.log_in()
        browser = Old(server, "/notices", cookie=f"sessionid={session.cookies['sessionid']}")
        browser.wait(LIVE)
        for text, official in (("While logged in", "true"), ("When logged out", "false")):
            browser.say(POST % text)
            assert f'"official":{official}' in browser.wait(NOTICE)
            if official == "true":
                server.log_out(session)


class TestRoom:
    """What one browser does is not everybody's trouble."""

    def test_who_posts_too_much_is_one_browser_and_not_its_neighbour(self, serve, step):
        """By the cookie of the page that opened the connection."""
        server = serve(step, POSTS_IN_TEN_SECONDS="1")
        cookies = [server.get("/").cookies["browser"] for _ in range(2)]
        one, other = [Old(server, "/notices", cookie=f"browser={each}") for each in cookies]
        one.post("The first")
        # Two more, as ten seconds may end in between.
        for _ in range(2):
            one.say(POST % "One too many")
        answers = [one.wait("6::/notices:1+") for _ in range(2)]
        assert any("That is a lot of notices" in answer for answer in answers)
        other.post("From the neighbour")

    def test_many_who_arrive_are_told_of_once_a_second(self, serve, step):
        """N who come are not N² packets."""
        server = serve(step)
        here = [Old(server, "/presence") for _ in range(20)]
        told = []
        while not told or f"[{len(here)}," not in told[-1]:
            told.append(here[0].wait('5::/presence:{"args":'))
        assert len(told) < len(here)


class TestServer:
    """Where it listens, what it refuses, and how it ends."""

    def test_only_this_machine_may_ask(self, step):
        """Whoever starts it by hand is told, too."""
        command = [python(step), "serve.py", f"0.0.0.0:{free_port()}"]
        done = subprocess.run(command, cwd=step, env=environment(), capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr.startswith("Only for this machine")
        assert len(done.stderr.splitlines()) == 1

    def test_the_tool_does_not_share_it(self):
        """And says why, and what can be shared."""
        command = [sys.executable, "-m", "workshop", "run", "classic", "--share", "--no-browser"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 1
        assert "nobody has looked after its server since 2020" in done.stderr
        assert "run 4 --share" in done.stderr

    def test_a_browser_is_told_what_socket_io_is_for(self, server):
        """Where the request is none of its protocol."""
        for path in ("/socket.io/", "/socket.io/?EIO=4&transport=polling", "/socket.iota"):
            assert server.get(path).status_code == 400

    def test_whatever_a_browser_sends_the_next_post_is_saved(self, server):
        """Nothing of it ends in a traceback, which the log of this module must not have."""
        browser = Old(server, "/notices", "/presence")
        for packet in (
            *["", "nonsense", ":::", "9:::", "5:::", "5:::{", "5:::[]", "5::/notices:[]", "1::/no"],
            *['5::/notices:{"name":1}', '5::/notices:{"name":"post","args":7}', "6::/notices:1+[]"],
            *['5::/notices:{"name":"post"}', '5::/notices:{"name":"no_such"}', "6::/notices:x"],
            *['5:1+:/notices:{"name":"post","args":["text"]}', "1::/notices", "1::/presence"],
            *['5::/notices:{"name":"post","args":[null]}', "0::/presence", "2::", "\ufffd"],
        ):
            browser.say(packet)
        browser.post("After nonsense")
        assert "After nonsense" in server.get("/").text

    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_the_pages_of_a_strange_request_do_no_harm(self, server, transport):
        """Nothing of it ends in a traceback either."""
        browser = Old(server, transport=transport)
        for method in ("GET", "POST", "PUT"):
            for path in ("/socket.io/1/websocket/nobody", f"{browser.path[:-1]}x", browser.path):
                if (method, path, transport) in (
                    ("GET", browser.path, "xhr-polling"),
                    ("GET", browser.path, "jsonp-polling"),
                ):
                    continue  # It would wait for something to be said.
                with contextlib.suppress(requests.ConnectionError):
                    requests.request(method, server.url + path, data=b"\xff", timeout=PATIENCE)

    def test_it_stops_cleanly_though_sockets_are_open(self, serve, step):
        """Exit code 0, no traceback."""
        server = serve(step)
        browsers = [Old(server, "/notices", transport=transport) for transport in TRANSPORTS]
        with ask(server, "/slow/"), ask(server, browsers[1].path):
            server.get("/")
            assert server.stop(signal.SIGINT) == 0
        assert server.tracebacks() == []


class TestFolder:
    """A complete project of its own, as near to step 4 as it can be."""

    def test_it_differs_from_step_4_as_its_page_says(self):
        """The diff is kept, in the order of the README, each file with its why."""
        assert what_changes.contract(what_changes.CLASSIC).unread == []
        assert [said for said in what_changes.complaints() if said.startswith("classic/")] == []

    def test_its_python_and_javascript_can_be_read(self, step, tmp_path):
        """Without a warning."""
        command = [python(step), "-W", "error", "-m", "compileall", "-q", "-f", "."]
        env = environment(PYTHONPYCACHEPREFIX=str(tmp_path))
        done = subprocess.run(command, cwd=step, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        for path in (*step.rglob("*.js"), ROOT / "tests" / "migration" / "scenario.js"):
            assert not javascript_error(path)

    def test_the_old_client_brings_nothing_else_along(self):
        """What it would need in Node.js has holes, and no page needs it."""
        packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
        old = "node_modules/socket.io-client-classic"
        for name in packages[old]["dependencies"]:
            found = packages.get(f"{old}/node_modules/{name}") or packages[f"node_modules/{name}"]
            assert found["name"] == "empty-npm-package"

    def test_django_finds_nothing_to_complain_about(self, step):
        """`python manage.py check` is clean, warnings included."""
        assert "no issues" in manage(step, "check", PYTHONWARNINGS="error")


# What the adapters cure

COMPAT = (CLASSIC / "board" / "compat.py").read_text(encoding="utf-8")


def logged(server, pattern):
    """Return the first line that matches in a server's log of this scenario, or None."""
    return next((line for line in server.log[server.before :] if re.search(pattern, line)), None)


def first(server, found, wrong):
    """Wait for what should be, or for a line in the log that says what is wrong; return which."""
    return wait_until(lambda: (found() and "fine") or logged(server, wrong), "either")


def event(server, redis):
    """A browser posts."""
    Old(server, "/notices").say(POST % "An event")
    return first(server, lambda: "An event" in server.get("/").text, "AttributeError")


def poll(server, redis):
    """A browser polls."""
    session = server.get("/socket.io/1/").text.partition(":")[0]
    with contextlib.suppress(requests.RequestException):
        if server.get(f"/socket.io/1/xhr-polling/{session}").text == "1::":
            return "fine"
    return refusal(server)


def refusal(server):
    """Return the line in the log that says why a request was not answered."""
    return wait_until(lambda: logged(server, "not answered"), "the reason in the log")


def jsonp_post(server, redis):
    """A browser posts by JSONP."""
    browser = Old(server, transport="jsonp-polling")
    try:
        browser.say("1::/notices")
    except requests.ConnectionError:
        return refusal(server)
    browser.wait("1::/notices")
    browser.close()
    return "fine"


def jsonp_poll(server, redis):
    """A browser is told by JSONP what has a quotation mark in it."""
    browser = Old(server, "/notices", transport="jsonp-polling")
    try:
        browser.wait(LIVE)
        wait_until(lambda: subscribers(redis), "the listener")
        say(redis, "It's late")
        assert "It's late" in browser.wait(NOTICE)
    except ValueError as error:
        return str(error)
    finally:
        browser.close()
    return "fine"


def foreign(server, redis):
    """Another site's page asks; a page that has another name for this machine; and a script."""
    strange = [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ]
    return [server.get("/socket.io/1/", headers=headers).status_code for headers in strange]


def unknown(server, redis):
    """A browser comes back to a server that has been started anew, or says that it leaves."""
    browser, answers = Old(server), []
    for path in ("/socket.io/1/xhr-polling/nobody", f"{browser.path}?disconnect=1"):
        try:
            answers.append(server.get(path).status_code)
        except requests.ConnectionError:
            answers.append(refusal(server))
    return answers


def closed(server, redis):
    """A window is closed, and something is said."""
    wait_until(lambda: not subscribers(redis), "nobody to be left")
    browser = Old(server, "/notices")
    wait_until(lambda: subscribers(redis), "the listener")
    browser.close()
    say(redis, "Is anybody there?")
    return first(server, lambda: not subscribers(redis), "Socket is dead")


def closed_while_written_to(server, redis):
    """Windows are closed while much is said."""
    wait_until(lambda: not subscribers(redis), "nobody to be left")
    browsers = [Old(server, "/notices", "/presence") for _ in range(10)]
    wait_until(lambda: subscribers(redis) == 10, "the listeners")
    # The server stands still meanwhile, so that all of it is there when it goes on.
    server.process.send_signal(signal.SIGSTOP)
    for number in range(20):
        say(redis, f"Number {number}")
    for browser in browsers:
        browser.ws.sock.setsockopt(*AT_ONCE)
        browser.ws.shutdown()
    server.process.send_signal(signal.SIGCONT)
    wait_until(lambda: not subscribers(redis), "the listeners to end")
    server.get("/?after=that")
    server.wait_for_log(r"GET /\?after=that")
    return logged(server, "Traceback") or "fine"


def closed_while_polling(server, redis):
    """A window that polls is closed, and something is said."""
    browser = Old(server, "/notices", transport="xhr-polling")
    browser.wait(LIVE)
    with ask(server, browser.path) as connection:
        wait_until(lambda: subscribers(redis), "the listener")
        connection.setsockopt(*AT_ONCE)
    say(redis, "Is anybody there?")
    wait_until(lambda: logged(server, "BrokenPipe|ConnectionReset"), "the error")
    browser.close()
    return logged(server, "Traceback") or "fine"


def nonsense(server, redis):
    """A browser sends what is no packet, and then a post."""
    browser = Old(server, "/notices")
    browser.say("nonsense")
    browser.say(POST % "After nonsense")
    return first(server, lambda: "After nonsense" in server.get("/").text, "TypeError")


def wrong_event(server, redis):
    """A browser sends an event without its data, and then a post."""
    browser = Old(server, "/notices")
    browser.say('5::/notices:{"name":"post"}')
    browser.say(POST % "After a wrong event")
    return first(server, lambda: "After a wrong event" in server.get("/").text, "^TypeError")


def flood(server, redis):
    """A browser sends much at once; once that is being done, another one says something."""
    browser, flooder = [Old(server, "/notices") for _ in range(2)]
    events = 5000

    def done():
        return sum("on_no_such" in line for line in server.log[server.before :])

    packet = frame(b'5::/notices:{"name":"no_such","args":[]}')
    flooder.ws.sock.sendall(packet * events)
    wait_until(done, "the first of them to be done")
    browser.say('5::/notices:{"name":"in_between","args":[]}')
    between = "on_in_between"
    wait_until(lambda: done() == events and logged(server, between), "all of them to be done")
    last = [line for line in server.log if "on_no_such" in line or between in line][-1]
    return "after all of them" if between in last else "fine"


def databases(server, redis):
    """Two browsers post, and stay."""
    browsers = [Old(server, "/notices") for _ in range(2)]
    for browser in browsers:
        browser.post("Connected")
    files = psutil.Process(server.process.pid).open_files()
    return [file.path for file in files if file.path.endswith("sqlite3")]


def offered(server, redis):
    """What the handshake offers."""
    return server.get("/socket.io/1/").text.split(":")[3].split(",")


# What the adapter is: a piece of its code, what stands there without it, what then is seen, and
# with it. Those of one number are taken out of one server: they have nothing to do with each other.
CURES = {
    "getargspec": (
        1, event, "inspect.getargspec = inspect.getfullargspec", "", "AttributeError", "fine"
    ),
    "flash and htmlfile": (
        1, offered, "handler_types = {", "unused = {", "flashsocket", TRANSPORTS
    ),
    "bytes": (
        2, poll, "data.encode() if isinstance(data, str) else data", "data", "TypeError", "fine"
    ),
    "this site's pages": (
        2, foreign, "problem = self.find_problem()", "problem = None", "200, 200, 200", [400] * 5
    ),
    "no answer": (
        2, unknown, 'self.answer("400 Bad Request")', "super().handle_bad_request()",
        "UnicodeError", [400, 200],
    ),
    "closed windows": (
        2, closed, "job.link(lambda job: gevent.spawn(socket.kill, detach=True))", "pass",
        "Socket is dead", "fine",
    ),
    "invalid packets": (
        2, nonsense, 'endpoint or ""', "endpoint", "TypeError", "fine"
    ),
    "database connections": (
        2, databases, "connections.close_all()", "pass", "sqlite3", []
    ),
    "JSONP, to the browser": (
        3, jsonp_poll, "{json.dumps(text)}", "'{text}'", "no JavaScript", "fine"
    ),
    "scripts of other sites": (
        3, foreign, "own if script else None", "own", "400, 200, 200", [400] * 5
    ),
    "closed while written to": (
        3, closed_while_written_to, "Hub.NOT_ERROR += (WebSocketError,)", "", "Traceback", "fine"
    ),
    "wrong events": (
        3, wrong_event, "process_packet(packet)\n        except Exception",
        "process_packet(packet)\n        except ZeroDivisionError", "TypeError", "fine",
    ),
    "JSONP, from the browser": (
        4, jsonp_post, "def _request_body", "def unused", "TypeError", "fine"
    ),
    "floods": (4, flood, "gevent.sleep(0)", "pass", "after all of them", "fine"),
    "closed while polling": (
        3, closed_while_polling, "handle_one_response(self)\n        except Exception",
        "handle_one_response(self)\n        except ZeroDivisionError", "Traceback", "fine",
    ),
}  # fmt: skip


def without(number, folder, database):
    """Return a server that lacks the adapters of a number, and a Redis of its own."""
    text = COMPAT
    for group, _, code, instead, *_ in CURES.values():
        if group == number:
            assert code in text, f"{code!r} has to be in compat.py"
            text = text.replace(code, instead)
    copy = shutil.copytree(
        CLASSIC, folder / str(number), ignore=shutil.ignore_patterns("*.sqlite3")
    )
    (copy / "board" / "compat.py").write_text(text, encoding="utf-8")
    redis = Redis()
    settings = {"DATABASE_URL": database, "REDIS_URL": redis.url, "POSTS_IN_TEN_SECONDS": "1000"}
    return Server(copy, **settings), redis


@pytest.fixture(scope="module")
def servers(tmp_path_factory, database):
    """The server with all adapters, number 0, and those that lack some."""
    folder = tmp_path_factory.mktemp("without")
    databases = [database.copy() for _ in range(5)]
    with ThreadPoolExecutor(2) as pool:
        started = list(pool.map(without, range(5), [folder] * 5, databases))
    yield started
    for server, redis in started:
        server.stop(signal.SIGKILL)
        redis.stop()


@pytest.mark.parametrize("name", CURES)
def test_without_its_adapter(servers, name):
    number, scenario, _, _, seen, fine = CURES[name]
    for server, _ in servers:
        server.before = len(server.log)
    assert scenario(*servers[0]) == fine
    assert seen in str(scenario(*servers[number]))


def test_with_all_adapters_there_is_no_traceback(servers):
    assert servers[0][0].tracebacks() == []


@pytest.mark.parametrize("adapter", ["", "import board.compat"])
def test_a_session_id_does_not_follow_from_random(step, adapter):
    code = f"""
from gevent import monkey; monkey.patch_all()
import random, django.conf, socketio.server
django.conf.settings.configure()
{adapter}
server = socketio.server.SocketIOServer(("127.0.0.1", 0), None, policy_server=False)
random.seed(1)
guess = str(random.random())[2:]
random.seed(1)
print(server.get_socket().sessid == guess)
"""
    command = [python(step), "-c", code]
    done = subprocess.run(command, cwd=step, env=environment(), capture_output=True, text=True)
    assert done.stdout == f"{not adapter}\n", done.stderr


ADD_SCRIPT = (
    "(src) => document.head.append(Object.assign(document.createElement('script'), { src }))"
)


def test_a_script_of_another_sites_page_is_refused_in_chromium(server, window):
    """It comes without an Origin: JSONP was made for that."""
    page = window(f"http://localhost:{server.port}/missing/")
    address = f"{server.url}/socket.io/1/?jsonp=0"  # the same machine, by another name
    with page.expect_response(address) as response:
        page.evaluate(ADD_SCRIPT, address)
    assert response.value.status == 400
    assert "origin" not in response.value.request.headers


def test_the_readme_names_each_adapter_and_no_other():
    rows = re.search(r"\| part \| without it \|\n.*\n((?:\|.*\n)+)", README)[1]
    names = re.findall(r"^\| (.+?) \|", rows, re.MULTILINE)
    assert sorted(names) == sorted([*CURES, "session ids"])
