"""Each cure in board/guard.py is needed: without it, its test in test_guard.py fails."""

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
    "origins": ('return "not a page of this site', '0 and "', "another_sites_page and Origin"),
    "message size": ("if self.left < 0:", "if False:", "before_it_is_here"),
    "fragments": ("self.left -= length", "self.left = MAX_MESSAGE - length", "fragmented"),
    "polling size": ("def disconnect(self, sid)", "def unused(self, sid)", "polling_post_over"),
    "packets": ("engineio.packet.Packet(encoded_packet=message)", "pass", "nonsense and websocket"),
    "gone for good": ("if eio_sid in self.environ:", "if True:", "said_goodbye"),
    "one line": (
        'engineio_logger=OneLine(logging.getLogger("engineio"), {}),',
        "",
        "nonsense and polling",
    ),
    "arguments": ("inspect.signature(handler).bind(*args)", "pass", "nonsense and websocket"),
    "slow readers": ("client.queue.qsize() >= MAX_WAITING", "False", "stops_reading_is_let_go"),
    "gone": ("client.last_ping and time.time()", "0 and time.time()", "fall_silent"),
    "silence": ("sock.settimeout(MAX_SILENCE)", "pass", "without_a_word"),
    "Nagle": (
        "sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)",
        "pass",
        "second_of_two",
    ),
    "given back": ("connections.close_all()", "pass", "sqlite"),
    "turns": ("with self.turns:", "if True:", "to_postgresql"),
    "posts": (">= settings.POSTS_IN_TEN_SECONDS", "< 0", "are_limited"),
}


def run_without(name, folder, database):
    """Take one cure out of a copy of a step, run its test there, and return what pytest says."""
    code, without, test = CURES[name]
    step = shutil.copytree(STEPS[GUARDED[0]], folder / "step")
    file = step / ("notices/forms.py" if name == "posts" else "board/guard.py")
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
