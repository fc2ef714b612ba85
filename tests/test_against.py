"""Other servers under the same faults, small; heavy to install: `test against`."""

import os
import re
import sys

import pytest
from test_tool import Call

from support import ROOT
from workshop.fire import against_report as report
from workshop.fire.against import chosen, run_them
from workshop.fire.faults import FAULTS, left_out
from workshop.fire.size import Size
from workshop.install import environment
from workshop.install.programs import find_node

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")
SMALL = Size(notices=60, clients=2, windows=0, rounds=1, pace=60, deep_hole=False, patience=60)
FORGETFUL = ("node", "node-recovery", "uvicorn", "channels-uvicorn", "classic", "step4")


@pytest.fixture(scope="module")
def installed():
    """What they need; only the tool's `fire --against` installs it otherwise."""
    environment.ensure({"classic", "bench", "node", "nodejs", "javascript"})
    if not find_node():
        pytest.skip("no Node.js")


def tried(server, *faults):
    """Return what came of faults, each as it is counted."""
    data = run_them(chosen(server), [FAULTS[name] for name in faults], SMALL)
    return [report.tally_of(found) for found in data["rows"]]


@pytest.mark.parametrize("server", FORGETFUL)
def test_each_is_told_all_once_and_in_order_and_nothing_while_it_is_away(installed, server):
    none, cut = tried(server, "none", "network-cut")
    assert (none.sent, none.received, none.good) == (60, 120, True), none
    recovers = server == "node-recovery"
    assert bool(cut.lost) != recovers, cut
    assert (cut.twice, cut.disorder, cut.wrong) == (0, 0, []), cut


def test_what_is_to_be_recovered_is_kept_by_a_server_that_is_asked_to_end(installed):
    killed, stopped = tried("node-recovery", "server-killed", "server-stopped")
    assert killed.lost
    assert stopped.good, stopped


@pytest.mark.parametrize("server", FORGETFUL)
def test_none_ends_with_redis(installed, server):
    """What is published meanwhile may be lost, a third; not what comes when it is back."""
    [tally] = tried(server, "redis-persistent")
    assert tally.received > 2 * 30, tally
    assert (tally.twice, tally.disorder, tally.wrong) == (0, 0, []), tally


# The page


def canned(**lost):
    """Return what might have come of all of them: each loses so much in each fault."""
    rows = []
    for server, subject in chosen(""):
        for fault in FAULTS.values():
            found = {"server": server.key, "fault": fault.name}
            if why := left_out(fault, subject):
                rows.append(found | {"left_out": why})
            else:
                counts = {"viewers": 2, "sent": 50, "lost": lost.get(server.key, 0)}
                rows.append(found | counts)
    return {
        "date": "2026-11-29",
        "seconds": 60,
        "machine": {"cpu": "One", "cores": 2, "system": "Linux 6"},
        "versions": {"Python": "3.11"},
        "size": vars(SMALL),
        "names": {server.key: server.name for server, _ in chosen("")},
        "rows": rows,
    }


def test_every_loss_that_can_be_is_explained():
    data = canned(**dict.fromkeys(FORGETFUL, 1))
    page = report.page(data, "against")
    none = re.findall(r"^- (.*): Not explained", page, re.MULTILINE)
    assert none == ["none"] * len(FORGETFUL)  # Without a fault nothing is to be lost.
    assert page.count("Promised:") == len(data["names"])


def test_who_promises_nothing_may_lose_something():
    assert report.good(canned(node=100))
    assert not report.good(canned(step5=1))


def test_a_fault_that_cannot_happen_has_a_reason():
    page = report.page(canned(), "against")
    channels = page.partition("## Channels")[2].partition("\n## ")[0]
    assert "| polling | – |" in channels
    assert "polling: Not tried: its pages do not poll." in channels
    assert "Not tried" not in page.partition("## step 5")[2].partition("| outbox |")[0]


def test_the_picture_shows_the_share_and_what_was_not_tried():
    svg = report.picture(canned(node=50))
    assert "server-killed: Node 50%, Node with recovery 0%" in svg
    assert re.search("rolling-restart: Node –,.* step 6 0%", svg)


def test_the_page_is_written_again_from_its_figures(tmp_path):
    report.write(canned(node=1), tmp_path / "one.md")
    arguments = ["--from", str(tmp_path / "one.json"), "--report", str(tmp_path / "two.md")]
    with Call(ROOT, "fire", *arguments, env=dict(os.environ)) as call:
        assert call.wait(60) == 0, call.output
    assert (tmp_path / "two.md").read_text() == (tmp_path / "one.md").read_text().replace(
        "one.svg", "two.svg"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--against=nothing"], "node-recovery"),
        (["--against", "--report=a.svg"], "ends in .md"),
        (["--from=README.md"], "no report of this command"),
    ],
)
def test_what_cannot_be_done_gets_a_sentence(installed, arguments, said):
    with Call(ROOT, "fire", *arguments, env=dict(os.environ)) as call:
        assert call.wait(60) == 2
        call.wait_for(re.escape(said))
    assert "Traceback" not in call.output
