"""A diff for a person at a terminal: file by file, moved code dimmed, changed words marked."""

import difflib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from workshop.base import steptree
from workshop.base.paths import WINDOWS
from workshop.base.steps import plain
from workshop.base.steptree import README, Tree

# Eight colours that every terminal has and every theme makes readable, dark or light.
BOLD, DIM, RED, GREEN, CYAN, REVERSE, UNREVERSE, OFF = (
    f"\x1b[{number}m" for number in (1, 2, 31, 32, 36, 7, 27, 0)
)
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


def in_colour() -> bool:
    """Tell whether colours are shown, and wanted."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def render(old: Tree, new: Tree, listed: list[str], why: dict[str, str], title: str) -> str:
    """Return the diff as a person wants to read it."""
    options = [*steptree.PATCH, "--color=always", *MARK_MOVED]
    # The READMEs are two lessons: what differs between them says nothing.
    before, after = (
        {path: file for path, file in tree.items() if path != README} for tree in (old, new)
    )
    text = steptree.compare(before, after, listed, *options, settings=SETTINGS)
    width = min(shutil.get_terminal_size().columns, 100)
    files = parse(text.decode(errors="replace"))
    lines = [f"{BOLD}{title[0].upper()}{title[1:]}{OFF}", f"{DIM}{summary(files)}{OFF}"]
    for file in files:
        lines += ["", *show_file(file, why.get(file.path, ""), width)]
    if old.get(README) != new.get(README):
        lines += ["", rule(README, "another lesson, to be read rather than compared", width)]
    result = "\n".join(lines) + "\n"
    return result if in_colour() else ESCAPE.sub("", result)


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


def summary(files: list[FileDiff]) -> str:
    """Say how much it is, and what the marks mean."""
    added, gone = (sum(file.count(sign) for file in files) for sign in "+-")
    moved = any(line.moved for file in files for _, lines in file.hunks for line in lines)
    number = "1 file" if len(files) == 1 else f"{len(files)} files"
    marks = "; dim, with < and >: only moved" if moved else ""
    return f"{number}, {lines_of(added)} added, {gone} removed{marks}"


def show_file(file: FileDiff, why: str, width: int) -> list[str]:
    """Return the lines that show a file."""
    about = "\n".join(file.about)
    new, removed = "new file mode" in about, "deleted file mode" in about
    added, gone = file.count("+"), file.count("-")
    numbers = f"+{added} −{gone}"
    if "Binary files" in about:
        numbers = "binary"
    elif new:
        numbers = f"new, {lines_of(added)}" if added else "new, empty"
    elif removed:
        numbers = f"removed, {lines_of(gone)}"
    if mode := re.search(r"^new mode 100(\d+)", about, re.MULTILINE):
        numbers += ", executable" if mode[1] == "755" else ", no longer executable"
    result = [rule(file.path, numbers, width)]
    if why:
        result.append(f"{CYAN}{plain(why)[:1].upper()}{plain(why)[1:]}{OFF}")
    for place, lines in file.hunks:
        result.append("")
        if not new and not removed:
            result.append(where(place))
        if not removed:
            result += [line.text for line in lines] if new else show_lines(lines)
    return result


def lines_of(number: int) -> str:
    """Return a number of lines in words."""
    return "1 line" if number == 1 else f"{number} lines"


def rule(path: str, about: str, width: int) -> str:
    """Return a file's heading, as wide as the screen."""
    line = "─" * max(3, width - len(path) - len(about) - 6)
    return f"{BOLD}── {path} {OFF}{DIM}{line} {about}{OFF}"


def where(place: str) -> str:
    """Return where a hunk is, in words."""
    _, number, rest = re.split(r"@@ -\S+ \+(\d+)\S* @@ ?", place, maxsplit=1)
    above = f", below {rest}" if rest else ""
    return f"{DIM}  line {number}{above}{OFF}"


def show_lines(lines: list[Line]) -> list[str]:
    """Return the lines of a hunk, in colour; of a line that changed, the words that did."""
    texts = {}
    for old, new in changed_lines(lines):
        texts[old], texts[new] = mark_words(lines[old].text, lines[new].text)
    result = []
    for number, line in enumerate(lines):
        text = texts.get(number, line.text)
        if line.sign not in "+-":
            result.append(f"  {text}".rstrip())
        elif line.moved:
            result.append(f"{DIM}{'>' if line.sign == '+' else '<'} {text}{OFF}")
        else:
            result.append(f"{GREEN if line.sign == '+' else RED}{line.sign} {text}{OFF}".rstrip())
    return result


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


def mark_words(old: str, new: str) -> tuple[str, str]:
    """Return two lines in which the words that differ are marked."""
    olds, news = words(old), words(new)
    codes = difflib.SequenceMatcher(None, olds, news, autojunk=False).get_opcodes()
    results: tuple[list[str], list[str]] = [], []
    for number, (kind, *ends) in enumerate(codes):
        texts = "".join(olds[slice(*ends[:2])]), "".join(news[slice(*ends[2:])])
        # A space between two words that differ is marked with them, so that it reads as one.
        between = 0 < number < len(codes) - 1 and not texts[0].strip()
        for result, text in zip(results, texts, strict=True):
            marked = text if kind == "equal" and not between else mark(text)
            result.append(marked if number or text.strip() else text)
    marked_old, marked_new = (
        "".join(result).replace(UNREVERSE + REVERSE, "") for result in results
    )
    return marked_old, marked_new


def mark(text: str) -> str:
    """Return a text with its colours reversed."""
    return f"{REVERSE}{text}{UNREVERSE}" if text else ""


def page(text: str) -> None:
    """Show a text, through the pager that git uses where it is longer than the screen."""
    screen = shutil.get_terminal_size()
    long = sum(1 + len(ESCAPE.sub("", line)) // screen.columns for line in text.splitlines())
    command = pager() if long >= screen.lines else ""
    if not command:
        print(text, end="")
        return
    # As git does it: quit on a short text, let colours through, leave the text on the screen.
    env = {"LESS": "FRX", "LV": "-c"} | os.environ
    process = subprocess.Popen(command, shell=True, env=env, stdin=subprocess.PIPE)
    try:
        process.communicate(text.encode())
    except BrokenPipeError:
        pass
    except KeyboardInterrupt:  # in the pager Ctrl-C is the pager's
        process.wait()


def pager() -> str:
    """Return the command that git would use, or nothing where there is none."""
    command = os.environ.get("GIT_PAGER") or steptree.git("var", "GIT_PAGER").decode().strip()
    words = shlex.split(command, posix=not WINDOWS)
    return command if words and words[0] != "cat" and shutil.which(words[0]) else ""
