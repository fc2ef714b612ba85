"""What is seen in the files of a folder, without running anything."""

import ast
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from workshop.base import steptree
from workshop.base.parts import IMPORTS
from workshop.base.steps import Step, all_steps
from workshop.base.todo import todos
from workshop.install.programs import find_chromium, find_node
from workshop.learn import mine
from workshop.learn.hint import BOARD_JS, Hint, lesson_about, missing_file, why
from workshop.learn.scaffold import places

CHECK_JAVASCRIPT = Path(__file__).with_name("check_javascript.py")


def no_folder(folder: Path, step: Step) -> Hint | None:
    """A folder without manage.py is no step at all."""
    missing = [name for name in ("manage.py", "board/settings.py") if not (folder / name).is_file()]
    return missing_file(missing[0], folder, step) if missing else None


def python_files(folder: Path) -> list[Path]:
    """Return the Python files, those of an environment in the folder left out."""
    out = {"venv", "env", "node_modules", "__pycache__"}
    return [
        path
        for path in sorted(folder.rglob("*.py"))
        if not any(p in out or p.startswith(".") for p in path.relative_to(folder).parts)
    ]


def encoding(folder: Path, step: Step) -> Hint | None:
    """Look for a text that is not UTF-8: Python, Django and the browser would each guess."""
    for name, file in steptree.read(folder).items():
        if Path(name).suffix not in (".py", ".html", ".js", ".css"):
            continue
        try:
            file.content.decode()
        except UnicodeDecodeError as error:
            return Hint(
                name="not UTF-8",
                expected="Every file is saved as UTF-8.",
                happened=f"{name} is not: a character in it is in another encoding.",
                more="Save it again as UTF-8; editors call that the file's encoding.",
                file=name,
                line=file.content[: error.start].count(b"\n") + 1,
                lesson=lesson_about(name, step),
            )
    return None


def python_syntax(folder: Path, step: Step) -> Hint | None:
    """Compile each file."""
    for path in python_files(folder):
        try:
            compile(path.read_bytes(), path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            file, line = path.relative_to(folder).as_posix(), getattr(error, "lineno", None)
            more = (
                "The mistake may be in a line before: a bracket or a quote that is not closed, a "
                "colon that is missing, or an indent of another depth."
            )
            if re.search("invalid character '[“”‘’]'", str(error)):
                more = "Quotes are straight in Python: \" or '. A word processor bends them."
            return Hint(
                name="syntax error",
                expected=f"{file} is Python.",
                happened=f"Python can't read it: {getattr(error, 'msg', error)}.",
                more=more,
                file=file,
                line=line,
                code=with_caret(error),
                lesson=lesson_about(file, step),
            )
    return None


def with_caret(error: Exception) -> str:
    """Return the line of a syntax error, and a mark below the place."""
    text = (getattr(error, "text", None) or "").rstrip()
    if not text:
        return ""
    indent = len(text) - len(text.lstrip())
    caret = max((getattr(error, "offset", None) or 1) - 1 - indent, 0)
    return f"{text.lstrip()}\n{' ' * caret}^"


def javascript_syntax(folder: Path, step: Step) -> Hint | None:
    """Ask whether board.js can be read."""
    path = folder / BOARD_JS
    error = javascript_error(path) if path.is_file() else ""
    said = re.search(r":(\d+)\n(.*)\n(\s*\^*)\s*\n+SyntaxError: (.*)", error)
    if not said:
        return None
    indent = len(said[2]) - len(said[2].lstrip())
    more = "The mistake may be in a line before: look for a bracket, a brace or a quote that is "
    more += "not closed."
    if "already been declared" in said[4]:
        more = "A name is declared once: is something in this file twice, pasted a second time?"
    return Hint(
        name="syntax error",
        expected=f"{BOARD_JS} is JavaScript.",
        happened=f"It can't be read: {said[4]}.",
        more=more,
        file=BOARD_JS,
        line=int(said[1]),
        code=f"{said[2].lstrip()}\n{said[3][indent:]}".rstrip(),
        lesson=lesson_about(BOARD_JS, step),
        section="The client's side",
    )


def javascript_error(path: Path) -> str:
    """Return what Node.js, or a browser where there is none, says of a script; mostly nothing."""
    if node := find_node():
        command: list = [node, "--check", path]
    elif chromium := find_chromium():
        command = [sys.executable, CHECK_JAVASCRIPT, chromium, path]
    else:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    return done.stderr if done.returncode else ""


def todo_left(folder: Path, step: Step) -> Hint | None:
    """Look for the first place that is yet to be filled, in the order of the lesson."""
    there = todos(folder)
    if not there:
        return None
    before = mine.before(step)
    shown = [
        (place.marker, todo)
        for place in (places(before, step) if before else ())
        for todo in there
        if (todo.file, todo.what) == (place.region.name, place.what)
    ]
    marker, todo = shown[0] if shown else ("", there[0])
    more = f" ({len(there)} places are left, and then all is tried.)" if len(there) > 1 else ""
    return Hint(
        name=f"to do: {todo.what}",
        expected=f"{todo.file}: {why(todo.file, step)}",
        happened=f"Line {todo.line} of {todo.file} is still a TODO.{more}",
        more="The README shows what belongs there: type it in place of the TODO, and of the old "
        "code below it if there is any of that name. If it is there already, delete the TODO.",
        file=todo.file,
        line=todo.line,
        part=todo.what.removesuffix(" …"),
        lesson=step,
        section=heading(step, marker) if marker else "What changes",
    )


def heading(step: Step, marker: str) -> str:
    """Return the heading below which a README shows a listing."""
    above = step.readme.partition(f"<!-- listing: {marker} -->")[0]
    return re.findall(r"^##+ (.+)", above, re.MULTILINE)[-1]


def undefined_name(folder: Path, step: Step) -> Hint | None:
    """Ask ruff for names that nothing defines: it finds them where no test comes by."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache"]
    command += ["--select", "F821", "--output-format", "json", "--exit-zero"]
    files = python_files(folder)
    done = subprocess.run([*command, *files], capture_output=True, text=True)
    try:
        found = json.loads(done.stdout)
    except ValueError:  # no ruff: the server will say it
        return None
    if not found:
        return None
    path, line = Path(found[0]["filename"]), found[0]["location"]["row"]
    file = path.relative_to(folder).as_posix()
    here = [each["message"] for each in found if each["filename"] == found[0]["filename"]]
    names = list(dict.fromkeys(re.findall(r"`(.+?)`", message)[0] for message in here))
    text = path.read_text(encoding="utf-8")
    around = [
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or line)
    ]
    defined = [how_it_is_defined(name, file, step, (around or [""])[-1]) for name in names]
    return Hint(
        name="undefined name",
        expected="A name is imported, defined or assigned before it is used.",
        happened=f"Nothing in {file} says what {names[0]} is"
        + (f", nor {', '.join(names[1:])}." if names[1:] else "."),
        more="\n".join(dict.fromkeys(defined)),
        file=file,
        line=line,
        code=text.splitlines()[line - 1].strip(),
        part=IMPORTS,
        lesson=lesson_about(file, step),
    )


def how_it_is_defined(name: str, file: str, step: Step, function: str = "") -> str:
    """Return how the step itself comes by a name, in a function of this name."""
    path = step.folder / file
    if path.is_file():
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.asname or alias.name for alias in node.names]
                if name in names:
                    return f"In the step it is imported:  {ast.get_source_segment(text, node)}"
            if isinstance(node, ast.Assign) and name in map(ast.unparse, node.targets):
                return f"In the step it is:  {ast.get_source_segment(text, node)}"
            if getattr(node, "name", "") == function and isinstance(node, ast.FunctionDef):
                arguments = ast.unparse(node.args)
                if re.search(rf"\b{name}\b", arguments):
                    return f"In the step it is an argument of {function}({arguments})."
    return "Is it a typo, or is an import missing?"


def patch_all(folder: Path, step: Step) -> Hint | None:
    """Look whether monkey.patch_all() is the first thing that serve.py does."""
    path = folder / "serve.py"
    if not path.is_file():
        return None
    tree = ast.parse(path.read_bytes())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and is_patch(node)]
    hint = Hint(
        name="monkey.patch_all()",
        expected="monkey.patch_all() makes Python's own socket, time.sleep, threading and so on "
        "wait the gevent way. It has to come first.",
        happened="",
        more="The first two lines of code in serve.py, before every other import:\n"
        "from gevent import monkey\nmonkey.patch_all()",
        file="serve.py",
        part="from gevent import monkey",
        lesson=all_steps()[1],
    )
    if not calls:
        return replace(hint, happened="serve.py never calls monkey.patch_all().", line=1)
    if calls[0].keywords or calls[0].args:
        happened = f"It says {ast.unparse(calls[0])}, which leaves something as it was."
        return replace(hint, happened=happened, line=calls[0].lineno)
    for node in tree.body:
        if isinstance(node, ast.Expr) and is_patch(node.value):
            return None
        if isinstance(node, ast.Import | ast.ImportFrom) and not is_gevents(node):
            code = ast.unparse(node)
            return replace(
                hint,
                happened=f"Line {node.lineno} imports something before it: what is imported "
                "earlier keeps the sockets that block.",
                line=node.lineno,
                code=code,
            )
    line = calls[0].lineno
    return replace(hint, happened=f"Line {line} calls it, but not at once.", line=line)


def is_patch(node: ast.AST) -> bool:
    """Tell whether this is a call of patch_all."""
    called = node.func if isinstance(node, ast.Call) else None
    return getattr(called, "attr", getattr(called, "id", None)) == "patch_all"


def is_gevents(node: ast.Import | ast.ImportFrom) -> bool:
    """Tell whether an import is of gevent itself, or from the future."""
    names = [alias.name for alias in node.names]
    modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else names
    return all(name.partition(".")[0] in ("gevent", "__future__") for name in modules)
