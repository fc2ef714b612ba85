"""What can be said about a folder by its lesson's "What changes": each change is there, or is not.

Tests see what a program does. A danger that stays open does nothing until somebody uses it, and
what a step takes out may do no harm for a while: these are seen by reading.
"""

import ast
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workshop.base.parts import names, statements, where
from workshop.base.steps import Step
from workshop.base.what_changes import contract
from workshop.learn import mine
from workshop.learn.hint import Hint, missing_file, why
from workshop.learn.lessons import ALL_OF_IT


def not_yet(folder: Path, step: Step) -> Hint | None:
    """Return a hint about the first change of a step that a folder does not have."""
    before = mine.before(step)
    if not before:
        return None
    promised = contract(step)
    for file, label in promised.labels.items():
        path = folder / file
        if label == "removed":
            if path.is_file():
                return hint(step, file, f"{file} is still there, and should be gone.")
        elif not path.is_file():
            return missing_file(file, folder, step)
        elif label == "changed":
            look = in_python if path.suffix == ".py" else in_text
            texts = (
                (each / file).read_text(encoding="utf-8")
                for each in (before.folder, step.folder, folder)
            )
            if found := look(*texts):
                symbol, said = found
                happened = f"{file} {said}"
                return hint(step, file, happened, symbol, where(path, symbol) if symbol else None)
    return None


def hint(step: Step, file: str, happened: str, part: str = "", line: int | None = None) -> Hint:
    """Return the hint about a change that is not there."""
    return Hint(
        name=ALL_OF_IT.works,
        expected=f"In {file}: {why(file, step)}",
        happened=happened,
        more="What is tried works without it, and the lesson is not done: see the lines.",
        file=file,
        line=line,
        part=part,
        lesson=step,
    )


@dataclass(frozen=True)
class Part:
    """A function, method or constant: its code without docstrings, and the names in it."""

    code: str
    uses: set[str]  # of attributes the last part
    local: set[str]  # which these are is everybody's own choice


def in_python(old: str, new: str, own: str) -> tuple[str, str] | None:
    """Return the symbol that a change is in, and what is said of the file, if it is not made."""
    before, after, yours = parts(old), parts(new), parts(own)
    known = set(after) | imported(new)
    everything = {name for part in yours.values() for name in part.uses | part.local}
    for name, part in after.items():
        was, is_now = before.get(name, NOTHING), yours.get(name)
        if part.code == was.code:
            continue
        if not is_now:
            return name, f"has no {name} yet."
        if is_now.code == was.code:
            return name, f"has {name} as in the step before."
        if left := sorted((was.uses - part.uses) & is_now.uses):
            return name, f"still uses {', '.join(left)} in {name}, and should no more."
        if handed_on(part.code) - handed_on(is_now.code):
            return name, f"does not hand on all that {name} is called with: see its super()."
        if lacks := sorted(((part.uses - was.uses) & known) - everything):
            return name, f"does not use {lacks[0]} yet: in the lesson, {name} does."
    for name in before:
        if name in yours and name not in after:
            return name, f"still has {name}, which was in the step before and should be gone."
    return None


@cache
def parts(text: str) -> dict[str, Part]:
    """Return the parts of a module by their names: Class.method."""
    return {name: part(nodes) for name, nodes in symbols(ast.parse(text))}


def handed_on(code: str) -> set[str]:
    """Return what a method hands on to the one that it replaces: *args, **kwargs."""
    return set(re.findall(r"\*+\w+", " ".join(re.findall(r"super\(\)\.\w+\((.*)\)", code))))


def symbols(scope: ast.AST, prefix: str = "") -> Iterator[tuple[str, list[ast.stmt]]]:
    """Yield the name of each part of a module or class, and the statements that define it."""
    found: dict[str, list[ast.stmt]] = {}
    for node in statements(scope):
        if isinstance(node, ast.ClassDef):
            yield from symbols(node, f"{prefix}{node.name}.")
        else:
            for name in names(node):
                found.setdefault(prefix + name, []).append(node)
    yield from found.items()


def part(nodes: list[ast.stmt]) -> Part:
    """Return what some statements are."""
    uses, local = set(), set()
    for node in (each for one in nodes for each in ast.walk(one)):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name):
                uses.add(name)
            case ast.Name(id=name) | ast.arg(arg=name):
                local.add(name)
            case ast.FunctionDef(body=[ast.Expr(value=ast.Constant(value=str())), *_]):
                del node.body[0]
    return Part("\n".join(map(ast.unparse, nodes)), uses - local, local)


def imported(text: str) -> set[str]:
    """Return the names that a module imports."""
    imports = [
        each for each in ast.parse(text).body if isinstance(each, ast.Import | ast.ImportFrom)
    ]
    return {alias.asname or alias.name for each in imports for alias in each.names}


NOTHING = part([])


def in_text(old: str, new: str, own: str) -> tuple[str, str] | None:
    """Return how a change begins, and what is said of the file, if none of its lines is there."""
    before, after, yours = (
        [line.strip() for line in text.splitlines()] for text in (old, new, own)
    )
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for _, i1, i2, j1, j2 in matcher.get_opcodes():
        added = [line for line in after[j1:j2] if says(line) and line not in before]
        gone = [line for line in before[i1:i2] if says(line) and line not in after]
        if added and not set(added) & set(yours):
            return "", f"does not have this yet:  {added[0]}"
        if gone and set(gone) <= set(yours):
            return "", f"still has this, which should be gone:  {gone[0]}"
    return None


def says(line: str) -> bool:
    """Tell whether a line is more than brackets."""
    return any(character.isalnum() for character in line)
