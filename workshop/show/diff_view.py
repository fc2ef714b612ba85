"""A diff for a person at a terminal: file by file, moved code dimmed, changed words marked."""

import os
import re
import shlex
import shutil
import subprocess
import sys

from workshop.base import steptree
from workshop.base.differences import (
    ESCAPE,
    FileDiff,
    Line,
    changed_lines,
    differences,
    mark_words,
)
from workshop.base.paths import WINDOWS
from workshop.base.steps import plain
from workshop.base.steptree import README, Tree
from workshop.base.words import counted

# Eight colours that every terminal has and every theme makes readable, dark or light.
BOLD, DIM, RED, GREEN, CYAN, REVERSE, UNREVERSE, OFF = (
    f"\x1b[{number}m" for number in (1, 2, 31, 32, 36, 7, 27, 0)
)


def in_colour() -> bool:
    """Tell whether colours are shown, and wanted."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def render(old: Tree, new: Tree, listed: list[str], why: dict[str, str], title: str) -> str:
    """Return the diff as a person wants to read it."""
    width = min(shutil.get_terminal_size().columns, 100)
    files = differences(old, new, listed)
    lines = [f"{BOLD}{title[0].upper()}{title[1:]}{OFF}", f"{DIM}{summary(files)}{OFF}"]
    for file in files:
        lines += ["", *show_file(file, why.get(file.path, ""), width)]
    if old.get(README) != new.get(README):
        lines += ["", rule(README, "another lesson, to be read rather than compared", width)]
    result = "\n".join(lines) + "\n"
    return result if in_colour() else ESCAPE.sub("", result)


def summary(files: list[FileDiff]) -> str:
    """Say how much it is, and what the marks mean."""
    added, gone = (sum(file.count(sign) for file in files) for sign in "+-")
    moved = any(line.moved for file in files for _, lines in file.hunks for line in lines)
    marks = "; dim, with < and >: only moved" if moved else ""
    return f"{counted(len(files), 'file')}, {counted(added, 'line')} added, {gone} removed{marks}"


def show_file(file: FileDiff, why: str, width: int) -> list[str]:
    """Return the lines that show a file."""
    result = [rule(file.path, file.amount, width)]
    if why:
        result.append(f"{CYAN}{plain(why)[:1].upper()}{plain(why)[1:]}{OFF}")
    for place, lines in file.hunks:
        result.append("")
        if not file.new and not file.removed:
            result.append(where(place))
        if not file.removed:
            result += [line.text for line in lines] if file.new else show_lines(lines)
    return result


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
        texts[old], texts[new] = mark_words(lines[old].text, lines[new].text, str, mark)
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


def mark(text: str) -> str:
    """Return a text with its colours reversed."""
    return f"{REVERSE}{text}{UNREVERSE}"


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
