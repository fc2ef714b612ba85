"""`workshop start` and `jump`: a folder of one's own, in which nothing is ever lost."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from support import ROOT, STEPS
from workshop.authoring import listings
from workshop.base import notes, steptree
from workshop.base.steps import find
from workshop.base.todo import todos
from workshop.learn.check import examine
from workshop.learn.mine import what_it_begins_with
from workshop.learn.scaffold import places

OWN = "what I have written"
MADE = shutil.ignore_patterns("db.sqlite3*", "secret_key.txt", "__pycache__", "from_*.diff")


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


def test_it_holds_what_the_readme_does_not_show_and_nothing_that_a_run_has_made(tmp_path):
    """What git would track, and the notes; where the README shows the code it says TODO."""
    folder = tmp_path / "my"
    said = workshop("start", 3, "--dir", folder)
    own, step = steptree.read(folder), steptree.read(STEPS[3])
    assert set(own) == set(step)
    left = {todo.file for todo in todos(folder)}
    assert left == {name for name in own if own[name] != step[name]}
    assert left == {"serve.py", "notices/namespaces.py", "notices/static/notices/board.js"}
    there = {path.name for path in folder.rglob("*")}
    assert not there & {"db.sqlite3", "secret_key.txt", "__pycache__", "from_01.diff"}
    assert json.loads((folder / notes.NOTES).read_text())["step"] == STEPS[3].name
    assert "is to become step 3: A namespace" in said
    assert "serve.py, " in said


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
    assert steptree.read(my) == what_it_begins_with(find("4"))


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
    assert notes.read(my)["step"] == STEPS[4].name


def test_keep_puts_in_place_what_nobody_has_touched(tmp_path):
    """And names what is one's own, and has to be changed by hand."""
    folder = tmp_path / "my"
    shutil.copytree(STEPS[3], folder, ignore=MADE)
    (folder / "notices/models.py").write_text(OWN)
    said = workshop("start", 4, "--dir", folder, "--keep")
    assert "Your own, and as you left them: notices/models.py." in said
    assert (folder / "notices/models.py").read_text() == OWN
    own, step = steptree.read(folder), steptree.read(STEPS[4])
    assert own["board/settings.py"] == step["board/settings.py"]
    assert own["README.md"] == step["README.md"], "each TODO says: as README.md shows it"
    assert {todo.file for todo in todos(folder)} == {
        "serve.py", "notices/live.py", "notices/namespaces.py",
    }  # fmt: skip


@pytest.mark.parametrize("number", [number for number in STEPS if number > 1])
def test_what_the_readme_shows_makes_it_the_whole_step(tmp_path, number):
    """An attendee who has the README alone: each listing typed where its TODO is."""
    folder = tmp_path / "my"
    workshop("start", number, "--dir", folder)
    shown = iter(listings.blocks(STEPS[number] / "README.md"))
    for place in places(find(str(number - 1)), find(str(number))):
        block = next(it for it in shown if it.label == place.marker)
        path = folder / place.region.name
        rows = path.read_text().splitlines()
        at = next(n for n, row in enumerate(rows) if f"TODO: {place.what}, " in row)
        below = at + 1 + len(place.old)
        assert rows[at + 1 : below] == place.old
        rows[at:below] = block.code.splitlines()
        path.write_text("\n".join(rows) + "\n")
    assert not todos(folder)
    assert steptree.read(folder) == steptree.read(STEPS[number])


def test_the_first_place_to_fill_is_the_hint(tmp_path):
    """In the order of the lesson, whatever else is missing for it."""
    folder = tmp_path / "my"
    workshop("start", 4, "--dir", folder)
    hint = examine(folder, find("4")).hint
    assert hint.name == "to do: listen"
    assert "7 places are left" in hint.happened


def test_jump_takes_the_notices_along_and_says_what_was_skipped(my):
    """And what has been built stays built."""
    notes.write(my, notes.read(my) | {"done": [STEPS[2].name]})
    said = workshop("jump", 4, "--dir", my)
    assert (my / "db.sqlite3").read_text() == "my notices"
    assert (asides(my)[0] / "db.sqlite3").read_text() == "my notices"
    assert "The notices on your board came along" in said
    assert "jumped over" in said
    assert "3  A namespace" in said
    assert "2  A gevent server" not in said
    known = notes.read(my)
    assert known["step"] == STEPS[4].name
    assert known["done"] == [STEPS[2].name]


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
    assert "would be a part of the workshop" in done.stderr
    assert "Traceback" not in done.stderr
    assert (STEPS[3] / "manage.py").exists()
