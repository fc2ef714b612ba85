"""`check --watch`: again at each save. A key says more about what was found, without a new try."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from workshop.base import notes
from workshop.base.steps import Step
from workshop.learn import keys, mine, teach
from workshop.learn.teach import Outcome
from workshop.serving import watching


def watch(folder: Path, step: Step, check: Callable[..., Outcome]) -> None:
    """Check now and after each save, until Ctrl-C or q; j goes on with the next step."""
    following: Step | None = step
    while following:
        following = watch_step(folder, following, check)


def watch_step(folder: Path, step: Step, check: Callable[..., Outcome]) -> Step | None:
    """Watch one step; return the one to which was jumped, or None at the end."""
    stop, saved = threading.Event(), threading.Event()
    changes = watching.changes(folder, stop)
    threading.Thread(target=notice, args=(changes, saved), daemon=True).start()
    try:
        with keys.reading() as key:
            while True:
                saved.clear()
                teach.clear_screen()
                outcome = check(folder, step, watched=True, interrupted=saved.is_set)
                level, jumping = 1, False
                while not saved.is_set():
                    pressed = key(0.2)
                    if pressed in ("h", "l") and outcome.hint:
                        level = min(level + 1 if pressed == "h" else 3, outcome.hint.levels)
                        teach.clear_screen()
                        show_again(folder, step, outcome, level)
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


def show_again(folder: Path, step: Step, outcome: Outcome, level: int) -> None:
    """Show what was found once more, with another hint."""
    known = notes.read(folder)
    if "hint" in known:
        known["hint"]["level"] = level
        notes.write(folder, known)
    page = teach.Page(folder, step, watched=True)
    for works in outcome.passed if outcome.tried else ():
        page.tick("✓", works)
    page.show(outcome, level)


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
