"""Bring your own folder to the start of a later step: the notices on your board come along."""

import argparse

from workshop.base import notes
from workshop.base.problem import Problem
from workshop.base.steps import Step, all_steps, find
from workshop.learn import mine, start

HELP = "bring your own folder to the start of a step, with your notices"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `jump`."""
    parser.add_argument("step", help="the step that you want to build next: 4, redis_listener, …")
    parser.add_argument("--dir", metavar="DIR", help="another folder than my/")


def needs(args: argparse.Namespace) -> set[str]:
    """Return what must be installed."""
    return {"python"}


def main(args: argparse.Namespace) -> int:
    """Keep the folder aside, fill it anew, and say what was skipped."""
    step, folder = find(args.step), mine.chosen(args.dir)
    known = notes.read(folder)
    skipped = unbuilt(known, step)
    served = mine.served(folder)
    known = {"step": step.name, "done": known.get("done", [])}
    aside = mine.begin(folder, step, known, take_along=True)
    start.say_what_is_there(folder, step, aside)
    if aside and (folder / "db.sqlite3").exists():
        print("The notices on your board came along.")
    if skipped:
        print("You have jumped over:")
        for each in skipped:
            print(f"  {int(each.number)}  {each.title}   steps/{each.name}/README.md")
    start.say_what_next(folder, step, served)
    return 0


def unbuilt(known: dict, step: Step) -> list[Step]:
    """Return the steps from where the folder is up to this one that have not been built."""
    try:
        here = find(known.get("step", "1"))
    except Problem:
        here = all_steps()[0]
    done = known.get("done", [])
    between = [each for each in all_steps() if here.name <= each.name < step.name]
    return [each for each in between if each.name not in done and mine.before(each)]
