"""The section "What changes" of a step's README: a contract, held against the files."""

import itertools
import re
from dataclasses import dataclass, field
from pathlib import Path

from workshop.base import steptree
from workshop.base.paths import ME, ROOT
from workshop.base.steps import Step, all_steps, find
from workshop.base.steptree import README, Tree

HEADING = "## What changes"
PATHS = r"(?P<paths>`[^`]+`(?:, `[^`]+`)*)"
ITEM = re.compile(rf"- {PATHS}(?: \((?P<label>new|removed)\))?: (?P<why>.+)")
CLASSIC = Step(ROOT / "classic")  # as near to step 4 as it can be; its README says what differs
CLASSIC_DIFF = CLASSIC.folder / "to_04.diff"
# The slides' server lets in the same strangers. It takes nothing out of a step: this is a copy.
GUARD = "board/guard.py"
GUARD_COPY = ROOT / "workshop" / "serving" / "guard.py"


@dataclass
class Contract:
    """What a README says about the files that its step changes, in reading order."""

    why: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


def contract(step: Step) -> Contract:
    """Read the first list of the section."""
    result = Contract()
    section = re.search(rf"^{HEADING}\n(.*?)(?=^## |\Z)", step.readme, re.MULTILINE | re.DOTALL)
    text = section[1] if section else ""
    first_list = re.search(r"(?:^- .*\n)+", text, re.MULTILINE)
    for line in first_list[0].splitlines() if first_list else ():
        if not (item := ITEM.fullmatch(line)):
            result.unread.append(line)
            continue
        for path in re.findall(r"`([^`]+)`", item["paths"]):
            result.why[path] = item["why"]
            result.labels[path] = item["label"] or "changed"
    return result


def pairs() -> list[tuple[Step, Step]]:
    """Return each step with the one before."""
    steps = all_steps()
    return list(itertools.pairwise(steps))


def diff_file(before: Step, step: Step) -> Path:
    """Return where the diff of a step is kept."""
    return step.folder / f"from_{before.number}.diff"


def expected(before: Step, step: Step) -> bytes:
    """Return what belongs into that file: all but the README, which its reader has open."""
    trees = steptree.read(before.folder), steptree.read(step.folder)
    for tree in trees:
        tree.pop(README, None)
    return steptree.patch(*trees, list(contract(step).why))


def classic_trees() -> tuple[Tree, Tree]:
    """Return what is compared of classic/ and of step 4: no README, and nothing made by a tool."""
    trees = steptree.read(CLASSIC.folder), steptree.read(find("4").folder)
    for tree in trees:
        for name in (README, CLASSIC_DIFF.name, "requirements.lock"):
            tree.pop(name, None)
    return trees


def all_diffs() -> dict[Path, bytes]:
    """Return what belongs into each diff that is kept."""
    result = {diff_file(*pair): expected(*pair) for pair in pairs()}
    result[CLASSIC_DIFF] = steptree.patch(*classic_trees(), list(contract(CLASSIC).why))
    return result


def write_diffs() -> list[Path]:
    """Make the diffs anew; return those that changed."""
    wanted = all_diffs()
    changed = []
    for path in stray_diffs(set(wanted)):
        path.unlink()
        changed.append(path)
    for path, content in wanted.items():
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
            changed.append(path)
    return changed


def stray_diffs(wanted: set[Path]) -> list[Path]:
    """Return the diffs from a step that is not the one before."""
    there = {path for step in all_steps() for path in step.folder.glob("from_*.diff")}
    return sorted(there - wanted)


def complaints() -> list[str]:
    """Return a sentence for whatever is not as the READMEs say, each with what to do."""
    result = []
    for before, step in pairs():
        result += broken_promises(before, step)
    listed, found = contract(CLASSIC).labels.items(), labels(*classic_trees()).items()
    if odd := sorted({path for path, _ in listed ^ found}):
        result.append(
            f"classic/README.md, {HEADING[3:]!r}, is wrong about {', '.join(odd)}: copy them from "
            "step 4, or say there how they differ."
        )
    if GUARD_COPY.read_bytes() != (find("4").folder / GUARD).read_bytes():
        result.append(f"{named(GUARD_COPY)} is not as in step 4: copy it from there.")
    wanted = all_diffs()
    for path, diff in wanted.items():
        if not path.exists() or path.read_bytes() != diff:
            result.append(f"{named(path)} is out of date: `{ME} diff --write` makes it anew.")
    for path in stray_diffs(set(wanted)):
        result.append(
            f"{named(path)} is not from the step before: `{ME} diff --write` takes it away."
        )
    return result


def broken_promises(before: Step, step: Step) -> list[str]:
    """Compare two steps with what the README of the second says."""
    promised, readme = contract(step), f"steps/{step.name}/{README}, {HEADING[3:]!r}"
    old, new = steptree.read(before.folder), steptree.read(step.folder)
    found = {path: label for path, label in labels(old, new).items() if path != README}
    result = [
        f"{readme}: {line!r} can't be read. Write: - `path` (new): one line of why."
        for line in promised.unread
    ]
    for path, label in found.items():
        if path not in promised.why:
            result.append(not_listed(before, step, path, label))
        elif promised.labels[path] != label:
            result.append(
                f"{readme}: `{path}` is listed as {promised.labels[path]}, and it is {label}."
            )
    for path in promised.why:
        if path not in found:
            result.append(
                f"{readme}: `{path}` is listed, and does not differ from steps/{before.name}. "
                f"Take it off the list, or make the change."
            )
    return result


def not_listed(before: Step, step: Step, path: str, label: str) -> str:
    """Say what can be done about a file that differs and is not listed."""
    item = f"- `{path}`{'' if label == 'changed' else f' ({label})'}: why."
    return (
        f"steps/{step.name}/{path} is {label} since steps/{before.name}, and the README does not "
        f"list it.\nIs it part of the lesson? Add to {HEADING[3:]!r}:  {item}\n"
        f"Is it a fix that only one of the two has? Uncommitted:  {ME} carry {int(before.number)}"
        f"   Else make the files the same by hand."
    )


def labels(old: Tree, new: Tree) -> dict[str, str]:
    """Return what happened to each file that is not the same."""
    return {
        path: "new" if path not in old else "removed" if path not in new else "changed"
        for path in sorted({*old, *new})
        if old.get(path) != new.get(path)
    }


def named(path: Path) -> str:
    """Return the path of a file in a step, as it is said everywhere."""
    return path.relative_to(ROOT).as_posix()
