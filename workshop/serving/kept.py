"""What the room has said, kept in a file: a server that dies and comes back goes on with it."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import gevent

SOON = 0.25  # seconds


class Kept:
    """Values by their names, written soon after each change."""

    def __init__(self, file: Path | None):
        self.file = file  # None: it is forgotten with the server
        self.known: dict[str, Any] = {}
        self.writing = False
        if file is None:
            return
        with contextlib.suppress(OSError, ValueError):
            known = json.loads(file.read_text(encoding="utf-8"))
            self.known = known if isinstance(known, dict) else {}

    def get(self, name: str, default: Any = None) -> Any:
        """Return a value as it was last set."""
        return self.known.get(name, default)

    def set(self, name: str, value: Any) -> None:
        """Keep a value that JSON can write, or an object whose attributes it can."""
        self.known[name] = value
        if not self.writing:
            self.writing = True
            gevent.spawn_later(SOON, self.write)

    def write(self) -> None:
        """Write all of it; renamed into place, so that a crash leaves the old or the new."""
        self.writing = False
        if self.file is None:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        part = self.file.with_name(f"{self.file.name}.part")
        # For this user alone: names, and what was shown to the presenter.
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(json.dumps(self.known, default=vars))
        part.replace(self.file)
