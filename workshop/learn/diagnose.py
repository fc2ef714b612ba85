"""What can be said about a folder without a browser: each trouble in a sentence of its own."""

from collections.abc import Callable
from pathlib import Path

from workshop.base.steps import Step
from workshop.learn.by_events import event_names
from workshop.learn.by_importing import what_the_probe_finds
from workshop.learn.by_reading import (
    encoding,
    javascript_syntax,
    no_folder,
    patch_all,
    python_syntax,
    undefined_name,
)
from workshop.learn.by_template import what_the_page_lacks
from workshop.learn.hint import Hint


def find_trouble(folder: Path, step: Step) -> Hint | None:
    """Return a hint about the first thing that keeps a folder from being tried at all."""
    looks: list[Callable[[Path, Step], Hint | None]] = [
        no_folder,
        encoding,
        python_syntax,
        javascript_syntax,
        undefined_name,
        patch_all,
        what_the_probe_finds,
        event_names,
        what_the_page_lacks,
    ]
    return next(filter(None, (look(folder, step) for look in looks)), None)
