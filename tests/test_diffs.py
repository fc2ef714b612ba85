"""The diffs: applied, they give the step to the byte; the READMEs list what is in them, and why."""

import contextlib
import os
import re
import shutil
import subprocess
import sys

import pytest

from scratch import ROOT, Scratch, environment, files
from workshop.base import steptree

COUNT = len(list((ROOT / "steps").glob("[0-9]*_*")))
LATER = range(2, COUNT + 1)
ESCAPE = re.compile(r"\x1b\[[\d;]*m")
posix = pytest.mark.skipif(os.name == "nt", reason="written with POSIX terminals and modes")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A copy of this repository that stays as it is."""
    return Scratch(tmp_path_factory.mktemp("original") / "workshop").prepare()


@pytest.fixture
def scratch(original, tmp_path):
    """A copy to change."""
    return Scratch(tmp_path / "workshop", original.folder)


def edit(path, old, new):
    """Replace what must be there once."""
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} has to be in {path}, once"
    path.write_text(text.replace(old, new))


# The contract


def test_every_step_changes_what_its_readme_says_and_nothing_else():
    """If this fails, each paragraph of the output says what to do."""
    done = subprocess.run(
        [sys.executable, "-m", "workshop", "diff", "--check"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, "\n\n" + done.stdout + done.stderr


def change_unlisted(steps):
    """Change a file that the lesson says nothing about."""
    with (steps[2] / "manage.py").open("a") as file:
        file.write("# different\n")


def forget_the_last(steps):
    """Mend all steps but the last."""
    for step in steps[:-1]:
        with (step / "manage.py").open("a") as file:
            file.write("# mended\n")


def add_unlisted(steps):
    """Add a file, to one step only."""
    (steps[2] / "notices" / "extra.py").write_text("")


def remove_unlisted(steps):
    """Remove a file from one step."""
    (steps[2] / "notices" / "admin.py").unlink()


def make_executable(steps):
    """Change nothing but a mode."""
    (steps[2] / "notices" / "apps.py").chmod(0o755)


def list_what_is_the_same(steps):
    """List a file that does not differ."""
    item = "- `notices/models.py`: "
    edit(steps[2] / "README.md", item, "- `board/wsgi.py`: no reason.\n" + item)


def list_as_new(steps):
    """Call a changed file new."""
    edit(steps[2] / "README.md", "- `notices/models.py`:", "- `notices/models.py` (new):")


def list_without_a_why(steps):
    """Leave out the reason."""
    readme = steps[2] / "README.md"
    line = re.search(r"^- `notices/forms.py`: .*$", readme.read_text(), re.MULTILINE)[0]
    edit(readme, line, "- `notices/forms.py`")


def forget_the_list(steps):
    """Call the section something else."""
    edit(steps[3] / "README.md", "## What changes\n", "## What is different\n")


def spoil_the_diff(steps):
    """Change a diff that is kept."""
    edit(steps[2] / "from_02.diff", "+++ b/notices/models.py", "+++ b/notices/model.py")


def forget_the_diff(steps):
    """Keep none."""
    (steps[1] / "from_01.diff").unlink()


def keep_a_stray_diff(steps):
    """Keep a diff from a step that is not the one before."""
    shutil.copy(steps[2] / "from_02.diff", steps[2] / "from_01.diff")


def forget_the_guard_of_the_slides(steps):
    """Mend the guard in step 4, and not what the slides' server has of it."""
    copy = steps[0].parent.parent / "workshop" / "serving" / "guard.py"
    copy.write_text(copy.read_text() + "# mended\n")


def forget_the_classic_edition(steps):
    """Mend a file of step 4, and not what classic/ has of it."""
    copy = steps[0].parent.parent / "classic" / "notices" / "admin.py"
    copy.write_text(copy.read_text() + "# mended\n")


DRIFT = {
    forget_the_guard_of_the_slides: r"workshop/serving/guard.py is not as in step 4",
    forget_the_classic_edition: r"classic/README.md, .* is wrong about notices/admin.py: copy",
    change_unlisted: r"steps/03_namespace/manage.py is changed since .*\n.*`manage.py`: why\.",
    add_unlisted: r"03_namespace/notices/extra.py is new since .*\n.*`notices/extra.py` \(new\)",
    remove_unlisted: r"03_namespace/notices/admin.py is removed since .*\n.*admin.py` \(removed\)",
    make_executable: r"03_namespace/notices/apps.py is changed since",
    list_what_is_the_same: r"`board/wsgi.py` is listed, and does not differ .*Take it off the list",
    list_as_new: r"`notices/models.py` is listed as new, and it is changed",
    list_without_a_why: r"'- `notices/forms.py`' can't be read. Write: ",
    forget_the_list: r"04_redis_listener/serve.py is changed since .*\n.*Add to 'What changes'",
    spoil_the_diff: r"03_namespace/from_02.diff is out of date: .* diff --write",
    forget_the_diff: r"02_gevent_server/from_01.diff is out of date: .* diff --write",
    keep_a_stray_diff: r"03_namespace/from_01.diff is not from the step before: .* diff --write",
    forget_the_last: rf"/0{COUNT}_\w+/manage.py is changed since .*\n.*\n.*carry {COUNT - 1} ",
}
# Planted together, as they don't meet: a repository for each would take long.
TOGETHER = [
    [change_unlisted, add_unlisted, remove_unlisted, make_executable],
    [list_what_is_the_same, list_as_new, list_without_a_why, forget_the_list],
    [spoil_the_diff, keep_a_stray_diff, forget_the_diff],
    [forget_the_guard_of_the_slides, forget_the_classic_edition],
    [forget_the_last],
]


@pytest.mark.parametrize("plants", TOGETHER, ids=lambda plants: plants[0].__name__)
def test_drift_is_seen_and_said(plants, scratch):
    """Whatever no longer agrees is named, with what to do."""
    for plant in plants:
        plant(scratch.steps)
    said = scratch.says("diff", "--check", code=1)
    for plant in plants:
        if plant is not make_executable or os.name != "nt":
            assert re.search(DRIFT[plant], said), f"{plant.__name__} is not in:\n{said}"


def test_every_kind_of_drift_is_planted(original):
    """And none of it is there before."""
    assert {*DRIFT} == {plant for plants in TOGETHER for plant in plants}
    said = original.says("diff", "--check")
    assert [plant for plant, pattern in DRIFT.items() if re.search(pattern, said)] == []


def test_a_fix_that_one_step_lacks_is_the_only_complaint_about_its_file(scratch):
    """Steps 2 and 3 have it like step 1: nothing is said about these."""
    forget_the_last(scratch.steps)
    said = scratch.says("diff", "--check", code=1)
    assert re.findall(r"(\S+/manage.py) is", said) == [
        f"{scratch.steps[-1].relative_to(scratch.folder).as_posix()}/manage.py"
    ]


def test_write_mends_the_kept_diffs(scratch):
    """Stale, missing and stray ones."""
    spoil_the_diff(scratch.steps)
    keep_a_stray_diff(scratch.steps)
    (scratch.steps[1] / "from_01.diff").unlink()
    said = scratch.says("diff", "--write")
    assert said.count("made anew") == 2
    assert "from_01.diff  removed" in said
    assert scratch.git("status", "--porcelain") == ""
    assert "up to date" in scratch.says("diff", "--write")


def test_what_belongs_to_a_step_is_what_git_tracks(original):
    """The tool's own list must not pass over a file of a step."""
    for step in original.steps:
        tracked = original.git("ls-files", "-z", ".", cwd=step).split("\0")[:-1]
        kept = {path for path in tracked if not re.fullmatch(r"from_\d\d\.diff", path)}
        assert set(steptree.read(step)) == kept


# Applied


def apply(scratch, patch, start, folder):
    """Return what git makes of a copy of a step, and nothing else of it."""
    shutil.copytree(start, folder, ignore=shutil.ignore_patterns("from_*"))
    scratch.git("apply", "-", cwd=folder, stdin=patch)
    return files(folder)


@pytest.mark.parametrize("number", LATER)
def test_a_diff_applied_to_the_step_before_gives_the_step(original, tmp_path, number):
    """To the byte, README and CSS included."""
    before, step = original.steps[number - 2 : number]
    patch = original.call("diff", number, text=False).stdout
    assert b"README.md" in patch
    assert apply(original, patch, before, tmp_path / "copy") == files(step)


@pytest.mark.parametrize("number", LATER)
def test_a_kept_diff_gives_the_step_but_for_its_readme(original, tmp_path, number):
    """The README is what its reader has open."""
    before, step = original.steps[number - 2 : number]
    patch = (step / f"from_{number - 1:02}.diff").read_bytes()
    made = apply(original, patch, before, tmp_path / "copy")
    assert made.pop("README.md") == files(before)["README.md"]
    assert made.items() == files(step).items() - {("README.md", files(step)["README.md"])}


def test_two_steps_at_once_and_backwards(original, tmp_path):
    """From any step to any."""
    first, last = original.steps[0], original.steps[-1]
    there = original.call("diff", 1, COUNT, text=False).stdout
    back = original.call("diff", COUNT, 1, text=False).stdout
    assert apply(original, there, first, tmp_path / "there") == files(last)
    assert apply(original, back, last, tmp_path / "back") == files(first)


def test_my_folder_becomes_the_step_and_keeps_what_runs_left_there(scratch):
    """`diff 3 --dir my`, applied from the root, in a folder that git ignores."""
    my = scratch.folder / "my"
    shutil.copytree(scratch.steps[1], my)
    left = ["db.sqlite3", "secret_key.txt", "node_modules/x/index.js", "board/__pycache__/x.pyc"]
    for name in left:
        (my / name).parent.mkdir(parents=True, exist_ok=True)
        (my / name).write_text("mine\n")
    assert "README" not in scratch.says("diff", 3, "--dir", "my", "--stat"), "that is not typed"
    patch = scratch.call("diff", 3, "--dir", "my", text=False).stdout
    assert not any(name.encode() in patch for name in left)
    scratch.git("apply", "--directory=my", "-", stdin=patch)
    assert [(my / name).read_text() for name in left] == ["mine\n"] * len(left)
    shutil.rmtree(my / "node_modules")
    assert files(my) == files(scratch.steps[2])
    assert "No differences" in scratch.says("diff", 3, "--dir", "my")


@posix
def test_every_kind_of_change_survives(scratch, tmp_path):
    """A new, empty, binary, executable and removed file; a name and an end of line that are odd."""
    before, step = scratch.steps[1:3]
    (before / "gone.txt").write_text("a\n")
    (before / "picture.bin").write_bytes(b"\0\1\2")
    (step / "picture.bin").write_bytes(b"\0\3\2")
    (step / "empty.txt").write_text("")
    (step / "mit Größe.txt").write_text("no end of line")
    (step / "windows.txt").write_bytes(b"a\r\nb\r\n")
    (step / "manage.py").chmod(0o755)
    patch = scratch.call("diff", 3, text=False).stdout
    assert "+++ b/mit Größe.txt" in patch.decode()
    assert apply(scratch, patch, before, tmp_path / "copy") == files(step)


def test_a_persons_settings_and_a_hook_change_nothing(original, tmp_path):
    """The same bytes from every git."""
    (tmp_path / ".gitconfig").write_text(
        "[diff]\nnoprefix = true\nalgorithm = minimal\ncontext = 9\nexternal = false\n"
        "[color]\nui = always\n[core]\nautocrlf = true\nattributesFile = ~/attributes\n"
    )
    (tmp_path / "attributes").write_text("*.py -diff\n")
    plain = original.call("diff", 3, text=False).stdout
    assert b"\nindex " not in plain
    assert original.call("diff", 3, text=False, HOME=str(tmp_path)).stdout == plain
    hook = {"GIT_DIR": "/nowhere", "GIT_INDEX_FILE": "/nowhere/index"}
    assert original.call("diff", 3, text=False, **hook).stdout == plain


# What a person sees


def test_stat_is_a_line_a_file(original):
    """In reading order, without colours in a pipe."""
    lines = original.says("diff", 3, "--stat").splitlines()
    assert re.match(r" notices/namespaces.py \(new\) +\| +\d+ \++$", lines[0])
    assert re.match(r" \d+ files changed", lines[-1])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["99"], "There is no step '99'"),
        (["1"], "Step 1 is where it begins"),
        ([], "Which step?"),
        (["1", "2", "3"], "one step too many"),
        (["1", "2", "--dir", "steps"], "one step too many"),
        (["3", "--dir", "nowhere"], "There is no folder 'nowhere'"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence(original, arguments, said):
    """And an exit code."""
    assert said in original.says("diff", *arguments, code=1)


def test_no_differences_is_a_sentence_and_no_output(original):
    """What is in the pipe applies, even if it is nothing."""
    done = original.call("diff", "3", "3")
    assert (done.returncode, done.stdout) == (0, "")
    assert "No differences" in done.stderr


def test_without_git_it_says_where_to_get_it(original, tmp_path):
    """With and without git there is no traceback."""
    assert "git is missing" in original.says("diff", 3, code=1, PATH=str(tmp_path))


def on_terminal(scratch, *arguments, lines=2000, **env):
    """Run the tool on a terminal of 100 columns, and return what that shows."""
    import pty
    import termios

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (lines, 100))
    process = subprocess.Popen(
        [sys.executable, "-m", "workshop", *map(str, arguments)],
        cwd=scratch.folder,
        env=environment() | {"TERM": "xterm"} | env,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # how the end looks on Linux
        while some := os.read(ours, 65536):
            shown += some
    os.close(ours)
    assert process.wait() == 0, shown.decode()
    return shown.decode().replace("\r\n", "\n")


@posix
def test_a_terminal_shows_the_files_in_reading_order_with_their_why(original):
    """The README comes last, by name only; new files are shown as they are."""
    shown = ESCAPE.sub("", on_terminal(original, "diff", 3))
    section = original.steps[2].joinpath("README.md").read_text().split("## What changes\n")[1]
    listed = re.findall(r"^- `([^`]+)`", section.split("\n\n")[0], re.MULTILINE)
    assert re.findall(r"^── (\S+) ─", shown, re.MULTILINE) == [*listed, "README.md"]
    assert "\nTwo namespaces, /notices and /presence. Most of our code goes here.\n" in shown
    assert (original.steps[2] / "notices/namespaces.py").read_text() in shown
    assert max(map(len, re.findall("^── .*", shown, re.MULTILINE))) <= 100


@posix
def test_words_are_marked_and_moved_code_is_told_apart(scratch):
    """Of a line that changed, the words; of a function that has moved, no more than that."""
    before, step = scratch.steps[1:3]
    function = "def moved():\n    return 'a line that is long enough to be recognised'\n"
    stays = "def stays():\n    a = 1\n    b = 2\n    c = 3\n    return '{} apples'\n\n\n"
    words = "notices/words.py"
    (before / words).write_text(function + "\n\n" + stays.format("red"))
    (step / words).write_text(stays.format("green") + function)
    shown = on_terminal(scratch, "diff", 3)
    assert "\x1b[31m-     return '\x1b[7mred\x1b[27m apples'" in shown
    assert "\x1b[32m+     return '\x1b[7mgreen\x1b[27m apples'" in shown
    assert "\x1b[2m< def moved():" in shown
    assert "\x1b[2m> def moved():" in shown
    plain = on_terminal(scratch, "diff", 3, NO_COLOR="1")
    assert "\x1b" not in plain
    assert "\n> def moved():\n" in plain


@posix
def test_what_is_longer_than_the_screen_goes_through_the_pager_that_git_uses(original):
    """And what fits does not."""
    pager = {"GIT_PAGER": "sed s/^/paged:/"}
    long = on_terminal(original, "diff", 3, lines=40, **pager)
    assert long.startswith("paged:")
    assert "paged:" not in on_terminal(original, "diff", 3, **pager)
    assert on_terminal(original, "diff", 3, lines=40, GIT_PAGER="no-such-pager") in long.replace(
        "paged:", ""
    )
