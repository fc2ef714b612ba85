"""Show the map: the steps, what is running, and what to type next."""

import argparse
import shutil
import textwrap

from workshop.base import notes
from workshop.base.paths import ME, in_venv
from workshop.base.steps import Step, all_steps
from workshop.install import environment

HELP = "show this workshop's steps and what is running"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`map` has no arguments."""


def needs(args: argparse.Namespace) -> None:
    """Install nothing: the map must show before anything is there."""


def main(args: argparse.Namespace) -> int:
    """Print the map."""
    width = min(shutil.get_terminal_size().columns, 100) - 1
    print("Make more responsive web applications with Socket.IO and gevent\n")
    known = notes.read(notes.MY)
    for step in all_steps():
        print(f"  {int(step.number)}  {step.title}{so_far(step, known)}")
        indent = " " * 5
        if step.lesson:
            print(
                textwrap.fill(step.lesson, width, initial_indent=indent, subsequent_indent=indent)
            )
    here = running_now()
    if here:
        print("\nRunning now")
        for what in here:
            print(f"  {what['step']}   {what['url']}   (process {what['pid']})")
    for title, commands in next_commands(here).items():
        print(f"\n{title}")
        for command, why in commands:
            print(f"  {ME} {command:<16} {why}")
    return 0


def so_far(step: Step, known: dict) -> str:
    """Return how far my/ is with a step, as `check` has last seen it."""
    if step.name in known.get("done", []):
        return "   ✓"
    progress = known.get("progress") or {}
    if step.name == progress.get("step"):
        return f"   {len(progress['passed'])} of {progress['of']}"
    return "   here" if step.name == known.get("step") else ""


def running_now() -> list[dict]:
    """Return what runs; without an environment that is nothing."""
    if not in_venv():
        return []
    from workshop.serving.running import everything

    return everything()


def next_commands(here: list[dict]) -> dict[str, list[tuple[str, str]]]:
    """Return what to type next, and why, by who types it."""
    first_time = "" if environment.stands("python") else " (the first time, install it)"
    follow = [("run 1", f"serve a step{first_time}")]
    if any(what["redis"] for what in here):
        follow.insert(0, ('publish "Hello"', "show a notice on every open page"))
    follow += [
        ("start 2", "a folder of your own, in which to build step 2"),
        ("check", "see whether it works, and if not, get a hint"),
        ("why", "explain an error by its text"),
        ("notebook", "type in a cell, see it on every screen"),
        ("run classic", "the talk's own server of 2013, still running"),
        ("doctor", "look for what is missing on this machine"),
    ]
    return {
        "Next": follow,
        "To present": [("slides", "the talk; the steps run inside the slides")],
        "To maintain": [
            ("test", "run all tests; `test 3` those of step 3"),
            ("--help", "everything else"),
        ],
    }
