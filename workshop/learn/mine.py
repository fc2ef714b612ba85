"""The attendee's own folder, and the notes in it: which step it is to become, and how far it is."""

import contextlib
import json
import os
import re
import shutil
from datetime import datetime
from pathlib import Path

from workshop.base import steptree
from workshop.base.paths import ROOT, STATE, STEPS, shown
from workshop.base.problem import Problem
from workshop.base.steps import Step, all_steps
from workshop.serving import running

MY = ROOT / "my"
NOTES = ".workshop.json"
# What an attendee has made by running a step; jump takes it along.
MADE = ("db.sqlite3", "secret_key.txt")


def chosen(named: str | None) -> Path:
    """Return my/, or the folder that was named; in the repository, only what git ignores."""
    folder = Path(named).absolute() if named else MY
    place = folder.resolve()
    if ROOT.is_relative_to(place) or (
        place.is_relative_to(ROOT) and not re.match(r"my(-|$)", place.relative_to(ROOT).parts[0])
    ):
        raise Problem(
            f"{named} belongs to the workshop itself. Name my/, my-…/ or a folder elsewhere.", 2
        )
    return folder


def notes_file(folder: Path) -> Path:
    """Return where the notes on a folder are: in it, unless it is one of the repository's steps."""
    folder = folder.resolve()
    return STATE / f"{folder.name}.json" if folder.parent == STEPS else folder / NOTES


def read_notes(folder: Path) -> dict:
    """Return what is known of a folder: nothing, if nothing can be read."""
    with contextlib.suppress(OSError, ValueError):
        notes = json.loads(notes_file(folder).read_text(encoding="utf-8"))
        return notes if isinstance(notes, dict) else {}
    return {}


def write_notes(folder: Path, notes: dict) -> None:
    """Keep what is known of a folder."""
    file = notes_file(folder)
    file.parent.mkdir(exist_ok=True)
    # Renamed into place: a Ctrl-C leaves the old ones or the new ones.
    part = file.with_name(file.name + ".part")
    part.write_text(json.dumps(notes, indent=2) + "\n", encoding="utf-8")
    part.replace(file)


def before(step: Step) -> Step | None:
    """Return the step before, or None for the first."""
    return neighbour(step, -1)


def after(step: Step) -> Step | None:
    """Return the step after, or None for the last."""
    return neighbour(step, 1)


def neighbour(step: Step, distance: int) -> Step | None:
    """Return the step so many folders on."""
    steps = all_steps()
    place = steps.index(step) + distance
    return steps[place] if 0 <= place < len(steps) else None


def begin(folder: Path, step: Step, notes: dict, take_along: bool = False) -> Path | None:
    """Make the folder what a step begins from; return where what was there is kept now."""
    aside = keep_aside(folder) if os.path.lexists(folder) else None
    copy(before(step) or step, folder)
    if aside and take_along:
        for name in MADE:
            if (aside / name).is_file():
                shutil.copy2(aside / name, folder / name)
    write_notes(folder, notes)
    return aside


def keep_aside(folder: Path) -> Path:
    """Give a folder a name with the time in it, such as my-2026-11-23-1405, and return that."""
    stem = f"{folder.name}-{datetime.now():%Y-%m-%d-%H%M}"
    aside, count = folder.with_name(stem), 1
    while os.path.lexists(aside):
        count += 1
        aside = folder.with_name(f"{stem}-{count}")
    try:
        folder.rename(aside)
    except OSError as error:
        raise Problem(
            f"{shown(folder)} can't be kept aside ({error.strerror}): is a server running in it, "
            "or an editor or a terminal open? Close that, and type the same command again."
        ) from None
    return aside


def copy(step: Step, folder: Path) -> None:
    """Copy what git would track of a step."""
    for path, file in steptree.read(step.folder).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        shutil.copymode(step.folder / path, target)


def served(folder: Path) -> bool:
    """Tell whether `run` serves this folder now."""
    return any(what["folder"] == str(folder.resolve()) for what in running.everything())
