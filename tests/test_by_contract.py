"""Each change of each step, left out of an attendee's folder: the tutor sees that it is."""

import difflib
import re
import shutil

import pytest

from workshop.base.steps import find
from workshop.base.what_changes import contract, pairs
from workshop.learn import by_contract
from workshop.learn.by_reading import javascript_syntax, python_syntax, undefined_name
from workshop.learn.lessons import lesson
from workshop.learn.scaffold import TESTS

LEFT = shutil.ignore_patterns("__pycache__", "db.sqlite3*", "secret_key.txt", "run")
# Said in one's own words; and an import that nothing needs any more does no harm.
INVISIBLE = re.compile(r'\s*("""|import |from )')
MANAGE = "so is what manage.py publishes in one"
HERE = "each hall hears who follows it, wherever they are"
CHOOSES = "a window chooses halls and shows them"
AGAIN = "what only the dead primary had is published again"
ALONE = "a process alone is a whole server"
# What no reading sees, by how it begins, and the point of the lesson whose tests do.
TRIED = {
    "    form = NoticeForm(request.POST or None, request=request)": "nor by the page's form",
    '        if form.has_error("key", "unique"):': "what is sent again is saved once",
    "  catchUp();": "the page catches up by itself",
    '        form = NoticeForm({"author": author, "hall": hall, "text": text})': MANAGE,
    "                case [str(process), int(number), dict(elsewhere)] if process != ME:": HERE,
    '        "cursors": {hall: notices.halls[hall].cursor for hall in follows + own},': ALONE,
    'notices.on("here", (hall, number, names) => {': CHOOSES,
    "  nobodyIsHere();": CHOOSES,
    "    for hall in notices.halls.values():": "a page hears its halls and no others",
    'if {*"{}"} & {*"".join(HALLS)}:': "a page hears its halls and what is for its person",
    '        redis.call("SET", KEYS[2], "", "EX", 3600)': AGAIN,
    "        goes_on = True": "a hall whose nodes are away holds up no other",
}


def variants(before, step):
    """Yield a file, what it lacks, and its text without: of each file, and of each of its hunks."""
    for file, label in contract(step).labels.items():
        new = (step.folder / file).read_text().splitlines(keepends=True)
        if label == "new":
            yield file, new, None
            continue
        old = (before.folder / file).read_text().splitlines(keepends=True)
        yield file, new, "".join(old)
        if file == TESTS:
            continue  # Who changes a test of theirs has their reason.
        hunks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        for tag, i1, i2, j1, j2 in hunks:
            if tag != "equal":
                yield file, new[j1:j2] or old[i1:i2], "".join(new[:j1] + old[i1:i2] + new[j2:])


ALL = [
    pytest.param(before, step, *variant, id=f"{int(step.number)}-{variant[0]}-{at}")
    for before, step in pairs()
    for at, variant in enumerate(variants(before, step))
]


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """Each step's copy, in which a file at a time is another one."""
    folder = tmp_path_factory.mktemp("copies")
    return {
        step.name: shutil.copytree(step.folder, folder / step.name, ignore=LEFT)
        for _, step in pairs()
    }


def not_yet(folder, step):
    """Return the hint of whoever reads files: what Python can't read, or does not know, first."""
    looks = [python_syntax, by_contract.not_yet, javascript_syntax, undefined_name]
    return next(filter(None, (look(folder, step) for look in looks)), None)


@pytest.mark.parametrize(("before", "step", "file", "lines", "text"), ALL)
def test_a_change_that_is_left_out_is_seen(copies, before, step, file, lines, text):
    """By reading what the lesson lists, or by another look; or its own tests are named above."""
    folder = copies[step.name]
    path = folder / file
    try:
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
        hint = not_yet(folder, step)
    finally:
        shutil.copy2(step.folder / file, path)
    if hint:
        assert hint.file == file, hint
    elif tried := TRIED.get(lines[0].rstrip()):
        assert tried in [point.works for point in lesson(int(step.number))]
    else:
        assert all(INVISIBLE.match(line) for line in lines), lines


@pytest.mark.parametrize("step", [step for _, step in pairs()], ids=lambda step: step.number)
def test_a_whole_step_has_all_of_it(step):
    """And no remark is made."""
    assert by_contract.not_yet(step.folder, step) is None


def test_what_is_ones_own_is_not_complained_about(tmp_path):
    """Comments, docstrings, names of variables, and what is there beside the lesson."""
    step = pairs()[2][1]
    folder = shutil.copytree(step.folder, tmp_path / "my", ignore=LEFT)
    path = folder / "notices" / "namespaces.py"
    # The step before has a `notice` in on_post, too: as a local name, it is nobody's business.
    kept = "        notice = form.save()\n        logger.info(notice.text)\n"
    text = path.read_text().replace("        form.save()\n", kept).replace("form", "filled")
    path.write_text(re.sub(r'""".*?"""', '"""Mine."""', text, flags=re.S) + "\n\nMINE = 1\n")
    assert by_contract.not_yet(folder, step) is None


def test_a_method_hands_on_what_it_is_called_with(tmp_path):
    """A save() that forgets its arguments works until somebody says update_fields."""
    step = find("4")
    copy = shutil.copytree(step.folder, tmp_path / "my", ignore=LEFT)
    models = copy / "notices/models.py"
    models.write_text(models.read_text().replace("super().save(*args, **kwargs)", "super().save()"))
    hint = by_contract.not_yet(copy, step)
    assert hint.file == "notices/models.py"
    assert "does not hand on all that Notice.save is called with" in hint.happened
