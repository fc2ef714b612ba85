"""A hint: what is wrong with a folder, and where to look."""

import difflib
import os
from dataclasses import dataclass, field
from pathlib import Path

from workshop.base.paths import shown
from workshop.base.regions import listings
from workshop.base.steps import Step, all_steps, plain
from workshop.base.what_changes import contract

BOARD = "notices/templates/notices/board.html"
BOARD_JS = "notices/static/notices/board.js"
NAMESPACES = "notices/namespaces.py"


@dataclass(frozen=True)
class Hint:
    """What is wrong, and where to look."""

    name: str  # the same name again is the same hint again
    expected: str
    happened: str
    more: str
    file: str = ""  # inside of the folder
    line: int | None = None
    code: str = ""  # the lines of theirs that it is about
    part: str = ""  # of the file, as in lessons/
    lesson: Step = field(kw_only=True)  # whose README
    section: str = "What changes"
    differs: bool = False  # It is the only place that is not as in the step.
    symptom: str = ""  # the command that explains the error

    @property
    def levels(self) -> int:
        """How often there is more: a command to copy says all, and needs no lines after it."""
        return 2 if any(line.startswith("$ ") for line in self.more.splitlines()) else 3


def lesson_about(file: str, step: Step) -> Step:
    """Return the step, this one or one before, whose README says that it changes a file."""
    upto = [each for each in all_steps() if each.name <= step.name]
    return next((each for each in reversed(upto) if why(file, each)), upto[0])


def why(file: str, step: Step) -> str:
    """Return what the README of a step says about a file, in its list of what changes."""
    return plain(contract(step).why.get(file, ""))


def missing_file(file: str, folder: Path, step: Step) -> Hint:
    """Return the hint about a file of the step that is not there yet."""
    lesson = lesson_about(file, step)
    reason = why(file, lesson)
    path = Path(shown(folder), file)
    copy = f"$ {'copy' if os.name == 'nt' else 'cp'} {shown(step.folder / file)} {path}"
    if not (folder / file).parent.is_dir():
        copy = f"$ mkdir {'' if os.name == 'nt' else '-p '}{path.parent}\n{copy}"
    markers = [marker for marker in listings(lesson.readme) if marker.split()[0] == file]
    if any("elide" not in marker for marker in markers):
        more = "The README shows what belongs into it: type it from there."
    else:
        more = f"It is not meant to be typed. Copy it:\n{copy}"
    return Hint(
        name=f"missing file: {file}",
        expected=f"{file}: {reason}" if reason else f"A step has a file {file}.",
        happened=f"There is no {file} yet.",
        more=more,
        file=file,
        lesson=lesson,
    )


def nearest(name: str, names) -> str | None:
    """Return what a typo may have meant."""
    return next(iter(difflib.get_close_matches(name, [*names], 1, 0.6)), None)
