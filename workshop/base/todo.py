"""The places in an attendee's folder that the lesson is yet to fill: a comment says so at each."""

import re
from dataclasses import dataclass
from pathlib import Path

from workshop.base import steptree

TODO = "TODO: {}, as README.md shows it"
FOUND = re.compile(TODO.format("(.+)").replace(".md", r"\.md"))


@dataclass(frozen=True)
class Todo:
    """A place in somebody's folder that is yet to be filled."""

    file: str
    line: int
    what: str


def todos(folder: Path) -> list[Todo]:
    """Return the places in a folder that are yet to be filled."""
    return [
        Todo(name, number, found[1])
        for name, file in steptree.read(folder).items()
        for number, line in enumerate(file.content.decode(errors="replace").splitlines(), 1)
        if name != steptree.README and (found := FOUND.search(line))
    ]
