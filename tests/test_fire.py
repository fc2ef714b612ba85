"""Step 5 under fire, small: each fault, and that the tally sees what goes wrong."""

import contextlib
import gc
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest
from test_tool import Call, gone

from support import PATIENCE, ROOT, STEPS, wait_until
from workshop.base import notes
from workshop.base.steps import Step
from workshop.fire.faults import FAULTS, chosen, no_postgresql
from workshop.fire.network import no_addresses
from workshop.fire.report import Display
from workshop.fire.run import run_all
from workshop.fire.size import Size
from workshop.fire.tally import Tally, Viewer
from workshop.fire.target import Subject
from workshop.fire.windows import launched
from workshop.install.programs import find_chromium, find_nginx
from workshop.serving.ports import any_port
from workshop.serving.proxy import Proxy

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kill -9, and an embedded Valkey")
SMALL = ["--quick", "--notices=100", "--clients=4"]
# Most of a fault is waiting: four calls at a time, two with what needs a window.
LANES = [
    ("5", 1, "asleep", "upgrade", "polling", "redis-forgets"),
    ("5", 0, "server-killed", "server-stopped", "redis-persistent", "network-cut", "black-hole",
     "trimmed", "two-at-once", "outbox", "disk-full", "redis-full"),
    ("5", 1, "half-open", "no-files", "database-stopped"),
    ("6", 0, "server-killed", "rolling-restart", "nginx-stopped", "outbox"),
    ("9", 0, "primary-killed", "replica-killed", "machine-killed", "cluster-cut",
     "primary-frozen", "slot-moved", "outbox", "redis-forgets"),
]  # fmt: skip
TRIED = [(lane, fault) for lane, (_, _, *faults) in enumerate(LANES) for fault in faults]


class Lane(Call):
    """A call of `fire` that goes on, and its report."""

    def __init__(self, folder, *arguments, step="5", **extra):
        self.file = folder / "report.md"
        environment = {k: v for k, v in os.environ.items() if k != "CHROMIUM"} | extra
        super().__init__(
            ROOT, "fire", step, *SMALL, *arguments, f"--report={self.file}", env=environment
        )

    def end(self):
        """Wait for the end, and return the exit code and the report."""
        code = self.wait(600)
        return code, self.file.read_text() if self.file.exists() else self.output

    def __exit__(self, *problem):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # so that it tidies up
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(30)
        super().__exit__(*problem)


@pytest.fixture(scope="module", autouse=True)
def begin(request):
    """Let the faults begin while the other tests run, if their own are among them."""
    if any("lanes" in item.fixturenames for item in request.session.items):
        request.getfixturevalue("lanes")


@pytest.fixture(scope="module")
def lanes(tmp_path_factory):
    """All faults, in calls of the command that run at the same time; lanes(0) is the first.

    That of step 9, which is twenty processes, runs when it is asked for: the others are over then.
    """
    calls = {}
    with contextlib.ExitStack() as stack:

        def lane(number):
            if number not in calls:
                step, windows, *faults = LANES[number]
                only = [f"--windows={windows}", *(f"--only={fault}" for fault in faults)]
                call = Lane(tmp_path_factory.mktemp("lane"), *only, step=step)
                calls[number] = stack.enter_context(call)
            return calls[number]

        for number, (step, *_) in enumerate(LANES):
            if step != "9":
                lane(number)
        yield lane


# The tally


def viewer(*numbers):
    """Return a viewer that was told these."""
    result = Viewer()
    result.loaded([])
    for number in numbers:
        result.told(number, str(number))
    return result


def tallied(*numbers, saved=5):
    """Return the tally of one viewer that was told these."""
    tally = Tally("planted")
    database = [(number, str(number)) for number in range(1, saved + 1)]
    tally.count([viewer(*numbers)], database, time.time(), time.time())
    return tally


def test_the_tally_of_a_viewer_that_has_all():
    tally = tallied(1, 2, 3, 4, 5)
    assert tally.good
    assert (tally.sent, tally.received) == (5, 5)


def test_the_tally_sees_a_loss_a_double_and_a_swap():
    assert (tallied(1, 2, 4, 5).lost, tallied(1, 2, 4, 5).good) == (1, False)
    assert (tallied(1, 2, 2, 3, 4, 5).twice, tallied(1, 2, 2, 3, 4, 5).good) == (1, False)
    assert (tallied(1, 3, 2, 4, 5).disorder, tallied(1, 3, 2, 4, 5).good) == (1, False)


def test_the_tally_sees_another_text():
    one = viewer(1)
    one.mended(1, "another")
    assert one.missing([(1, "1")]) == ([1], [])


def test_only_what_came_before_a_board_that_is_loaded_anew_has_scrolled_off():
    one = viewer(1, 3)  # 2 is lost
    one.loaded([(number, str(number)) for number in range(60, 10, -1)])
    lost, off = one.missing([(number, str(number)) for number in range(1, 62)])
    assert lost == [2, 61]
    assert off == list(range(4, 11))


def test_a_board_that_is_not_full_has_lost_nothing_by_scrolling():
    one = viewer(1)
    one.loaded([(9, "9"), (8, "8"), (1, "1")])
    assert one.missing([(n, str(n)) for n in (1, 2, 8, 9)]) == ([2], [])


def test_a_board_with_a_double_or_a_swap():
    one = viewer()
    one.loaded([(2, "2"), (2, "2"), (3, "3")])
    assert (one.twice, one.disorder([1, 2, 3])) == (1, 1)


def test_the_order_is_that_in_which_they_were_published():
    """PostgreSQL may commit in another order than that of the ids."""
    one = viewer(1, 3, 2)
    assert (one.disorder([1, 2, 3]), one.disorder([1, 3, 2])) == (1, 0)


def test_each_that_comes_late_is_out_of_order_also_after_a_board():
    assert viewer(5, 1, 2).disorder([1, 2, 5]) == 2
    one = viewer(1)
    one.loaded([(3, "3"), (1, "1")])
    one.told(2, "2")
    assert one.disorder([1, 2, 3]) == 1


def test_what_the_database_has_must_be_what_was_to_be_saved_once_each():
    tally = Tally("planted")
    tally.check_saved([(1, "1"), (2, "1")], 2, waiting=1)
    assert len(tally.wrong) == 3
    assert not tally.good


def test_what_was_published_late_has_scrolled_off_whatever_its_id():
    """Ids are given out before the commit: 2 was saved after 3, and a page saw 3 before it left."""
    one = viewer()
    one.told(3, "3", at=100)
    one.loaded([(number, str(number)) for number in range(60, 10, -1)], at=105)
    saved = [(number, str(number)) for number in (2, 3)]
    assert one.missing(saved) == ([2], [])
    assert one.missing(saved, {3: 99, 2: 103}) == ([], [2])
    assert one.missing(saved, {2: 98, 3: 99}) == ([2], [])


def test_what_the_log_has_must_be_what_is_saved_once_each():
    tally = Tally("planted")
    tally.check_published([(1, "1"), (2, "2"), (3, "3")], [(1, 0.1), (3, 0.2), (3, 0.3)])
    assert tally.wrong == ["the log does not have 2", "the log has twice 3"]


# The network


@pytest.mark.skipif(bool(no_addresses()), reason="one address for all machines")
def test_a_proxy_swallows_what_one_address_sends_and_no_other():
    """And lets it through when that is over."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with contextlib.ExitStack() as stack:
            proxy = stack.enter_context(Proxy(any_port(), port))
            ends = []
            for host in ("127.0.0.1", "127.0.0.2"):
                source = stack.enter_context(socket.socket())
                source.bind((host, 0))
                source.connect(("127.0.0.1", proxy.port))
                end, _ = listener.accept()
                ends.append((source, stack.enter_context(end)))
            proxy.swallow_from("127.0.0.2")
            for (source, end), patience in zip(ends, (PATIENCE, 0.5), strict=True):
                source.sendall(b"said")
                end.settimeout(patience)
            assert ends[0][1].recv(4) == b"said"
            with pytest.raises(TimeoutError):
                ends[1][1].recv(4)
            proxy.flow_from("127.0.0.2")
            ends[1][1].settimeout(PATIENCE)
            assert ends[1][1].recv(4) == b"said"


def test_a_proxy_ends_without_a_word_though_the_server_lets_nobody_in(caplog):
    """Its backlog is full: who is to be connected waits for ever."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        with (
            socket.create_connection(address),
            Proxy(any_port(), address[1]) as proxy,
            socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE) as client,
        ):
            wait_until(lambda: proxy.links, "the proxy to accept it")
            proxy.cut()
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b"", "a cut reaches it already"
    gc.collect()
    assert not caplog.records


# A step with a mistake


TELLS = '            self.emit("notices", (check(entries), cursor), to=sid)\n'
FORGETS = ("notices/namespaces.py", TELLS, "")


def copied(folder, *changes, number=5):
    """Return a copy of a step in which something was changed."""
    step = folder / "step"
    ignored = shutil.ignore_patterns("db.sqlite3", "__pycache__")
    shutil.copytree(STEPS[number], step, ignore=ignored)
    for name, old, new in changes:
        text = (step / name).read_text()
        assert text.count(old) == 1, f"{old!r} has to be in {name}, once"
        (step / name).write_text(text.replace(old, new))
    return step


def small(rounds=1, patience=20):
    """Return a small size."""
    return Size(
        notices=60, clients=1, windows=1, rounds=rounds, pace=100, hole=1, patience=patience
    )


def run_with(folder, browser, fault, *changes, patience=20, rounds=1, number=5):
    """Run a fault against a copy of a step in which something was changed."""
    subject, size = Subject(copied(folder, *changes, number=number)), small(rounds, patience)
    display = Display(Step(STEPS[number]), size, [])
    run_all(subject, chosen([fault], subject.kind), size, display.task, browser)
    return display.tallies[0]


@pytest.fixture
def browser(chromium):
    """A Chromium whose windows can be frozen, by the Playwright that runs already."""
    return launched(chromium.browser_type, find_chromium())


def test_a_server_that_does_not_tell_what_was_missed_is_seen(tmp_path):
    tally = run_with(tmp_path, None, "server-killed", FORGETS)
    assert tally.lost


def test_a_page_that_does_not_see_a_gap_is_seen(tmp_path, browser):
    gap = ("notices/static/notices/board.js", "if (compare(after, cursor) > 0)", "if (false)")
    # A browser repeats by itself only what it has asked on a connection that it had kept: mostly.
    kept = ("board/guard.py", '[*headers, ("Connection", "close")]', "headers")
    tally = run_with(tmp_path, browser, "polling", gap, kept, rounds=3)
    assert tally.lost
    assert "window 1 has not seen" in " ".join(tally.unseen)


def test_a_page_without_the_filter_is_seen(tmp_path, browser):
    # Neither by its cursor nor by its number.
    told = "if (compare(place, cursor) <= 0) continue;"
    shown = "document.getElementById(item.id)"
    batch = 'self.emit("notices", (check(entries), after), to="caught up")'
    tally = run_with(
        tmp_path,
        browser,
        "none",
        ("notices/static/notices/board.js", told, ""),
        ("notices/static/notices/board.js", shown, "null"),
        ("notices/namespaces.py", batch, f"{batch}; {batch}"),
        patience=60,
    )
    assert tally.twice
    assert not tally.lost


@pytest.mark.skipif(not find_nginx(), reason="no nginx")
@pytest.mark.skipif(bool(no_postgresql()), reason="no PostgreSQL")
@pytest.mark.skipif(bool(no_addresses()), reason="one address for all machines")
def test_a_primary_that_is_believed_alone_is_seen(tmp_path):
    """What only it has is gone when its replica takes over: for whoever comes back later."""
    believed = ("notices/live.py", "if not safe:", "if False:")
    tally = run_with(tmp_path, None, "cluster-cut", believed, patience=60, number=9)
    assert "the log does not have" in " ".join(tally.wrong)
    assert not tally.twice


# A folder of one's own


def test_it_ends_at_the_first_fault_that_shows_something_and_says_where_to_look(tmp_path, capsys):
    mine, faults = copied(tmp_path, FORGETS), chosen(["none", "server-killed", "asleep"], "one")
    display = Display(Step(STEPS[5]), small(), faults, mine)
    run_all(Subject(mine), faults, small(), display.task, None, up_to_the_first=True)
    assert [tally.good for tally in display.tallies] == [True, False]
    display.report(None)
    said = capsys.readouterr().out
    assert "Look at notices/namespaces.py" in said
    assert "Not tried after this one: 1 fault" in said


def mine(folder, *changes, step="05_nothing_missed"):
    """Return a copy of step 5 with the notes that `start` keeps."""
    result = copied(folder, *changes)
    notes.write(result, {"step": step} if step else {})
    return result


def test_the_notes_say_which_step_it_is(tmp_path):
    folder = mine(tmp_path)
    with Lane(tmp_path, "--only=none", "--windows=0", step=f"--dir={folder}") as call:
        code, report = call.end()
    assert code == 0, call.output
    assert "| none | 100 | 400 | 0 | 0 | 0 |" in report


NOT_YET = "# TODO: `on_since`, as README.md shows it\n"


@pytest.mark.parametrize(
    ("said", "step", "changes"),
    [
        ("Step 4 forgets", "04_redis_listener", ()),
        ("fire N --dir", None, ()),
        ("what goes at TODO in notices/namespaces.py", "05_nothing_missed",
         [("notices/namespaces.py", TELLS, NOT_YET)]),
        ("notices/outbox.py is missing", "05_nothing_missed", None),
        ("No module named 'gevnt'", "05_nothing_missed",
         [("notices/namespaces.py", "import gevent\n", "import gevnt\n")]),
        ("500 Server Error", "05_nothing_missed",
         [("notices/views.py", "notices.cursor", "1 / 0")]),
    ],
)  # fmt: skip
def test_a_folder_that_is_not_so_far_gets_a_sentence(tmp_path, said, step, changes):
    folder = mine(tmp_path, *(changes or ()), step=step)
    if changes is None:
        (folder / "notices" / "outbox.py").unlink()
    arguments = ["--dir", str(folder), "--only=none", "--windows=0"]
    with Call(ROOT, "fire", *arguments, env=dict(os.environ)) as call:
        assert call.wait(90) in (1, 2)
        call.wait_for(re.escape(said))
        call.wait_for("check|start|fire N")
    assert "Traceback" not in call.output


# The command


def test_every_fault_is_tried_here():
    assert {"none", *(fault for _, fault in TRIED)} == set(FAULTS)


def test_each_fault_that_can_happen_to_machines_does():
    """The disk is PostgreSQL's, and with several processes no page polls."""
    there = {fault.name for fault in chosen([], "machines")}
    assert set(FAULTS) - there == {"disk-full", "polling", "upgrade"}
    alone = {name for name, fault in FAULTS.items() if fault.servers == ("machines",)}
    assert alone == {"primary-killed", "replica-killed", "machine-killed", "cluster-cut",
                     "primary-frozen", "slot-moved"}  # fmt: skip


@pytest.mark.parametrize(("lane", "fault"), TRIED)
def test_nothing_is_missed(lanes, lane, fault):
    """Each fault, with python-socketio's clients and a window, from the command's own report."""
    _, report = lanes(lane).end()
    row = re.search(rf"^\| {fault} \|.*", report, re.MULTILINE)
    assert row, report
    sent, received, lost, twice, disorder = re.findall(r" (\d[\d ]*) \|", row[0])[:5]
    windows = LANES[lane][1] if find_chromium() else 0
    assert (sent, lost, twice, disorder) == ("100", "0", "0", "0"), report
    assert int(received.replace(" ", "")) == 100 * (4 + windows), report
    assert f"\n{fault}: " not in report  # a fault that did not happen


def test_the_exit_code_says_that_all_is_well(lanes):
    for lane in map(lanes, range(len(LANES))):
        code, report = lane.end()
        assert code == 0, report
        assert "Traceback" not in lane.output


def test_without_chromium_it_says_so_and_goes_on(tmp_path):
    with Lane(tmp_path, "--only=none", CHROMIUM="/nowhere/chromium") as call:
        code, report = call.end()
    assert code == 0, call.output
    assert "There is no Chromium" in call.output
    assert "No Chromium" in report
    assert "| none | 100 | 400 | 0 | 0 | 0 |" in report


@pytest.mark.skipif(not find_nginx(), reason="no nginx")
def test_a_process_that_serves_nobody_is_not_waited_for(tmp_path):
    """One client is at one of four; the other three lose nothing when they end."""
    only = ["--only=rolling-restart", "--clients=1", "--windows=0"]
    with Lane(tmp_path, *only, step="6") as call:
        code, report = call.end()
    assert code == 0, report


def test_ctrl_c_ends_all_and_shows_what_is_known(tmp_path):
    with Lane(tmp_path, "--only=black-hole", "--only=none") as call:
        call.wait_for("under fire")
        deadline = time.monotonic() + 60
        while "serve.py" not in (running := " ".join(call.command_lines())) or (
            find_chromium() and "--type=renderer" not in running
        ):
            assert time.monotonic() < deadline, call.output
            time.sleep(0.1)
        family = call.family()
        os.killpg(call.process.pid, signal.SIGINT)
        assert call.wait(60) == 130, call.output
    assert not gone(family), "processes were left"
    assert "Traceback" not in call.output
    assert "Stopped" in call.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["4"], "Step 4 forgets"),
        ([], "Which step?"),
        (["--dir=tests"], "no manage.py"),
        (["5", "--only=nothing"], "server-killed"),
        (["5", "--only=machine-killed"], "server-killed"),
        (["9", "--only=disk-full"], "machine-killed"),
        (["5", "--report=fire.txt"], ".svg or .md"),
        (["5", "--clients=0"], "--clients is 1 or more"),
    ],
)
def test_what_cannot_be_done_gets_a_sentence(arguments, said):
    with Call(ROOT, "fire", *arguments, env=dict(os.environ)) as call:
        assert call.wait(60) == 2
        call.wait_for(re.escape(said))
    assert "Traceback" not in call.output
