"""How long the tool waits for a process: for what it does, and not for the clock."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

import support
from workshop.serving import processes

# Seconds, in place of many: what hangs is found out soon.
WINDOW = 3
WORKS = "import time; end = time.process_time() + {}\nwhile time.process_time() < end: pass\n"
SLEEPS = "import time; time.sleep(600)"


@pytest.fixture
def child(monkeypatch):
    """Start Python as a child of the tool, of which PATIENCE is short."""
    monkeypatch.setattr(processes, "PATIENCE", WINDOW)
    children = []

    def start(code):
        children.append(processes.Child([sys.executable, "-c", code], log="test-processes"))
        return children[-1]

    yield start
    for each in children:
        each.end()


def test_who_works_is_waited_for(child, tmp_path):
    """Twice as long as the patience, and then it is ready."""
    ready = tmp_path / "ready"
    busy = child(WORKS.format(2 * WINDOW) + f"open({str(ready)!r}, 'w')\n{SLEEPS}")
    assert busy.wait_until(ready.exists)


def test_who_hangs_is_not(child):
    assert not child(SLEEPS).wait_until(lambda: False)


def test_who_does_a_little_now_and_then_hangs_too(child):
    """As a server does that is up, and answers somewhere else."""
    little = "import time\nwhile True:\n    time.sleep(0.1)\n    sum(range(1000))\n"
    assert not child(little).wait_until(lambda: False)


def test_who_works_for_ever_is_not_waited_for(child, monkeypatch):
    monkeypatch.setattr(processes, "ENOUGH", 2 * WINDOW)
    assert not child(WORKS.format(600)).wait_until(lambda: False)


def test_who_has_ended_is_not_waited_for(child):
    ended = child("raise SystemExit('no port')")
    with pytest.raises(processes.Problem, match=r"(?s)It did not start.*no port"):
        ended.must(lambda: False, "It")


def test_a_command_that_works_is_waited_for_and_one_that_hangs_is_ended():
    done = processes.run([sys.executable, "-c", WORKS.format(2 * WINDOW) + "print('done')"], WINDOW)
    assert done.stdout == b"done\n"
    with pytest.raises(subprocess.TimeoutExpired):
        processes.run([sys.executable, "-c", SLEEPS], WINDOW)


def test_what_a_command_has_started_works_for_it_and_ends_with_it(tmp_path):
    """As the server does that `manage.py test` starts."""
    starts = "import subprocess, sys; subprocess.run([sys.executable, '-c', {!r}]); print('done')"
    working = starts.format(WORKS.format(2 * WINDOW))
    assert processes.run([sys.executable, "-c", working], WINDOW).stdout == b"done\n"
    with pytest.raises(subprocess.TimeoutExpired):
        processes.run([sys.executable, "-c", starts.format(f"{SLEEPS}  # {tmp_path}")], WINDOW)
    for each in psutil.process_iter(["cmdline"]):
        if str(tmp_path) in " ".join(each.info["cmdline"] or ()):
            each.wait(60)  # It was killed: soon it is gone.


ENDS_LATE = """
import pathlib, signal, sys, time
def end(*_):
    time.sleep(1)
    pathlib.Path("kept").write_text("all of it")
    sys.exit()
signal.signal(signal.SIGTERM, end)
pathlib.Path("ready").touch()
time.sleep(600)
"""


@pytest.mark.skipif(os.name == "nt", reason="is ended at once there")
def test_who_is_asked_to_end_may_keep_what_it_has(child, tmp_path, monkeypatch):
    """As the slides' server does with what the room has voted."""
    monkeypatch.chdir(tmp_path)
    ending = child(ENDS_LATE)
    ending.must((tmp_path / "ready").exists, "It")
    ending.end()
    assert (tmp_path / "kept").read_text() == "all of it"


@pytest.mark.parametrize(
    ("slowness", "crowd", "hangs"), [(1, 1, True), (4, 1, False), (1, 4, False)]
)
def test_on_a_busy_machine_a_little_work_is_much(monkeypatch, slowness, crowd, hangs):
    """Whether it has been busy for a minute, or has only just become so."""
    monkeypatch.setattr(processes, "slowness", lambda: slowness)
    monkeypatch.setattr(processes, "crowd", lambda: crowd)
    assert processes.hangs(0.03, 1) is hangs


LISTENS = """
import http.server, sys
host, port = sys.argv[1].split(":")
http.server.HTTPServer((host, int(port)), None).serve_forever()
"""


def test_a_server_that_works_is_waited_for_and_one_that_hangs_is_not(tmp_path, monkeypatch):
    """As the tests start those of the steps."""
    monkeypatch.setattr(support, "TO_START", WINDOW)
    serve = tmp_path / "serve.py"
    serve.write_text(WORKS.format(2 * WINDOW) + LISTENS)
    support.Server(tmp_path).stop(signal.SIGKILL)
    serve.write_text(SLEEPS)
    with pytest.raises(support.DidNotStart):
        support.Server(tmp_path)
