"""`check --watch`: again at each save. A key says more about what was found, without a new try.

In a room, what its presenter sends is shown as it comes, and a key raises a hand.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from workshop.base import notes
from workshop.base.steps import Step
from workshop.learn import keys, mine, teach
from workshop.learn.joining import Room
from workshop.learn.teach import Outcome
from workshop.serving import watching


def watch(
    folder: Path, step: Step, check: Callable[..., Outcome], room: Room | None = None
) -> None:
    """Check now and after each save, until Ctrl-C or q; j goes on with the next step."""
    if room:
        room.join()
    following: Step | None = step
    while following:
        following = watch_step(folder, following, check, room)


def watch_step(
    folder: Path, step: Step, check: Callable[..., Outcome], room: Room | None
) -> Step | None:
    """Watch one step; return the one to which was jumped, or None at the end."""
    stop, saved = threading.Event(), threading.Event()
    changes = watching.changes(folder, stop)
    threading.Thread(target=notice, args=(changes, saved), daemon=True).start()
    try:
        with keys.reading() as key:
            while True:
                saved.clear()
                teach.clear_screen()
                try:
                    outcome = check(folder, step, watched=True, interrupted=saved.is_set)
                except (OSError, SyntaxError, ValueError, IndexError):
                    if not saved.wait(1):
                        raise
                    continue  # A file was saved while it was read.
                level, jumping = 1, False
                if room and not outcome.stopped:
                    room.stand(step, outcome)
                    show_room(room)
                while not saved.is_set():
                    pressed = key(0.2)
                    if room and heard(room, outcome) and outcome.hint:
                        level = min(level + 1, outcome.hint.levels)
                        teach.clear_screen()
                        show_again(folder, step, outcome, level, room)
                    if room and pressed == "?":
                        raise_hand(room, outcome)
                    elif room and pressed == "y" and room.hand and room.offered:
                        say(room.show(folder, room.offered))
                    elif pressed in ("h", "l") and outcome.hint:
                        level = min(level + 1 if pressed == "h" else 3, outcome.hint.levels)
                        teach.clear_screen()
                        show_again(folder, step, outcome, level, room)
                    elif pressed == "d":
                        run("diff", str(int(step.number)), "--dir", str(folder))
                    elif pressed == "j" and (following := mine.after(step)):
                        number = str(int(following.number))
                        if not jumping:
                            jumping = True
                            print(f"  j again: jump to step {number}. What you have is kept aside.")
                        elif run("jump", number, "--dir", str(folder)) == 0:
                            return following
                    elif pressed == "q":
                        return None
    finally:
        stop.set()


def show_again(folder: Path, step: Step, outcome: Outcome, level: int, room: Room | None) -> None:
    """Show what was found once more, with another hint."""
    known = notes.read(folder)
    if "hint" in known:
        known["hint"]["level"] = level
        notes.write(folder, known)
    page = teach.Page(folder, step, watched=True)
    for works in outcome.passed if outcome.tried else ():
        page.tick("✓", works)
    page.show(outcome, level)
    if room:
        show_room(room)


def show_room(room: Room) -> None:
    """Say what can be done in a room, and what its presenter has said last."""
    what = "lower your hand" if room.hand else "raise your hand"
    if sys.stdin.isatty():
        print(f"    ?  {what} (you are {room.name} at {room.url})")
    if room.hand and room.offered:
        print(f"    y  show the presenter {room.offered}, which your hand is about")
    if room.sentence:
        say(room.sentence)
    room.shown = ""


def say(text: str) -> None:
    """Print a line that the room is about, over the one that is rewritten."""
    teach.console().print(f"\n  {text}", markup=False, style="bold")


def heard(room: Room, outcome: Outcome) -> bool:
    """Show what has come from the room; tell whether more of the hint is to be shown."""
    more = False
    for said in room.news():
        if said.hint is None:
            room.sentence = f"The room, at {said.at}: {said.text}"
            say(room.sentence)
        elif room.standing and said.hint == room.standing["hint"]:
            more = True
            room.sentence = "The presenter has sent you a better hint."
    if (line := room.how_it_goes(outcome)) != room.shown and sys.stdout.isatty():
        room.shown = line
        width = teach.console().width - 1
        print(f"  {line}"[:width].ljust(width), end="\r", flush=True)
    return more


def raise_hand(room: Room, outcome: Outcome) -> None:
    """Raise the hand, or lower it; offer to show a file."""
    say(room.raise_hand())
    room.offered = outcome.hint.file if room.hand and outcome.hint else None
    if room.offered:
        print(f"  y shows the presenter {room.offered}, which the hint is about.")


def notice(changes, saved: threading.Event) -> None:
    """Set an event when a file is saved."""
    for changed in changes:
        if changed:
            saved.set()


def run(*arguments: str) -> int:
    """Run a command of the tool's as if it were typed, and return its exit code."""
    print()
    # Without a pager, in which q would mean something else.
    env = os.environ | {"GIT_PAGER": "cat"}
    return subprocess.run([sys.executable, "-m", "workshop", *arguments], env=env).returncode
