"""The lines of a file that a page's marker names: a symbol, or from one line to another.

notices/views.py board
serve.py from "from gevent import monkey" to "sio = socketio.Server"
"""

import ast
import io
import re
import shlex
import tokenize
from dataclasses import dataclass
from pathlib import Path

from workshop.base.parts import symbols
from workshop.base.problem import Problem

# A region's last line that only closes what its first line opens; there are many of these.
CLOSES = re.compile(r"[])}]|</|\{% *end")
LISTING = re.compile(r"^<!-- listing: (.+?) -->$", re.MULTILINE)


def listings(page: str) -> list[str]:
    """Return the markers of a page's listings, in their order."""
    return LISTING.findall(page)


@dataclass(frozen=True)
class Region:
    """Some lines of a file."""

    name: str  # of the file, as the marker has it
    suffix: str
    text: list[str]  # all lines of the file
    start: int
    end: int  # the line below
    rest: list[str]  # of the marker's words

    @property
    def rows(self) -> list[str]:
        """Return the lines themselves."""
        return self.text[self.start : self.end]


def find(marker: str, folder: Path) -> Region:
    """Return the lines that a marker names, seen from a folder."""
    try:
        name, *words = shlex.split(marker)
    except ValueError:
        raise Problem(f"this marker has no file, or a quotation without an end: {marker}") from None
    path = folder / name
    if not path.is_file():
        raise Problem(f"there is no file {name}, seen from this page.")
    source = text_of(path).replace("\r\n", "\n")
    suffix = path.suffix.removeprefix(".") or path.name.lower()
    rows = source.removesuffix("\n").split("\n")
    start, end = 0, len(rows)
    if words and words[0] not in ("from", "elide"):
        start, end = symbol_lines(source, words.pop(0), name)
    if words and words[0] == "from":
        first, last = between(rows[start:end], words, name)
        start, end, words = start + first, start + last, words[4:]
    return Region(name, suffix, rows, start, end, words)


def text_of(path: Path) -> str:
    """Return a text file's text, the ends of its lines as they are."""
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        raise Problem(f"{path.name} is not UTF-8.") from None


def between(rows: list[str], words: list[str], name: str) -> tuple[int, int]:
    """Return where the region that `from "…" to "…"` names begins, and the line below its end."""
    match words:
        case [_, first, "to", last, *_] if first.strip() and last.strip():
            pass
        case _:
            raise Problem(f'a region is: {words[0]} "first line" to "last line".')
    start = only(matching(rows, first), first, name)
    ends = matching(rows, last, start)
    if CLOSES.match(last):
        ends = [end for end in ends if indentation(rows[end]) == indentation(rows[start])][:1]
    return start, only(ends, last, f"{name} from {first!r} on") + 1


def matching(rows: list[str], text: str, start: int = 0) -> list[int]:
    """Return the lines that are this; if none, those that begin with it; if none, that have it."""
    for fits in (str.__eq__, str.startswith, str.__contains__):
        if found := [n for n in range(start, len(rows)) if fits(rows[n].strip(), text.strip())]:
            return found
    return []


def only(found: list[int], text: str, where: str) -> int:
    """Return the only line that was found."""
    if not found:
        raise Problem(f"there is no line with {text!r} in {where}.")
    if len(found) > 1:
        raise Problem(
            f"ambiguous: there are {len(found)} lines with {text!r} in {where}. Quote more of it."
        )
    return found[0]


def indentation(row: str) -> int:
    """Return by how much a line is indented."""
    return len(row) - len(row.lstrip())


def symbol_lines(source: str, symbol: str, name: str) -> tuple[int, int]:
    """Return where a Python function, class, method or constant begins, and the line below it.

    Its decorators and the comment directly above belong to it.
    """
    if not name.endswith(".py"):
        raise Problem(f'{name} is not Python: name a region, from "…" to "…".')
    try:
        found = symbols(ast.parse(source), symbol)
    except SyntaxError as error:
        raise Problem(f"{name} is not Python: line {error.lineno}, {error.msg}.") from None
    if not found:
        raise Problem(f"{name} has no {symbol}.")
    if len(found) > 1:
        lines = ", ".join(str(each.lineno) for each in found)
        raise Problem(f"ambiguous: {name} has {symbol} more than once, on lines {lines}.")
    node = found[0]
    start = min(it.lineno for it in [node, *getattr(node, "decorator_list", [])])
    comments = {
        token.start
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    while (start - 1, node.col_offset) in comments:
        start -= 1
    return start - 1, node.end_lineno or start
