"""Bring what was changed in a step since the last commit to all later steps.

A file that was the same is copied, another is merged three ways by git; new, renamed and deleted
files travel too. At a conflict it stops, and goes on with --continue. What is uncommitted in
these files of later steps is merged with, never overwritten, and travels on from there. README.md,
a lesson of its own in each step, is not carried, and neither is from_*.diff, which is made anew.
"""

import argparse
import base64
import contextlib
import json
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from workshop.authoring import listings
from workshop.base import steptree, what_changes
from workshop.base.paths import ME, ROOT, STATE
from workshop.base.problem import Problem
from workshop.base.steps import Step, all_steps, find
from workshop.base.steptree import README, File, Tree
from workshop.base.what_changes import CLASSIC, GUARD, GUARD_COPY

HELP = "bring a change in one step to all later steps"
STATE_FILE = STATE / "carry.json"
MARKERS = re.compile(rb"^(<{7}|>{7})( |$)", re.MULTILINE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `carry`."""
    parser.add_argument("step", nargs="?", metavar="STEP", help="the step that was changed")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--dry-run", action="store_true", help="only say what would happen")
    way.add_argument(
        "--continue", dest="go_on", action="store_true", help="go on after a conflict is solved"
    )
    way.add_argument(
        "--abort", action="store_true", help="forget the conflict; the files stay as they are"
    )


def needs(args: argparse.Namespace) -> None:
    """Install nothing: git and Python are enough."""


@dataclass
class Carried:
    """What a carry since the last commit has done to one file of a later step."""

    change: File | None  # what the file was in the step before
    after: File | None  # what it became here, by git or by hand


class Conflict(Exception):
    """Two changes that only a person can bring together."""

    def __init__(self, why: str, advice: str, marked: File | None = None):
        super().__init__(why)
        self.advice = advice
        self.marked = marked  # the file with git's markers, where there can be any


class State:
    """What is remembered from one call to the next, until the next commit."""

    def __init__(self, head: str):
        self.head = head
        self.carried: dict[str, Carried] = {}
        self.stopped: dict | None = None

    @classmethod
    def load(cls) -> "State":
        """Return what is known since the last commit."""
        state = cls(head_commit())
        try:
            kept = json.loads(STATE_FILE.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return state
        if kept["head"] == state.head:
            state.carried = {
                name: Carried(*map(unpack, packed)) for name, packed in kept["carried"].items()
            }
        elif kept["stopped"]:
            state.head = kept["head"]  # so that --continue can say what is wrong
        state.stopped = kept["stopped"]
        return state

    def save(self) -> None:
        """Keep it, whole or not at all."""
        STATE.mkdir(exist_ok=True)
        packed = {
            name: [pack(done.change), pack(done.after)] for name, done in self.carried.items()
        }
        content = {"head": self.head, "stopped": self.stopped, "carried": packed}
        beside = STATE_FILE.with_suffix(".new")
        beside.write_text(json.dumps(content), encoding="utf-8")
        os.replace(beside, STATE_FILE)


def pack(file: File | None) -> list | None:
    """Return a file as JSON can keep it."""
    return [base64.b64encode(file.content).decode(), file.executable] if file else None


def unpack(packed: list | None) -> File | None:
    """Return what pack() was given."""
    return File(base64.b64decode(packed[0]), packed[1]) if packed else None


def main(args: argparse.Namespace) -> int:
    """Carry, or go on with it, or forget about it."""
    state = State.load()
    if args.abort:
        return abort(state)
    if args.go_on:
        step = resolved(state)
    else:
        if not args.step:
            raise Problem(f"Which step was changed? For example:  {ME} carry 2")
        if state.stopped:
            raise Problem(
                f"The last carry stopped at {state.stopped['file']}.\n"
                f"Solve that and type `{ME} carry --continue`, or `{ME} carry --abort`."
            )
        step = find(args.step)
    return carry(step, state, args.dry_run)


def abort(state: State) -> int:
    """Forget a conflict."""
    if not state.stopped:
        raise Problem("No carry has stopped: there is nothing to forget.")
    print(
        f"Forgotten. No file was changed: {state.stopped['file']} is as you left it,\n"
        "and what was carried before it stays. `git diff` shows both."
    )
    STATE_FILE.unlink()
    return 0


def resolved(state: State) -> Step:
    """Take the file that a person has put in order as the result there; return the first step."""
    if not state.stopped:
        raise Problem(f"No carry has stopped. To begin one:  {ME} carry 2")
    if state.head != head_commit():
        raise Problem(
            "There was a commit since carry stopped, and it only knows what changed since the last "
            f"one.\nEither `git reset --soft {state.head[:10]}` and `{ME} carry --continue`, or "
            f"`{ME} carry --abort`."
        )
    name = state.stopped["file"]
    now = steptree.read_file(ROOT / name)
    if now and MARKERS.search(now.content):
        raise Problem(
            f"{name} still has lines that begin with <<<<<<< or >>>>>>>.\nMake of each such place "
            f"what this step needs, then type `{ME} carry --continue` again."
        )
    state.carried[name] = Carried(unpack(state.stopped["change"]), now)
    return find(state.stopped["step"])


def head_commit() -> str:
    """Return the last commit."""
    try:
        return steptree.git("rev-parse", "--verify", "--quiet", "HEAD").decode().strip()
    except Problem as problem:
        if problem.code == 1:  # git is missing
            raise
        raise Problem(
            "carry compares with the last commit, and there is none here: it works in a git clone."
        ) from None


def carry(step: Step, state: State, dry_run: bool) -> int:
    """Bring what was changed in a step to each later one, file by file."""
    steps = all_steps()
    later = steps[steps.index(step) + 1 :]
    if not later:
        raise Problem(f"{step.name} is the last step: there is nowhere to carry to.")
    # What the step before was, and what it is now: the change that the next one gets.
    heads = steptree.read_head([it.folder for it in (step, *later)])
    changes = changes_in(step, heads[step.folder], later[0], state)
    state.stopped = None
    touched = [step]
    try:
        for target in later:
            print(f"steps/{target.name}", flush=True)
            for path, change in changes.items():
                committed = heads[target.folder].get(path)
                changes[path] = carry_file(target, path, change, committed, state, dry_run)
                if changes[path][0] != changes[path][1] and target not in touched:
                    touched.append(target)
    except Conflict as conflict:
        others = other_conflicts(later[later.index(target) :], path, changes, heads, state)
        name = f"steps/{target.name}/{path}"
        return stop(conflict, others, step, name, change[1], state, dry_run)
    finally:
        if not dry_run:
            state.save()
    if not dry_run:
        finish(touched, set(changes))
    return 0


def other_conflicts(
    steps: list[Step], here: str, changes: dict, heads: dict, state: State
) -> list[str]:
    """Return the other files with a conflict, as far as can be seen from this one."""
    found, left = [], list(changes)
    changes = dict(changes)
    for target in steps:
        after = left.index(here) + 1 if target is steps[0] else 0
        for path in [path for path in left[after:] if path != here]:
            committed = heads[target.folder].get(path)
            with contextlib.redirect_stdout(None):
                try:
                    changes[path] = carry_file(target, path, changes[path], committed, state, True)
                except Conflict:
                    found.append(f"steps/{target.name}/{path}")
                    left.remove(path)
    return found


def changes_in(step: Step, was: Tree, following: Step, state: State) -> dict[str, tuple]:
    """Return what was and what is, for each file to carry; say which they are."""
    now = steptree.read(step.folder)
    if not was:
        raise Problem(f"{step.name} is in no commit yet, so what changed in it can't be known.")
    changed = what_changes.labels(was, now)
    # What was carried, and is now taken back in the step itself, is taken back everywhere.
    for name in state.carried:
        if name.startswith(f"steps/{following.name}/"):
            changed.setdefault(name.split("/", 2)[2], "back as it was")
    if changed.pop(README, None):
        print("README.md has changed too. Each step has a lesson of its own: it is not carried.")
    if not changed:
        raise Problem(f"Nothing to carry: steps/{step.name} is as it was in the last commit.")
    print(f"Changed in steps/{step.name} since the last commit:")
    for path, label in sorted(changed.items()):
        if path in now and MARKERS.search(now[path].content):
            raise Problem(f"steps/{step.name}/{path} has a conflict of its own: solve that first.")
        print(f"  {path}{'' if label == 'changed' else f' ({label})'}")
    return {path: (was.get(path), now.get(path)) for path in sorted(changed)}


def carry_file(
    target: Step, path: str, change: tuple, committed: File | None, state: State, dry_run: bool
) -> tuple:
    """Bring a change to one file of a step; return the change that the step after it gets."""
    base, new = change
    here, name = target.folder / path, f"steps/{target.name}/{path}"
    now = steptree.read_file(here)
    done = state.carried.get(name)
    # What was carried here stands, unless it was thrown away since.
    if done and (now == done.after or now != committed):
        base = done.change
    after, what = merge(base, now, new, name)
    print(f"  {what:<9} {path}")
    if not dry_run:
        write(here, after, now)
        state.carried[name] = Carried(new, after)
    # What this step has no place for goes on to the next as it is.
    return change if committed is None and after is None else (committed, after)


def merge(base: File | None, now: File | None, new: File | None, name: str):
    """Return what a file becomes, and that in a word."""
    if new in (now, base):
        return now, "the same"
    if now == base:
        return new, "deleted" if new is None else "new" if now is None else "copied"
    if now is None:
        return now, "not here"
    if new is None:
        raise Conflict(
            f"{name} is deleted in the step before, and differs here.",
            "Delete it here too, or leave it as this step needs it.",
        )
    if any(file and file.binary for file in (base, now, new)):
        raise Conflict(
            f"{name} is binary and differs from the step before: it can't be merged.",
            "Make it what this step needs, or leave it.",
        )
    content, clean = merge_text(base.content if base else b"", now.content, new.content, name)
    # Who changed it, wins.
    changed_here = base is not None and now.executable != base.executable
    merged = File(content, now.executable if changed_here else new.executable)
    if not clean:
        raise Conflict(
            f"{name} has a conflict.",
            "Make of each place between <<<<<<< and >>>>>>> what this step needs.",
            merged,
        )
    return merged, "merged"


def merge_text(base: bytes, now: bytes, new: bytes, name: str) -> tuple[bytes, bool]:
    """Merge three ways with git; return the text, and whether there was no conflict."""
    with tempfile.TemporaryDirectory(prefix="workshop-") as folder:
        for file, content in (("now", now), ("base", base), ("new", new)):
            Path(folder, file).write_bytes(content)
        labels = ["-L", f"{name}, as it is", "-L", "before the change", "-L", "the change"]
        command = ["git", "merge-file", "-p", "--diff3", *labels, "now", "base", "new"]
        done = subprocess.run(command, cwd=folder, capture_output=True)
    if not 0 <= done.returncode < 128:
        raise Problem(f"git can't merge {name}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout, done.returncode == 0


def write(path: Path, file: File | None, now: File | None) -> None:
    """Make a file what it has become."""
    if file == now:
        return
    if file is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.content)
    if file.executable != (now is not None and now.executable):
        mode = path.stat().st_mode
        path.chmod(mode | 0o111 if file.executable else mode & ~0o111)


def stop(
    conflict: Conflict,
    others: list[str],
    step: Step,
    name: str,
    new: File | None,
    state: State,
    dry_run: bool,
) -> int:
    """Leave a conflict to a person, and say what to do."""
    print(f"  CONFLICT  {name.split('/', 2)[2]}\n\n{conflict}")
    if others:
        print(f"After it there will be {len(others)} more: {', '.join(others)}.")
    if dry_run:
        print("It would stop here.")
        return 1
    if conflict.marked:
        write(ROOT / name, conflict.marked, steptree.read_file(ROOT / name))
    state.stopped = {"step": step.name, "file": name, "change": pack(new)}
    print(conflict.advice)
    print(f"Then:  {ME} carry --continue")
    return 1


def copy_elsewhere() -> list[Path]:
    """Copy what others have from step 4, unchanged since the last commit; return what is new."""
    step, made = find("4").folder, []
    was, now = steptree.read_head([step, CLASSIC.folder]), steptree.read(step)
    for path, file in was[step].items():
        copy = CLASSIC.folder / path
        if was[CLASSIC.folder].get(path) == file and now.get(path) != file:
            write(copy, now.get(path), file)
            made.append(copy)
    guard = steptree.read_file(GUARD_COPY)
    if guard != now[GUARD]:
        write(GUARD_COPY, now[GUARD], guard)
        made.append(GUARD_COPY)
    return made


def finish(touched: list[Step], changed: set[str]) -> None:
    """Make anew what is made from the steps, and say what to do next."""
    made = copy_elsewhere()
    made += what_changes.write_diffs()
    try:
        made += listings.fix()
    except ModuleNotFoundError:
        print(f"To bring the listings in the READMEs up to date:  {ME} listings --fix")
    for path in made:
        print(f"Made anew: {path.relative_to(ROOT).as_posix()}")
    tests = [str(int(step.number)) for step in touched] + ["diffs", "listings", "answers"]
    tests += ["classic"] if any(path.is_relative_to(CLASSIC.folder) for path in made) else []
    tests += ["guard", "full_room", "follow"] if GUARD in changed else []
    print(f"\nRead it with `git diff`, and test it:  {ME} test {' '.join(tests)}")
