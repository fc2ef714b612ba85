"""Notes on an attendee's own folder: which step it is to become, and how far it is."""

import contextlib
import json
from pathlib import Path

from workshop.base.paths import ROOT, STATE, STEPS

MY = ROOT / "my"
NOTES = ".workshop.json"


def file_of(folder: Path) -> Path:
    """Return where the notes on a folder are: in it, unless it is one of the repository's steps."""
    folder = folder.resolve()
    return STATE / f"{folder.name}.json" if folder.parent == STEPS else folder / NOTES


def read(folder: Path) -> dict:
    """Return what is known of a folder: nothing, if nothing can be read."""
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(file_of(folder).read_text(encoding="utf-8"))
        return known if isinstance(known, dict) else {}
    return {}


def write(folder: Path, known: dict) -> None:
    """Keep what is known of a folder."""
    file = file_of(folder)
    file.parent.mkdir(exist_ok=True)
    # Renamed into place: a Ctrl-C leaves the old ones or the new ones.
    part = file.with_name(file.name + ".part")
    part.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    part.replace(file)
