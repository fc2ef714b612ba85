"""The tool's folders: each may import from those below it, and from nothing of the tests or steps.

base ← install ← serving ← show, room, talk, hall, lab, learn, authoring, fire, bench
"""

import ast
import subprocess
import sys

import pytest

from support import ROOT

TOOL = ROOT / "workshop"
BELOW = ["base", "install", "serving"]
MODULES = sorted(TOOL.rglob("*.py"))
# A room may use another one's work, where that is said here.
ALSO = {
    "talk": {"show", "hall", "room"},  # the address of what is shared; a pack; the room
    "room": {"learn"},  # the points of a lesson
    "fire": {"bench"},  # the servers to compare with, and the plot
}
FOREIGN = {"support", "scratch", "conftest", "steps", "tests", "slides", "notebooks", "classic"}


def imports(path):
    """Return what a module imports of the tool and of its surroundings, as dotted names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(path):
    """Return the folder of a module, or "" for the command line itself."""
    parts = path.relative_to(TOOL).parts
    return parts[0] if len(parts) > 1 else ""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(TOOL).as_posix())
def test_imports_run_one_way(path):
    here = room(path)
    floor = BELOW[: BELOW.index(here)] if here in BELOW else BELOW
    allowed = {here, *floor, *ALSO.get(here, ())}
    for name in imports(path):
        first, *rest = name.split(".")
        assert first not in FOREIGN, f"{name}: a tool imports no test, and no step"
        if first == "workshop" and here:
            assert rest[0] in allowed, f"{name}: {here}/ may import from {sorted(allowed)}"


def test_no_circle_of_modules():
    """Neither of those that import when they are imported, nor of those that do so later."""
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in MODULES
    }
    edges = {
        name: {
            next((n for n in (each, each.rpartition(".")[0]) if n in names), None)
            for each in imports(path)
        }
        - {None, name}
        for name, path in names.items()
    }
    done = set()

    def visit(name, way):
        assert name not in way, " → ".join([*way[way.index(name) :], name])
        if name not in done:
            for each in edges[name]:
                visit(each, [*way, name])
            done.add(name)

    for name in names:
        visit(name, [])


def test_every_folder_is_on_the_map_of_contributing():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    folders = sorted({room(path) for path in MODULES} - {""})
    assert [folder for folder in folders if f"`{folder}/`" not in text] == []


def test_what_is_annotated_is_checked():
    """By mypy, as pyproject.toml says."""
    command = [sys.executable, "-m", "mypy"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
