"""Step 4: whatever is published is on every screen at once, whoever says it; a closed lid hurts."""

import json
import re
import shutil
import signal
import subprocess
import time

import pytest
import redis as redis_py
import test_01_plain_django as plain
import test_02_gevent_server as gevent_server
import test_03_namespace as namespace
from playwright.sync_api import expect
from test_03_namespace import fill, no_id_is_twice, sees

from support import PATIENCE, Redis, manage, wait_until

STEP = 4
STATE = "Live, by {}."
FILES = [*namespace.FILES, "notices/live.py", "notices/management/commands/publish.py"]
NOT_LIVE = re.compile("not live")


def publish(redis, message):
    """Publish bytes, a text, or an object as JSON; return how many servers heard it."""
    if not isinstance(message, (bytes, str)):
        message = json.dumps(message)
    with redis_py.Redis.from_url(redis.url) as client:
        return client.publish("notices", message)


def say(redis, text):
    """Publish a notice as any program may, without saving it."""
    return publish(redis, {"author": "Anybody", "text": text})


def subscribers(redis):
    """Return how many listen to what is published."""
    with redis_py.Redis.from_url(redis.url) as client:
        return client.pubsub_numsub("notices")[0][1]


@pytest.fixture(scope="module")
def server(server, redis):
    """The server of the step under test, once it listens."""
    wait_until(lambda: subscribers(redis), "the server to subscribe to the channel 'notices'")
    return server


def shell(server, step, code):
    """Run code in a shell of the step's own, on the server's database and Redis."""
    return manage(step, "shell", "-c", code, **server.extra)


class TestStart(plain.TestStart):
    """As before."""


class TestBoard(plain.TestBoard):
    """Everything of step 1, unchanged."""


class TestStop(gevent_server.TestStop):
    """With a greenlet that listens too."""


class TestSocket(namespace.TestSocket):
    """Everything of step 3, now by way of Redis."""


class TestUser(namespace.TestUser):
    """Who somebody is, is asked per event."""


class TestWindow(namespace.TestWindow):
    """What somebody sees and does in a browser."""


def by_form(server, step, redis, text):
    """By the page's form, without JavaScript."""
    server.post("Ada", text)


def by_admin(server, step, redis, text):
    """In the admin."""
    server.save_in_admin(server.log_in(), text)


def by_shell(server, step, redis, text):
    """In a shell."""
    code = f"from notices.models import Notice; Notice.objects.create(author='Ada', text='{text}')"
    shell(server, step, code)


def by_command(server, step, redis, text):
    """By python manage.py publish."""
    manage(step, "publish", text, **server.extra)


def by_python(server, step, redis, text):
    """By any Python program that has redis-py."""
    assert say(redis, text) >= 1, "a server should have heard it"


def by_redis_cli(server, step, redis, text):
    """By redis-cli, or what stands for a program in another language."""
    message = json.dumps({"author": "redis-cli", "text": text})
    if redis_cli := shutil.which("redis-cli"):
        command = [redis_cli, "-p", str(redis.port), "PUBLISH", "notices", message]
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    else:
        publish(redis, message)


SAYERS = [by_form, by_admin, by_shell, by_command, by_python, by_redis_cli]


class TestEverySource:
    """Whoever has something to say: it is on every screen at once."""

    @pytest.mark.parametrize("say_it", SAYERS, ids=lambda each: each.__name__)
    def test_a_notice_is_on_every_screen(self, server, step, redis, visit, connect, say_it):
        """By websocket, by polling, and in a browser."""
        text = f"Said {say_it.__name__}"
        clients = [connect(server, transports=[each]) for each in ("websocket", "polling")]
        page = visit(server)
        say_it(server, step, redis, text)
        for client in clients:
            client.wait_for_notice(text)
        sees(page, text)

    def test_manage_py_publish_saves_as_well(self, server, step):
        """And takes an author."""
        manage(step, "publish", "For the record", "--author", "Desk", **server.extra)
        page = server.get("/").text
        assert "For the record" in page
        assert "Desk" in page
        assert plain.official(page, "For the record"), "who has a shell is an organiser"

    def test_manage_py_publish_refuses_what_the_form_refuses(self, server, step):
        """With a sentence."""
        with pytest.raises(AssertionError, match="at most 280 characters") as caught:
            manage(step, "publish", "y" * 281, **server.extra)
        assert "Traceback" not in str(caught.value)

    def test_a_published_notice_may_be_no_more_than_author_and_text(self, server, redis, connect):
        """The rest is made up."""
        client = connect(server)
        say(redis, "Just this")
        notice = client.wait_for_notice("Just this")
        assert notice["official"] is False
        assert notice["id"] is None
        assert re.match(r"\d{4}-\d\d-\d\dT", notice["created"])

    def test_what_is_only_published_has_no_id_to_be_mended_by(self, server, redis, visit):
        """Both are on the page, and neither is taken for the other."""
        page = visit(server)
        for text in ("Kept nowhere", "Nor this"):
            say(redis, text)
            sees(page, text)
        sees(page, "Kept nowhere")
        assert no_id_is_twice(page)

    def test_what_is_published_is_shown_as_text(self, server, redis, visit):
        """Whoever publishes it."""
        page = visit(server)
        text = "<img src=x onerror='window.broken = 1'>"
        publish(redis, {"author": "<i>Eve</i>", "text": text, "id": 99999999, "created": "<b>"})
        sees(page, text)
        assert page.locator("#notices img, #notices i, #notices b").count() == 0
        assert page.evaluate("window.broken") is None

    def test_an_edit_in_the_admin_replaces_the_notice(self, server, visit, connect):
        """Where it stands."""
        page, client = visit(server), connect(server)
        client.post("Lunch at noon")
        client.post("Coffee is ready")
        number = client.wait_for_notice("Lunch at noon")["id"]
        sees(page, "Coffee is ready")
        server.save_in_admin(server.log_in(), "Lunch at one", number)
        sees(page, "Lunch at one")
        texts = page.locator("#notices .text").all_inner_texts()
        assert texts[:2] == ["Coffee is ready", "Lunch at one"]
        assert "Lunch at noon" not in texts


class TestAfterCommit:
    """A notice is told once the database has it for good."""

    def test_what_is_rolled_back_is_not_told(self, server, step, redis, raw):
        """It was never said."""
        browser = raw(server)
        code = """
from django.db import transaction
from notices.models import Notice
with transaction.atomic():
    Notice.objects.create(author="Ada", text="Never said")
    transaction.set_rollback(True)
Notice.objects.create(author="Ada", text="Said after all")
"""
        shell(server, step, code)
        assert browser.notices_until("Said after all") == ["Said after all"]

    def test_nothing_is_told_before_the_commit(self, server, step, raw):
        """Who looks it up at once would not find it."""
        browser = raw(server)
        code = """
from django.conf import settings
from django.db import transaction
from notices.models import Notice
from redis import Redis
with transaction.atomic():
    Notice.objects.create(author="Ada", text="Saved first")
    Redis.from_url(settings.REDIS_URL).publish("notices", '{"author": "Ada", "text": "Published"}')
"""
        shell(server, step, code)
        assert browser.notices_until("Saved first") == ["Published", "Saved first"]


BAD = {
    "not JSON": "Track B starts late",
    "half of it": '{"author": "Ada", "text": "Tra',
    "not an object": '["Ada", "Track B"]',
    "nothing": "null",
    "empty": "",
    "an empty object": "{}",
    "no text": '{"author": "Ada"}',
    "no author": '{"text": "Track B"}',
    "too long": json.dumps({"author": "Ada", "text": "z" * 281}),
    "much too long": json.dumps({"author": "Ada", "text": "z" * 1_000_000}),
    "everything wrong": json.dumps({"author": "z" * 41, "text": ""}),
    "NaN": "NaN",
    "deep": '{"text": ' + "[" * 100_000,
    "deep and whole": "[" * 100_000 + "]" * 100_000,
    "not UTF-8": b'{"author": "Ada", "text": "\xff\xfe"}',
    "a null character": r'{"author": "Ada", "text": "\u0000"}',
    "a long number": "9" * 5000,
    "lines": '{\n"author":\n"Ada"\n}',
}


class TestBadMessages:
    """Anybody may publish anything: what is not a notice is skipped."""

    @pytest.mark.parametrize("name", BAD)
    def test_it_is_one_line_in_the_log_and_the_next_one_arrives(self, server, redis, raw, name):
        """The listener listens on."""
        browser = raw(server)
        before = len(server.log)
        publish(redis, BAD[name])
        publish(redis, f"the end of: {name}")
        server.wait_for_log(f"the end of: {name}")
        others = "the end of: ", "HTTP/1.1"  # A request that was answered late.
        lines = [line for line in server.log[before:] if not any(it in line for it in others)]
        assert len(lines) == 1, f"a bad message should be one line in the log: {lines}"
        assert lines[0].startswith("Skipped"), "the line should say what became of it"
        assert len(lines[0]) < 1000, "and not repeat it all"
        say(redis, f"Fine after {name}")
        assert browser.notices_until(f"Fine after {name}") == [f"Fine after {name}"]

    @pytest.mark.parametrize(
        "more",
        ['"id": NaN', '"created": NaN', '"official": NaN, "more": NaN', '"id": 1e999', '"id": {}'],
    )
    def test_odd_values_beside_the_text_do_not_reach_the_browser(self, server, redis, visit, more):
        """NaN is no JSON: a browser would close the connection."""
        page = visit(server)
        text = f"With {more}"
        publish(redis, f'{{"author": "Ada", "text": {json.dumps(text)}, {more}}}')
        sees(page, text)
        say(redis, f"After {more}")
        sees(page, f"After {more}")

    def test_a_burst_reaches_everybody_complete_and_in_order(self, server, redis, raw):
        """3000 notices, published at once."""
        browser = raw(server)
        texts = [f"Burst {number}" for number in range(3000)]
        with redis_py.Redis.from_url(redis.url) as client, client.pipeline(False) as pipeline:
            for text in texts:
                pipeline.publish("notices", json.dumps({"author": "Flood", "text": text}))
            # The server stands still meanwhile, so that all of them are there when it goes on.
            server.process.send_signal(signal.SIGSTOP)
            pipeline.execute()
            server.process.send_signal(signal.SIGCONT)
        assert browser.notices_until(texts[-1]) == texts


class TestServers:
    """One Redis, any number of servers."""

    def test_two_servers_tell_what_either_is_told(self, serve, step, server, connect):
        """On one database and one Redis."""
        other = serve(step, DATABASE_URL=server.extra["DATABASE_URL"])
        here, there = connect(server), connect(other)
        there.wait("live", lambda live: live)
        for number, (sender, receiver) in enumerate([(here, there), (there, here)]):
            sender.post(f"From server {number}")
            receiver.wait_for_notice(f"From server {number}")

    def test_one_listener_serves_all_browsers_of_a_server(self, serve, step, connect):
        """Redis has one subscriber a process, however many are connected."""
        redis, servers = Redis(), []
        try:
            for _ in range(2):
                servers.append(serve(step, REDIS_URL=redis.url))
            for _ in range(10):
                for server in servers:
                    client = connect(server, transports=["websocket"])
                    client.wait("live", lambda live: live)
            assert subscribers(redis) == 2, "a server should subscribe once"
        finally:
            for server in servers:
                server.stop()
            redis.stop()


class TestRedisGone:
    """Redis may go away and come back."""

    @pytest.fixture
    def mortal_redis(self):
        """A Redis that is stopped."""
        redis = Redis()
        yield redis
        redis.stop()

    @pytest.fixture
    def lonely(self, serve, step, mortal_redis):
        """A server on a Redis that is stopped."""
        server = serve(step, REDIS_URL=mortal_redis.url)
        yield server
        server.stop()

    def tries(self, server):
        """Return how often it has been tried to listen, in vain."""
        return sum("Not live" in line for line in list(server.log))

    def test_the_page_stays_up_and_says_so(self, lonely, mortal_redis, visit, connected):
        """And is live again by itself."""
        page = visit(lonely)
        mortal_redis.stop()
        expect(page.locator("#state")).to_have_text(NOT_LIVE)
        lonely.wait_for_log("Not live")
        assert lonely.get("/").status_code == 200
        before, began = self.tries(lonely), time.monotonic()
        wait_until(
            lambda: self.tries(lonely) > before + 5 or time.monotonic() > began + 3, "three seconds"
        )
        tried, seconds = self.tries(lonely) - before, time.monotonic() - began
        assert tried <= seconds + 2, f"In {seconds:.0f} seconds it was tried {tried} times."
        mortal_redis.start()
        connected(page)
        say(mortal_redis, "Redis is back")
        sees(page, "Redis is back")

    def test_a_notice_is_saved_all_the_same(self, lonely, mortal_redis, visit):
        """It shows when the page is reloaded, and the log says why it did not before."""
        page = visit(lonely)
        mortal_redis.stop()
        expect(page.locator("#state")).to_have_text(NOT_LIVE)
        fill(page, "Saved over the socket")
        expect(page.get_by_label("Notice")).to_have_value("")
        lonely.post("Ada", "Saved by the form")
        lonely.wait_for_log(r"Notice \d+ is saved, but no screen was told")
        page.reload()
        for text in ("Saved over the socket", "Saved by the form"):
            sees(page, text)
        mortal_redis.start()

    def test_a_server_that_starts_first_comes_live_when_redis_does(
        self, serve, step, mortal_redis, window, connected
    ):
        """In whatever order a laptop wakes up."""
        mortal_redis.stop()
        server = serve(step, REDIS_URL=mortal_redis.url)
        page = window(server.url)
        expect(page.locator("#state")).to_have_text(NOT_LIVE)
        mortal_redis.start()
        connected(page)
        say(mortal_redis, "Live at last")
        sees(page, "Live at last")
        server.stop()


class TestStillHurts:
    """A laptop that slept missed what was said."""

    def test_what_is_said_while_a_client_is_away_is_not_told_later(self, server, redis, raw):
        """Nobody remembers who has heard what."""
        before = raw(server)
        say(redis, "While it is here")
        before.notices_until("While it is here")
        before.close()
        say(redis, "While it is away")
        after = raw(server)
        say(redis, "When it is back")
        assert after.notices_until("When it is back") == ["When it is back"]

    def test_a_window_that_was_cut_off_has_to_be_reloaded(
        self, serve, step, redis, visit, connected
    ):
        """It says that it is live again, and a notice is missing."""
        server = serve(step)
        page = visit(server)
        server.stop(signal.SIGKILL)
        try:
            expect(page.locator("#state")).to_have_text(namespace.NO_CONNECTION)
            by_command(server, step, redis, "Said to a closed lid")
        finally:
            server.start()
        connected(page)
        say(redis, "Said to an open lid")
        sees(page, "Said to an open lid")
        expect(page.locator("#notices")).not_to_contain_text("Said to a closed lid")
        page.get_by_role("link", name="reload").click()
        sees(page, "Said to a closed lid")
