"""What a step changes, as HTML: by file in reading order, what only moved dimmed, words marked."""

import html
import re
from collections.abc import Iterator
from itertools import groupby

from workshop.base import steptree
from workshop.base.differences import (
    FileDiff,
    Line,
    changed_lines,
    differences,
    mark_words,
)
from workshop.base.problem import Problem
from workshop.base.steps import Step
from workshop.base.steptree import README
from workshop.base.what_changes import contract, pairs
from workshop.base.words import counted
from workshop.room.markdown import file_in_colour, line_to_html

LONG = 200  # lines: a reader can leave such a file shut
KINDS = {"+": "ins", "-": "del"}


def changes(step: Step) -> str:
    """Return what a step changes, or all of it where there is nothing before."""
    before = next((first for first, second in pairs() if second == step), None)
    if before is None:
        return all_files(step)
    about = contract(step)
    trees = steptree.read(before.folder), steptree.read(step.folder)
    try:
        files = differences(*trees, list(about.why))
    except Problem as problem:  # no git on this machine
        return f'<p class="amount">{html.escape(str(problem))}</p>'
    return summary(files) + "".join(show(file, about.why.get(file.path, "")) for file in files)


def all_files(step: Step) -> str:
    """Return the files of the first step."""
    tree = steptree.read(step.folder)
    texts = {path: file.content.decode(errors="replace") for path, file in tree.items()}
    texts = {path: text for path, text in texts.items() if text and path != README}
    parts = [
        details(path, counted(text.count("\n"), "line"), code(text, path))
        for path, text in texts.items()
    ]
    amount = counted(len(texts), "file")
    return f'<p class="amount">{amount}: nothing comes before.</p>' + "".join(parts)


def summary(files: list[FileDiff]) -> str:
    """Say how much it is."""
    added, gone = (sum(file.count(sign) for file in files) for sign in "+-")
    text = f"{counted(len(files), 'file')}, {counted(added, 'line')} added, {gone} removed"
    if any(line.moved for file in files for _, lines in file.hunks for line in lines):
        text += "; dim: only moved"
    return f'<p class="amount">{text}.</p>'


def show(file: FileDiff, why: str) -> str:
    """Return a file's heading, why it changes, and its lines."""
    parts = [f'<p class="why">{line_to_html(why)}</p>'] if why else []
    for place, lines in file.hunks:
        if file.new:
            parts.append(code("".join(line.text + "\n" for line in lines), file.path))
        elif not file.removed:
            parts.append(f'<p class="place">{where(place)}</p>')
            parts.append(f'<pre class="hunk">{"".join(blocks(lines))}</pre>')
    return details(file.path, file.amount, "".join(parts), file.count("+") < LONG)


def details(path: str, amount: str, inside: str, is_open: bool = True) -> str:
    """Return a file that can be shut."""
    name = f"<code>{html.escape(path)}</code>"
    shut = "" if is_open else '<p class="why">Long: open it if you want to read it.</p>'
    return (
        f'<details class="file" data-path="{html.escape(path)}"{" open" if is_open else ""}>'
        f'<summary>{name} <span class="amount">{amount}</span></summary>{inside}</details>{shut}\n'
    )


def code(text: str, path: str) -> str:
    """Return a whole file."""
    return f'<pre class="whole">{file_in_colour(text, path)}</pre>' if text else ""


def where(place: str) -> str:
    """Return where a hunk is, in words."""
    _, number, rest = re.split(r"@@ -\S+ \+(\d+)\S* @@ ?", place, maxsplit=1)
    below = f", below <code>{html.escape(rest)}</code>" if rest else ""
    return f"line {number}{below}"


def blocks(lines: list[Line]) -> Iterator[str]:
    """Yield what is the same, and what is not, in turn; each line knows its row side by side."""
    texts, pairs = {}, {}
    for old, new in changed_lines(lines):
        pairs[old] = new
        texts[old], texts[new] = mark_words(lines[old].text, lines[new].text, html.escape, mark)
    for same, numbers in groupby(range(len(lines)), lambda number: lines[number].sign == " "):
        block = list(numbers)
        rows = {} if same else side_by_side(lines, block, pairs)
        shown = [show_line(lines[n], texts.get(n), rows.get(n)) for n in block]
        yield f'<span class="block">{"".join(shown)}</span>'


def side_by_side(lines: list[Line], block: list[int], pairs: dict[int, int]) -> dict[int, int]:
    """Return the row of each line: a line that has become another stands beside it."""
    olds = [number for number in block if lines[number].sign == "-"]
    news = [number for number in block if lines[number].sign == "+"]
    rows: dict[int, int] = {}
    left = right = 1
    for old in olds:
        if old in pairs:
            while news[0] != pairs[old]:
                rows[news.pop(0)] = right
                right += 1
            left = right = max(left, right)
            rows[news.pop(0)] = right
            right += 1
        rows[old] = left
        left += 1
    return rows | {new: row for row, new in enumerate(news, right)}


def show_line(line: Line, text: str | None, row: int | None) -> str:
    """Return a line: as deleted, as inserted, or as it was."""
    tag = KINDS.get(line.sign, "span")
    moved = " moved" if line.moved else ""
    place = f' style="--row:{row}"' if row else ""
    inside = html.escape(line.text) if text is None else text
    return f'<{tag} class="line{moved}"{place}>{inside}</{tag}>'


def mark(text: str) -> str:
    """Return words that differ from those of the other line."""
    return f"<mark>{html.escape(text)}</mark>"
