"""Step 2: the same site, served by gevent; the Socket.IO server in front has nothing to do yet."""

import re
import signal
import socket
import subprocess
import sys
import time

import pytest
import test_01_plain_django as plain

from support import PATIENCE, environment, free_port, wait_until

STEP = 2
FILES = [*plain.FILES, "serve.py"]


class TestStart(plain.TestStart):
    """As in step 1, now by python serve.py."""


class TestBoard(plain.TestBoard):
    """Everything of step 1, unchanged."""


class TestWindow(plain.TestWindow):
    """In a browser too; what is None is about the template and the style, which are step 1's."""

    test_the_field_that_the_keyboard_writes_in_is_marked = None
    test_a_screen_reader_finds_its_way = None
    test_nothing_is_wider_than_the_screen = None


class TestSettings(plain.TestSettings):
    """And its settings."""

    def test_without_debug_static_files_are_served_all_the_same(self, public):
        """serve.py does it itself."""
        answer = public.get("/static/notices/board.css")
        assert answer.status_code == 200, "serve.py should serve static files: StaticFilesHandler"


def ask(server, path):
    """Send a request, and return the connection on which the answer will come."""
    connection = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    host = f"Host: 127.0.0.1:{server.port}\r\nConnection: close"
    connection.sendall(f"GET {path} HTTP/1.1\r\n{host}\r\n\r\n".encode())
    return connection


def answer(connection):
    """Wait for the answer, and return all of it."""
    with connection, connection.makefile("rb") as stream:
        return stream.read().decode()


def serve_py(step, *arguments):
    """Run serve.py with arguments that it should refuse; return what it printed, and its code."""
    done = subprocess.run(
        [sys.executable, "serve.py", *arguments],
        cwd=step,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return done.stdout + done.stderr, done.returncode


class TestServer:
    """What serve.py has to do beside answering."""

    def test_it_says_where_it_is(self, server):
        """The first line is what to open in a browser."""
        server.wait_for_log(re.escape(f"{server.url}/"))

    def test_requests_are_logged(self, server):
        """One line a request, as runserver does."""
        server.get("/?find=me")
        server.wait_for_log(r"GET /\?find=me HTTP/1.1.* 200 ")

    def test_the_socketio_server_answers(self, server, raw):
        """Engine.IO's handshake, by websocket."""
        raw(server, namespace=None)

    def test_the_socketio_server_answers_by_polling(self, server):
        """The same by polling."""
        answer = server.get("/socket.io/?EIO=4&transport=polling")
        assert answer.text.startswith('0{"sid":'), "serve.py should have socketio.WSGIApp"


class TestStop:
    """Ctrl-C, and what a service manager sends."""

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
    def test_it_stops_cleanly_though_sockets_are_open(self, serve, step, raw, number):
        """Exit code 0, no traceback."""
        server = serve(step)
        raw(server, namespace=None)
        server.get("/socket.io/?EIO=4&transport=polling")
        with ask(server, "/slow/"), ask(server, "/"):
            server.wait_for_log("GET / HTTP")
            code = server.stop(number)
        assert code is not None, f"{number.name} did not end it"
        assert code == 0, f"{number.name} should end it with exit code 0: gevent.signal_handler"
        assert server.tracebacks() == [], "it should end without a traceback"


STARTS_SLOWLY = """
from gevent import monkey
monkey.patch_all()
import runpy, sys, gevent
from gevent.pywsgi import WSGIServer
plain = WSGIServer.update_environ
def slow(self):  # It may ask the network for this machine's name.
    print("starting", flush=True)
    gevent.sleep(3)
    plain(self)
WSGIServer.update_environ = slow
sys.argv[0] = "serve.py"
runpy.run_path("serve.py", run_name="__main__")
"""


def test_a_signal_while_it_starts_ends_it_without_a_traceback(step):
    """What a service manager sends, or a tool that restarts it at each save."""
    command = [sys.executable, "-c", STARTS_SLOWLY, f"127.0.0.1:{free_port()}"]
    options = {"cwd": step, "env": environment(), "text": True}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options
    ) as process:
        assert process.stdout.readline() == "starting\n"
        process.terminate()
        said, _ = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in said


class TestAddress:
    """Where serve.py listens."""

    def test_a_port_that_is_taken_is_a_sentence(self, server, step):
        """With what to do."""
        printed, code = serve_py(step, f"127.0.0.1:{server.port}")
        assert code != 0
        assert "already in use" in printed
        assert f"python serve.py {server.port + 1}" in printed, "it should say what to type"
        assert "Traceback" not in printed, "a taken port should be a sentence, not a traceback"

    @pytest.mark.parametrize("argument", ["abc", "127.0.0.1:", "99999"])
    def test_an_argument_that_is_no_port_is_a_sentence(self, step, argument):
        """With an example."""
        printed, code = serve_py(step, argument)
        assert code != 0
        assert "python serve.py" in printed, "it should say what to type"
        assert "Traceback" not in printed, "a wrong argument should be a sentence, not a traceback"

    def test_only_this_machine_reaches_it(self, step, database):
        """Unless one says otherwise: python serve.py PORT listens on loopback."""
        port = free_port()
        process = subprocess.Popen(
            [sys.executable, "serve.py", str(port)],
            cwd=step,
            env=environment(DATABASE_URL=database.copy()),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            first = process.stdout.readline()
            assert f"http://127.0.0.1:{port}/" in first
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
            # A server that listens on every address of the machine has this one too.
            with pytest.raises(OSError, match=r"refused|reach|assign|timed out"):
                socket.create_connection(("127.0.0.2", port), PATIENCE)
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


class TestGreenlets:
    """The boring stuff, one greenlet a request."""

    def test_a_hundred_slow_requests_are_answered_at_once_on_one_thread(self, server):
        """And everybody else is answered meanwhile."""
        began = time.monotonic()
        slow = [ask(server, "/slow/") for _ in range(100)]
        assert server.get("/").status_code == 200
        for connection in slow:
            connection.setblocking(False)
            if time.monotonic() < began + 5:  # On a machine that stood still it may be there.
                with pytest.raises(BlockingIOError):
                    connection.recv(1)
            connection.settimeout(PATIENCE)
        # One after the other, they would take more than eight minutes.
        bodies = [answer(connection).partition("\r\n\r\n")[2] for connection in slow]
        assert len(set(bodies)) == 1, "they should all be on the same thread"
        assert re.search(r"5 seconds on thread \d+", bodies[0])

    @pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="Windows has no SIGUSR1")
    def test_sigusr1_shows_where_each_greenlet_is(self, server):
        """Greenlets are easy to debug: a request that waits can be seen."""
        with ask(server, "/slow/"):

            def seen():
                server.process.send_signal(signal.SIGUSR1)
                return any(re.search(r"views\.py.* in slow", line) for line in server.log)

            wait_until(seen, "the greenlet in slow() of views.py among the stacks")


class TestStillHurts(plain.TestStillHurts):
    """As in step 1: nobody talks to the Socket.IO server yet."""

    @pytest.mark.parametrize("namespace", ["/notices", "/presence"])
    def test_there_is_no_namespace_yet(self, server, raw, namespace):
        """The Socket.IO server knows nothing of the board."""
        browser = raw(server, namespace=None)
        browser.say(f"40{namespace},")
        assert browser.wait("4").startswith(f"44{namespace},"), "it should refuse to connect"
