"""The attendee's own folder: begun from a step, and what was there kept aside."""

import os
import re
import shutil
from datetime import datetime
from pathlib import Path

from workshop.base import notes, steptree
from workshop.base.paths import ROOT, shown
from workshop.base.problem import Problem
from workshop.base.steps import Step, all_steps
from workshop.base.steptree import Tree
from workshop.base.what_changes import contract
from workshop.learn.scaffold import scaffold
from workshop.serving import running

# What an attendee has made by running a step; jump takes it along.
MADE = ("db.sqlite3", "secret_key.txt")


def chosen(named: str | None) -> Path:
    """Return my/, or the folder that was named; in the repository, only what git ignores."""
    folder = Path(named).absolute() if named else notes.MY
    place = folder.resolve()
    if ROOT.is_relative_to(place) or (
        place.is_relative_to(ROOT) and not re.match(r"my(-|$)", place.relative_to(ROOT).parts[0])
    ):
        raise Problem(
            f"{named} would be a part of the workshop, for git. "
            "Take my/, my-… or a folder elsewhere.",
            2,
        )
    return folder


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


def begin(folder: Path, step: Step, known: dict, take_along: bool = False) -> Path | None:
    """Make the folder what a step begins from; return where what was there is kept now."""
    aside = keep_aside(folder) if os.path.lexists(folder) else None
    write(what_it_begins_with(step), folder)
    if aside and take_along:
        for name in MADE:
            if (aside / name).is_file():
                shutil.copy2(aside / name, folder / name)
    notes.write(folder, known)
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


def what_it_begins_with(step: Step) -> Tree:
    """Return the files from which a step is built; the first one is there as it is."""
    from_step = before(step)
    return scaffold(from_step, step) if from_step else steptree.read(step.folder)


def write(tree: Tree, folder: Path) -> None:
    """Write files into a folder."""
    for path, file in tree.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        if file.executable:
            target.chmod(0o755)


def go_on(folder: Path, step: Step) -> list[str]:
    """Put in place what a step begins with; return the files that are somebody's own, and stay."""
    was = before(step)
    old, new = steptree.read(was.folder) if was else {}, what_it_begins_with(step)
    own = steptree.read(folder)
    changed = [name for name in (steptree.README, *contract(step).labels) if name in new]
    # Whoever has not touched a file loses nothing with it.
    ours = [name for name in changed if own.get(name) in (None, old.get(name))]
    write({name: new[name] for name in ours}, folder)
    return [name for name in changed if name not in ours]


def served(folder: Path) -> bool:
    """Tell whether `run` serves this folder now."""
    return any(what["folder"] == str(folder.resolve()) for what in running.everything())
