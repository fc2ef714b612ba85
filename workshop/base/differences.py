"""How two trees differ, line by line: what has moved is known, and the words that changed."""

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from workshop.base import steptree
from workshop.base.steptree import README, Tree
from workshop.base.words import counted

ESCAPE = re.compile(r"\x1b\[([\d;]*)m")
# git says which lines have moved by their colour, and by that alone.
MOVED = "34"
MARK_MOVED = ("--color-moved=zebra", "--color-moved-ws=allow-indentation-change")
SETTINGS = {
    "color.diff.old": "red",
    "color.diff.new": "green",
    "color.diff.oldMoved": "blue",
    "color.diff.newMoved": "blue",
    "color.diff.oldMovedAlternative": "blue",
    "color.diff.newMovedAlternative": "blue",
    "diff.default.xfuncname": r"^[ \t]*((async +)?(def|class|function) .*)[:{]$",
}
# Below this, two lines are different lines, and not one that was changed.
ALIKE = 0.5


@dataclass
class Line:
    """A line of a hunk: "+", "-" or " ", the text, and whether it is elsewhere in the diff too."""

    sign: str
    text: str
    moved: bool = False


@dataclass
class FileDiff:
    """What a diff says about one file; a hunk is where it begins, and its lines."""

    path: str
    about: list[str] = field(default_factory=list)
    hunks: list[tuple[str, list[Line]]] = field(default_factory=list)

    def count(self, sign: str) -> int:
        """Count the lines that are added, or taken away."""
        return sum(line.sign == sign for _, lines in self.hunks for line in lines)

    @property
    def new(self) -> bool:
        """Tell whether the file was not there before."""
        return any(line.startswith("new file mode") for line in self.about)

    @property
    def removed(self) -> bool:
        """Tell whether the file is not there any more."""
        return any(line.startswith("deleted file mode") for line in self.about)

    @property
    def amount(self) -> str:
        """Return how much of it changes, in words."""
        about = "\n".join(self.about)
        added, gone = self.count("+"), self.count("-")
        result = f"+{added} −{gone}"
        if "Binary files" in about:
            result = "binary"
        elif self.new:
            result = f"new, {counted(added, 'line')}" if added else "new, empty"
        elif self.removed:
            result = f"removed, {counted(gone, 'line')}"
        if mode := re.search(r"^new mode 100(\d+)", about, re.MULTILINE):
            result += ", executable" if mode[1] == "755" else ", no longer executable"
        return result


def differences(old: Tree, new: Tree, listed: list[str]) -> list[FileDiff]:
    """Return what differs, in reading order, but for the READMEs: they are two lessons."""
    options = [*steptree.PATCH, "--color=always", *MARK_MOVED]
    before, after = (
        {path: file for path, file in tree.items() if path != README} for tree in (old, new)
    )
    text = steptree.compare(before, after, listed, *options, settings=SETTINGS)
    return parse(text.decode(errors="replace"))


def parse(text: str) -> list[FileDiff]:
    """Return the files of git's coloured diff."""
    files: list[FileDiff] = []
    for raw in text.split("\n")[:-1]:
        line = ESCAPE.sub("", raw)
        if line.startswith("diff --git "):
            # The two paths are the same: nothing is renamed here.
            path = line[len("diff --git a/") : (len(line) + len("diff --git")) // 2]
            files.append(FileDiff(path))
        elif line.startswith("@@ "):
            files[-1].hunks.append((line, []))
        elif files[-1].hunks:
            first = ESCAPE.match(raw)
            moved = first is not None and MOVED in first[1].split(";")
            files[-1].hunks[-1][1].append(Line(line[:1] or " ", line[1:], moved))
        else:
            files[-1].about.append(line)
    return files


def changed_lines(lines: list[Line]) -> Iterator[tuple[int, int]]:
    """Yield the places of a removed line and of the added line that it has become."""
    signs = "".join("m" if line.moved else line.sign for line in lines)
    for block in re.finditer(r"(-+)(\++)", signs):
        start = block.start(2)
        for old in range(block.start(1), block.end(1)):
            alike = [
                (likeness(lines[old].text, lines[new].text), -new)
                for new in range(start, block.end(2))
            ]
            best, new = max(alike, default=(0, 0))
            if best >= ALIKE:
                yield old, -new
                start = 1 - new


def words(text: str) -> list[str]:
    """Split a line into words, spaces and signs."""
    return re.findall(r"\w+|\s+|.", text)


def likeness(old: str, new: str) -> float:
    """Return how much of two lines is the same, their indentation aside."""
    return difflib.SequenceMatcher(None, words(old.strip()), words(new.strip())).ratio()


def mark_words(old: str, new: str, same: Callable, other: Callable) -> tuple[str, str]:
    """Return two lines, each made of what is the same in both and of the words that differ."""
    olds, news = words(old), words(new)
    codes = difflib.SequenceMatcher(None, olds, news, autojunk=False).get_opcodes()
    results: tuple[list[tuple[str, bool]], ...] = [], []
    for number, (kind, *ends) in enumerate(codes):
        texts = "".join(olds[slice(*ends[:2])]), "".join(news[slice(*ends[2:])])
        # A space between two words that differ is marked with them, so that it reads as one.
        between = 0 < number < len(codes) - 1 and not texts[0].strip()
        for result, text in zip(results, texts, strict=True):
            marked = (kind != "equal" or between) and bool(number or text.strip())
            if result and result[-1][1] == marked:
                text = result.pop()[0] + text
            result.append((text, marked))
    marked_old, marked_new = (
        "".join(other(text) if marked else same(text) for text, marked in result if text)
        for result in results
    )
    return marked_old, marked_new
