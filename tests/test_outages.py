"""Step 5 when a disk or Redis is full, PostgreSQL is restarted, or no more files may be opened.

What is posted is saved or refused with a sentence, the page says which, and all goes on by itself.
"""

import contextlib
import os
import resource
import signal
import uuid

import psutil
import pytest
import redis as redis_py
import requests
from playwright.sync_api import expect
from test_03_namespace import fill, sees

from support import PATIENCE, manage
from workshop.install.programs import find_postgresql
from workshop.serving.postgresql import PostgreSQL

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a limit of one process's files")

STEP = 5
STATE = "Live, by {}."
NOT_SAVED = "Not saved yet: the database does not take it. It will be sent again."
HELD_UP = "Saved. It is on no screen yet: the server can't publish it."


@contextlib.contextmanager
def limited(server, what, number):
    """Let a server have less of something for a while."""
    process = psutil.Process(server.process.pid)
    soft, hard = process.rlimit(what)
    process.rlimit(what, (number, hard))
    try:
        yield
    finally:
        process.rlimit(what, (soft, hard))


def full_disk(server):
    """Let no file grow."""
    return limited(server, resource.RLIMIT_FSIZE, 10)


@contextlib.contextmanager
def full_redis(redis):
    """Let Redis take nothing more."""
    with redis_py.Redis.from_url(redis.url) as client:
        client.config_set("maxmemory", 1)
        try:
            yield
        finally:
            client.config_set("maxmemory", 0)


def is_to_wait(answer):
    """Tell whether an acknowledgement says that it has to be sent again."""
    problems = [problem for problems in answer.get("errors", {}).values() for problem in problems]
    return not answer["ok"] and [problem["code"] for problem in problems] == ["wait"]


def post(client, key, text):
    """Post with a key, as the page does."""
    data = {"author": "Client", "text": text, "key": key}
    return client.sio.call("post", data, namespace="/notices", timeout=PATIENCE)


class TestDisk:
    """No room on the disk of the database."""

    def test_what_is_posted_is_refused_and_can_be_sent_again(self, server, connect):
        client, key = connect(server), str(uuid.uuid4())
        with full_disk(server):
            answer = post(client, key, "No room for this")
            assert is_to_wait(answer), answer
            server.wait_for_log("Not saved: ")
        assert post(client, key, "No room for this") == {"ok": True}
        assert post(client, key, "No room for this") == {"ok": True}
        client.wait_for_notice("No room for this")
        assert server.get("/").text.count("No room for this") == 1

    def test_the_form_answers_with_a_sentence(self, server):
        """And reading goes on."""
        with full_disk(server):
            answer = server.post("Somebody", "No room for this either")
            assert answer.status_code == 503
            assert "is not saved" in answer.text
            assert server.get("/").status_code == 200
        assert "No room for this either" not in server.get("/").text
        assert server.post("Somebody", "Room for this").status_code == 200

    def test_the_page_says_so_and_sends_it_again(self, server, window, connected):
        page = window("about:blank")
        page.clock.install()
        page.goto(server.url)
        connected(page)
        with full_disk(server):
            fill(page, "Said to a full disk")
            expect(page.locator("#answer")).to_have_text(NOT_SAVED)
            expect(page.locator("#waiting")).to_contain_text("Said to a full disk")
        page.clock.fast_forward(10_000)
        sees(page, "Said to a full disk")
        expect(page.locator("#waiting li")).to_have_count(0)
        expect(page.locator("#answer")).to_have_text("")


class TestRedis:
    """No room in Redis."""

    def test_what_is_posted_is_saved_and_told_later(self, server, redis, visit, connect):
        """The page says so; who posts by the form sees it on the board."""
        page, client = visit(server), connect(server)
        with full_redis(redis):
            fill(page, "Said to a full Redis")
            expect(page.locator("#answer")).to_have_text(HELD_UP)
            assert client.post("And another one") == {"ok": True, "held_up": True}
            assert "By the form" in server.post("Somebody", "By the form").text
        for text in ("Said to a full Redis", "And another one", "By the form"):
            sees(page, text)
            client.wait_for_notice(text)
        assert client.post("Room again") == {"ok": True}


class TestPostgreSQL:
    """A database that is stopped and started again."""

    def test_nothing_is_lost(self, serve, step, connect, tmp_path):
        """What is posted meanwhile has to be sent again; a page is a sentence so long."""
        if find_postgresql("initdb") is None:
            pytest.skip("no PostgreSQL: apt install postgresql")
        database = PostgreSQL()
        database.start()
        try:
            manage(step, "migrate", "--verbosity=0", DATABASE_URL=database.url)
            server = serve(step, DATABASE_URL=database.url)
            client = connect(server)
            assert client.post("Before") == {"ok": True}
            key = str(uuid.uuid4())
            database.kill(signal.SIGQUIT)
            assert is_to_wait(post(client, key, "Meanwhile"))
            answer = server.get("/")
            assert answer.status_code == 503
            assert "does not answer" in answer.text
            database.start()
            assert post(client, key, "Meanwhile")["ok"]  # It may still be said to be held up.
            assert client.post("Afterwards")["ok"]
            for text in ("Before", "Meanwhile", "Afterwards"):
                client.wait_for_notice(text)
            page = server.get("/").text
            assert [page.count(text) for text in ("Before", "Meanwhile", "Afterwards")] == [1] * 3
            assert not server.tracebacks()
        finally:
            database.end()


class TestFiles:
    """No file and no connection more may be opened."""

    def test_who_is_connected_stays_and_others_come_when_there_is_room(
        self, serve, step, connect, raw
    ):
        server = serve(step)
        client = connect(server)
        assert client.post("Before")["ok"]  # Django imports its cache only now: from a file.
        process = psutil.Process(server.process.pid)
        # A connection takes a file, and so do the database and what a post is published on.
        with limited(server, resource.RLIMIT_NOFILE, process.num_fds()):
            answers = [client.post(f"Number {number}") for number in range(3)]
            assert all(answer["ok"] or is_to_wait(answer) for answer in answers), answers
            with contextlib.suppress(requests.RequestException):
                requests.get(server.url, timeout=0.5)  # which has to wait
        assert client.post("Room again")["ok"]
        client.wait_for_notice("Room again")
        assert server.get("/").status_code == 200
        raw(server)
        # gevent reports once a second that it could let nobody in.
        server.log[:] = [line for line in server.log if "Traceback" not in line]
