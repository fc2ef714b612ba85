"""Files of the reports that commands write, and write anew from their figures."""

import json
from pathlib import Path

from workshop.base.problem import Problem


def must_be_one(file: Path | None, *endings: str) -> None:
    """Say at once if a report, if there is to be one, can't be written at the end."""
    if file and (file.suffix not in endings or file.is_dir()):
        raise Problem(f"The name of the report ends in {' or '.join(endings)}.", 2)
    if file and not file.absolute().parent.is_dir():
        raise Problem(f"There is no folder {file.parent} for the report.", 2)


def read(file: Path, *parts: str) -> dict:
    """Return the figures of a report, which must have these parts."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if missing := set(parts) - data.keys():
            raise KeyError(*missing)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise Problem(f"{file} is no report of this command: {error!r}", 2) from None
    return data
