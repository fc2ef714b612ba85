"""The one place where a folder is not the step: what new users have typed, and what is said."""

import re
import shutil
from dataclasses import dataclass, replace

import pytest

from support import STEPS
from workshop.base.steps import find
from workshop.learn import by_comparing
from workshop.learn.hint import BOARD_JS, NAMESPACES, Hint

MADE = shutil.ignore_patterns("db.sqlite3", "secret_key.txt", "__pycache__")
OFFICIAL = "        form.instance.official = get_user(request).is_staff\n"
SAVE_FORM = "        notice = form.save()\n"
SAVE = "        super().save(*args, **kwargs)\n"
COMMIT = "        transaction.on_commit(lambda: publish(self))\n"
NOT_LIVE = 'except RedisError as error:\n            logger.error("Not'
LIVE, MODELS, SERVE = "notices/live.py", "notices/models.py", "serve.py"


@dataclass(frozen=True)
class Slip:
    """What was typed in place of what the step has, and what is said of it."""

    step: int
    file: str
    old: str
    new: str
    words: str = "In the step it is:"
    line: str = ""  # the line that it points to, where that is not a line of `new`


SLIPS = {
    "no f": Slip(2, SERVE, 'print(f"The', 'print("The'),
    "arguments in the other order": Slip(
        2, SERVE, "(sio, StaticFilesHandler(application))", "(StaticFilesHandler(application), sio)"
    ),
    "a text for a number": Slip(2, SERVE, "int(port))", "port)"),
    "an option of JavaScript": Slip(2, SERVE, "async_mode=", "asyncMode="),
    "a function that is not called": Slip(3, NAMESPACES, "form.is_valid()", "form.is_valid"),
    "a method as a function": Slip(
        3, NAMESPACES, "self.get_request(sid)", "get_request(self, sid)"
    ),
    "called, not handed over": Slip(3, NAMESPACES, "self.emit_count)", "self.emit_count())"),
    "a line too few": Slip(
        3, NAMESPACES, "        self.waiting = False\n        self.emit(", "        self.emit(",
        "A line of the step should be below this one: self.waiting = False",
        "def emit_count(self):",
    ),
    "two lines in the other order": Slip(
        3, NAMESPACES,
        OFFICIAL + SAVE_FORM, SAVE_FORM + OFFICIAL,
        "In the step it is in another place: below",
    ),
    "names in the other order": Slip(
        3, SERVE, 'Notices("/notices"))\nsio.register_namespace(Presence("/presence"))',
        'Notices("/presence"))\nsio.register_namespace(Presence("/notices"))',
    ),
    "a class for an instance": Slip(3, SERVE, 'Notices("/notices")', "Notices"),
    "nobody is asked": Slip(3, BOARD_JS, "emitWithAck(", "emit("),
    "a place without its mark": Slip(
        3, BOARD_JS, 'say("#answer", problems', 'say("answer", problems'
    ),
    "a name that hides another": Slip(3, BOARD_JS, "const answer = await", "const notices = await"),
    "a variable in place of its value": Slip(3, BOARD_JS, 'text.value = "";', 'text = "";'),
    "a line at another depth": Slip(
        3, NAMESPACES, "        self.emit_soon()\n\n    def on_disconnect",
        "    self.emit_soon()\n\n    def on_disconnect", "In the step it is indented otherwise.",
    ),
    "JSON in JSON": Slip(
        4, LIVE, "dumps(notice.as_dict())", "dumps(json.dumps(notice.as_dict()))"
    ),
    "a method with fewer arguments": Slip(4, MODELS, "save(self, *args, **kwargs)", "save(self)"),
    "the class for the object": Slip(4, SERVE, "spawn(listen, notices)", "spawn(listen, Notices)"),
    "all of the message": Slip(4, LIVE, 'message["data"]', "message"),
    "an option too few": Slip(4, LIVE, "ignore_subscribe_messages=True", ""),
    "another library's exception": Slip(4, LIVE, NOT_LIVE, NOT_LIVE.replace("Redis", "Connection")),
    "too early": Slip(
        4, MODELS,
        SAVE + COMMIT, COMMIT + SAVE,
        "In the step it is in another place: below",
    ),
    "a line too many": Slip(
        4, NAMESPACES, "        form.save()\n", "        form.save()\n        print(form)\n",
        "The step has nothing like this here.", "print(form)",
    ),
}  # fmt: skip


def hint(number):
    """Return what may have been found anywhere."""
    return Hint("a point", "…", "In vain.", "Look closely.", "manage.py", lesson=find(str(number)))


@pytest.fixture
def typed(tmp_path):
    """Copy a step, with a slip: typed(step, file, old, new) → the folder."""

    def copy(number, file, old, new):
        folder = shutil.copytree(STEPS[number], tmp_path / "my", ignore=MADE)
        path = folder / file
        text = path.read_text()
        assert text.count(old) == 1, old
        path.write_text(text.replace(old, new))
        return folder

    return copy


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_pointed_to(name, typed):
    """Wherever it was seen."""
    slip = SLIPS[name]
    folder = typed(slip.step, slip.file, slip.old, slip.new)
    found = by_comparing.compared(hint(slip.step), folder, find(str(slip.step)))
    assert found.file == slip.file
    assert slip.words in " ".join(found.more.split()), found
    line = (folder / slip.file).read_text().splitlines()[found.line - 1].strip()
    assert (slip.line or line) == line, found
    assert slip.line or line in [each.strip() for each in changed(slip, folder)], found


def changed(slip, folder):
    """Return the lines that were typed."""
    theirs = (STEPS[slip.step] / slip.file).read_text().splitlines()
    mine = (folder / slip.file).read_text().splitlines()
    moved = slip.words.startswith("In the step it is in another")
    return slip.new.splitlines() if moved else [line for line in mine if line not in theirs]


def test_comments_docstrings_and_empty_lines_are_no_difference(typed):
    """Nobody types them."""
    step = find("3")
    folder = typed(
        3, NAMESPACES, "        form = NoticeForm(", "\n        # Mine.\n        form = NoticeForm("
    )
    path = folder / NAMESPACES
    path.write_text(re.sub(r'^ *""".*?"""\n', "", path.read_text(), flags=re.M | re.S))
    script = folder / BOARD_JS
    script.write_text(re.sub(r"(^|\s+)//\s.*", "", script.read_text(), flags=re.M))
    assert by_comparing.differences(folder, step) == []
    assert by_comparing.compared(hint(3), folder, step) == hint(3)


def test_an_import_that_comes_along_is_no_second_place(typed):
    """What is done with it is."""
    folder = typed(3, NAMESPACES, SAVE_FORM, f"        time.sleep(5)\n{SAVE_FORM}")
    path = folder / NAMESPACES
    path.write_text(path.read_text().replace("import gevent\n", "import time\n\nimport gevent\n"))
    found = by_comparing.compared(hint(3), folder, find("3"))
    assert (found.file, found.code) == (NAMESPACES, "time.sleep(5)")


def test_a_way_of_ones_own_is_left_alone(typed):
    """Who differs in two places may mean it."""
    folder = typed(3, NAMESPACES, "self.here = set()", "self.present = set()")
    path = folder / BOARD_JS
    path.write_text(path.read_text().replace('"No connection: trying again."', '"Alone."'))
    assert len(by_comparing.differences(folder, find("3"))) == 2
    assert by_comparing.compared(hint(3), folder, find("3")) == hint(3)


def test_what_is_not_in_the_code_keeps_its_hint(typed):
    """A port that is taken, or a migration of one's own that is broken, whatever else is typed."""
    folder = typed(3, NAMESPACES, SAVE_FORM, SAVE_FORM + "        print(notice)\n")
    taken = replace(hint(3), name="port taken")
    assert by_comparing.compared(taken, folder, find("3")) == taken
    assert by_comparing.compared(hint(3), folder, find("3")).code == "print(notice)"
    (folder / "notices/migrations/0009_mine.py").write_text("broken = 1 / 0\n")
    assert by_comparing.compared(hint(3), folder, find("3")) == hint(3)


def test_the_first_lines_are_above(typed):
    """Where no line is above, nothing is below it."""
    patch = (STEPS[4] / SERVE).read_text().partition("import sys")[0].partition('"""\n\n')[2]
    folder = typed(4, SERVE, patch, "")
    found = by_comparing.compared(hint(4), folder, find("4"))
    assert "lines of the step should be above this one:  from gevent import" in found.more, found


def test_a_file_that_is_missing_is_another_hint(typed):
    """What else is other may well be right."""
    folder = typed(3, NAMESPACES, "self.here = set()", "self.present = set()")
    (folder / BOARD_JS).unlink()
    assert by_comparing.compared(hint(3), folder, find("3")) == hint(3)
