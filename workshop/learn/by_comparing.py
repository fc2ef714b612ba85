"""Where a folder is not the step, line by line, but for comments, docstrings and empty lines.

Whoever types what a lesson shows has the step in the end, but for a slip: where that is the only
difference it is what keeps the rest from working, wherever it is seen.
"""

import ast
import re
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path

from workshop.base import steptree
from workshop.base.steps import Step
from workshop.learn.hint import Hint, lesson_about

COMMENTS = {".py": r"(^\s*|\s{2,})#.*", ".js": r"(^\s*|\s+)//\s.*", ".html": r"$^"}


# What these are about is not in the code.
ELSEWHERE = {"port taken", "forgotten migration", "node_modules missing"}


@dataclass(frozen=True)
class Place:
    """Lines of a folder where the step has others, or none, or where there are none."""

    file: str
    line: int  # the first of them; where there are none, the line above
    mine: list[str]
    theirs: list[str]
    above: str  # the step's line above; "" at the top of the file
    moved: bool = False

    @property
    def is_import(self) -> bool:
        """Tell whether this only brings what another place is about: import time, time.sleep(5)."""
        return not self.theirs and all(re.match("import |from ", line) for line in self.mine)

    @property
    def words(self) -> str:
        """Return what the step has there."""
        if self.moved:
            place = f"below  {self.above.strip()}" if self.above else "at the top"
            return f"In the step it is in another place: {place}"
        if not self.mine:
            missing = "A line" if len(self.theirs) == 1 else f"{len(self.theirs)} lines"
            place = "below" if self.above else "above"
            return f"{missing} of the step should be {place} this one:  {self.theirs[0].strip()}"
        if not self.theirs:
            return "The step has nothing like this here."
        if self.mine[0].strip() == self.theirs[0].strip():
            return "In the step it is indented otherwise."
        return f"In the step it is:  {self.theirs[0].strip()}"


def differences(folder: Path, step: Step) -> list[Place] | None:
    """Return where a folder has other lines than the step; None where a whole file is missing."""
    places: list[Place] = []
    wanted, there = (code_files(each) for each in (step.folder, folder))
    if not wanted.keys() <= there.keys():
        return None
    for name in wanted:
        suffix = Path(name).suffix
        mine, theirs = (
            code_lines(each[name].content.decode(errors="replace"), suffix)
            for each in (there, wanted)
        )
        places += moved_together(places_in(name, mine, theirs))
    return [place for place in places if not place.is_import]


def code_files(folder: Path) -> steptree.Tree:
    """Return the files of a folder that are code."""
    return {
        name: file for name, file in steptree.read(folder).items() if Path(name).suffix in COMMENTS
    }


def code_lines(text: str, suffix: str) -> list[tuple[int, str]]:
    """Return the lines that do something, with their numbers."""
    documented = docstring_lines(text) if suffix == ".py" else set()
    lines = [
        (number, re.sub(COMMENTS[suffix], "", line).rstrip())
        for number, line in enumerate(text.splitlines(), 1)
        if number not in documented
    ]
    return [(number, line) for number, line in lines if line]


def docstring_lines(text: str) -> set[int]:
    """Return the numbers of the lines that are docstrings, none where it is no Python yet."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return set()
    strings = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    return {
        line
        for node in strings
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


def places_in(name: str, mine: list[tuple[int, str]], theirs: list[tuple[int, str]]) -> list[Place]:
    """Return where the lines of a file are others."""
    old, new = [line for _, line in mine], [line for _, line in theirs]
    places = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            number = mine[i1 if i1 < i2 else max(i1 - 1, 0)][0] if mine else 1
            above = new[j1 - 1] if j1 else ""
            places.append(Place(name, number, old[i1:i2], new[j1:j2], above))
    return places


def moved_together(places: list[Place]) -> list[Place]:
    """Make one place of two if what is too much at the one is what the other lacks."""
    match places:
        case [one, other] if {bool(one.mine), bool(other.mine)} == {True, False}:
            here, there = (one, other) if one.mine else (other, one)
            if not here.theirs and [*map(str.strip, here.mine)] == [*map(str.strip, there.theirs)]:
                return [replace(here, theirs=there.theirs, above=there.above, moved=True)]
    return places


def compared(hint: Hint, folder: Path, step: Step) -> Hint:
    """Have a hint look at the only place where a folder is not the step, if it is only one."""
    own = code_files(folder).keys() - code_files(step.folder).keys()  # such as a migration
    places = None if own or hint.name in ELSEWHERE else differences(folder, step)
    if not places or len(places) > 1:
        return hint
    place = places[0]
    if (hint.file, hint.line) == (place.file, place.line) and "In the step" in hint.more:
        return hint
    return replace(
        hint,
        file=place.file,
        line=place.line,
        code="\n".join(place.mine[:1]).strip(),
        part="",
        more=f"{hint.more}\n{place.words}",
        lesson=hint.lesson if hint.file == place.file else lesson_about(place.file, step),
        differs=True,
    )
