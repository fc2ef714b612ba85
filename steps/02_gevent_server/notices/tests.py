"""What the board promises, each promise in the smallest test that would notice."""

import os
import select
import socket
import subprocess
import sys
import tempfile
from urllib.parse import urlsplit
from urllib.request import urlopen

from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import SimpleTestCase, TestCase

from .forms import NoticeForm
from .models import Notice

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


def free_port():
    """Return a port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class ServerTests(SimpleTestCase):
    """The real server: a program of its own, with a database of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        environment = os.environ | {"DATABASE_URL": f"sqlite:///{folder}/board.sqlite3"}
        log = cls.enterClassContext(open(settings.BASE_DIR / "tests.log", "w"))
        cls.options = {"cwd": settings.BASE_DIR, "env": environment, "stderr": log}
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

    def test_the_socket_io_server_is_there(self):
        answer = urlopen(f"{self.url}socket.io/?EIO=4&transport=polling", timeout=PATIENCE).read()
        self.assertIn(b'"upgrades":["websocket"]', answer)
