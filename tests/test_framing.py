"""A step that the tool serves may be shown in a frame by slides and notebooks of this machine."""

import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

from support import FRAMED, PATIENCE, STEPS
from workshop.base.steps import Step
from workshop.show.run import Site

STEP = 1


@pytest.fixture(scope="module")
def server(serve, step):
    """A step as the tool serves it."""
    return serve(step, **FRAMED)


def test_the_tool_serves_a_step_so(step):
    environment = Site(Step(step), "127.0.0.1", 8000, threading.Event()).environment
    assert environment.items() >= FRAMED.items()


class Slide(BaseHTTPRequestHandler):
    """A page with one frame, in which is what its own address has after the first slash."""

    def do_GET(self):
        """Answer with that page."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(f'<iframe src="{self.path[1:]}"></iframe>'.encode())

    def log_message(self, *arguments):
        """Print nothing."""


class TestFrames:
    """Slides and notebooks on this machine may show the page in a frame, and nobody else."""

    @pytest.fixture(scope="class")
    @classmethod
    def slides(cls):
        """The port of a server that frames whatever it is asked for."""
        with ThreadingHTTPServer(("127.0.0.1", 0), Slide) as server:
            threading.Thread(target=server.serve_forever, args=[0.02]).start()
            yield server.server_port
            server.shutdown()

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
    def test_a_page_of_this_machine_shows_it(self, server, slides, window, host):
        """And one can post in it, if both have one name: a frame of another site has no cookies."""
        page = window(f"http://{host}:{slides}/http://{host}:{server.port}/")
        board = page.frame_locator("iframe")
        board.get_by_label("Your name").fill("Grace")
        board.get_by_label("Notice").fill(f"Posted in a frame on {host}")
        board.get_by_role("button", name="Post").click()
        expect(board.locator("#notices")).to_contain_text(f"Posted in a frame on {host}")

    def test_a_page_of_another_site_does_not(self, server, slides, window):
        """Not even of one whose name, as this one's, leads to this machine."""
        page = window(f"http://evil.localhost:{slides}/{server.url}/")
        page.frames[1].wait_for_url("chrome-error:**")
        assert page.frames[1].get_by_role("heading", name="Notice board").count() == 0

    @pytest.mark.parametrize("path", ["/", "/admin/login/", "/missing/"])
    def test_every_page_says_who_may(self, server, path):
        """The admin's too; to a browser that is too old to know the policy: nobody."""
        headers = server.get(path).headers
        mine = "'self' http://localhost:* http://127.0.0.1:*"
        assert headers["Content-Security-Policy"] == f"frame-ancestors {mine}"
        assert headers["X-Frame-Options"] == "DENY"

    def test_who_may_frame_the_pages_is_a_setting(self, serve, step):
        """Of a board that is on the network, its slides are too: FRAME_ANCESTORS."""
        public = serve(step, **FRAMED, FRAME_ANCESTORS="https://slides.example")
        policy = public.get("/").headers["Content-Security-Policy"]
        assert policy == "frame-ancestors https://slides.example"

    def test_a_step_that_the_tool_does_not_serve_is_in_no_frame(self, serve, step):
        """It knows nothing of slides: X-Frame-Options says what Django says."""
        headers = serve(step).get("/").headers
        assert "Content-Security-Policy" not in headers
        assert headers["X-Frame-Options"] == "DENY"


class TestStacks:
    """The tool, and nobody else, is told where a step's greenlets are."""

    @pytest.fixture(scope="class")
    @classmethod
    def fast(cls, serve):
        """Step 7, which hides from Python's garbage collector what is there from the start."""
        return serve(STEPS[7], **FRAMED, STACKS_TOKEN="only-for-tests")

    def ask(self, server, token):
        """Ask with a token."""
        return server.get("/", headers={"X-Stacks-Token": token}).text

    def test_what_is_hidden_is_said(self, fast):
        """And what came later is shown: a connection of which the server waits for a request."""
        with socket.create_connection(("127.0.0.1", fast.port), PATIENCE):
            said = self.ask(fast, "only-for-tests")
        assert "gc.freeze()" in said
        assert re.search(r"board/guard.py:\d+ in handle_one_request\n", said), said

    @pytest.mark.parametrize("token", ["", "only-for-test", "only-for-tests2", b"\xff"])
    def test_who_does_not_know_the_token_is_told_nothing(self, fast, token):
        """The page is as for anybody."""
        assert "Notice board" in self.ask(fast, token)

    def test_without_a_token_nobody_is(self, server):
        """Not who sends an empty one either."""
        assert "Notice board" in self.ask(server, "")
