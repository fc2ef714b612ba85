"""What `check` finds, as it finds it: a line of JSON each, for the lesson in the browser."""

import contextlib
import hashlib
import json
import secrets
from pathlib import Path

from workshop.base.paths import STATE
from workshop.base.steps import Step
from workshop.learn.lessons import NUMBERS, lesson


def file_of(folder: Path) -> Path:
    """Return where the events of the last check of a folder are."""
    place = folder.resolve()
    key = hashlib.sha256(str(place).encode()).hexdigest()[:8]
    return STATE / "checks" / f"{place.name}-{key}.jsonl"


class Events:
    """The events of one check."""

    def __init__(self, folder: Path, step: Step):
        self.file = file_of(folder)
        self.check = secrets.token_hex(4)
        number = int(step.number)
        points = [point.works for point in lesson(number)] if number in NUMBERS else []
        line = self.line("began", step=number, points=points)
        with contextlib.suppress(OSError):  # A full disk is no reason not to check.
            self.file.parent.mkdir(parents=True, exist_ok=True)
            part = self.file.with_name(f"{self.file.name}.{self.check}")
            part.write_text(line, encoding="utf-8")
            part.replace(self.file)

    def tell(self, kind: str, **data) -> None:
        """Add an event."""
        with contextlib.suppress(OSError), self.file.open("a", encoding="utf-8") as file:
            file.write(self.line(kind, **data))

    def line(self, kind: str, **data) -> str:
        """Return an event as a line."""
        return json.dumps({"check": self.check, "kind": kind, "data": data}) + "\n"


def read(folder: Path) -> tuple[str, list[dict]]:
    """Return which check was the last to begin, and its events up to now."""
    try:
        text = file_of(folder).read_text(encoding="utf-8")
        # The last line may be half written; another check may have gone on below the first one.
        events = [json.loads(line) for line in text.split("\n")[:-1]]
    except (OSError, ValueError):
        return "", []
    check = events[0]["check"] if events else ""
    return check, [event for event in events if event["check"] == check]
