"""Carry: a fix in one step reaches all later ones, and no line of anybody's is lost on the way."""

import json
import os
import re
import shutil

import pytest

from scratch import Scratch, files

NUMBERED = "".join(f"line {number}\n" for number in range(1, 21))
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A copy of this repository whose steps share a file of twenty lines; step 3's differs."""
    original = Scratch(tmp_path_factory.mktemp("original") / "workshop")
    for number, step in enumerate(original.steps, 1):
        differs = NUMBERED.replace("line 9\n", "line 9 of step 3\n")
        (step / "words.txt").write_text(NUMBERED if number < 3 else differs)
    original.commit()
    return original.prepare()


@pytest.fixture
def scratch(original, tmp_path):
    """A copy to change."""
    return Scratch(tmp_path / "workshop", original.folder)


def replace(path, old, new):
    """Replace what must be there once."""
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} has to be in {path}, once"
    path.write_text(text.replace(old, new))


def texts(scratch, name="words.txt"):
    """Return what each step's file of this name holds; None where there is none."""
    paths = [step / name for step in scratch.steps]
    return [path.read_text() if path.exists() else None for path in paths]


def have(scratch, text, name="words.txt"):
    """Return the numbers of the steps whose file has this text."""
    return [number for number, has in enumerate(texts(scratch, name), 1) if text in (has or "")]


def everything(scratch):
    """Return every file of the repository, what the tool keeps for itself included."""
    return {
        path.relative_to(scratch.folder): path.read_bytes()
        for path in scratch.folder.rglob("*")
        if path.is_file() and not {".git", "__pycache__"} & {*path.parts}
    }


def all_numbers(scratch):
    """Return 1, 2, 3, …"""
    return list(range(1, len(scratch.steps) + 1))


# A fix travels


def fix_two_files(scratch):
    """Mend a line that all steps share, and one in a file that no two steps share."""
    first = scratch.steps[0]
    for name in ("notices/admin.py", "board/settings.py"):
        path = first / name
        path.write_text(path.read_text().replace('"""', '"""Mended: ', 1))


def test_a_fix_in_two_files_reaches_every_step_and_nothing_else_changes(scratch):
    """Copied where the file was the same, merged where not; what is made of it is made anew."""
    fix_two_files(scratch)
    said = scratch.says("carry", 1)
    for step in scratch.steps:
        for name in ("notices/admin.py", "board/settings.py"):
            numbers = scratch.git("diff", "--numstat", step / name)
            assert numbers.startswith("1\t1\t"), (step / name, numbers)
            assert (step / name).read_text().startswith('"""Mended: ')
    changed = scratch.git("diff", "--name-only").split()
    made = [name for name in changed if not name.endswith(("/admin.py", "/settings.py"))]
    assert all(re.search(r"(from|to)_\d\d\.diff$", name) for name in made), made
    assert "  copied    notices/admin.py" in said
    assert "  merged    board/settings.py" in said
    numbers = " ".join(map(str, all_numbers(scratch)))
    assert said.endswith(f"workshop test {numbers} diffs listings answers classic\n")
    classic = scratch.folder / "classic"
    assert (classic / "notices/admin.py").read_text().startswith('"""Mended: ')
    # The folder has a file that no README lists, which is all that may be said.
    complaints = scratch.says("diff", "--check", code=1)
    assert set(re.findall(r"^\S+", complaints, re.MULTILINE)) <= {
        "steps/03_namespace/words.txt",
        "classic/",
        "classic/README.md,",
        "Is",
    }


def test_the_pages_that_show_the_code_are_brought_up_to_date(scratch):
    """As `listings --fix` does."""
    replace(scratch.steps[1] / "serve.py", '"""Answer requests until', '"""Go on until')
    said = scratch.says("carry", 2)
    for name in ("from_01.diff", "README.md"):
        assert '"""Go on until' in (scratch.steps[1] / name).read_text()
        assert f"Made anew: steps/02_gevent_server/{name}" in said
    assert have(scratch, '"""Go on until', "serve.py") == all_numbers(scratch)[1:]


def test_a_dry_run_says_it_and_changes_nothing(scratch):
    """Not a byte, in no file."""
    fix_two_files(scratch)
    before = everything(scratch)
    dry = scratch.says("carry", 1, "--dry-run")
    assert everything(scratch) == before
    real = scratch.says("carry", 1)
    assert real.startswith(dry)


def test_new_renamed_deleted_and_executable_files_travel(scratch):
    """In a folder that is new, and with what changed in the renamed one."""
    first = scratch.steps[0]
    (first / "notices/new").mkdir()
    (first / "notices/new/file.py").write_text("new = True\n")
    (first / "board/wsgi.py").rename(first / "board/served.py")
    with (first / "board/served.py").open("a") as file:
        file.write("renamed = True\n")
    (first / "notices/migrations/0001_initial.py").unlink()
    scratch.says("carry", 1)
    for step in scratch.steps:
        assert (step / "notices/new/file.py").read_text() == "new = True\n"
        assert (step / "board/served.py").read_text().endswith("renamed = True\n")
        assert not (step / "board/wsgi.py").exists()
        assert not (step / "notices/migrations/0001_initial.py").exists()


@posix
def test_modes_travel_alone_and_with_a_change(scratch):
    """What a later step has changed in the file stays."""
    first = scratch.steps[0]
    (first / "manage.py").chmod(0o755)
    (first / "words.txt").chmod(0o755)
    replace(first / "words.txt", "line 1\n", "line one\n")
    scratch.says("carry", 1)
    for step in scratch.steps:
        assert files(step)["manage.py"][1]
        assert files(step)["words.txt"][1]
    assert have(scratch, "line one\n") == all_numbers(scratch)
    assert have(scratch, "line 9 of step 3\n") == all_numbers(scratch)[2:]


def test_what_is_staged_travels_as_well(scratch):
    """The last commit is what counts."""
    replace(scratch.steps[0] / "words.txt", "line 1\n", "line one\n")
    (scratch.steps[0] / "staged.txt").write_text("staged\n")
    scratch.git("add", "--all")
    scratch.says("carry", 1)
    assert have(scratch, "line one\n") == all_numbers(scratch)
    assert have(scratch, "staged\n", "staged.txt") == all_numbers(scratch)


def test_steps_before_stay_as_they_are(scratch):
    """From 3 on, only later ones change, and only the tests of these are named."""
    replace(scratch.steps[2] / "words.txt", "line 1\n", "line one\n")
    said = scratch.says("carry", 3)
    assert have(scratch, "line one\n") == all_numbers(scratch)[2:]
    assert f"workshop test {' '.join(map(str, all_numbers(scratch)[2:]))} diffs" in said


def test_a_step_that_has_no_such_file_lets_the_change_through(scratch):
    """To the steps behind it that have."""
    (scratch.steps[1] / "words.txt").unlink()
    scratch.commit()
    replace(scratch.steps[0] / "words.txt", "line 1\n", "line one\n")
    assert "not here  words.txt" in scratch.says("carry", 1)
    assert have(scratch, "line one\n") == [1, *all_numbers(scratch)[2:]]


def test_readmes_kept_diffs_and_what_runs_left_are_not_carried(scratch):
    """Each step has its own."""
    first = scratch.steps[1]
    for name in ("README.md", "from_01.diff", "db.sqlite3", "notices/x.pyc"):
        with (first / name).open("a") as file:
            file.write("mine alone\n")
    assert "Nothing to carry" in scratch.says("carry", 2, code=1)
    replace(first / "words.txt", "line 1\n", "line one\n")
    assert "README.md has changed too" in scratch.says("carry", 2)
    for step in scratch.steps[2:]:
        assert "mine alone" not in (step / "README.md").read_text()
        assert not (step / "db.sqlite3").exists()
        assert not (step / "from_01.diff").exists()
    assert "mine alone" not in (first / "from_01.diff").read_text()


# A conflict


@pytest.fixture
def stopped(scratch):
    """A carry from step 1 that has stopped in step 3, in the first of three files."""
    first = scratch.steps[0]
    replace(first / "words.txt", "line 9\n", "line nine\n")
    (first / "zebra.txt").write_text("after it\n")
    (first / "apple.txt").write_text("before it\n")
    said = scratch.says("carry", 1, code=1)
    assert "  CONFLICT  words.txt" in said
    assert "steps/03_namespace/words.txt has a conflict." in said
    assert said.endswith("workshop carry --continue\n")
    return scratch


def test_a_conflict_stops_with_markers_and_leaves_what_comes_after_untouched(stopped):
    """Step 2 has all three files, step 3 the first and a conflict, step 4 nothing."""
    assert have(stopped, "before it\n", "apple.txt") == [1, 2, 3]
    assert have(stopped, "line nine\n") == [1, 2, 3]
    assert have(stopped, "<<<<<<< ") == [3]
    assert have(stopped, "line 9 of step 3\n") == all_numbers(stopped)[2:]
    assert have(stopped, "after it\n", "zebra.txt") == [1, 2]


def resolve(scratch, text):
    """Put a text in the place of the conflict in step 3."""
    path = scratch.steps[2] / "words.txt"
    resolved, count = re.subn(r"(?s)<<<<<<< .*>>>>>>> .*?\n", text, path.read_text())
    assert count == 1
    path.write_text(resolved)


def test_a_conflict_says_which_others_will_come(scratch):
    """The ones that do not hang on how this one is solved."""
    first = scratch.steps[0]
    for name in ("words.txt", "xylophone.txt"):
        (first / name).write_text(f"{name} of step 1\n")
    for step in scratch.steps:
        (step / "xylophone.txt").write_text("as it was\n")
    scratch.commit()
    for step, words in ((first, "one"), (scratch.steps[4], "five")):
        (step / "xylophone.txt").write_text(f"{words}\n")
    replace(first / "words.txt", "words.txt of step 1\n", "line nine\n")
    scratch.says("carry", 1, code=1)
    said = scratch.says("carry", "--abort") + scratch.says("carry", 1, "--dry-run", code=1)
    assert "steps/05_nothing_missed/xylophone.txt" in said


def test_it_goes_on_when_the_conflict_is_solved_and_not_before(stopped):
    """What was made of it in step 3 travels on."""
    before = everything(stopped)
    assert "still has lines that begin with <<<<<<<" in stopped.says("carry", "--continue", code=1)
    assert "stopped at steps/03_namespace/words.txt" in stopped.says("carry", 1, code=1)
    assert everything(stopped) == before
    resolve(stopped, "line nine of step 3\n")
    stopped.says("carry", "--continue")
    assert have(stopped, "line nine of step 3\n") == all_numbers(stopped)[2:]
    assert have(stopped, "after it\n", "zebra.txt") == all_numbers(stopped)
    assert "No carry has stopped" in stopped.says("carry", "--continue", code=1)


def test_a_step_that_keeps_its_own_line_is_not_asked_again_further_on(stopped):
    """The steps behind it build on that line."""
    resolve(stopped, "line 9 of step 3\n")
    stopped.says("carry", "--continue")
    assert have(stopped, "line 9 of step 3\n") == all_numbers(stopped)[2:]
    assert have(stopped, "line nine\n") == [1, 2]
    assert have(stopped, "after it\n", "zebra.txt") == all_numbers(stopped)


def test_abort_changes_no_file_and_makes_way_for_another_carry(stopped):
    """Only what is remembered goes."""
    before = files(stopped.folder)
    assert "No file was changed" in stopped.says("carry", "--abort")
    kept = {name: it for name, it in before.items() if not name.startswith(".workshop/")}
    assert files(stopped.folder) == kept
    assert "No carry has stopped" in stopped.says("carry", "--abort", code=1)
    stopped.git("checkout", "--quiet", "--", "steps")
    assert "Nothing to carry" not in stopped.says("carry", 1)


def test_a_commit_in_between_is_said(stopped):
    """What changed since the last commit can't be known after it."""
    resolve(stopped, "line nine of step 3\n")
    stopped.commit()
    said = stopped.says("carry", "--continue", code=1)
    stopped.git(*re.search(r"git (reset --soft \w+)", said)[1].split())
    stopped.says("carry", "--continue")
    assert have(stopped, "line nine of step 3\n") == all_numbers(stopped)[2:]


def test_a_conflict_in_a_dry_run_is_said_and_leaves_no_markers(scratch):
    """Nor does it have to be continued."""
    replace(scratch.steps[0] / "words.txt", "line 9\n", "line nine\n")
    before = everything(scratch)
    assert "It would stop here" in scratch.says("carry", 1, "--dry-run", code=1)
    assert everything(scratch) == before


@pytest.mark.parametrize("keep", [True, False])
def test_deleted_here_and_different_there_is_for_a_person_to_decide(scratch, keep):
    """The file stays until somebody deletes it."""
    (scratch.steps[0] / "words.txt").unlink()
    said = scratch.says("carry", 1, code=1)
    assert "03_namespace/words.txt is deleted in the step before, and differs here" in said
    assert have(scratch, "line 1\n") == all_numbers(scratch)[2:]
    if not keep:
        (scratch.steps[2] / "words.txt").unlink()
    scratch.says("carry", "--continue")
    assert have(scratch, "line 1\n") == (all_numbers(scratch)[2:] if keep else [])


def test_a_binary_file_is_copied_or_a_conflict(scratch):
    """It is never merged."""
    for number, step in enumerate(scratch.steps, 1):
        (step / "same.bin").write_bytes(b"\0same")
        (step / "other.bin").write_bytes(b"\0other" + (b"3" if number > 2 else b""))
    scratch.commit()
    (scratch.steps[0] / "same.bin").write_bytes(b"\0new")
    scratch.says("carry", 1)
    assert [(step / "same.bin").read_bytes() for step in scratch.steps] == [b"\0new"] * len(
        scratch.steps
    )
    (scratch.steps[0] / "other.bin").write_bytes(b"\0new")
    said = scratch.says("carry", 1, code=1)
    assert "03_namespace/other.bin is binary and differs from the step before" in said
    assert (scratch.steps[2] / "other.bin").read_bytes() == b"\0other3"


# Nobody's line is lost


def test_uncommitted_work_in_a_later_step_is_merged_with(scratch):
    """Other lines of the same file stay, and travel on; other files do not."""
    replace(scratch.steps[0] / "words.txt", "line 1\n", "line one\n")
    replace(scratch.steps[1] / "words.txt", "line 20\n", "line twenty\n")
    (scratch.steps[1] / "mine.txt").write_text("mine\n")
    scratch.says("carry", 1)
    assert have(scratch, "line one\n") == all_numbers(scratch)
    assert have(scratch, "mine\n", "mine.txt") == [2]
    assert have(scratch, "line twenty\n") == all_numbers(scratch)[1:]


def test_uncommitted_work_on_the_same_line_is_a_conflict_that_keeps_both(scratch):
    """And so is an uncommitted new file of the same name."""
    first, second = scratch.steps[:2]
    (first / "new.txt").write_text("theirs\n")
    (second / "new.txt").write_text("mine\n")
    assert "02_gevent_server/new.txt has a conflict" in scratch.says("carry", 1, code=1)
    assert re.findall(r"^\w+$", (second / "new.txt").read_text(), re.MULTILINE) == [
        "mine",
        "theirs",
    ]
    (second / "new.txt").write_text("both\n")
    scratch.says("carry", "--continue")
    assert have(scratch, "both\n", "new.txt") == all_numbers(scratch)[1:]
    replace(first / "words.txt", "line 1\n", "line one\n")
    replace(second / "words.txt", "line 1\n", "line mine\n")
    assert "02_gevent_server/words.txt has a conflict" in scratch.says("carry", 1, code=1)
    assert have(scratch, "line mine\n") == [2]
    assert have(scratch, "line one\n") == [1, 2]


def test_what_was_mended_by_hand_in_the_next_step_travels_all_the_same(scratch):
    """Committed or not."""
    for step in scratch.steps[:2]:
        replace(step / "words.txt", "line 1\n", "line one\n")
    scratch.says("carry", 1)
    assert have(scratch, "line one\n") == all_numbers(scratch)


def test_a_line_that_moves_to_an_earlier_step_is_no_conflict_behind_it(scratch):
    """Step 4 had changed it since; what step 3 has is what it was made from."""
    replace(scratch.steps[3] / "words.txt", "line 9 of step 3\n", "line 9 of step 4\n")
    scratch.commit()
    shutil.copy(scratch.steps[2] / "words.txt", scratch.steps[1] / "words.txt")
    said = scratch.says("carry", 2)
    assert have(scratch, "line 9 of step 4\n")[0] == 4
    assert "workshop test 2 diffs listings" in said, "no other step was touched"


def test_edit_and_carry_again_until_it_is_right(scratch):
    """The second time, what the first one did is no obstacle; nor is a conflict that was solved."""
    path = scratch.steps[0] / "words.txt"
    replace(path, "line 9\n", "line nine\n")
    scratch.says("carry", 1, code=1)
    resolve(scratch, "line nine of step 3\n")
    scratch.says("carry", "--continue")
    replace(path, "line 1\n", "line one\n")
    scratch.says("carry", 1)
    replace(scratch.steps[2] / "words.txt", "line one\n", "line one, put otherwise\n")
    replace(path, "line 20\n", "line twenty\n")
    scratch.says("carry", 1)
    assert have(scratch, "line twenty\n") == all_numbers(scratch)
    assert have(scratch, "line one, put otherwise\n") == all_numbers(scratch)[2:]
    assert have(scratch, "line nine of step 3\n") == all_numbers(scratch)[2:]
    before = everything(scratch)
    scratch.says("carry", 1)
    assert everything(scratch) == before


def test_what_is_taken_back_is_taken_back_everywhere(scratch):
    """A new file that got another name, and a line that is as it was."""
    first = scratch.steps[0]
    replace(first / "words.txt", "line 1\n", "line one\n")
    (first / "naem.txt").write_text("new\n")
    replace(scratch.steps[2] / "words.txt", "line 20\n", "mine\n")
    scratch.says("carry", 1)
    scratch.git("checkout", "--quiet", "--", first / "words.txt")
    (first / "naem.txt").rename(first / "name.txt")
    scratch.says("carry", 1)
    assert have(scratch, "line 1\n") == all_numbers(scratch)
    assert have(scratch, "mine\n") == all_numbers(scratch)[2:]
    assert have(scratch, "new\n", "naem.txt") == []
    assert have(scratch, "new\n", "name.txt") == all_numbers(scratch)


def test_what_is_thrown_away_in_a_later_step_is_carried_again(scratch):
    """What the tool remembers never stands for what is in the files."""
    replace(scratch.steps[0] / "words.txt", "line 1\n", "line one\n")
    scratch.says("carry", 1)
    scratch.git("checkout", "--quiet", "--", scratch.steps[2] / "words.txt")
    scratch.says("carry", 1)
    assert have(scratch, "line one\n") == all_numbers(scratch)


def test_a_commit_begins_anew(scratch):
    """What was carried before it is forgotten."""
    replace(scratch.steps[0] / "words.txt", "line 1\n", "line one\n")
    scratch.says("carry", 1)
    scratch.commit()
    assert "Nothing to carry" in scratch.says("carry", 1, code=1)
    replace(scratch.steps[0] / "words.txt", "line one\n", "line uno\n")
    scratch.says("carry", 1)
    assert have(scratch, "line uno\n") == all_numbers(scratch)


# What can't be done


def test_what_cannot_be_carried_is_a_sentence(scratch):
    """Each with an exit code, and no file changed."""
    last = len(scratch.steps)
    assert "Which step was changed?" in scratch.says("carry", code=1)
    assert "There is no step '99'" in scratch.says("carry", 99, code=1)
    assert "is the last step" in scratch.says("carry", last, code=1)
    assert "Nothing to carry" in scratch.says("carry", 1, code=1)
    with (scratch.steps[0] / "words.txt").open("a") as file:
        file.write("<<<<<<< mine\n")
    assert "has a conflict of its own" in scratch.says("carry", 1, code=1)
    assert have(scratch, "<<<<<<< ") == [1]


def test_a_step_without_a_commit_is_a_sentence(scratch):
    """There is nothing to compare it with."""
    scratch.git("rm", "-r", "--quiet", "--cached", scratch.steps[2])
    scratch.git("commit", "--quiet", "--message", "Without step 3")
    assert "03_namespace is in no commit yet" in scratch.says("carry", 3, code=1)
    shutil.rmtree(scratch.folder / ".git")
    assert "it works in a git clone" in scratch.says("carry", 1, code=1)


def test_state_that_cannot_be_read_is_no_state(scratch):
    """A file that somebody has broken."""
    (scratch.folder / ".workshop").mkdir(exist_ok=True)
    state = scratch.folder / ".workshop" / "carry.json"
    state.write_text("{")
    replace(scratch.steps[0] / "words.txt", "line 1\n", "line one\n")
    scratch.says("carry", 1)
    assert have(scratch, "line one\n") == all_numbers(scratch)
    assert json.loads(state.read_text())["stopped"] is None
