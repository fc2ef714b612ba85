"""Install what the tests need and run them: `test`, `test 3`, `test tool -- -x -k share`."""

import argparse
import contextlib
import os
from collections import Counter
from pathlib import Path

from workshop.base.paths import ME, ROOT, TESTS
from workshop.base.problem import Problem
from workshop.base.steps import find
from workshop.install import environment
from workshop.install.programs import HOW_TO_GET_CHROMIUM, find_chromium

HELP = "run the tests"
# With --all alone: what installs, breaks, measures and runs whatever the pages show, for minutes.
APART = (
    "against",
    "attendees",
    "bench",
    "carry",
    "check",
    "commands",
    "cures",
    "deploy",
    "engines",
    "fire",
    "follow",
    "hall",
    "home",
    "joining",
    "look",
    "notebooks",
    "own_tests",
    "peers",
    "processes",
    "room",
    "stage",
    "symptoms",
    "tool",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `test`."""
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="3, namespace, tool, …; what follows -- is pytest's",
    )
    parser.add_argument("--all", action="store_true", help="those of the tool too, which take long")


def needs(args: argparse.Namespace) -> set[str]:
    """Return what must be installed; what is large, for its own tests alone."""
    parts = {*environment.PARTS, *environment.PROGRAMS} - {*environment.BENCH_PARTS}
    large = {"notebooks", *environment.DEPLOY_PARTS}
    return (parts - large) | {part for part in large if args.all or part in args.names}


def main(args: argparse.Namespace) -> int:
    """Run pytest, then say what was not run."""
    files = [str(file) for name in args.names for file in test_files(name)] or [str(TESTS)]
    if not find_chromium():
        print(f"There is no Chromium: the tests in a browser will not run. {HOW_TO_GET_CHROMIUM}\n")
    import pytest

    os.chdir(ROOT)
    recorder = SkipRecorder()
    # All of them four at a time, a file in one place: much of their time is waiting. conftest.py
    # says which come first.
    parallel = [] if args.names else ["-n", "4", "--dist", "loadfile", "--no-loadscope-reorder"]
    if not args.names and not args.all:
        parallel += [f"--ignore={TESTS / f'test_{name}.py'}" for name in APART]
    code = pytest.main([*files, *parallel, *args.rest], plugins=[recorder])
    if not args.names and not args.all:
        print(f"\nNot among them: {', '.join(APART)}. With those, all of it:  {ME} test --all")
    total = recorder.reasons.total()
    if not total:
        return int(code)
    print(f"\n{'1 test was' if total == 1 else f'{total} tests were'} not run:")
    for reason, count in recorder.reasons.most_common():
        print(f"  {count} × {reason}")
    if os.environ.get("CI"):
        print("In CI, every test must run: this counts as a failure.")
        return int(code) or 1
    return int(code)


def test_files(name: str) -> list[Path]:
    """Return the files that 3, 03, namespace or tool means."""
    with contextlib.suppress(Problem):
        name = find(name).number
    if files := sorted(TESTS.glob(f"test_{name}*.py")):
        return files
    there = "\n".join(
        f"    {file.stem.removeprefix('test_')}" for file in sorted(TESTS.glob("test_*.py"))
    )
    raise Problem(f"There are no tests of {name!r}. There are:\n{there}")


class SkipRecorder:
    """A pytest plugin that counts what is skipped, and why."""

    def __init__(self):
        self.reasons: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report) -> None:
        """Count a skipped test."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self.count(report)

    def pytest_collectreport(self, report) -> None:
        """Count a skipped module."""
        if report.skipped:
            self.count(report)

    def count(self, report) -> None:
        """Count the reason of a report."""
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        self.reasons[reason.removeprefix("Skipped: ")] += 1
