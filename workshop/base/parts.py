"""The parts of a file: a Python symbol, or a block of lines that begins in a certain way."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

IMPORTS = "its imports"


def where(path: Path, part: str) -> int | None:
    """Return the line on which a part of a file begins, or None where there is no such part."""
    begins, _ = extent(path.read_text(encoding="utf-8"), path.suffix, part)
    return begins


def extent(text: str, suffix: str, part: str) -> tuple[int | None, int | None]:
    """Return the first and last line of a part: of a Python symbol, or of a block of lines."""
    if not part:
        return None, None
    if part == IMPORTS:
        # All that comes before the first class or function: names of the module's own too.
        kinds = ast.ClassDef | ast.FunctionDef
        begins = [node.lineno for node in ast.parse(text).body if isinstance(node, kinds)]
        return 1, max(1, min(begins, default=len(text.splitlines())) - 1)
    if suffix == ".py" and re.fullmatch(r"[\w.]+", part):
        nodes = symbols(ast.parse(text), part)
        return (nodes[0].lineno, nodes[0].end_lineno) if nodes else (None, None)
    lines = text.splitlines()
    begin = next((n for n, line in enumerate(lines) if line.lstrip().startswith(part)), None)
    if begin is None:
        return None, None
    # Up to the first line that is no deeper, and closes it or is empty.
    depth = len(lines[begin]) - len(lines[begin].lstrip())
    end = begin
    for end in range(begin + 1, len(lines)):
        line = lines[end]
        closes = line.startswith((" " * depth + "}", " " * depth + "</"))
        if closes or (not line.strip() and depth + 1 and not deeper(lines, end, depth)):
            break
    return begin + 1, end + 1


def deeper(lines: list[str], number: int, depth: int) -> bool:
    """Tell whether what follows an empty line still belongs to the block above."""
    after = next((line for line in lines[number:] if line.strip()), "")
    return len(after) - len(after.lstrip()) > depth


def symbols(module: ast.Module, dotted: str) -> list[ast.stmt]:
    """Return the statements that define a function, class, method or constant: Class.method."""
    nodes: list = [module]
    for name in dotted.split("."):
        nodes = [each for node in nodes for each in statements(node) if name in names(each)]
    return nodes


def statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Yield the statements of a scope, those under `if` and `try` included."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from statements(child)


def names(node: ast.stmt) -> set[str]:
    """Return the names that a statement defines."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return {node.name}
        case ast.Assign() | ast.AnnAssign():
            return {
                child.id
                for child in ast.walk(node)
                if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)
            }
    return set()
