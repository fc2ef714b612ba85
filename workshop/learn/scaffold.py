"""What an attendee begins a step from: the step, with a TODO wherever its README shows the code.

So what a lesson shows can be typed, and what it does not show is in place.
"""

import re
from dataclasses import dataclass, replace

from workshop.base import regions, steptree
from workshop.base.problem import Problem
from workshop.base.regions import CLOSES, Region
from workshop.base.steps import Step
from workshop.base.steptree import Tree
from workshop.base.todo import TODO
from workshop.base.what_changes import contract

TESTS = "notices/tests.py"
COMMENTS = {"js": "// {}", "css": "/* {} */", "html": "<!-- {} -->"}  # of all others: "# {}"


@dataclass(frozen=True)
class Place:
    """A place that the lesson fills."""

    marker: str  # above the listing
    region: Region
    what: str  # stands there
    old: list[str]  # the lines that the step before has in its place


def places(before: Step, step: Step) -> list[Place]:
    """Return the places of a lesson, in the order of its README."""
    changed = contract(step).labels
    found = []
    for marker in regions.listings(step.readme):
        region = regions.find(marker, step.folder)
        # A part of it is not shown; or these are the tests, which say what is still to be built.
        if region.name in changed and not region.rest and region.name != TESTS:
            symbol = re.fullmatch(r"\S+ ([\w.]+)", marker)
            what = symbol[1] if symbol else first_words(region.rows[0])
            found.append(Place(marker, region, what, rows_before(marker, region, before)))
    return found


def first_words(row: str) -> str:
    """Return how a place begins, to be named in a sentence."""
    row = row.strip().removeprefix("// ").rstrip(".,:;({ ")
    return row if len(row) < 50 else row[:50].rpartition(" ")[0].rstrip(".,:;({ ") + " …"


def rows_before(marker: str, region: Region, before: Step) -> list[str]:
    """Return what the step before has there: nothing, another text, or the last of these lines."""
    path = before.folder / region.name
    if not path.is_file():
        return []
    try:
        return regions.find(marker, before.folder).rows
    except Problem:
        old = regions.text_of(path).splitlines()
        last = region.rows[-1]
        shared = " from " in marker and last in old and not CLOSES.match(last.strip())
        return [last] if shared else []


def scaffold(before: Step, step: Step) -> Tree:
    """Return the files that a step begins from."""
    tree = steptree.read(step.folder)
    todo = places(before, step)
    for name in {place.region.name for place in todo}:
        mine = [place for place in todo if place.region.name == name]
        rows = list(mine[0].region.text)
        for place in sorted(mine, key=lambda place: place.region.start, reverse=True):
            rows[place.region.start : place.region.end] = [marked(place), *place.old]
        tree[name] = replace(tree[name], content="".join(f"{row}\n" for row in rows).encode())
    return tree


def marked(place: Place) -> str:
    """Return the line that says what belongs there."""
    margin = " " * regions.indentation(place.region.rows[0])
    comment = COMMENTS.get(place.region.suffix, "# {}")
    return margin + comment.format(TODO.format(place.what))
