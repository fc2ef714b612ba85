"""`check --watch` in a room: what it asks, what it tells, what it shows; and `help`."""

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import requests
from test_attendees import POINTS, Attendee, Leader
from test_check import SEEN, Watch

from support import PATIENCE, ROOT, STEPS, Server, free_port, wait_until
from workshop.base.paths import STATE
from workshop.base.steps import find
from workshop.learn import joining

pytestmark = pytest.mark.skipif(os.name == "nt", reason="has no pseudo-terminals")
TOKEN = "only-for-tests"
HINT = "event name"  # for the typo


class Room(Server):
    """The room's server."""

    def command(self):
        """Return what Python is to run, with the address after it."""
        return ["-m", "workshop.talk.server"]


@pytest.fixture
def watch():
    """Watch a folder in a terminal."""
    with contextlib.ExitStack() as stack:

        def start(*arguments, **env):
            watching = Watch(*arguments, **env)
            stack.callback(watching.end)
            return watching

        yield start


@pytest.fixture
def room(serve, tmp_path):
    """A room without slides."""
    there = {"HALL": "yes", "ROOM": "http://a.hall", "ROOM_MEMBERS": str(tmp_path / "members.json")}
    return serve(ROOT, Room, TOKEN=TOKEN, PYTHONPATH=None, **there)


@pytest.fixture
def presenter(room):
    """Who leads, as a client."""
    client = Leader(room.url, TOKEN)
    yield client
    client.close()


@pytest.fixture
def mine(tmp_path):
    """Step 3 with a typo, and where it is kept which room one is in."""
    return SEEN["a method with a typo"].make(tmp_path), {"JOINED_FILE": str(tmp_path / "kept")}


def stuck(told):
    """Return who is said to be at which hint."""
    return {each["hint"]: [who["name"] for who in each["people"]] for each in told["stuck"]}


def does(presenter, event, *data):
    """Have the presenter do something."""
    assert presenter.say(event, *data) == ""


def test_it_asks_once_and_tells_no_code(watch, room, presenter, mine):
    folder, kept = mine
    watching = watch(3, folder, "--room", room.url, **kept)
    animal = re.search(r"Enter: (\w+)", watching.said("to stay alone): "))[1]
    assert animal in joining.ANIMALS
    watching.press("\n")
    watching.said("raise your hand")
    told = presenter.board(lambda told: stuck(told) == {HINT: [animal]})
    assert told["here"] == told["steps"]["3"]["here"] == 1
    assert json.loads(Path(kept["JOINED_FILE"]).read_text())["secret"] not in json.dumps(told)
    assert "on_psot" not in json.dumps(told), "code left the machine"

    watching.press("?")
    assert "y shows the presenter notices/namespaces.py" in watching.said("is about.")
    up = presenter.board(lambda told: told["hands"])["hands"][0]
    assert (up["name"], up["step"], up["hint"], up["file"]) == (animal, 3, HINT, None)
    watching.press("y")
    watching.said("The presenter sees notices/namespaces.py now.")
    presenter.board(lambda told: told["hands"] and told["hands"][0]["file"])
    assert "on_psot" in presenter.say("file", up["id"])["text"]
    settings = folder / "board/settings.py"  # Another hint, about a file that was not offered.
    before = settings.read_text()
    settings.write_text(f"API_KEY = 'hunter2'\n{before}(")
    watching.said("syntax error")
    watching.said("lower your hand")
    watching.press("yh")  # The hint that the second key shows says that the first was read.
    watching.said("lower your hand")
    assert "hunter2" not in presenter.say("file", up["id"])["text"]
    settings.write_text(before)
    watching.said("✗ event name")
    watching.said("lower your hand")
    watching.press("?")
    watching.said("Your hand is down.")
    told = presenter.board(lambda told: not told["hands"])
    assert "on_psot" not in json.dumps(told)
    watching.press("q")
    assert watching.process.wait(PATIENCE) == 0

    again = watch(3, folder, "--room", room.url, **kept)
    again.said(f"raise your hand (you are {animal} ")


def test_what_the_presenter_sends_is_shown(watch, room, presenter, mine):
    folder, kept = mine
    watching = watch(3, folder, "--room", room.url, **kept)
    watching.said("to stay alone): ")
    watching.press("Ada <b>\n")
    watching.said("(you are Ada <b>")
    presenter.board(lambda told: stuck(told) == {HINT: ["Ada <b>"]})
    does(presenter, "say", {"all": True}, "We go on in five minutes")
    watching.said(": We go on in five minutes")
    does(presenter, "push_hint", 3, HINT)
    assert "Did you mean on_post" in watching.said("sent you a better hint")

    room.restart()
    presenter.close()
    presenter = Leader(room.url, TOKEN)
    presenter.board(lambda told: stuck(told) == {HINT: ["Ada <b>"]})
    does(presenter, "say", {"step": 3, "hint": HINT}, "Look at its name")
    watching.said(": Look at its name")
    other = Attendee(room.url, "Grace")
    assert other.stand(len(POINTS)) == ""
    watching.said("The room: 1 of 2 are past here, 1 of 2 have all of step 3.")

    file = folder / "notices/namespaces.py"
    file.write_text(file.read_text() + "(")
    presenter.board(lambda told: stuck(told) == {"syntax error": ["Ada <b>"]})
    assert "Traceback" not in watching.said("1 of 2 have all of step 3.")
    other.close()
    presenter.close()


def test_who_stays_alone_is_not_asked_again(watch, room, presenter, mine, monkeypatch):
    folder, kept = mine
    watching = watch(3, folder, "--room", room.url, **kept)
    watching.said("to stay alone): ")
    watching.press("-\n")
    watching.said("q  end")
    watching.press("q")
    assert "raise your hand" not in watching.to_the_end()
    monkeypatch.setattr(joining, "KEPT", Path(kept["JOINED_FILE"]))
    monkeypatch.setattr(joining.source, "find", lambda: room.url)
    monkeypatch.setattr(joining, "ask_name", lambda url: pytest.fail("asked again"))
    assert joining.find(None) is None
    done = types("help", **kept)
    assert done.returncode == 2
    assert "You are in no room" in done.stderr


def types(*command, **env):
    """Type a command of the tool."""
    command = [sys.executable, "-m", "workshop", *command]
    return subprocess.run(command, cwd=ROOT, env=os.environ | env, capture_output=True, text=True)


def test_help_raises_a_hand_and_lowers_it(room, presenter, tmp_path, monkeypatch):
    kept = {"JOINED_FILE": str(tmp_path / "kept")}
    monkeypatch.setattr(joining, "KEPT", Path(kept["JOINED_FILE"]))
    joining.write({"url": room.url, "name": "otter", "secret": "0" * 32, "since": 0})
    assert types("help", **kept).stdout == "Your hand is up.\n"
    told = presenter.board(lambda told: told["hands"])
    assert [each["name"] for each in told["hands"]] == ["otter"]
    assert types("help", **kept).stdout == "Your hand is down.\n"
    presenter.board(lambda told: told["here"] and not told["hands"])
    does(presenter, "forget", hashlib.sha256(b"0" * 32).hexdigest()[:12])
    done = types("help", **kept)
    assert done.returncode == 1
    assert done.stderr == "Whoever leads took you off the board.\n"


def test_a_hand_is_the_same_in_all_terminals(room):
    tutor = joining.Room({"url": room.url, "name": "otter", "secret": "3" * 32, "since": 0})
    tutor.join()
    assert tutor.there.wait(PATIENCE)
    other = Attendee(room.url, "otter", "3" * 32)
    assert other.say("hand", True) == ""
    wait_until(lambda: tutor.hand, "the hand that the other one has raised")
    assert tutor.raise_hand() == "Your hand is down."
    assert other.wait("hello")["hand"] is False
    tutor.sio.disconnect()
    other.close()


def test_another_workshop_is_another_room(monkeypatch):
    known = {"url": "http://10.0.0.5:8000", "name": "otter", "secret": "0" * 32, "since": 0}
    joining.write(known | {"pack": "http://10.0.0.5:8000"})
    monkeypatch.setattr(joining.source, "find", lambda: "http://10.0.0.5:8000")
    assert joining.find(None).name == "otter"
    monkeypatch.setattr(joining.source, "find", lambda: "http://10.0.0.9:8000")
    assert joining.find(None) is None, "nobody is asked without a terminal"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("10.0.0.5:8000", "no address of a room"),
        ("http://a b", "no address of a room"),
        ("http://[", "no address of a room"),
    ],
)
def test_a_wrong_address_is_said(url, said, tmp_path):
    done = types("check", "1", "--dir", str(STEPS[1]), "--watch", "--room", url)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_room_is_told_from_another_server(serve, room):
    wait_until(lambda: joining.is_room(room.url), "the room")
    assert not joining.is_room(serve(STEPS[1]).url)
    assert not joining.is_room("http://127.0.0.1:1")


def test_the_host_comes_back_and_forgets_who_was_there(tmp_path):
    port, report = free_port(), tmp_path / "report.json"
    kept = STATE / f"hall-{port}.json"
    kept.write_text('{"members": {"0": {"name": "Ann", "hand": 1.0}}}')  # of one that was killed
    command = ["host", f"--port={port}", f"--report={report}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "workshop", *command], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        said = "".join(iter(process.stdout.readline, "Ctrl-C ends it.\n"))
        token = re.search(rf"http://localhost:{port}/board.html\?token=(\w+)", said)[1]
        url = f"http://localhost:{port}"
        page = requests.get(url, timeout=PATIENCE).text
        assert f"python3 -m workshop check --watch --room {url}</pre>" in page
        otter = Attendee(url)
        assert otter.stand(2, "a hint", 300) == ""
        assert otter.say("hand", True) == ""
        otter.close()
        for number in (signal.SIGTERM, signal.SIGKILL):
            server = next(
                each
                for each in psutil.Process(process.pid).children(recursive=True)
                if listens(each, port)
            )
            server.send_signal(number)
            server.wait(PATIENCE)
            wait_until(lambda: joining.is_room(url), "the server to be back")
            leader = Leader(url, token)
            told = leader.board(lambda told: told["hands"])
            assert [each["name"] for each in told["hands"]] == ["otter"]
            leader.close()
        assert kept.exists()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        assert not kept.exists(), "a name stays"
        assert json.loads(report.read_text())["attendees"] == 1
        assert "otter" not in report.read_text()
    finally:
        process.kill()
        process.wait()


def listens(process, port):
    """Tell whether a process has the port."""
    return any(
        each.status == psutil.CONN_LISTEN and each.laddr.port == port
        for each in process.net_connections()
    )


def test_what_was_said_while_away_comes_in_its_order_and_once(room, presenter):
    """However the library's threads hand it on; and two tutors of one person both hear it."""
    for number in range(8):
        does(presenter, "say", {"all": True}, f"Sentence {number}")
    known = {"url": room.url, "name": "otter", "secret": "1" * 32, "since": 0}
    for tutor in [joining.Room(dict(known)) for _ in range(2)]:
        heard = []
        tutor.join()
        wait_until(lambda: heard.extend(tutor.news()) or len(heard) >= 8, "all of it")  # noqa: B023
        assert [said.text for said in heard] == [f"Sentence {number}" for number in range(8)]
        tutor.sio.disconnect()


@pytest.fixture(autouse=True)
def kept_elsewhere(monkeypatch, tmp_path):
    """What this process joins is kept for the test alone."""
    monkeypatch.setattr(joining, "KEPT", tmp_path / "kept here")


def test_a_name_of_their_own_is_in_no_hint():
    step = find("3")
    for name, told in {
        "the page and its script: #acme-merger-widget": "the page and its script",
        "the page and its script: #state": "the page and its script: #state",
        "missing file: notices/namespaces.py": "missing file: notices/namespaces.py",
        "event name": "event name",
    }.items():
        assert joining.public_name(name, step) == told


def test_too_fast_is_said_again(room, presenter):
    tutor = joining.Room({"url": room.url, "name": "otter", "secret": "2" * 32, "since": 0})
    tutor.join()
    assert tutor.there.wait(PATIENCE)
    for number in range(6):
        hint = SimpleNamespace(name=f"event name {number}", file="x.py")
        tutor.stand(find("3"), SimpleNamespace(hint=hint, passed=[], skipped=[]))
    presenter.board(lambda told: stuck(told) == {"event name 5": ["otter"]})
    other = Attendee(room.url, "otter")
    assert other.hello["name"] == "otter 2"
    other.close()
    does(presenter, "forget", told_id(presenter, "otter"))
    wait_until(lambda: any("off the board" in said.text for said in tutor.news()), "the reason")
    tutor.sio.disconnect()


def test_what_could_not_be_tried_is_no_reason_to_be_stuck(room, presenter):
    """Without Chromium the tutor says that all is done, and so does the board."""
    tutor = joining.Room({"url": room.url, "name": "otter", "secret": "4" * 32, "since": 0})
    tutor.join()
    assert tutor.there.wait(PATIENCE)
    tutor.stand(find("3"), SimpleNamespace(hint=None, passed=POINTS[:-1], skipped=POINTS[-1:]))
    presenter.board(lambda told: "3" in told["steps"] and told["steps"]["3"]["done"] == 1)
    tutor.sio.disconnect()


def told_id(presenter, name):
    """Return by which id the board knows somebody."""
    people = presenter.board(lambda told: "3" in told["steps"])["steps"]["3"]["people"]
    return next(each["id"] for each in people if each["name"] == name)


def test_nobody_there_is_said_and_ctrl_d_is_no_answer(watch, mine):
    folder, kept = mine
    watching = watch(3, folder, "--room", "http://127.0.0.1:1", **kept)
    watching.said("to stay alone): ")
    watching.press("\x04")
    assert "Traceback" not in watching.said("q  end")
    watching.press("q")
    assert watching.process.wait(PATIENCE) == 0
    watching = watch(3, folder, "--room", "http://127.0.0.1:1", **kept)
    watching.said("to stay alone): ")  # It was no answer.
    watching.press("Eve\n")
    watching.said("The room at http://127.0.0.1:1 does not answer: it is tried again.")
