"""Explain an error: why it appears, and what ends it. From symptoms/README.md, by the error's text.

python3 -m workshop why "Invalid session"     the entry that has it
python3 manage.py migrate 2>&1 | python3 -m workshop why     of what a program prints
python3 -m workshop why invalid_session --try     makes it appear, then ends it
"""

import argparse
import os
import re
import stat
import sys
import textwrap
from contextlib import ExitStack
from typing import Any

from workshop.base import symptoms
from workshop.base.paths import ME, WINDOWS, shown
from workshop.base.problem import Problem
from workshop.base.symptoms import Symptom
from workshop.install import programs

HELP = "explain an error by its text, and show what ends it"
# What a script needs beside Python's packages, by what it says.
NEEDS = {
    "look_at": "chromium",
    "/client.js": "javascript",
    "DATABASE_URL": "postgresql",
    "NGINX_PROGRAM": "nginx",
}
# What a script says that Windows has not.
NOT_ON_WINDOWS = ("redis_server", "redis_cluster", "import resource")
FEW = 3  # that are named beside the best one
MOST = 1_000_000  # letters of what is read: an error is at its end


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `why`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "text",
        nargs="*",
        help="the error, or a part of it, or a name; - reads it; without: all there are",
    )
    parser.add_argument(
        "--try", dest="tried", action="store_true", help="make it appear, then end it: by NAME"
    )


def needs(args: argparse.Namespace) -> set[str]:
    """Return what must be installed."""
    if not args.tried:
        return {"python"}
    script = to_try(args).script.read_text(encoding="utf-8")
    return {"python", "tests"} | {part for word, part in NEEDS.items() if word in script}


def main(args: argparse.Namespace) -> int:
    """Find the entry, and print it or try it."""
    if args.tried:
        return try_it(to_try(args))
    text = " ".join(args.text).strip()
    if (text == "-" or (not text and is_piped())) and not (text := read()):
        print("There was nothing to read: no error, or it went past the pipe (2>&1 | …).")
        return 1
    if not text:
        show_all()
        return 0
    if symptom := symptoms.named(text):
        show(symptom)
        return 0
    found = symptoms.ranked(text)
    fitting = [each for score, each in found if score >= symptoms.ENOUGH]
    if not fitting:
        show_none([each for score, each in found[:FEW] if score >= symptoms.NEAR])
        return 1
    show(fitting[0])
    if others := fitting[1 : 1 + FEW]:
        print("\nIt may also be:")
        show_names(others)
    return 0


def read() -> str:
    """Return the end of what comes in, whatever its encoding."""
    stream: Any = sys.stdin  # whose type in the standard library lacks reconfigure()
    if not stream:
        return ""
    stream.reconfigure(errors="replace")
    return stream.read()[-MOST:].strip()


def is_piped() -> bool:
    """Tell whether somebody has redirected what we read."""
    if sys.stdin is None or sys.stdin.closed:
        return False
    mode = os.fstat(sys.stdin.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def to_try(args: argparse.Namespace) -> Symptom:
    """Return the symptom that a name says."""
    name = " ".join(args.text)
    if found := symptoms.named(name):
        script = found.script.read_text(encoding="utf-8")
        if WINDOWS and any(word in script for word in NOT_ON_WINDOWS):
            raise Problem(f"To try {found.name} needs Linux, macOS or WSL.")
        return found
    what = f"There is no symptom {name!r}" if name else "Which one"
    raise Problem(f"{what}{'.' if name else '?'} `{ME} why` lists their names.", 2)


# What is shown


def show(symptom: Symptom) -> None:
    """Print an entry for a terminal."""
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.padding import Padding

    console = Console(highlight=False, emoji=False)
    console.print(f"\n{symptom.title}\n", style="bold", markup=False)
    # Code is not wrapped, so that it can be copied: every second part is code.
    for at, part in enumerate(re.split(r"(?ms)^```.*?\n(.*?)^```$", for_terminal(symptom.body))):
        if at % 2:
            console.out(textwrap.indent(textwrap.dedent(part), "    "), highlight=False)
        elif part.strip():
            console.print(Padding(Markdown(part.strip(), hyperlinks=False), (0, 2, 1, 0)))
    console.out(f"{where(symptom)}\n", highlight=False)


def for_terminal(body: str) -> str:
    """Return an entry without what only a page needs: markers, and links between pages."""
    body = re.sub(r"^<!--.*?-->\n", "", body, flags=re.MULTILINE)

    def follow(link: re.Match) -> str:
        words, target = link.groups()
        path, _, _ = target.partition("#")
        return f"{words} ({shown((symptoms.FOLDER / path).resolve())})" if path else words

    return re.sub(r"\[([^]]+)\]\(((?![a-z]+:)[^)]*)\)", follow, body)


def where(symptom: Symptom) -> str:
    """Return where the page has an entry."""
    return f"{shown(symptoms.PAGE)}#{symptom.name}"


def show_all() -> None:
    """List all symptoms by name."""
    print("What one sees when something goes wrong, by name:\n")
    show_names(symptoms.everything())
    print(f"\n{ME} why NAME          explains it; so does a part of the error")
    print(f"{ME} why NAME --try    makes it appear, then ends it")
    print(f"\nAll of them as a page: {shown(symptoms.PAGE)}")


def show_names(some) -> None:
    """Print a line for each of some symptoms."""
    from rich.console import Console
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    widest = max((len(each.name) for each in some), default=0)
    table.add_column(style="cyan", no_wrap=True, min_width=widest + 2)
    table.add_column(no_wrap=True, overflow="ellipsis")
    for each in some:
        table.add_row(f"  {each.name}", each.title.replace("[", r"\["))
    Console(highlight=False, emoji=False).print(table)


def show_none(nearest: list[Symptom]) -> None:
    """Say that no entry fits, and which come nearest."""
    print("None of the symptoms has this text.")
    if nearest:
        print("The nearest:")
        show_names(nearest)
    print(f"`{ME} why` lists all, and so does {shown(symptoms.PAGE)}.")


# --try


def try_it(symptom: Symptom) -> int:
    """Make a symptom appear, then run the same with its cure; return how that ended."""
    from workshop.serving.processes import Child, when_told_to_end

    stop = when_told_to_end()
    with ExitStack() as stack:
        environment = surroundings(symptom, stack)
        # What goes to either stays in its order, through a pipe as well.
        stack.callback(os.dup2, os.dup(2), 2)
        os.dup2(1, 2)
        code: int | None = 0
        runs = ("As it is", "What to look for", ""), ("With the cure", "No more", "--cured")
        for title, looked_for, option in runs:
            command = [sys.executable, "-u", symptom.script, *filter(None, [option])]
            print(f"\n── {title}: python {shown(symptom.script)} {option}".rstrip(), flush=True)
            print(f"{looked_for}:  {symptom.title}\n", flush=True)
            child = Child(command, env=environment)
            stack.callback(child.end)
            code = child.wait(stop)
            if stop.is_set():
                raise KeyboardInterrupt
    print(f"\nWhy, and what the cure is:  {ME} why {symptom.name}", flush=True)
    return code or 0


def surroundings(symptom: Symptom, stack: ExitStack) -> dict[str, str]:
    """Return the environment that a script runs in, with what it needs started."""
    from workshop.serving import settings

    script = symptom.script.read_text(encoding="utf-8")
    environment = settings.only()
    found = {
        "CHROMIUM": ("look_at", programs.find_chromium),
        "NGINX_PROGRAM": ("NGINX_PROGRAM", programs.find_nginx),
    }
    for name, (word, find) in found.items():
        if word in script:
            if not (path := find()):
                raise Problem(f"{symptom.name} needs {NEEDS[word]}, which is not to be had here.")
            environment[name] = path
    if "DATABASE_URL" in script:
        # Never somebody's own: it is used up.
        environment["DATABASE_URL"] = start_postgresql(stack)
    return environment


def start_postgresql(stack: ExitStack) -> str:
    """Start a PostgreSQL that ends with the stack; return its URL."""
    if not programs.find_postgresql("initdb"):
        raise Problem("It needs PostgreSQL, which is not to be had here.")
    from workshop.serving.postgresql import PostgreSQL

    server = PostgreSQL()
    stack.callback(server.end)
    server.start()
    return server.url
