"""Show what a step changes from the one before. In a pipe: a plain diff that `git apply` takes."""

import argparse
import shutil
import sys
from pathlib import Path

from workshop.base import steptree, what_changes
from workshop.base.paths import ME, shown
from workshop.base.problem import Problem
from workshop.base.steps import Step, all_steps, find
from workshop.show import diff_view

HELP = "show what a step changes, or what is left to do"
EPILOG = f"""examples:
  {ME} diff 3                 from step 2 to step 3
  {ME} diff 2 4               from step 2 to step 4
  {ME} diff 3 --dir my        from the folder my to step 3: what is left to do there
  {ME} diff 3 | git apply --directory=my     make step 3 of step 2 in the folder my

Files come in the reading order of the step's README, from "What changes". What runs and tools
leave in a folder, such as db.sqlite3 and __pycache__, is passed over."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `diff`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("steps", nargs="*", metavar="STEP", help="one step, or two: from, to")
    parser.add_argument("--dir", type=Path, metavar="FOLDER", help="from this folder to the step")
    parser.add_argument("--stat", action="store_true", help="only how much, file by file")
    parser.add_argument(
        "--write",
        action="store_true",
        help="make steps/*/from_*.diff anew, which show the lessons on the web",
    )
    parser.add_argument(
        "--check", action="store_true", help='hold "What changes" of every README against its step'
    )


def needs(args: argparse.Namespace) -> None:
    """Install nothing: git and Python are enough."""


def main(args: argparse.Namespace) -> int:
    """Show, write or check the differences."""
    if args.write:
        return write()
    if args.check:
        return check()
    old, new, listed, title = what_is_compared(args)
    trees = steptree.read(old), steptree.read(new)
    if args.dir and (args.stat or sys.stdout.isatty()):
        # What is left to type there; a pipe gets all that makes the folder the step.
        for tree in trees:
            tree.pop(steptree.README, None)
    if trees[0] == trees[1]:
        # Not into a pipe, where nothing is the right diff of nothing.
        print(f"No differences: {title}.", file=sys.stderr)
    elif args.stat:
        width = min(shutil.get_terminal_size().columns, 100)
        color = "--color" if diff_view.in_colour() else "--no-color"
        options = f"--stat={width}", "--compact-summary", color
        write_out(steptree.compare(*trees, listed, *options))
    elif sys.stdout.isatty():
        diff_view.page(diff_view.render(*trees, listed, reasons(args, new), title))
    else:
        write_out(steptree.patch(*trees, listed))
    return 0


def what_is_compared(args: argparse.Namespace) -> tuple[Path, Path, list[str], str]:
    """Return two folders, the paths in reading order, and a title."""
    if not args.steps:
        raise Problem(f"Which step? For example:  {ME} diff 3")
    if len(args.steps) > (1 if args.dir else 2):
        raise Problem(f"That is one step too many. `{ME} diff --help` has examples.")
    steps = [find(name) for name in args.steps]
    last = steps[-1]
    if args.dir:
        if not args.dir.is_dir():
            raise Problem(f"There is no folder {str(args.dir)!r}.")
        listed = list(what_changes.contract(last).why)
        title = f"from {shown(args.dir.resolve())} to {shown(last.folder)}"
        return args.dir.resolve(), last.folder, listed, title
    if len(steps) == 1:
        before = [first for first, second in what_changes.pairs() if second == last]
        if not before:
            raise Problem(
                f"Step {int(last.number)} is where it begins: there is no step before it.\n"
                f"What comes next:  {ME} diff {int(last.number) + 1}"
            )
        steps = [*before, last]
    title = f"from {shown(steps[0].folder)} to {shown(steps[1].folder)}"
    return steps[0].folder, steps[1].folder, listed_between(*steps), title


def listed_between(old: Step, new: Step) -> list[str]:
    """Return what the lessons on the way list, in their order."""
    low, high = sorted([old.name, new.name])
    way = [step for step in all_steps() if low < step.name <= high]
    return list(dict.fromkeys(path for step in way for path in what_changes.contract(step).why))


def reasons(args: argparse.Namespace, folder: Path) -> dict[str, str]:
    """Return why each file changes; that is only true from one step to the next."""
    return what_changes.contract(Step(folder)).why if len(args.steps) == 1 else {}


def write_out(text: bytes) -> None:
    """Print bytes as they are: Windows would turn each line's end into another."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()


def write() -> int:
    """Make the kept diffs anew."""
    changed = what_changes.write_diffs()
    for path in changed:
        print(f"{what_changes.named(path)}  {'made anew' if path.exists() else 'removed'}")
    if not changed:
        print("Every from_*.diff is up to date.")
    return 0


def check() -> int:
    """Say what is not as the READMEs promise."""
    if complaints := what_changes.complaints():
        print("\n\n".join(complaints))
        return 1
    print("Every step changes what its README says, and nothing else.")
    return 0
