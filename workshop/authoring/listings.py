"""Compare the code that the pages show with the files that they name; --fix rewrites it.

A page is a README, a slide or a notebook. Each block of code in it is a command (sh), what that
command prints (text), a change to try (diff: tests/test_answers.py does), or a listing, with a
comment on the line above that names what it shows:

    <!-- listing: notices/views.py board -->
    <!-- listing: serve.py from "from gevent import monkey" to "sio = socketio.Server" -->
    <!-- listing: board/guard.py Namespace.trigger_event elide "handler = " to "return None" -->
    <!-- listing: notices/live.py publish elide docstrings elide comments -->
    <!-- listing: notices/live.py -->
    <!-- not run: why no test runs this command -->
    <!-- output: varies -->

A notebook's code cell is one if its metadata say so: {"listing": "../notices/live.py publish"}.
"""

import argparse
import ast
import difflib
import io
import json
import os
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workshop.base import regions
from workshop.base.paths import ME, ROOT, shown
from workshop.base.problem import Problem

if TYPE_CHECKING:
    from markdown_it.token import Token

HELP = "compare the code in the READMEs, slides and notebooks with the files; --fix rewrites it"

MARKER = re.compile(r"<!--\s*(listing|output|not run):\s*(.*?)\s*-->", re.DOTALL)
NOT_OURS = re.compile(r"\..*|node_modules|__pycache__|my(-.*)?")  # folders
LANGUAGES = {  # that fit a file's suffix; for any other suffix it is the suffix itself
    "py": ["python", "py"],
    "js": ["js", "javascript"],
    "html": ["html", "django", "htmldjango", "jinja"],
    "md": ["md", "markdown"],
    "sh": ["sh", "bash"],
    "txt": ["text", "txt"],
    "yml": ["yaml", "yml"],
    "conf": ["conf", "nginx"],
}
# Not in Python; what has a quotation mark behind it may stand within one.
COMMENT = re.compile(r"""(?:^|\s)\s*(?://|#)\s[^"'`]*$""")
ELLIPSES = {"py": "...", "js": "// …", "css": "/* … */", "html": "<!-- … -->"}
ELLIPSES |= dict.fromkeys(["conf", "sh", "toml", "yaml", "yml"], "# …")
UNLABELLED = (
    "nothing says what this block shows. Write <!-- listing: FILE SYMBOL --> on the line above; "
    "a command is ```sh, and what it prints is ```text directly below it."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `listings`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--fix", action="store_true", help="rewrite the listings that are stale")


def needs(args: argparse.Namespace) -> set[str]:
    """Return what must be installed."""
    return {"python"}


def main(args: argparse.Namespace) -> int:
    """Show what is stale; with --fix rewrite it, and show what could not be rewritten."""
    for path in pages() if args.fix else []:
        for block in rewrite(path):
            print(f"Rewrote {block.place}: {block.label}")
    found = problems()
    for finding in found:
        print(finding)
    if stale := sum(bool(finding.diff) for finding in found):
        what = "1 listing is" if stale == 1 else f"{stale} listings are"
        print(f"\n{what} stale. To rewrite:  {ME} listings --fix")
    elif not found:
        count = sum(block.kind == "listing" for path in pages() for block in blocks(path))
        print(f"All {count} listings are as in the files that they name.")
    return 1 if found else 0


@dataclass(frozen=True)
class Finding:
    """What is wrong at a place of a page; with a diff, it is what --fix mends."""

    place: str
    sentence: str
    diff: str = ""

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return f"{self.place}: {self.sentence}" + f"\n{self.diff}" * bool(self.diff)


def problems(root: Path | None = None) -> list[Finding]:
    """Return what is wrong with the pages, in their order."""
    found: list[Finding] = []
    for path in pages(root):
        try:
            found += filter(None, (examine(block) for block in blocks(path)))
        except Problem as problem:
            found.append(Finding(shown(path), str(problem)))
    return found


def fix(root: Path | None = None) -> list[Path]:
    """Rewrite each listing that is stale; return the pages that this changed."""
    return [path for path in pages(root) if rewrite(path)]


def pages(root: Path | None = None) -> list[Path]:
    """Return every page of the repository."""
    found = []
    for folder, folders, files in os.walk(root or ROOT):
        folders[:] = sorted(name for name in folders if not NOT_OURS.fullmatch(name))
        found += [Path(folder, name) for name in sorted(files) if name.endswith((".md", ".ipynb"))]
    return found


# The blocks of a page


@dataclass(frozen=True)
class Marker:
    """A comment that says what the block below it is."""

    kind: str
    text: str


@dataclass(frozen=True)
class Block:
    """A block of code in a page, or a marker that stands above none."""

    path: Path
    cell: int | None  # of a notebook, from 0 on
    lines: tuple[int, int] | None  # from the fence to the line below, from 0 on; None: all
    language: str = ""
    code: str = ""
    fence: str = ""  # its backticks, or tildes
    marker: Marker | None = None
    follows: "Block | None" = None  # the block directly above
    wrong: str = ""  # what is wrong with it whatever it shows

    @property
    def kind(self) -> str:
        """Return what this is: a listing, a command, its output, a change, or nothing known."""
        if self.marker and self.marker.kind == "listing":
            return "listing"
        if self.language == "text" and self.follows and self.follows.kind == "command":
            return "output"
        return {"sh": "command", "diff": "change"}.get(self.language, "")

    @property
    def label(self) -> str:
        """Return what its marker says, or nothing."""
        return self.marker.text if self.marker else ""

    @property
    def place(self) -> str:
        """Return the page and the line."""
        line = self.lines[0] + 1 if self.lines else 1
        cell = "" if self.cell is None else f"cell {self.cell + 1}, line "
        return f"{shown(self.path)}:{cell}{line}"


def blocks(path: Path) -> list[Block]:
    """Return the blocks of a page."""
    if path.suffix != ".ipynb":
        return list(markdown_blocks(path, None, regions.text_of(path)))
    found: list[Block] = []
    for number, cell in enumerate(notebook(path)[0]["cells"]):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            found += markdown_blocks(path, number, source)
        elif "listing" in cell["metadata"]:
            marker = Marker("listing", cell["metadata"]["listing"])
            found.append(Block(path, number, None, "python", source, marker=marker))
    return found


def markdown_blocks(path: Path, cell: int | None, text: str) -> Iterator[Block]:
    """Yield the blocks of a Markdown text."""
    from markdown_it import MarkdownIt

    rows = split_lines(text)
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    last = None
    for above, token, below in zip([None, *tokens], tokens, [*tokens[1:], None], strict=False):
        if token.type == "fence":
            first, end = span(token)
            language = (token.info.split() or [""])[0]
            code = token.content.removesuffix("\n")
            closed = end - first > 1 and rows[end - 1].strip("> \t\r\n").startswith(token.markup)
            wrong = "" if closed else "the fence that begins here has no end."
            marker = marker_of(above, token)
            last = Block(
                path, cell, (first, end), language, code, token.markup, marker, last, wrong
            )
            yield last
        elif not marker_of(token, below):
            last = None
            if wrong := astray(token):
                yield Block(path, cell, span(token), wrong=wrong)


def marker_of(comment: "Token | None", fence: "Token | None") -> Marker | None:
    """Return the marker that a comment is if it stands directly above a fence."""
    if not comment or not fence or (comment.type, fence.type) != ("html_block", "fence"):
        return None
    match = MARKER.fullmatch(comment.content.strip())
    return Marker(*match.groups()) if match and span(comment)[1] == span(fence)[0] else None


def span(token: "Token") -> tuple[int, int]:
    """Return the line on which a block begins, and the one below its end; every block has these."""
    first, end = token.map or (0, 0)
    return first, end


def astray(token: "Token") -> str:
    """Return what is wrong with what is neither a fence nor the marker of one."""
    if token.type == "code_block":
        return "an indented block of code: put it between fences, ``` and ```."
    html = "".join(
        part.content for part in [token, *(token.children or [])] if part.type.startswith("html_")
    )
    if re.search(r"^\s*(```|~~~)|<pre\b", html, re.MULTILINE):
        return "code within HTML: put it between fences, with an empty line above the first."
    if match := MARKER.search(html):
        return f"<!-- {match[1]}: … --> has to be alone on the line directly above a fence."
    return ""


def split_lines(text: str) -> list[str]:
    """Return the lines of a Markdown text with their ends, as its parser counts them."""
    return re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)


def notebook(path: Path) -> tuple[dict, dict, str]:
    """Return a notebook, and the options and the end with which it was written as JSON."""
    text = regions.text_of(path)
    try:
        content = json.loads(text)
    except ValueError as error:
        raise Problem(f"this is no notebook: {error}.") from None
    if not isinstance(content, dict) or content.get("nbformat") != 4:
        raise Problem("this is no notebook of version 4: open it in Jupyter and save it.")
    end = text[len(text.rstrip()) :]
    for indent in (1, 2, 4):
        options: dict[str, Any] = {"indent": indent, "ensure_ascii": False}
        if json.dumps(content, **options) + end == text:
            return content, options, end
    raise Problem("this notebook is not laid out as Jupyter does it: open it there and save it.")


# What is wrong with a block, and how it is mended


def examine(block: Block) -> Finding | None:
    """Return what is wrong with a block."""
    try:
        check_label(block)
        if block.kind != "listing" or block.code == (code := listed(block)):
            return None
    except Problem as problem:
        return Finding(block.place, str(problem))
    return Finding(block.place, f"stale: {block.label}", diff(block.code, code))


def check_label(block: Block) -> None:
    """Raise a problem if a block is not marked as what it is."""
    if block.wrong or not block.kind:
        raise Problem(block.wrong or UNLABELLED)
    kind, text = (block.marker.kind, block.marker.text) if block.marker else ("", "")
    if kind == "not run" and (block.kind != "command" or not text):
        raise Problem("<!-- not run: … --> is for a command (```sh), and says why.")
    if kind == "output" and (block.kind != "output" or text != "varies"):
        raise Problem("<!-- output: varies --> is for what a command prints (```text).")
    if block.kind == "output" and block.follows and block.follows.marker and not kind:
        raise Problem("its command is not run, so nothing compares this: <!-- output: varies -->")


def listed(block: Block) -> str:
    """Return the code that a listing should have."""
    suffix, code = show(block.label, block.path.parent)
    fitting = LANGUAGES.get(suffix, [suffix])
    if block.language not in fitting:
        raise Problem(f"```{block.language} does not fit the file: write ```{fitting[0]}.")
    if block.fence and re.search(rf"^\s*{block.fence}", code, re.MULTILINE):
        raise Problem("the code has a line that looks like the block's end: use a longer fence.")
    return code


def diff(old: str, new: str) -> str:
    """Return what differs, briefly: - the page, + the file."""
    rows = list(difflib.unified_diff(old.split("\n"), new.split("\n"), lineterm="", n=1))[2:]
    if len(rows) > 20:
        rows[19:] = [f"… {len(rows) - 19} more lines"]
    return "\n".join(f"    {row}" for row in rows if not row.startswith("@@"))


def rewrite(path: Path) -> list[Block]:
    """Rewrite the stale listings of a page; return them as they were."""
    try:
        stale = [block for block in blocks(path) if (it := examine(block)) and it.diff]
    except Problem:  # with the page itself, which problems() says
        return []
    if stale and path.suffix == ".ipynb":
        content, options, end = notebook(path)
        for number in {block.cell for block in stale}:
            cell = content["cells"][number]
            source = "".join(cell["source"])
            new = rewritten(source, [block for block in stale if block.cell == number])
            as_list = isinstance(cell["source"], list)
            cell["source"] = new.splitlines(keepends=True) if as_list else new
        path.write_bytes((json.dumps(content, **options) + end).encode())
    elif stale:
        path.write_bytes(rewritten(regions.text_of(path), stale).encode())
    return stale


def rewritten(text: str, stale: list[Block]) -> str:
    """Return a text with the code of its files in its stale listings, all else as it was."""
    rows = split_lines(text)
    for block in reversed(stale):  # from the end, so that the lines keep their numbers
        if block.lines is None:
            return listed(block)
        start, end = block.lines
        before, _, rest = rows[start].partition(block.fence)
        # In a list or a quotation, each line begins as its first: "1. " as spaces, ">" as it is.
        before = re.sub(r"[^>\s]", " ", before)
        newline = rest[len(rest.rstrip("\r\n")) :]
        rows[start + 1 : end - 1] = [
            (before + line if line else before.rstrip()) + newline
            for line in listed(block).split("\n")
        ]
    return "".join(rows)


# What a marker names


def show(marker: str, folder: Path) -> tuple[str, str]:
    """Return the suffix of the file that a marker names, and the code in it that it names."""
    region = regions.find(marker, folder)
    rows, words = list(enumerate(region.rows, start=region.start)), region.rest
    gone: dict[int, int] = {}  # line: the column from which on it is left out
    while words and words[0] == "elide":
        if words[1:2] == ["docstrings"]:
            gone, words = gone | docstrings(region), words[2:]
            continue
        if words[1:2] == ["comments"]:
            gone, words = comments(region) | gone, words[2:]
            continue
        start, end = regions.between([row for _, row in rows], words, region.name)
        margin = rows[start][1][: regions.indentation(rows[start][1])]
        rows[start:end], words = [(-1, margin + ELLIPSES.get(region.suffix, "…"))], words[4:]
    if words:
        raise Problem(
            f"{' '.join(words)!r} in this marker is not understood. It is: "
            'FILE [SYMBOL] [from "…" to "…"] [elide "…" to "…"] [elide docstrings|comments]'
        )
    shown = [row[: gone.get(line)] for line, row in rows if gone.get(line) != 0]
    return region.suffix, "\n".join(shown)


def docstrings(region: regions.Region) -> dict[int, int]:
    """Return the lines of a Python file's docstrings, with the empty one below: from 0 on."""
    gone: dict[int, int] = {}
    text = region.text
    if region.suffix != "py":
        raise Problem(f"{region.name} is not Python: it has no docstrings to elide.")
    try:
        module = ast.parse("\n".join(text))
    except SyntaxError as error:
        raise Problem(f"{region.name} is not Python: line {error.lineno}, {error.msg}.") from None
    for node in ast.walk(module):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is None or not node.body[1:]:
                continue  # A body has to have something.
            first, second = node.body[:2]
            empty = (n for n in range(first.end_lineno or 0, second.lineno) if not text[n].strip())
            gone |= dict.fromkeys([*range(first.lineno - 1, first.end_lineno or 0), *empty], 0)
    return gone


def comments(region: regions.Region) -> dict[int, int]:
    """Return the lines of a file that have a comment, and the column where their code ends."""
    if region.suffix == "py":
        source = io.StringIO("\n".join(region.text))
        tokens = tokenize.generate_tokens(source.readline)
        found = [each.start for each in tokens if each.type == tokenize.COMMENT]
    else:
        matches = map(COMMENT.search, region.text)
        found = [(n, match.start()) for n, match in enumerate(matches, start=1) if match]
    return {line - 1: len(region.text[line - 1][:column].rstrip()) for line, column in found}
