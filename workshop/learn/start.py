"""Make a folder of your own, to build a step in: all but what its README shows is in place."""

import argparse
from pathlib import Path

from workshop.base import notes
from workshop.base.paths import ME, shown, shown_folder
from workshop.base.steps import Step, find
from workshop.base.todo import todos
from workshop.learn import mine

HELP = "make a folder of your own, to build a step in"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `start`."""
    parser.add_argument("step", help="the step that you want to build: 3, namespace, …")
    parser.add_argument(
        "--keep",
        action="store_true",
        help="go on with your own code: a file that you have changed stays",
    )
    parser.add_argument("--dir", metavar="DIR", help="another folder than my/")


def needs(args: argparse.Namespace) -> set[str]:
    """Return what must be installed."""
    return {"python"}


def main(args: argparse.Namespace) -> int:
    """Fill the folder, and say what to do next."""
    step, folder = find(args.step), mine.chosen(args.dir)
    known = {"step": step.name, "done": notes.read(folder).get("done", [])}
    served = mine.served(folder)
    aside = None
    if args.keep and (folder / "manage.py").is_file():
        kept = mine.go_on(folder, step)
        notes.write(folder, known)
        print(f"{shown_folder(folder)} is now to become step {int(step.number)}: {step.title}.")
        if kept:
            print(f"Your own, and as you left them: {', '.join(kept)}.")
        say_where(folder)
    else:
        aside = mine.begin(folder, step, known)
        say_what_is_there(folder, step, aside)
    say_what_next(folder, step, served and aside is not None)
    return 0


def say_what_is_there(folder: Path, step: Step, aside: Path | None) -> None:
    """Say what has become of the folder, and of what was there."""
    if aside:
        print(f"What was in {shown_folder(folder)} is kept in {shown_folder(aside)}.")
    if mine.before(step):
        print(f"{shown_folder(folder)} is to become step {int(step.number)}: {step.title}.")
        say_where(folder)
    else:
        print(
            f"{shown_folder(folder)} holds step {int(step.number)}: {step.title}. "
            "Nothing comes before it, so there is nothing to build.\n"
            "Read it, change it, and break it."
        )


def say_where(folder: Path) -> None:
    """Say in which files the lesson has to be written."""
    files = ", ".join(dict.fromkeys(todo.file for todo in todos(folder)))
    if files:
        print(
            f"What its README does not show is in place. What it shows goes where TODO is:\n{files}"
        )


def say_what_next(folder: Path, step: Step, served: bool) -> None:
    """Say what to type, in the order in which it is needed."""
    where = "" if folder.resolve() == notes.MY else f" --dir {shown_folder(folder).rstrip('/')}"
    readme = shown(step.folder / "README.md")
    serve = f"{ME} run --dir {shown_folder(folder).rstrip('/')}"
    first = "end it with Ctrl-C and start it again: it runs the old folder" if served else ""
    lines = [
        (readme, "read it, and write what it shows where TODO is"),
        (f"{ME} check --watch{where}", "see at each save what works, and what is next"),
        (serve, first or "serve it, once no TODO is left; it starts again at each save"),
    ]
    print("\nNext")
    width = max(len(what) for what, _ in lines)
    for what, why in lines:
        print(f"  {what:<{width}}  {why}")
