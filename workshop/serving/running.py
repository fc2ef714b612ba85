"""What is running now: a small file for each `run`, so that other commands find it."""

import json
import os
from pathlib import Path

from workshop.base.paths import STATE
from workshop.base.steps import Step

FOLDER = STATE / "running"


def started(pid: int) -> float | None:
    """Return when a process began, or None if it is gone: process ids are used again."""
    import psutil

    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def tell(**what) -> Path:
    """Say what this process runs; the returned file is to be removed at the end."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    pid = os.getpid()
    file = FOLDER / f"{pid}.json"
    # Renamed into place, as others may be reading.
    part = file.with_suffix(".part")
    part.write_text(json.dumps({"pid": pid, "started": started(pid), **what}))
    return part.replace(file)


def everything() -> list[dict]:
    """Return what runs now, the latest last; forget what does not."""
    result = []
    for file in FOLDER.glob("*.json"):
        try:
            what = json.loads(file.read_text())
        except (OSError, ValueError):
            continue
        if started(what["pid"]) == what["started"]:
            result.append(what)
        else:
            file.unlink(missing_ok=True)
    return sorted(result, key=lambda what: what["started"])


def boards() -> list[dict]:
    """Return those of them that show what is published to a Redis, the latest last.

    A cluster is none: the notebooks speak to one server.
    """
    able = [what for what in everything() if what["redis"] and "," not in what["redis"]]
    return [what for what in able if is_board(Path(what["folder"]))]


def is_board(folder: Path) -> bool:
    """Tell whether this is a step: the slides are none, and classic/ speaks another protocol."""
    return (folder / "manage.py").exists() and not Step(folder).is_classic
