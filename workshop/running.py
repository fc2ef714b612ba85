"""What is running now: a small file for each `run`, so that other commands find it."""

import json
import os
from pathlib import Path

from workshop.paths import STATE

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
