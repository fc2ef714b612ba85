"""Each cure in board/guard.py is needed: without it, a test of the guard or a full room fails."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from test_guard import GUARDED

from support import ROOT, STEPS

# What the cure is: a piece of the code, what stands there without it, and the test that notices.
CURES = {
    "left while it waited": (
        "if eio_sid not in self.environ:",
        "if False:",
        "waits_to_be_let_in",
    ),
    "forged connect": (
        'case ["connect" | "disconnect", *_]',
        'case ["disconnect", *_]',
        "on_connect",
    ),
    "forged disconnect": (
        'case ["connect" | "disconnect", *_]',
        'case ["connect", *_]',
        "presence_by",
    ),
    "event names": ("case [str(), *_]", "case [_, *_]", "nonsense and websocket"),
    "surrogates": (
        "self.json.dumps(self.data, ensure_ascii=False).encode()",
        "pass",
        "nonsense and websocket",
    ),
    "binary": ("if self.packet_type not in (", "if self.packet_type not in (5, 6,", "announced"),
    "hosts": ("except DisallowedHost:", "except ZeroDivisionError:", "another_sites_page and Host"),
    "origins": (
        'return "400 Bad Request", "not a page of this site',
        '0 and "',
        "another_sites_page and Origin",
    ),
    "message size": ("if self.left < 0:", "if False:", "before_it_is_here"),
    "fragments": ("self.left -= length", "self.left = MAX_MESSAGE - length", "fragmented"),
    "polling size": ("def disconnect(self, sid)", "def unused(self, sid)", "polling_post_over"),
    "packets": ("engineio.packet.Packet(encoded_packet=message)", "pass", "nonsense and websocket"),
    "gone for good": (
        """        if environ is None:
            return  #""",
        "        environ = environ or {}  #",
        "said_goodbye",
    ),
    "one line": (
        '"engineio_logger": OneLine(logging.getLogger("engineio"), {}),',
        "",
        "nonsense and polling",
    ),
    "arguments": ("signature_of(handler).bind(*args)", "pass", "nonsense and websocket"),
    "slow readers": ("client.queue.qsize() >= MAX_WAITING", "False", "stops_reading_is_let_go"),
    "gone": ("return not self.closed", "return super().check_ping_timeout()", "fall_silent"),
    "waits for a turn": ("client.heard and silence", "False and silence", "not_silent"),
    "silence": ("sock.settimeout(MAX_SILENCE)", "pass", "without_a_word"),
    "Nagle": (
        "sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)",
        "pass",
        "second_of_two",
    ),
    "given back": ("connections.close_all()", "pass", "sqlite"),
    "turns": ("with self.turns:", "if True:", "to_postgresql"),
    "posts": ("cache.incr(key) > most", "cache.incr(key) < 0", "are_limited"),
    "names": (
        'COOKIE, f"nameless-{address}"',
        'COOKIE + "s", f"nameless-{address}"',
        "room_behind",
    ),
    "addresses": ("or is_over(address, 50 * most)", "", "script_that_asks"),
    "turns of messages": (
        """        finally:
            # What lies ready is read without waiting, and nobody else would get a turn.
            gevent.sleep(0)""",
        "        finally:\n            pass",
        "meanwhile and nobody",
    ),
    "one at a time": ('"async_handlers": False', '"async_handlers": True', "in_its_order"),
    "turns of requests": (
        "gevent.sleep(0.001)",
        "pass",
        "meanwhile and pipelined",
    ),
    "nonsense": ('if environ["refused"] >= MAX_REFUSED:', "if False:", "goes_on"),
    "unmasking": ("geventwebsocket.websocket.Header.unmask_payload = unmask", "", "as_a_whole"),
    "arrivals": (
        "gevent.spawn_later(1, self.emit_count)",
        "self.emit_count()",
        "arrive_at_once",
    ),
    "leavings": ("def basic_disconnect", "def unused", "leaves_is_looked_for"),
    "gone at once": ("self.timer.close()", "pass", "kept_of_who"),
    "another second": ("in silent & suspects", "in silent", "fall_silent"),
    "heads": ("MAX_HEAD, TimeoutError", "None, TimeoutError", "head_that_never"),
    "bodies": ("MAX_BODY, TimeoutError", "None, TimeoutError", "body_that_never"),
    "large bodies": ("if (self.content_length or 0) <= most:", "if True:", "too_large"),
    "pings": ("PING_EVERY, MAX_PONG = 5, 8", "PING_EVERY, MAX_PONG = 25, 20", "within_15"),
    "new connections": ('[*headers, ("Connection", "close")]', "headers", "within_15"),
    "ways out": ('if ".." in path', 'if "..." in path', "way_out"),
    "keys": (
        "except ValueError as error:\n            status",
        "except KeyError as error:\n            status",
        "broken_websocket_key",
    ),
    "files": ("        raise_limit_of_files()", "        pass", "as_many_connections_as"),
}
ELSEWHERE = {
    "posts": "notices/post_limit.py",
    "names": "notices/post_limit.py",
    "addresses": "notices/post_limit.py",
    "arrivals": "notices/namespaces.py",
}


def run_without(name, folder, database):
    """Take one cure out of a copy of a step, run its test there, and return what pytest says."""
    code, without, test = CURES[name]
    step = shutil.copytree(STEPS[GUARDED[0]], folder / "step")
    file = step / ELSEWHERE.get(name, "board/guard.py")
    text = file.read_text()
    assert text.count(code) == 1, f"{code!r} has to be in {file.name}, once"
    file.write_text(text.replace(code, without))
    options = ["-p", "no:cacheprovider", "-x", "--tb=short", "-q", "--dir", step]
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *options,
            "tests/test_guard.py",
            "tests/test_full_room.py",
            "-k",
            f"step{GUARDED[0]} and {test}",
        ],
        cwd=ROOT,
        env=os.environ | {"PATIENCE": "3", "TEMPLATE_DATABASE": str(database.template)},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory, database):
    """All of them, two at a time: most of it is waiting."""
    with ThreadPoolExecutor(2) as pool:
        yield {
            name: pool.submit(run_without, name, tmp_path_factory.mktemp("without"), database)
            for name in CURES
        }


@pytest.mark.parametrize("name", CURES)
def test_without_its_cure_the_test_fails(runs, name):
    run = runs[name].result()
    assert run.returncode == 1, run.stdout + run.stderr
    assert "the server ended" not in run.stdout, run.stdout
    assert " deselected" in run.stdout
