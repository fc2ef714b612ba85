"""Try your own folder against the lesson, up to the first thing that does not work: a hint for it.

The tests are those of the repository's own steps; lessons/ says which, in which order.
"""

import argparse
import hashlib
import importlib
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from workshop.base import notes, symptoms
from workshop.base.paths import ME, ROOT, STATE, TESTS, shown
from workshop.base.problem import Problem
from workshop.base.steps import Step, find
from workshop.install.programs import HOW_TO_GET_CHROMIUM, find_chromium
from workshop.learn import by_comparing, by_contract, diagnose, joining, teach
from workshop.learn.by_reading import todo_left
from workshop.learn.hint import missing_file
from workshop.learn.lessons import ALL_OF_IT, NUMBERS, OWN_TESTS, lesson
from workshop.learn.teach import Outcome
from workshop.learn.watch import watch
from workshop.serving.processes import end_as_by_ctrl_c

HELP = "try your own folder against the lesson, with hints"
PATIENCE = 8  # seconds for what mostly takes milliseconds
PATIENCE_TO_START = 15  # and for a server to start; tests/support.py knows how slow a machine is


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `check`."""
    parser.add_argument("step", nargs="?", help="default: the one that the folder is to be")
    parser.add_argument("--dir", metavar="DIR", help="another folder than my/")
    parser.add_argument("--hint", action="store_true", help="say more than the last time")
    parser.add_argument("--watch", action="store_true", help="again at each save, until Ctrl-C")
    parser.add_argument("--room", metavar="URL", help="with --watch: join the presenter's room")
    parser.add_argument("--alone", action="store_true", help="join no room, and ask nothing")


def needs(args: argparse.Namespace) -> set[str]:
    """Return what must be installed."""
    _, step = what_to_check(args)
    javascript = {"javascript"} if step.mentions("node_modules") else set()
    nginx = {"nginx"} if (step.folder / "nginx.conf").exists() else set()
    return {"python", "tests", "chromium"} | javascript | nginx


def what_to_check(args: argparse.Namespace) -> tuple[Path, Step]:
    """Return the folder to look at, and the step that it is to be."""
    folder = Path(args.dir or notes.MY)
    if not folder.is_dir():
        number = int(find(args.step).number) if args.step else 2
        where = f" --dir {args.dir}" if args.dir else ""
        make = f"`{ME} start {number}{where}`"
        raise Problem(f"There is no folder {shown(folder)}. {make} makes one.", 2)
    wanted = args.step or notes.read(folder).get("step")
    if not wanted:
        raise Problem(
            f"Which step is {shown(folder)} to be?  "
            f"{ME} check N{f' --dir {args.dir}' if args.dir else ''}",
            2,
        )
    return folder.resolve(), find(wanted)


def main(args: argparse.Namespace) -> int:
    """Check once, or at each save."""
    folder, step = what_to_check(args)
    end_as_by_ctrl_c()  # Then pytest ends the servers that it has started.
    if not find_chromium():
        print(f"There is no Chromium: what needs one is not tried. {HOW_TO_GET_CHROMIUM}\n")
    if args.room and (args.alone or not args.watch):
        raise Problem(f"A room is joined by `{ME} check --watch --room URL`.", 2)
    if args.watch:
        watch(folder, step, check, None if args.alone else joining.find(args.room))
        return 0
    outcome = check(folder, step, more=args.hint)
    return 1 if outcome.hint else 0


def check(
    folder: Path,
    step: Step,
    more: bool = False,
    watched: bool = False,
    interrupted: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Look, try, show, and keep what was found."""
    page = teach.Page(folder, step, watched)
    outcome = examine(folder, step, page.tick, interrupted)
    if outcome.stopped:
        return outcome
    known = notes.read(folder)
    known.setdefault("step", step.name)
    level = 0
    if outcome.hint:
        last = known.get("hint") or {}
        found = {"step": step.name, "name": outcome.hint.name, "code": outcome.hint.code}
        found["file"] = outcome.hint.file
        again = all(last.get(key) == value for key, value in found.items())
        level = last["level"] + 1 if again and more else 2 if more else 1
        level = min(level, outcome.hint.levels)
        known["hint"] = found | {"level": level}
    else:
        known.pop("hint", None)
        known["done"] = sorted({*known.get("done", []), step.name})
    progress = known.get("progress") or {}
    if not outcome.tried and progress.get("step") == step.name:
        outcome.passed = progress["passed"]  # as far as it was before the typo
    known["progress"] = {"step": step.name, "passed": outcome.passed, "of": outcome.total}
    page.show(outcome, level)
    notes.write(folder, known)
    return outcome


def examine(
    folder: Path,
    step: Step,
    tick: Callable[[str, str], None] = lambda *_: None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Find out how far a folder is, and what is next."""
    outcome = read_and_try(folder, step, tick, interrupted)
    if outcome.hint and outcome.hint.name != "syntax error":
        # What is missing is missing because it is yet to be written.
        outcome.hint = todo_left(folder, step) or outcome.hint
    if outcome.hint:
        outcome.hint = by_comparing.compared(outcome.hint, folder, step)
        explained = outcome.hint.symptom or symptoms.pointer(outcome.hint.happened)
        outcome.hint = replace(outcome.hint, symptom=explained)
    return outcome


def read_and_try(
    folder: Path, step: Step, tick: Callable[[str, str], None], interrupted: Callable[[], bool]
) -> Outcome:
    """Find out how far a folder is: first by reading it, then by trying it point by point."""
    os.environ.setdefault("PATIENCE", str(PATIENCE))
    os.environ.setdefault("PATIENCE_TO_START", str(PATIENCE_TO_START))
    number = int(step.number)
    if number not in NUMBERS:
        raise Problem(f"There is no lesson for {step.name} in workshop/learn/lessons/ yet.")
    points = lesson(number)
    outcome = Outcome(total=len(points))
    tick("", "reading your files")
    # What the tests are made of takes a while to import: meanwhile the folder is looked at.
    threading.Thread(target=warm_up, daemon=True).start()
    outcome.hint = diagnose.find_trouble(folder, step)
    if outcome.hint:
        return outcome
    # Up to the first whose file is not there yet.
    missing = next((each for each in points if not (folder / each.file).is_file()), None)
    possible = points[: points.index(missing)] if missing else points
    outcome.tried = True
    if possible:
        from workshop.learn.tutor import Tutor

        tutor = Tutor(folder, step, possible, tick, interrupted)
        run_pytest(tutor, folder, step)
        outcome.passed, outcome.skipped = tutor.passed, tutor.skipped
        outcome.hint, outcome.stopped = tutor.hint, tutor.stopped
    if missing and not outcome.hint and not outcome.stopped:
        hint = missing_file(missing.file, folder, step)
        outcome.hint = replace(hint, section=missing.section) if hint.lesson == step else hint
    # What is not there yet says more than a test that fails for it.
    is_open = not outcome.hint or outcome.hint.name == OWN_TESTS.works
    if ALL_OF_IT in possible and is_open and not outcome.stopped:
        outcome.hint = by_contract.not_yet(folder, step) or outcome.hint
        if not outcome.hint:
            outcome.passed.append(ALL_OF_IT.works)
            tick("✓", ALL_OF_IT.works)
    return outcome


def warm_up() -> None:
    """Import what the tests import."""
    for name in ("pytest", "playwright.sync_api", "requests", "socketio"):
        importlib.import_module(name)


def template_database(folder: Path) -> Path:
    """Return where the tests' database is kept while no migration is another: 1.2 s less."""
    made_from = [ROOT / "requirements.lock", *sorted(folder.glob("*/migrations/*.py"))]
    key = hashlib.sha256(b"".join(path.read_bytes() for path in made_from)).hexdigest()[:12]
    STATE.mkdir(exist_ok=True)
    return STATE / f"template-{key}.sqlite3"


def run_pytest(tutor, folder: Path, step: Step) -> None:
    """Run the tests of the points, with nothing of pytest on the screen."""
    import pytest

    os.environ.pop("PYTEST_ADDOPTS", None)
    os.environ["TEMPLATE_DATABASE"] = str(template_database(folder))
    file = next(TESTS.glob(f"test_{step.number}_*.py"))
    options = ["--maxfail=1", "-p", "no:cacheprovider", "--rootdir", ROOT, "--dir", folder]
    try:
        code = pytest.main([str(each) for each in (file, *options)], plugins=[tutor])
    except AssertionError as error:
        # Stopped in a test, pytest ends the servers outside of any: their logs fail nothing then.
        code = pytest.ExitCode.INTERRUPTED if tutor.given_up else pytest.ExitCode.INTERNAL_ERROR
        tutor.said = "" if tutor.given_up else str(error)
    if code == pytest.ExitCode.INTERRUPTED and not (tutor.stopped or tutor.said):
        raise KeyboardInterrupt
    if code not in (0, 1) and not tutor.stopped:
        raise Problem(
            "The tests themselves did not run: that is no mistake of yours.\n"
            f"{tutor.said}\n`{ME} doctor` looks at this machine."
        )
