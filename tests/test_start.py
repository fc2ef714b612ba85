"""`workshop start` and `jump`: a folder of one's own, in which nothing is ever lost."""

import json
import re
import subprocess
import sys

import pytest

from support import ROOT, STEPS
from workshop.base import steptree
from workshop.learn import mine

OWN = "what I have written"


def workshop(*arguments):
    """Call the tool; return what it said."""
    command = [sys.executable, "-m", "workshop", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def asides(folder):
    """Return the folders that were kept aside, the oldest first."""
    return sorted(folder.parent.glob(f"{folder.name}-*"), key=lambda path: (len(path.name), path))


@pytest.fixture
def my(tmp_path):
    """A folder of one's own, begun for step 3, with something written in it."""
    folder = tmp_path / "my"
    workshop("start", 3, "--dir", folder)
    (folder / "notices/views.py").write_text(OWN)
    (folder / "db.sqlite3").write_text("my notices")
    return folder


def test_it_holds_the_step_before_and_nothing_that_a_run_has_made(tmp_path):
    """What git would track, and the notes."""
    folder = tmp_path / "my"
    said = workshop("start", 3, "--dir", folder)
    assert steptree.read(folder) == steptree.read(STEPS[2])
    there = {path.name for path in folder.rglob("*")}
    assert not there & {"db.sqlite3", "secret_key.txt", "__pycache__", "from_01.diff"}
    assert json.loads((folder / mine.NOTES).read_text())["step"] == STEPS[3].name
    assert "holds step 2 now, ready to become step 3: A namespace" in said


def test_it_says_what_to_do_next(tmp_path):
    """Serve it, read the lesson, check."""
    said = workshop("start", 3, "--dir", tmp_path / "my")
    for words in ("workshop run --dir ", "steps/03_namespace/README.md", "workshop check --watch"):
        assert words in said


def test_step_1_is_where_we_begin(tmp_path):
    """Nothing comes before it: a copy to play with."""
    said = workshop("start", 1, "--dir", tmp_path / "my")
    assert steptree.read(tmp_path / "my") == steptree.read(STEPS[1])
    assert "Nothing comes before it" in said


@pytest.mark.parametrize("command", ["start", "jump"])
def test_an_existing_folder_is_kept_aside_however_often(my, command):
    """With its time in its name, and a number within the same minute."""
    for _ in range(3):
        workshop(command, 4, "--dir", my)
    kept = asides(my)
    assert len(kept) == 3
    assert all(re.fullmatch(r"my-\d{4}-\d\d-\d\d-\d{4}(-\d+)?", path.name) for path in kept)
    assert [path for path in kept if (path / "notices/views.py").read_text() == OWN]
    assert steptree.read(my) == steptree.read(STEPS[3])


def test_what_is_kept_is_said(my):
    """Where it is."""
    said = workshop("start", 4, "--dir", my)
    assert f"is kept in {asides(my)[0]}" in said


def test_keep_leaves_everything_and_sets_the_step(my):
    """To go on with one's own code."""
    workshop("start", 4, "--dir", my, "--keep")
    assert (my / "notices/views.py").read_text() == OWN
    assert (my / "db.sqlite3").exists()
    assert not asides(my)
    assert mine.read_notes(my)["step"] == STEPS[4].name


def test_jump_takes_the_notices_along_and_says_what_was_skipped(my):
    """And what has been built stays built."""
    mine.write_notes(my, mine.read_notes(my) | {"done": [STEPS[2].name]})
    said = workshop("jump", 4, "--dir", my)
    assert (my / "db.sqlite3").read_text() == "my notices"
    assert (asides(my)[0] / "db.sqlite3").read_text() == "my notices"
    assert "The notices on your board came along" in said
    assert "jumped over" in said
    assert "3  A namespace" in said
    assert "2  A gevent server" not in said
    notes = mine.read_notes(my)
    assert notes["step"] == STEPS[4].name
    assert notes["done"] == [STEPS[2].name]


def test_start_begins_with_an_empty_board(my):
    """The notices are where the old folder is."""
    workshop("start", 3, "--dir", my)
    assert not (my / "db.sqlite3").exists()
    assert (asides(my)[0] / "db.sqlite3").exists()


def test_a_folder_that_somebody_made_is_kept_aside_too(tmp_path):
    """Even a file of that name."""
    folder = tmp_path / "my"
    folder.write_text("a file")
    workshop("start", 2, "--dir", folder)
    assert asides(folder)[0].read_text() == "a file"


@pytest.mark.parametrize("folder", ["steps/03_namespace", "steps", ".", "tests"])
def test_the_repository_itself_is_no_folder_of_ones_own(folder):
    """It would be moved away."""
    command = [sys.executable, "-m", "workshop", "start", "3", "--dir", folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "belongs to the workshop" in done.stderr
    assert "Traceback" not in done.stderr
    assert (STEPS[3] / "manage.py").exists()
