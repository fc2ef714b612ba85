"""The lesson of each step as its tests tell it: what `check` runs, in order, and its hints.

The tests are those of tests/test_NN_….py; a point names some of them, and says in the words of the
lesson what they are about. A point whose file is not there yet is a hint by itself.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Point:
    """Something that works once a part of the lesson is built."""

    works: str  # what is ticked off
    tests: tuple[str, ...]  # as pytest names them, without the file
    expected: str
    more: str  # what a second hint says
    file: str
    section: str  # of the README
    part: str = ""  # of the file: a Python symbol, or how its first line begins
    lesson: int | None = None  # whose README, if not this step's


def point(works: str, *tests: str, **about) -> Point:
    """Return a point of the lesson."""
    return Point(works, tests, **about)


# Said again in later steps, where something that worked may break.
STILL_POSTED = point(
    "a notice from the form is on the board, as before",
    "TestBoard::test_a_posted_notice_is_on_the_board",
    expected="The page's form works as in step 1, by HTTP alone: who says what is saved, and is "
    "on the board.",
    more="board() makes a NoticeForm of request.POST, saves it if it is valid, and redirects.",
    file="notices/views.py",
    section="What we have",
    part="board",
    lesson=1,
)

STILL_ENDS = point(
    "the server still ends when it is told to",
    "TestStop::test_it_stops_cleanly_though_sockets_are_open",
    expected="SIGINT (Ctrl-C) and SIGTERM end the server, as before: whoever listens does so "
    "beside it, in a greenlet.",
    more="listen() never returns. Called by serve.py itself it holds up the line after it, "
    "server.serve_forever(), for ever. Spawn it: gevent.spawn(listen, notices).",
    file="serve.py",
    section="What changes",
    part="serve",
)

# At the end of each: what a step has beside what its tests ask for.
COMPLETE = point(
    "no file is missing",
    "TestStart::test_the_files_are_there",
    expected="A step is a complete folder.",
    more="`workshop diff N --dir my` shows how your folder differs from the step.",
    file="manage.py",
    section="What changes",
)

# What `python manage.py test` says: the last word of the step's own tests on what one has built.
OWN_TESTS = point(
    "the step's own tests pass",
    "TestStart::test_its_own_tests_pass",
    expected="`python manage.py test` passes: notices/tests.py says in a few lines what the step "
    "promises.",
    more="Run it in your folder, and begin with the first test that fails. What the server said "
    "meanwhile is in tests.log.",
    file="notices/tests.py",
    section="Test it",
)

# No test sees what does no harm yet: learn/by_contract.py reads it.
ALL_OF_IT = point(
    'all of "What changes" is there',
    expected="A step changes what its README lists, and nothing of that is left out.",
    more="The third hint shows the lines.",
    file="manage.py",
    section="What changes",
)

NUMBERS = sorted(
    int(file.stem.removeprefix("step_")) for file in Path(__file__).parent.glob("step_*.py")
)


def lesson(number: int) -> list[Point]:
    """Return the points of a step, in the order of its README."""
    module = importlib.import_module(f"workshop.learn.lessons.step_{number}")
    return [*module.POINTS, COMPLETE, OWN_TESTS, *([ALL_OF_IT] if number > 1 else [])]
