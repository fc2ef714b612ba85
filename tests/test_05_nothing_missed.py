"""Step 5: whoever was away is told what was said meanwhile, once and in order; a crash still hurts.

What is larger than this (a load, and one fault after the other) is in test_fire.py.
"""

import json
import re
import signal
import sqlite3
import threading
import uuid
from datetime import datetime

import pytest
import redis as redis_py
import test_01_plain_django as plain
import test_02_gevent_server as gevent_server
import test_03_namespace as namespace
import test_04_redis_listener as listener
from playwright.sync_api import expect
from test_03_namespace import fill, sees

from support import Raw, Redis, manage, patch, read_cursor, wait_until

STEP = 5
STATE = "Live, by {}."
FILES = [
    *[*listener.FILES, "board/outage.py", "notices/entries.py", "notices/outbox.py"],
    "notices/migrations/0002_outbox.py",
]
NETWORK = "Waiting for the network."
SAVE = "from notices.models import Notice; Notice.objects.create(author='Ada', text='{}')"


def publish(redis, *messages):
    """Append bytes, texts, or objects as JSON to the stream; return the last one's cursor."""
    with redis_py.Redis.from_url(redis.url) as client, client.pipeline(False) as pipeline:
        for message in messages:
            whole = isinstance(message, (bytes, str))
            pipeline.xadd("notices", {"notice": message if whole else json.dumps(message)})
        return pipeline.execute()[-1].decode()


def say(redis, *texts):
    """Append notices as any program may, without saving them; return the last one's cursor."""
    return publish(redis, *({"author": "Anybody", "text": text} for text in texts))


def stream(redis):
    """Return the texts of all notices in the stream."""
    options = {"decode_responses": True, "encoding_errors": "replace"}
    with redis_py.Redis.from_url(redis.url, **options) as client:
        entries = [fields.get("notice", "") for _, fields in client.xrange("notices")]
    return [json.loads(each)["text"] for each in entries if each.startswith('{"id"')]


def forget(redis):
    """Trim away all entries of the stream but the last."""
    with redis_py.Redis.from_url(redis.url) as client:
        client.xtrim("notices", maxlen=1, approximate=False)


def place(cursor):
    """Return a cursor as two numbers, to be compared."""
    return [int(number) for number in cursor.split("-")]


class Browser(Raw):
    """A browser as the page is one: it knows where it is, asks for more, and shows nothing twice.

    `since` is where it was; without it, it is where a page that is loaded now is.
    """

    def __init__(self, server, namespace="/notices", since=None, **options):
        self.url, self.told, self.answers = server.url, [], []
        self.cursor = since
        if namespace == "/notices" and since is None:
            self.cursor = read_cursor(server.url)
        super().__init__(server, namespace, **options)
        if namespace == "/notices":
            self.catch_up()

    def ask(self, cursor):
        """Say where it is, and return what is acknowledged."""
        self.say(f'42/notices,0["since",{json.dumps(cursor)}]')
        return json.loads(self.wait("43/notices,0").removeprefix("43/notices,0"))[0]

    def catch_up(self):
        """Ask until it is live."""
        while (answer := self.ask(self.cursor)) != "live":
            self.answers.append(answer)
            if answer == "wait":
                self.wait('42/notices,["live",true]')
            if answer == "reload":
                self.cursor = read_cursor(self.url)

    def hear(self, packet):
        """Keep what is told, as the page does."""
        if not packet.startswith('42/notices,["notices",'):
            return
        for cursor, notice in json.loads(packet.partition(",")[2])[1]:
            if place(cursor) > place(self.cursor):
                self.cursor = cursor
                self.told += [notice["text"]] if notice else []
                self.notice = notice

    def notices_until(self, text):
        """Return the texts of the notices that come, in their order, up to the one given."""
        while text not in self.told:
            self.hear(self.wait('42/notices,["notices",'))
        end = self.told.index(text) + 1
        texts, self.told = self.told[:end], self.told[end:]
        return texts


@pytest.fixture
def raw(monkeypatch, raw):
    """Open websockets as browsers that catch up: raw(server, since=cursor) → Browser."""
    monkeypatch.setattr("conftest.Raw", Browser)
    return raw


@pytest.fixture(scope="module", autouse=True)
def by_stream():
    """Let the tests of step 4 publish as step 5 does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listener, "publish", publish)
        patch.setattr(listener, "say", say)
        yield


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    """A Redis of the module's own, which keeps on disk what is in it."""
    redis = Redis(data_dir=tmp_path_factory.mktemp("redis"), appendonly="yes")
    yield redis
    redis.stop()


@pytest.fixture(scope="module")
def server(server, redis):
    """The server of the step under test, once it reads the stream."""
    with redis_py.Redis.from_url(redis.url) as client:
        wait_until(lambda: client.xlen("notices"), "the server to read the stream 'notices'")
    return server


@pytest.fixture(scope="module")
def mortal(serve, step, server):
    """Another server, on the same database, that is killed."""
    url = server.extra["DATABASE_URL"]
    return serve(step, DATABASE_URL=url, POSTS_IN_TEN_SECONDS="100000")


class TestStart(plain.TestStart):
    """As before."""


class TestBoard(plain.TestBoard):
    """Everything of step 1, unchanged."""


class TestStop:
    """With two greenlets more."""

    @pytest.mark.parametrize("number", [signal.SIGTERM])
    def test_it_stops_cleanly_though_sockets_are_open(self, serve, step, raw, number):
        """Exit code 0, no traceback."""
        gevent_server.TestStop().test_it_stops_cleanly_though_sockets_are_open(
            serve, step, raw, number
        )


# Of what follows, a test that is None is about what this step has not touched.


class TestSocket(namespace.TestSocket):
    """Everything of step 3, now by way of the stream."""

    test_presence_counts_in_and_out = None
    test_presence_is_told_once_a_second_at_most = None


class TestUser(namespace.TestUser):
    """Who somebody is, is asked per event."""

    test_a_right_that_is_taken_away_counts_at_once = None


class TestWindow(namespace.TestWindow):
    """What somebody sees and does in a browser."""

    test_the_field_that_the_keyboard_writes_in_is_marked = None
    test_nothing_is_wider_than_the_screen = None
    test_the_client_comes_from_the_site_itself = None
    test_what_the_organisers_post_is_marked = None
    test_the_window_that_is_closed_is_counted_out = None


class TestAfterCommit:
    """A notice is told once the database has it for good."""

    test_what_is_rolled_back_is_not_told = (
        listener.TestAfterCommit.test_what_is_rolled_back_is_not_told
    )


def by_xadd(server, step, redis, text):
    """By redis-cli, or any program in any language."""
    say(redis, text)


class TestEverySource:
    """Whoever has something to say: it is on every screen at once."""

    def test_a_notice_is_on_every_screen(self, server, step, redis, visit, connect):
        """By websocket, by polling, and in a browser."""
        clients = [connect(server, transports=[each]) for each in ("websocket", "polling")]
        page = visit(server)
        sayers = [listener.by_form, listener.by_admin, listener.by_shell, listener.by_command]
        for say_it in (*sayers, by_xadd):
            text = f"Said {say_it.__name__}"
            say_it(server, step, redis, text)
            for client in clients:
                client.wait_for_notice(text)
            sees(page, text)

    test_a_published_notice_may_be_no_more_than_author_and_text = (
        listener.TestEverySource.test_a_published_notice_may_be_no_more_than_author_and_text
    )
    test_what_is_only_published_has_no_id_to_be_mended_by = (
        listener.TestEverySource.test_what_is_only_published_has_no_id_to_be_mended_by
    )
    test_what_is_published_is_shown_as_text = (
        listener.TestEverySource.test_what_is_published_is_shown_as_text
    )
    test_an_edit_in_the_admin_replaces_the_notice = (
        listener.TestEverySource.test_an_edit_in_the_admin_replaces_the_notice
    )


BAD = {name: message for name, message in listener.BAD.items() if name != "not UTF-8"}


class TestBadMessages:
    """Anybody may append anything: what is not a notice is skipped."""

    def test_each_is_one_line_in_the_log_and_the_next_one_arrives(self, server, redis, raw):
        """The listener reads on."""
        browser = raw(server)
        before = len(server.log)
        for name, message in BAD.items():
            publish(redis, message)
            say(redis, f"Fine after {name}")
            assert browser.notices_until(f"Fine after {name}") == [f"Fine after {name}"]
        with redis_py.Redis.from_url(redis.url) as client:
            client.xadd("notices", {"something": "else"})
        publish(redis, "the end")
        server.wait_for_log("'the end'")
        lines = [line for line in server.log[before:] if "HTTP/1.1" not in line]
        assert len(lines) == len(BAD) + 2, "each should be one line in the log"
        assert all(line.startswith("Skipped") for line in lines), "it should say what became of it"
        assert max(map(len, lines)) < 1000, "and not repeat it all"

    def test_what_is_not_utf_8_is_told_as_far_as_it_can_be_read(self, server, redis, raw):
        """A mark stands for each byte that cannot."""
        browser = raw(server)
        publish(redis, listener.BAD["not UTF-8"])
        assert browser.notices_until("\N{REPLACEMENT CHARACTER}" * 2)

    def test_odd_values_beside_the_text_do_not_reach_the_browser(self, server, redis, visit):
        """NaN is no JSON: a browser would close the connection."""
        page = visit(server)
        page.evaluate("notices.on('disconnect', () => (window.broken = 1))")
        for more in ('"id": NaN', '"created": NaN', '"official": NaN, "more": NaN', '"id": 1e999'):
            publish(redis, f'{{"author": "Ada", "text": {json.dumps(more)}, {more}}}')
            sees(page, more)
        assert page.evaluate("window.broken") is None


DEATHS = {
    "before": """
import os
from django.db import transaction
with transaction.atomic():
    transaction.on_commit(lambda: os._exit(0))
    {}
""",
    "after": """
import os
from notices.models import Outbox
Outbox.delete = lambda entry: os._exit(0)
{}
""",
}


class TestOutbox:
    """What is saved is published, once: whatever dies, and however many see to it."""

    def test_what_is_saved_is_in_the_stream_once(self, server, redis):
        """By whoever has saved it."""
        server.post("Ada", "Saved and published")
        assert stream(redis).count("Saved and published") == 1, "save() should lead to publish()"

    @pytest.mark.parametrize("when", DEATHS)
    def test_what_a_process_that_died_has_left_is_told(self, server, step, redis, raw, when):
        """Before it published what it had committed, or before it noted that it has."""
        browser = raw(server)
        text = f"Left by one that died {when}"
        code = DEATHS[when].format(SAVE.format(text))
        manage(step, "shell", "-c", code, **server.extra)
        browser.notices_until(text)
        database = sqlite3.connect(server.extra["DATABASE_URL"].removeprefix("sqlite:///"))

        def left():
            return database.execute("SELECT count(*) FROM notices_outbox").fetchone()[0]

        wait_until(lambda: left() == 0, "the server to empty the outbox")
        database.close()
        assert stream(redis).count(text) == 1, "one key should be published once"

    def test_who_empties_it_at_once_publishes_once(self, server, mortal, redis, raw):
        """Two servers, and many who save, on one outbox."""
        browsers = [raw(each) for each in (server, mortal) for _ in range(4)]
        for number in range(15):
            for at, browser in enumerate(browsers):
                text = f"From {at}, number {number}"
                browser.say(f'42/notices,1["post",{{"author":"Ada","text":"{text}"}}]')
        for browser in browsers:
            for _ in range(15):
                assert browser.wait("43/notices,1") == '43/notices,1[{"ok":true}]'
        server.post("Ada", "The end of them")
        browsers[0].notices_until("The end of them")
        texts = [text for text in stream(redis) if re.match(r"From \d, number", text)]
        assert len(texts) == len(browsers) * 15, "each should be in the stream, once"
        assert len(set(texts)) == len(texts), "each should be in the stream once"

    def test_the_order_of_keys_is_not_the_order_of_commits(
        self, serve, step, redis, raw, postgresql
    ):
        """Of two transactions at once, the later key may be there first."""
        manage(step, "migrate", "--verbosity=0", DATABASE_URL=postgresql)
        server = serve(step, DATABASE_URL=postgresql)
        browser = raw(server)
        code = """
import threading
from django.db import connection, transaction
from notices.models import Notice
def other():
    Notice.objects.create(author="Ada", text="The later key")
    connection.close()
with transaction.atomic():
    Notice.objects.create(author="Ada", text="The earlier key")
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
print([each.text for each in Notice.objects.order_by("id")])
"""
        printed = manage(step, "shell", "-c", code, **server.extra)
        assert "['The earlier key', 'The later key']" in printed
        assert browser.notices_until("The earlier key") == ["The later key", "The earlier key"]
        server.stop()


class TestAway:
    """Who was away is told what came after its cursor, in order, and then what is new."""

    def test_the_page_has_a_cursor(self, server, redis):
        """How far it has been told."""
        cursor = say(redis, "The last one so far")
        wait_until(lambda: read_cursor(server.url) == cursor, "the page to have the new cursor")

    def test_a_client_that_was_away_is_told_what_it_missed(self, server, redis, raw):
        """No more and no less, and nothing twice."""
        before = raw(server)
        say(redis, "While it is here")
        assert before.notices_until("While it is here") == ["While it is here"]
        before.close()
        say(redis, "While it is away", "And one more")
        after = raw(server, since=before.cursor)
        say(redis, "When it is back")
        missed = ["While it is away", "And one more", "When it is back"]
        assert after.notices_until("When it is back") == missed
        assert "reload" not in after.answers

    def test_who_catches_up_is_told_when_it_was_said(self, server, redis, raw):
        """Not when it was read: of the same words, each has its own time."""
        browser = raw(server)
        for _ in range(2):
            cursor = say(redis, "Coffee is ready")
            browser.notices_until("Coffee is ready")
            said = datetime.fromisoformat(browser.notice["created"]).timestamp()
            assert round(said * 1000) == place(cursor)[0]

    def test_catching_up_and_what_is_new_come_complete_and_in_order(self, server, redis, raw):
        """More than is read at once, while more keeps coming."""
        bystander, since = raw(server), say(redis, "The last one before")
        bystander.notices_until("The last one before")
        old, new = ([f"{age} {number}" for number in range(1200)] for age in ("Old", "New"))
        say(redis, *old)

        def keep_saying():
            for at in range(0, len(new), 40):
                say(redis, *new[at : at + 40])

        thread = threading.Thread(target=keep_saying)
        thread.start()
        browser = raw(server, since=since)
        assert browser.notices_until(new[-1]) == old + new
        thread.join()
        assert bystander.notices_until(new[-1]) == old + new
        assert "again" in browser.answers, "it should have asked more than once"

    def test_a_browser_that_asks_and_does_not_read_is_not_sent_more(self, mortal, redis, raw):
        """Or it could fill the server's memory, a batch for each time that it asks."""
        first = say(redis, "The first one")
        last = say(redis, *["\N{PARTY POPPER}" * 280] * 300)
        wait_until(lambda: read_cursor(mortal.url) == last, "all of it to be read")
        browser, bystander = raw(mortal), raw(mortal)
        before = mortal.memory()
        for _ in range(600):
            browser.say(f'42/notices,["since","{first}"]')
        say(redis, "And it goes on")
        assert bystander.notices_until("And it goes on") == ["And it goes on"]
        assert bystander.ask(bystander.cursor) == "live"
        assert mortal.memory() - before < 30, "600 batches would be 200 MB"

    def test_nothing_is_missed_between_two_servers(self, server, mortal, redis, raw):
        """One knows already what the other has yet to read."""
        other, last = mortal, say(redis, "The last one before")
        for each in (server, other):
            wait_until(lambda each=each: read_cursor(each.url) == last, "both to have read it")
        ahead, waiting, bystander = raw(server), raw(other, None), raw(other)
        waiting.say("40/notices,")
        waiting.wait("40/notices,")
        other.process.send_signal(signal.SIGSTOP)
        try:
            texts = [f"Ahead {number}" for number in range(20)]
            say(redis, *texts)
            assert ahead.notices_until(texts[-1]) == texts
            waiting.cursor = ahead.cursor
            waiting.say(f'42/notices,0["since","{ahead.cursor}"]')
        finally:
            other.process.send_signal(signal.SIGCONT)
        assert waiting.wait("43/notices,0") == '43/notices,0["live"]'
        say(redis, "To all three")
        assert ahead.notices_until("To all three") == ["To all three"]
        assert waiting.notices_until("To all three") == ["To all three"]
        assert bystander.notices_until("To all three") == [*texts, "To all three"]


NO_CURSORS = [
    *["", "x", "-", "1", "1-", "-1-0", "1-1-1", " 1-1", "1-1\n", "+", "$", "(0-1", "１-１"],
    *["0-0", "1-1", "9" * 19 + "-0", "9" * 20 + "-0", "9" * 5000 + "-0", "0-" + "9" * 19],
    *[None, True, 7, 1.5, [], {}, ["1-1"]],
]


class TestCursor:
    """A cursor that the stream does not have: the page is to be loaded anew."""

    def test_what_is_no_cursor_of_the_stream_is_answered_with_reload(self, server, redis, raw):
        """Whatever a browser may send; it is a line in no log, and nobody else's trouble."""
        browser, bystander = raw(server), raw(server)
        before = len(server.log)
        for cursor in NO_CURSORS:
            assert browser.ask(cursor) == "reload", f"{cursor!r} should lead to a new page"
        say(redis, "Still live")
        assert bystander.notices_until("Still live") == ["Still live"]
        assert browser.notices_until("Still live") == ["Still live"]
        assert [line for line in server.log[before:] if "HTTP/1.1" not in line] == []

    def test_a_cursor_that_was_trimmed_away_is_answered_with_reload(self, server, redis, raw):
        """Nobody knows what came after it."""
        browser, cursor = raw(server), say(redis, "Trimmed away")
        say(redis, "Kept")
        browser.notices_until("Kept")
        assert browser.ask(cursor) == "live"
        forget(redis)
        assert browser.ask(cursor) == "reload"
        assert browser.ask(browser.cursor) == "live", "the last one is still there"


class TestPost:
    """What is sent again, as no answer came, is saved once."""

    def post(self, browser, **data):
        """Post, and return the acknowledgement."""
        browser.say(f'42/notices,1["post",{json.dumps({"author": "Ada"} | data)}]')
        return json.loads(browser.wait("43/notices,1").removeprefix("43/notices,1"))[0]

    def test_the_same_key_is_saved_once(self, server, raw):
        """And acknowledged each time, over whatever connection it comes."""
        key = uuid.uuid4().hex
        browser = raw(server)
        for each in (browser, browser, raw(server)):
            assert self.post(each, key=key, text="Said once") == {"ok": True}
        assert self.post(browser, key=uuid.uuid4().hex, text="Said after it") == {"ok": True}
        assert browser.notices_until("Said after it") == ["Said once", "Said after it"]
        assert server.get("/").text.count("Said once") == 1

    @pytest.mark.parametrize("key", ["x", 7, ["x"], {"x": 1}, "0" * 60_000])
    def test_what_is_no_key_is_refused(self, server, raw, key):
        """With what is wrong with it."""
        answer = self.post(raw(server), key=key, text="No key")
        assert answer["ok"] is False
        assert list(answer["errors"]) == ["key"]


def open_with_clock(server, window, connected):
    """Open a window on the board whose clock can be turned."""
    page = window("about:blank")
    page.clock.install()
    page.goto(server.url)
    connected(page)
    return page


def comes_back(server, *pages):
    """Start a server again, and turn the clocks to when the pages try again."""
    server.start()
    for page in pages:
        page.clock.fast_forward(5000)


def tamper(page, change):
    """Hand what the server says by websocket to a function; return how to say it to the page."""
    sockets = []

    def connect(websocket):
        sockets.append(websocket)
        server = websocket.connect_to_server()
        server.on_message(lambda packet: [websocket.send(each) for each in change(packet)])

    page.route_web_socket(re.compile("/socket.io/"), connect)
    return lambda packet: sockets[-1].send(packet)


class TestCatchingUp:
    """The page, and what it says and does when something was missed."""

    @pytest.fixture
    def visit(self, window, connected):
        """Open a window whose clock can be turned: see comes_back."""
        return lambda server: open_with_clock(server, window, connected)

    def test_what_is_said_before_the_page_connects_is_shown(self, server, redis, window):
        """Between the page and its connection nothing is lost."""
        page = window("about:blank")
        texts = ["Said to a page that loads"]

        def come_between(route):
            if texts:
                say(redis, texts.pop())
            route.continue_()

        page.route(re.compile(r"/socket\.io/\?"), come_between)
        page.goto(server.url)
        sees(page, "Said to a page that loads")

    def test_what_comes_twice_is_shown_once(self, server, redis, window, connected):
        """Whoever is told in two ways."""
        page = window("about:blank")
        twice = '42/notices,["notices",'
        tamper(page, lambda packet: [packet] * (2 if packet.startswith(twice) else 1))
        page.goto(f"{server.url}/?transport=websocket")
        connected(page)
        for text in ("Told twice", "Told after it"):
            say(redis, text)
            sees(page, text)
        sees(page, "Told twice")

    def test_what_got_lost_on_the_way_is_asked_for_again(self, server, redis, window, connected):
        """The next one shows the gap."""
        page, lost = window("about:blank"), []

        def lose(packet):
            if "Lost on the way" in packet and not lost:
                return lost.append(packet) or []
            return [packet]

        tamper(page, lose)
        page.goto(f"{server.url}/?transport=websocket")
        connected(page)
        say(redis, "Lost on the way")
        wait_until(lambda: page.title() and lost, "the packet that gets lost")
        say(redis, "Told after all")
        for text in ("Told after all", "Lost on the way"):
            sees(page, text)
        texts = page.locator("#notices .text").all_inner_texts()
        assert texts[:2] == ["Told after all", "Lost on the way"]

    def test_what_the_last_poll_was_answered_may_get_lost(self, server, redis, window, connected):
        """A browser that polls repeats a poll by itself, and nobody hears of the first answer."""
        page, lost = window("about:blank"), []

        def lose(route):
            answer = route.fetch() if route.request.method == "GET" and not lost else None
            if answer and "Lost with its poll" in answer.text():
                lost.append(answer)
                route.continue_()
            elif answer:
                route.fulfill(response=answer)
            else:
                route.continue_()

        page.clock.install()
        page.route(re.compile("transport=polling"), lose)
        page.goto(f"{server.url}/?transport=polling")
        connected(page, "polling")
        say(redis, "Lost with its poll")
        wait_until(lambda: page.title() and lost, "the answer that gets lost")
        page.clock.fast_forward(20_000)
        sees(page, "Lost with its poll")

    def test_a_cursor_is_two_numbers_to_the_page(self, server, redis, visit):
        """As text, the tenth of one millisecond would come before the ninth."""
        page = visit(server)
        then = place(say(redis, "In the millisecond before"))[0] + 1
        with redis_py.Redis.from_url(redis.url) as client:
            for number in (9, 10):
                notice = json.dumps({"author": "Ada", "text": f"Number {number} at once"})
                client.xadd("notices", {"notice": notice}, id=f"{then}-{number}")
                sees(page, f"Number {number} at once")

    def test_the_page_says_that_it_is_catching_up(self, server, window, connected):
        """Until it is told that it has."""
        page, held = window("about:blank"), []

        def hold(packet):
            return [packet] if not packet.startswith("43/notices,") else held.append(packet) or []

        tell = tamper(page, hold)
        page.goto(f"{server.url}/?transport=websocket")
        expect(page.locator("#state")).to_have_text("Catching up…")
        wait_until(lambda: page.title() and held, "the acknowledgement")
        for packet in held:
            tell(packet)
        connected(page)

    def test_a_window_that_was_cut_off_is_told_what_it_missed(
        self, server, mortal, redis, visit, connected
    ):
        """By itself, in order, and what was mended meanwhile in its old place."""
        page = visit(mortal)
        fill(page, "Lunch at noon")
        sees(page, "Lunch at noon")
        item = page.locator("#notices li").first
        number = int(item.get_attribute("id").removeprefix("notice-"))
        page.evaluate("window.loaded = 'once'")
        mortal.stop(signal.SIGKILL)
        try:
            expect(page.locator("#state")).to_have_text(NETWORK)
            server.save_in_admin(server.log_in(), "Lunch at one", number)
            server.post("Ada", "Said to a closed lid")
        finally:
            comes_back(mortal, page)
        connected(page)
        say(redis, "Said to an open lid")
        sees(page, "Said to an open lid")
        texts = page.locator("#notices .text").all_inner_texts()
        assert texts[:3] == ["Said to an open lid", "Said to a closed lid", "Lunch at one"]
        assert "Lunch at noon" not in texts
        assert page.evaluate("window.loaded") == "once"

    def test_a_page_that_is_too_far_behind_loads_its_list_anew(
        self, server, mortal, redis, visit, connected
    ):
        """And keeps what somebody is typing, where they are in it, and what waits to be sent."""
        page = visit(mortal)
        page.evaluate("window.loaded = 'once'")
        mortal.stop(signal.SIGKILL)
        try:
            expect(page.locator("#state")).to_have_text(NETWORK)
            fill(page, "Posted to nobody", author="Grace")
            expect(page.locator("#waiting .text")).to_have_text("Posted to nobody")
            expect(page.locator("#waiting")).to_contain_text("waiting to be sent")
            page.get_by_label("Notice").press_sequentially("Half a")
            page.keyboard.press("ArrowLeft")
            server.post("Ada", "Soon trimmed away")
            say(redis, "The last one that is kept")
            forget(redis)
        finally:
            comes_back(mortal, page)
        connected(page)
        for text in ("Soon trimmed away", "Posted to nobody"):
            sees(page, text)
        expect(page.locator("#waiting li")).to_have_count(0)
        page.keyboard.type("n hour, i.e.")
        expect(page.get_by_label("Notice")).to_have_value("Half n hour, i.e.a")
        expect(page.get_by_label("Your name")).to_have_value("Grace")
        assert page.evaluate("window.loaded") == "once", "the page itself should stay"

    def test_a_frozen_page_catches_up(self, mortal, redis, visit, connected):
        """As on a phone in a pocket."""
        page = visit(mortal)
        browser = page.context.new_cdp_session(page)
        browser.send("Page.setWebLifecycleState", {"state": "frozen"})
        mortal.stop(signal.SIGKILL)
        mortal.start()
        texts = [f"Said to a pocket, {number}" for number in range(3)]
        say(redis, *texts)
        browser.send("Page.setWebLifecycleState", {"state": "active"})
        page.clock.fast_forward(5000)
        sees(page, texts[-1])
        assert page.locator("#notices .text").all_inner_texts()[:3] == texts[::-1]
        connected(page)


class TestWaiting:
    """What somebody posts waits in the page until the server has answered, and is sent once."""

    def test_a_post_waits_over_a_reload_and_is_sent_once(self, server, window, connected):
        """Visibly, for as long as there is no connection."""
        page = window("about:blank")
        there_is_none = re.compile(r"/socket\.io/\?")
        page.route(there_is_none, lambda route: route.abort())
        page.goto(server.url)
        expect(page.locator("#state")).to_have_text(NETWORK)
        for text in ("The first that waits", "The second that waits"):
            fill(page, text)
            expect(page.get_by_label("Notice")).to_have_value("")
        page.reload()
        expect(page.locator("#waiting .text")).to_have_text(
            ["The first that waits", "The second that waits"]
        )
        expect(page.locator("#notices")).not_to_contain_text("that waits")
        page.unroute(there_is_none)
        page.reload()
        connected(page)
        for text in ("The first that waits", "The second that waits"):
            sees(page, text)
            assert server.get("/").text.count(text) == 1
        expect(page.locator("#waiting li")).to_have_count(0)
        assert page.evaluate("sessionStorage.getItem('waiting')") == "[]"

    def test_what_no_answer_came_for_is_sent_again_and_saved_once(self, server, window, connected):
        """A server that hangs does not leave one waiting for ever."""
        page, sent = window("about:blank"), []
        page.on("websocket", lambda each: each.on("framesent", lambda packet: sent.append(packet)))
        page.clock.install()
        page.goto(f"{server.url}/?transport=websocket")
        connected(page)
        server.process.send_signal(signal.SIGSTOP)
        try:
            fill(page, "Is anybody there?")
            page.clock.fast_forward(1000)
            expect(page.locator("#waiting .text")).to_have_text("Is anybody there?")
            page.clock.fast_forward(5000)

            def posts():
                return page.title() and sum("Is anybody there?" in each for each in sent) == 2

            wait_until(posts, "the page to send it again")
        finally:
            server.process.send_signal(signal.SIGCONT)
        expect(page.locator("#notices .text").first).to_have_text("Is anybody there?")
        page.clock.fast_forward(1000)
        expect(page.locator("#waiting li")).to_have_count(0)
        fill(page, "And after that")
        sees(page, "And after that")
        sees(page, "Is anybody there?")
        assert server.get("/").text.count("Is anybody there?") == 1

    def test_what_is_refused_is_handed_back_and_not_in_the_way(self, server, visit):
        """It waits no longer, and what comes after it is sent."""
        page = visit(server)
        fill(page, "Refused for its author", author=" ")
        expect(page.locator("#answer")).to_have_text("This field is required.")
        expect(page.get_by_label("Notice")).to_have_value("Refused for its author")
        assert page.evaluate("sessionStorage.getItem('waiting')") == "[]"
        fill(page, "Taken")
        sees(page, "Taken")
        expect(page.locator("#notices")).not_to_contain_text("Refused for its author")

    def test_a_lot_of_notices_waits_and_is_sent_later(
        self, serve, step, tmp_path, window, connected
    ):
        """The limit of the server, which is one in this test, is no reason to type again."""
        # No window ends meanwhile.
        strict = serve(
            patch(step, tmp_path, "notices/post_limit.py", WINDOW=10**9), POSTS_IN_TEN_SECONDS="1"
        )
        page = open_with_clock(strict, window, connected)
        for text in ("One is fine", "Two are a lot"):
            fill(page, text)
        expect(page.locator("#answer")).to_contain_text("wait ten seconds")
        expect(page.get_by_label("Notice")).to_have_value("")
        page.clock.fast_forward(1000)
        expect(page.locator("#waiting .text")).to_have_text("Two are a lot")
        strict.restart()  # It remembers nothing.
        page.clock.fast_forward(10_000)
        sees(page, "Two are a lot")
        sees(page, "One is fine")
        expect(page.locator("#answer")).to_have_text("")
        strict.stop()


class TestRedisGone:
    """Redis may go away and come back, with all that was in it or with nothing."""

    def test_what_is_saved_meanwhile_is_told_when_it_is_back(
        self, server, step, redis, visit, connected, raw
    ):
        """By the form, in the admin, in a shell; what was taken back is not."""
        browser, page, session = raw(server), visit(server), server.log_in()
        redis.stop()
        expect(page.locator("#state")).to_have_text(listener.NOT_LIVE)
        browser.wait('42/notices,["live",false]')
        assert browser.ask(browser.cursor) == "wait"
        server.post("Ada", "Saved by the form")
        server.save_in_admin(session, "Saved in the admin")
        code = f"{SAVE.format('Taken back')}.delete(); {SAVE.format('Saved in a shell')}"
        said = manage(step, "shell", "-c", code, **server.extra)
        assert "to be published later" in said
        redis.start()
        browser.wait('42/notices,["live",true]')
        connected(page)
        browser.catch_up()
        saved = ["Saved by the form", "Saved in the admin", "Saved in a shell"]
        assert browser.notices_until("Saved in a shell") == saved
        assert "reload" not in browser.answers
        for text in saved:
            sees(page, text)

    def test_a_redis_with_nothing_in_it_makes_the_pages_load_anew(
        self, server, redis, visit, connected, raw
    ):
        """By themselves, and nothing is missed: the database has it."""
        page, browser = visit(server), raw(server)
        page.evaluate("window.loaded = 'once'")
        redis.stop()
        redis.options = {}
        browser.wait('42/notices,["live",false]')
        fill(page, "Saved while there is no Redis")
        expect(page.locator("#state")).to_have_text(listener.NOT_LIVE)
        page.get_by_label("Notice").press_sequentially("Half a noti")
        redis.start()
        connected(page)
        browser.wait('42/notices,["live",true]')
        browser.catch_up()
        assert "reload" in browser.answers, "the new stream does not have the old cursor"
        sees(page, "Saved while there is no Redis")
        page.keyboard.type("ce")
        expect(page.get_by_label("Notice")).to_have_value("Half a notice")
        assert page.evaluate("window.loaded") == "once"
        say(redis, "And live again")
        sees(page, "And live again")

    def test_a_stream_that_somebody_deletes_is_begun_anew(self, server, redis, visit, raw):
        """Though Redis was never away."""
        page, browser = visit(server), raw(server)
        with redis_py.Redis.from_url(redis.url) as client:
            client.delete("notices")
        browser.wait('42/notices,["live",true]')
        browser.catch_up()
        assert browser.answers.count("reload") == 1, "a page is loaded anew once there is a cursor"
        for text in ("Said in a new stream", "And one more"):
            server.post("Ada", text)  # Saved: the page may load its list after it was told.
            browser.notices_until(text)
            sees(page, text)

    def test_a_server_that_starts_first_comes_live_when_redis_does(
        self, mortal, redis, window, connected
    ):
        """In whatever order a laptop wakes up: such a page has no cursor yet."""
        redis.stop()
        mortal.restart()
        page = window(mortal.url)
        expect(page.locator("#state")).to_have_text(listener.NOT_LIVE)
        mortal.post("Ada", "Saved before there was a Redis")
        redis.start()
        connected(page)
        sees(page, "Saved before there was a Redis")
        say(redis, "Live at last")
        sees(page, "Live at last")


class TestStillHurts:
    """One process is one core, and one crash."""

    def test_while_the_server_is_down_nobody_is_live(self, mortal, redis, window, connected):
        """Each window waits for the same process."""
        pages = [open_with_clock(mortal, window, connected) for _ in range(2)]
        mortal.stop(signal.SIGKILL)
        try:
            say(redis, "Said to nobody at all")
            for page in pages:
                expect(page.locator("#state")).to_have_text(NETWORK)
                expect(page.locator("#notices")).not_to_contain_text("Said to nobody at all")
        finally:
            comes_back(mortal, *pages)
        for page in pages:
            sees(page, "Said to nobody at all")
            connected(page)
