"""Raise your hand in the presenter's room, or lower it."""

import argparse
import contextlib
import sys

from workshop.base import notes
from workshop.base.paths import ME
from workshop.base.problem import Problem
from workshop.learn import joining

HELP = "raise your hand in the presenter's room; again lowers it"
PATIENCE = 10  # seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `help`."""


def needs(args: argparse.Namespace) -> set[str]:
    """Return what must be installed."""
    return {"python", "tests"}


def main(args: argparse.Namespace) -> int:
    """Raise the hand, or lower it."""
    known = joining.read()
    if not known.get("name"):
        raise Problem(
            f"You are in no room. `{ME} check --watch --room URL` joins one; `{ME} --help` lists"
            " all commands.",
            2,
        )
    room = joining.Room(known)
    room.join()
    if not room.there.wait(PATIENCE):
        why = [said.text for said in room.news()] or [f"The room at {room.url} does not answer."]
        raise Problem(why[-1])
    print(room.raise_hand())
    file = (notes.read(notes.MY).get("hint") or {}).get("file")
    if room.hand and file and sys.stdin.isatty():
        question = f"Show the presenter {file}, which your hint is about? y is yes: "
        with contextlib.suppress(EOFError):
            if input(question).strip().lower() == "y":
                print(room.show(notes.MY, file))
    room.sio.disconnect()
    return 0
