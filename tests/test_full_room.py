"""A full room, one of it hostile: from step 3 on nobody notices. The cures are in board/guard.py.

What is looked at is who is answered meanwhile, what is left, and how much is sent: no seconds.
"""

import contextlib
import json
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import requests
import test_guard as guard
from test_guard import POST, SOCKET_IO, bystander, frame, works

from support import PATIENCE, STEPS, environment, patch, wait_until

__all__ = ["bystander"]  # a fixture

GUARDED = guard.GUARDED


@pytest.fixture(scope="module", params=GUARDED, ids=lambda number: f"step{number}")
def step(request):
    """A step that has the guard, or the folder that --dir names."""
    return Path(request.config.getoption("--dir") or STEPS[request.param])


# Floods: each takes a server, does something harmful in a circle until it is told to end, and calls
# went() each time.


def pump(*packets, opcode=1):
    """Return a flood that says packets by websocket, and comes back when it is hung up on."""

    def flood(server, ended, went):
        data = b"".join(frame(packet, opcode) for packet in packets)
        data *= max(1, 60_000 // len(data))
        while not ended.is_set():
            browser = guard.raw_websocket(server)
            at = 0
            with contextlib.suppress(OSError):
                while not ended.is_set():
                    readable, writable, _ = select.select([browser], [browser], [], 0.1)
                    # What it is told is read, or it would be let go for that.
                    if readable and not browser.recv(1_000_000):
                        break
                    if writable:
                        at = (at + browser.send(data[at:])) % len(data)
                        went()
            browser.close()

    return flood


def poll(server, ended, went):
    """Post by polling, sixteen at a time, which is as much as the library takes at once."""
    with requests.Session() as session:
        while not ended.is_set():
            url = guard.poll(server, session)
            session.post(url, "40/notices,", timeout=PATIENCE)
            posts = "\x1e".join([POST.format("", "by polling")] * 16)
            while not ended.is_set() and session.post(url, posts, timeout=PATIENCE).ok:
                went()


def come_and_go(server, ended, went):
    """Connect to both namespaces and vanish."""
    while not ended.is_set():
        browser = guard.raw_websocket(server)
        browser.sendall(frame(b"40/notices,") + frame(b"40/presence,"))
        browser.close()
        went()


def pipeline(server, ended, went):
    """Ask for the page again and again on one connection, without waiting for an answer."""
    requests = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000
    at = 0
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as browser:
        while not ended.is_set():
            readable, writable, _ = select.select([browser], [browser], [], 0.1)
            if readable:
                browser.recv(1_000_000)
            if writable:
                at = (at + browser.send(requests[at:])) % len(requests)
                went()
            else:
                ended.wait(0.01)  # The server has more than it can do.


FLOODS = {
    "posts": pump(POST.format(1, "by websocket").encode()),
    "events that nobody handles": pump(b'42/notices,["no such event",1]'),
    "what is refused": pump(bytes(60_000), opcode=2),
    "fragments": pump(b"", opcode=9),
    "since": pump(b'42/notices,1["since","1-1"]'),
    "in and out": pump(b"40/presence,", b"41/presence,"),
    "posts by polling": poll,
    "connections": come_and_go,
    "pipelined requests": pipeline,
}


@contextlib.contextmanager
def under(flood, server):
    """Be under a flood."""
    ended, begun = threading.Event(), threading.Event()
    thread = threading.Thread(target=flood, args=[server, ended, begun.set], daemon=True)
    thread.start()
    try:
        assert begun.wait(PATIENCE)
        yield thread
        assert thread.is_alive()
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("flood", FLOODS)
def test_whoever_says_something_meanwhile_is_answered(server, raw, flood):
    """Again and again: without the cures the flood's greenlet goes on until the flood ends."""
    browser = raw(server)
    before = server.memory()
    with under(FLOODS[flood], server):
        for number in range(10):
            assert works(browser, f"{flood} {number}")
            assert server.get("/").status_code == 200
    assert server.memory() - before < 20, "MB"
    assert not server.tracebacks()


def test_what_a_browser_says_is_done_in_its_order(server, raw):
    """A notice waits for Redis, and what is refused waits for nothing: it is answered second."""
    browser = raw(server)
    numbers = range(1, 21)
    for number in numbers:
        text = "This is taken" if number % 2 else ""
        browser.say(POST.format(number, text))
    answers = [browser.wait("43/notices,").partition("[")[0] for _ in numbers]
    assert answers == [f"43/notices,{number}" for number in numbers]


def test_who_goes_on_with_what_is_refused_is_let_go(server, bystander, raw):
    """By websocket; a few mistakes are forgiven."""
    browser = raw(server)
    for _ in range(99):
        browser.say("49")
    assert works(browser, "after 99 mistakes")
    browser.say("49")
    assert browser.closed()
    server.wait_for_log("goes on with what is refused")


def test_who_goes_on_by_polling_with_what_is_refused_is_let_go(server, bystander):
    with requests.Session() as session:
        url = guard.poll(server, session)
        answers = [
            session.post(url, "\x1e".join(["49"] * 16), timeout=PATIENCE).status_code
            for _ in range(8)
        ]
    assert answers[:6] == [200] * 6, "96 mistakes"
    assert answers[-1] == 400, "the session is over"


UNMASK = """
import os
from board import guard
from geventwebsocket.websocket import Header
header = Header(length=0)
for length in (1, 2, 3, 4, 5, 1000, 60001):
    header.mask, payload = os.urandom(4), os.urandom(length)
    masked = bytes(byte ^ header.mask[at % 4] for at, byte in enumerate(payload))
    assert header.unmask_payload(masked) == payload
calls = []
import sys
sys.setprofile(lambda frame, event, arg: calls.append(event))
lines = []
sys.settrace(lambda frame, event, arg: lambda frame, event, arg: lines.append(event))
header.unmask_payload(masked)
sys.settrace(None)
print(len(lines) < 20)
"""


def test_a_message_is_unmasked_as_a_whole(step):
    """Byte by byte 60 kB would take 7 ms, in which nobody has a turn."""
    settings = environment(DJANGO_SETTINGS_MODULE="board.settings", PYTHONPATH=str(step))
    command = [sys.executable, "-c", UNMASK]
    assert subprocess.check_output(command, cwd=step, env=settings, text=True) == "True\n"


# Who posts how much


def post_until_refused(server, most, session=None, **options):
    """Post by the form until it is too much, and return how many posts were taken."""
    for number in range(most):
        if "wait ten seconds" in server.post("Somebody", f"post {number}", session).text:
            return number
    return most


def test_a_room_behind_one_address_can_post(serve, step):
    """Each browser has a limit of its own, by a cookie that the server has signed."""
    server = serve(step, POSTS_IN_TEN_SECONDS="2")
    # Twice as many where ten seconds end meanwhile.
    assert 2 <= post_until_refused(server, 10, requests.Session()) <= 4
    assert [post_until_refused(server, 1, requests.Session()) for _ in range(10)] == [1] * 10
    forged = requests.Session()
    forged.get(server.url)
    tried = 0
    for number in range(10):
        forged.cookies.set("browser", f"made-up-{number}:x")
        tried += post_until_refused(server, 1, forged)
    assert tried <= 5, "who makes up a name has none"


def test_a_script_that_asks_for_a_new_name_each_time_is_stopped(serve, step, tmp_path):
    """By the limit of its address, which is fifty times as large."""
    # Longer than ten seconds: this machine may be slow.
    slow = patch(step, tmp_path, "notices/post_limit.py", WINDOW=10**9)
    server = serve(slow, POSTS_IN_TEN_SECONDS="1")
    taken = [post_until_refused(server, 1, requests.Session()) for _ in range(51)]
    assert taken == [1] * 50 + [0]


# Arrivals


def test_many_who_arrive_at_once_are_few_packets_for_each(serve, step, raw):
    """N² packets would be an outage: each arrival told to everybody who is here."""
    server = serve(step)
    browsers = [raw(server, None) for _ in range(60)]
    server.process.send_signal(signal.SIGSTOP)
    for browser in browsers:
        browser.say("40/presence,")
    server.process.send_signal(signal.SIGCONT)
    heard = []
    for browser in browsers:
        while not heard or not heard[-1].endswith("60]"):
            heard.append(browser.wait("42/presence,"))
        heard.append("")
    assert len(heard) - 60 < 10 * 60, "packets; 1830 where each arrival is told"


ROOMS = """
import django
django.setup()
from board.guard import Manager, Server
class Rooms(dict):
    def copy(self):
        raise AssertionError("looked into everybody's rooms")
manager = Server().manager
for name in ("one", "other"):
    manager.connect(name, "/notices")
mine = manager.sid_from_eio_sid("one", "/notices")
manager.enter_room(mine, "/notices", "caught up")
manager.rooms["/notices"] = Rooms(manager.rooms["/notices"])
manager.pre_disconnect(mine, "/notices")
manager.disconnect(mine, "/notices")
left = {room: list(who) for room, who in manager.rooms["/notices"].items()}
print(len(left), mine in str(left), manager.is_connected(mine, "/notices"), manager.own.keys())
"""


def test_who_leaves_is_looked_for_in_no_other_rooms_than_its_own(step):
    """Each browser has a room of its own: a thousand that leave would be a million looks."""
    settings = environment(DJANGO_SETTINGS_MODULE="board.settings", PYTHONPATH=str(step))
    command = [sys.executable, "-c", ROOMS]
    said = subprocess.check_output(command, cwd=step, env=settings, text=True)
    assert said.startswith("2 False False "), "the other one is in its own room, and in all"


GONE = """
import gc, weakref
import serve
import engineio.socket
engine = serve.sio.eio
browser = engine.sockets["one"] = engineio.socket.Socket(engine, "one")
browser.schedule_ping()
gone = weakref.ref(browser)
browser.close(wait=False, abort=True)
del browser
gc.collect()
print("kept" if gone() or engine.sockets else "nothing is kept")
"""


def test_nothing_is_kept_of_who_has_gone(step):
    """Not until its next ping would be due: a circle of arrivals would fill the memory."""
    settings = environment(DJANGO_SETTINGS_MODULE="board.settings", PYTHONPATH=str(step))
    command = [sys.executable, "-c", GONE]
    said = subprocess.check_output(command, cwd=step, env=settings, text=True)
    assert said == "nothing is kept\n"


def test_a_greenlet_of_a_browser_ends_with_it(serve, step, raw):
    server = serve(step)

    def greenlets():
        lines = len(server.log)
        server.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: any("* Greenlets" in line for line in server.log[lines:]), "the stacks")
        server.get("/after-the-stacks/")
        wait_until(
            lambda: any("after-the-stacks" in line for line in server.log[lines:]), "the stacks"
        )
        return sum("+--- <" in line for line in server.log[lines:])

    for _ in range(50):
        raw(server).close()
    # The server has less than ten of its own.
    wait_until(lambda: greenlets() < 25, "their greenlets to end")


# Who takes their time


@pytest.fixture(scope="module")
def impatient(serve, step, tmp_path_factory):
    """A server that waits no longer than a second for a request."""
    folder = tmp_path_factory.mktemp("impatient")
    return serve(patch(step, folder, MAX_HEAD=1, MAX_BODY=1))


def never_ends(server, beginning, drip):
    """Begin a request, go on byte by byte until the server hangs up, and return what it said."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as browser:
        browser.sendall(beginning)
        end = time.monotonic() + PATIENCE
        while not select.select([browser], [], [], 0.1)[0]:
            assert time.monotonic() < end, "the server waits for ever"
            with contextlib.suppress(OSError):
                browser.sendall(drip)
        with contextlib.suppress(ConnectionResetError):
            return browser.recv(1000)
    return b""


def test_a_head_that_never_ends_is_not_waited_for(impatient):
    """Neither of a first request, nor of a second one on the same connection."""
    assert never_ends(impatient, b"GET / HT", b"T") == b""
    assert b" 400 " in never_ends(impatient, b"GET / HTTP/1.1\r\nHost: ", b"x")
    assert not impatient.tracebacks()


def test_a_body_that_never_ends_is_not_waited_for(impatient):
    """Of the form, and of a message by polling."""
    for path in ("/", guard.poll(impatient).partition(str(impatient.port))[2]):
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
        assert b" 408 " in never_ends(impatient, head.encode(), b"x")
    assert not impatient.tracebacks()


def test_a_body_that_is_too_large_is_not_read(server, bystander):
    """More than Django would take."""
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as browser:
        browser.sendall(head)
        assert b" 413 " in browser.recv(1000)


def test_silence_is_noticed_within_15_seconds(server):
    """By a browser: so long after the server's last ping it begins anew."""
    answer = server.get(f"{SOCKET_IO}polling")
    hello = json.loads(answer.text[1:])
    assert hello["pingInterval"] + hello["pingTimeout"] <= 15_000
    assert answer.headers["Connection"] == "close", "what it begins anew is a new connection"


# Ways out


@pytest.mark.parametrize(
    "path",
    [
        *["/static/../board/settings.py", "/static/%2e%2e/board/settings.py"],
        *["/static/..%2fboard/settings.py", "/static/..%5cboard%5csettings.py"],
        *["/static/notices/../../secret_key.txt", "/static//etc/passwd", "/static/%2fetc/passwd"],
        *["/static/socket.io/../../package.json", "/static/..", "/static/%00", "/static/%ff"],
        *["/../board/settings.py", "/admin/../x"],
    ],
)
def test_a_way_out_of_the_site_is_not_found(server, bystander, path):
    """With one line in the log."""
    lines = len(server.log)
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as browser:
        browser.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert browser.recv(1000).startswith(b"HTTP/1.1 404 ")
    server.wait_for_log(re.escape(f"GET {path} HTTP"))
    assert len([line for line in server.log[lines:] if path in line]) == 1
    assert not server.tracebacks()


@pytest.mark.parametrize("key", [b"x", b"AAAA", b"A" * 21, b"!" * 24, b"\xff\xfe", b""])
def test_a_broken_websocket_key_is_a_bad_request(server, bystander, key):
    headers = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    request = f"GET {SOCKET_IO}websocket HTTP/1.1\r\nHost: localhost\r\n".encode() + headers
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as browser:
        browser.sendall(request + b"Sec-WebSocket-Key: " + key + b"\r\n\r\n")
        assert browser.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_it_may_have_as_many_connections_as_the_system_lets_it(serve, step):
    """And not 1024, with which many systems begin."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        server = serve(step)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    now, _ = psutil.Process(server.process.pid).rlimit(resource.RLIMIT_NOFILE)
    assert now >= min(hard, 60_000)
