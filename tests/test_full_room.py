"""A full room, one of it hostile: from step 3 on nobody notices. The cures are in board/guard.py.

What is looked at is who is answered meanwhile, what is left, and how much is sent: no seconds.
"""

import contextlib
import select
import threading
from pathlib import Path

import pytest
import requests
import test_guard as guard
from test_guard import POST, bystander, frame, works

from support import PATIENCE, STEPS

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


FLOODS = {
    "posts": pump(POST.format(1, "by websocket").encode()),
    "events that nobody handles": pump(b'42/notices,["no such event",1]'),
    "what is refused": pump(bytes(60_000), opcode=2),
    "fragments": pump(b"", opcode=9),
    "since": pump(b'42/notices,1["since","1-1"]'),
    "in and out": pump(b"40/presence,", b"41/presence,"),
    "posts by polling": poll,
    "connections": come_and_go,
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
