"""What can be said about a folder without a browser: each trouble in a sentence of its own."""

import ast
import contextlib
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from workshop.base.parts import IMPORTS
from workshop.base.paths import NODE_MODULES, ROOT, shown
from workshop.base.steps import Step, all_steps, plain
from workshop.serving.ports import who_listens
from workshop.serving.processes import run

BOARD_JS = "notices/static/notices/board.js"
NAMESPACES = "notices/namespaces.py"
# Events that socket.io-client and python-socketio fire themselves.
BUILT_IN = {"connect", "disconnect", "connect_error"}
PATIENCE = 20  # seconds in which what takes one does nothing


@dataclass(frozen=True)
class Hint:
    """What is wrong, and where to look."""

    name: str  # the same name again is the same hint again
    expected: str
    happened: str
    more: str
    file: str = ""  # inside of the folder
    line: int | None = None
    code: str = ""  # the lines of theirs that it is about
    part: str = ""  # of the file, as in lessons/
    lesson: Step | None = None  # whose README
    section: str = "What changes"


def find_trouble(folder: Path, step: Step) -> Hint | None:
    """Return a hint about the first thing that keeps a folder from being tried at all."""
    looks: list[Callable[[Path, Step], Hint | None]] = [
        no_folder,
        python_syntax,
        javascript_syntax,
        undefined_name,
        patch_all,
        what_the_probe_finds,
        event_names,
    ]
    return next(filter(None, (look(folder, step) for look in looks)), None)


# The lesson


def lesson_about(file: str, step: Step) -> Step:
    """Return the step, this one or one before, whose README says that it changes a file."""
    upto = [each for each in all_steps() if each.name <= step.name]
    return next((each for each in reversed(upto) if why(file, each)), upto[0])


def why(file: str, step: Step) -> str:
    """Return what the README of a step says about a file, in its list of what changes."""
    section = step.readme.partition("\n## What changes\n")[2].partition("\n## ")[0]
    for line in section.splitlines():
        paths, colon, text = line.partition(": ")
        if line.startswith("- ") and colon and f"`{file}`" in paths:
            return plain(text)
    return ""


def missing_file(file: str, folder: Path, step: Step) -> Hint:
    """Return the hint about a file of the step that is not there yet."""
    lesson = lesson_about(file, step)
    reason = why(file, lesson)
    copy = f"{'copy' if os.name == 'nt' else 'cp'} {shown(step.folder / file)} "
    copy += str(Path(shown(folder), file))
    if file == "board/guard.py":
        more = f"It is not meant to be typed. Copy it:\n$ {copy}"
    else:
        more = f"The README shows what belongs into it. To have it as the step has it:\n$ {copy}"
    return Hint(
        name=f"missing file: {file}",
        expected=f"{file}: {reason}" if reason else f"A step has a file {file}.",
        happened=f"There is no {file} yet.",
        more=more,
        file=file,
        lesson=lesson,
    )


def no_folder(folder: Path, step: Step) -> Hint | None:
    """A folder without manage.py is no step at all."""
    missing = [name for name in ("manage.py", "board/settings.py") if not (folder / name).is_file()]
    return missing_file(missing[0], folder, step) if missing else None


# What can be seen without running anything


def python_files(folder: Path) -> list[Path]:
    """Return the Python files, those of an environment in the folder left out."""
    out = {"venv", "env", "node_modules", "__pycache__"}
    return [
        path
        for path in sorted(folder.rglob("*.py"))
        if not any(p in out or p.startswith(".") for p in path.relative_to(folder).parts)
    ]


def python_syntax(folder: Path, step: Step) -> Hint | None:
    """Compile each file."""
    for path in python_files(folder):
        try:
            compile(path.read_bytes(), path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            file, line = path.relative_to(folder).as_posix(), getattr(error, "lineno", None)
            return Hint(
                name="syntax error",
                expected=f"{file} is Python.",
                happened=f"Python can't read it: {getattr(error, 'msg', error)}.",
                more="The mistake may be in a line before: a bracket or a quote that is not "
                "closed, a colon that is missing, or an indent of another depth.",
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
    caret = max((error.offset or 1) - 1 - indent, 0)
    return f"{text.lstrip()}\n{' ' * caret}^"


def javascript_syntax(folder: Path, step: Step) -> Hint | None:
    """Ask Node.js, where there is one, whether it can read board.js."""
    node, path = shutil.which("node"), folder / BOARD_JS
    if not (node and path.is_file()):
        return None
    done = subprocess.run([node, "--check", path], capture_output=True, text=True, errors="replace")
    said = re.search(r":(\d+)\n(.*)\n(\s*\^*)\s*\n+SyntaxError: (.*)", done.stderr)
    if done.returncode == 0 or not said:
        return None
    indent = len(said[2]) - len(said[2].lstrip())
    return Hint(
        name="syntax error",
        expected=f"{BOARD_JS} is JavaScript.",
        happened=f"It can't be read: {said[4]}.",
        more="The mistake may be in a line before: look for a bracket, a brace or a quote that is "
        "not closed.",
        file=BOARD_JS,
        line=int(said[1]),
        code=f"{said[2].lstrip()}\n{said[3][indent:]}".rstrip(),
        lesson=lesson_about(BOARD_JS, step),
        section="The client's side",
    )


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
    return Hint(
        name="undefined name",
        expected="A name is imported, defined or assigned before it is used.",
        happened=f"Nothing in {file} says what {names[0]} is"
        + (f", nor {', '.join(names[1:])}." if names[1:] else "."),
        more="\n".join(dict.fromkeys(how_it_is_defined(name, file, step) for name in names)),
        file=file,
        line=line,
        code=path.read_text(encoding="utf-8").splitlines()[line - 1].strip(),
        part=IMPORTS,
        lesson=lesson_about(file, step),
    )


def how_it_is_defined(name: str, file: str, step: Step) -> str:
    """Return how the step itself comes by a name."""
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
    return "Is it a typo, or is an import missing?"


def patch_all(folder: Path, step: Step) -> Hint | None:
    """Look whether monkey.patch_all() is the first thing that serve.py does."""
    path = folder / "serve.py"
    if not path.is_file():
        return None
    tree = ast.parse(path.read_bytes())
    calls = [node for node in ast.walk(tree) if is_patch(node)]
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


# What can be seen by importing it


def what_the_probe_finds(folder: Path, step: Step) -> Hint | None:
    """Import everything in a process of its own, and put the first trouble into a sentence."""
    found = probe(folder)
    if not found:
        return None
    tell = {
        "exception": raised,
        "check": complained,
        "template": broken_template,
        "no migration": no_migration,
        "not migrated": not_migrated,
        "static": static_file,
        "stuck": stuck,
    }
    return tell[found["kind"]](found, folder, step)


def probe(folder: Path) -> dict | None:
    """Return what the probe says."""
    # A server that starts when it is imported would not come back.
    serve = folder / "serve.py"
    guarded = serve.is_file() and "__main__" in serve.read_text(encoding="utf-8", errors="replace")
    command = [sys.executable, Path(__file__).with_name("probe.py"), *(["serve"] * guarded)]
    ours = {"SECRET_KEY": "only-to-look", "NODE_PATH": str(NODE_MODULES)}
    ours |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"}
    env = {name: value for name, value in os.environ.items() if name not in ("DEBUG", "REDIS_URL")}
    try:
        done = run(
            command, PATIENCE, cwd=folder, env=env | ours, encoding="utf-8", errors="replace"
        )
    except subprocess.TimeoutExpired:
        return {"kind": "stuck"}
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["nothing"]
        return {"kind": "check", "said": f"Python ended with: {said[-1]}"}


def raised(found: dict, folder: Path, step: Step) -> Hint:
    """Put an exception into a sentence."""
    frames = [tuple(frame) for frame in found["frames"]]
    hint = exception(found["type"], found["said"], frames, folder, step, found.get("module"))
    return hint or complained(found, folder, step)


def exception(
    kind: str, said: str, frames: list[tuple], folder: Path, step: Step, module: str | None = None
) -> Hint | None:
    """Return the hint about an exception; frames are (file, line, function, code)."""
    file, line, function, code = frames[-1] if frames else ("", None, "", "")
    text = said.partition(": ")[2] or said
    hint = Hint(
        name="exception",
        expected="The server starts, and answers without an error.",
        happened=f"{said}" + (f" (in {function})" if function not in ("", "<module>") else ""),
        more="Read the line above from its end: what is it that was not as expected?",
        file=file,
        line=line,
        code=code or "",
        lesson=lesson_about(file, step),
    )
    if absent := not_written_yet(said, folder, step):
        name, other = absent
        return replace(
            hint,
            more=f"In the step, {name} is defined in {other}, and in yours it is not yet.",
            file=other,
            line=None,
            lesson=lesson_about(other, step),
        )
    if kind in ("ModuleNotFoundError", "ImportError"):
        return import_error(hint, kind, text, module, folder, step)
    if kind == "OperationalError" and (match := re.search(r"no such (table|column): (\S+)", said)):
        return migration(
            f"The database has no {match[1]} {match[2]}, and the model has.", folder, step
        )
    if "DatabaseWrapper objects created in a thread" in said:
        lesson = all_steps()[1]
        return replace(
            hint,
            name="monkey.patch_all()",
            expected="monkey.patch_all() comes first.",
            happened="Django's database connection is used by two greenlets: something was "
            "imported before monkey.patch_all().",
            file="serve.py",
            line=None,
            code="",
            lesson=lesson,
            section="What can go wrong",
        )
    if "already in use" in said:
        return taken_port(said, step)
    if kind == "NameError":
        name = (re.findall(r"'(.+?)'", said) or ["it"])[0]
        return replace(
            hint, name="undefined name", happened=said, more=how_it_is_defined(name, file, step)
        )
    if kind == "SystemExit":
        return replace(hint, happened=f"serve.py ended by itself as soon as it was read: {text}")
    return hint if frames else None


def not_written_yet(said: str, folder: Path, step: Step) -> tuple[str, str] | None:
    """Return the name that an error misses, and the file of the step that has it."""
    for name in re.findall(r"(?:no attribute|keyword argument) '(\w+)'", said):
        pattern = re.compile(rf"def {name}\b|\b{name}\s*=|def .*[(, ]{name}\b")
        for path in python_files(step.folder):
            file = path.relative_to(step.folder)
            theirs = path.read_text(encoding="utf-8")
            mine = folder / file
            if pattern.search(theirs) and (
                not mine.is_file() or name not in mine.read_text(encoding="utf-8")
            ):
                return name, file.as_posix()
    return None


def import_error(
    hint: Hint, kind: str, text: str, module: str | None, folder: Path, step: Step
) -> Hint:
    """Say what can't be imported, and whether the step has it."""
    names = re.findall(r"'([^']+)'", text)
    name, where = [*names, "it", "there"][:2]
    package = where.replace(".", "/")
    if (folder / package).is_dir() and not (folder / package / f"{name}.py").exists():
        kind, module = "ModuleNotFoundError", f"{where}.{name}"  # from . import outbox
    if kind == "ModuleNotFoundError" and module:
        file = module.replace(".", "/") + ".py"
        if (step.folder / file).is_file() and not (folder / file).exists():
            missing = missing_file(file, folder, step)
            by = hint.file or "board/settings.py"  # which names a module as text
            return replace(missing, happened=f"There is no {file} yet, and {by} imports it.")
        near = nearest(module.rpartition(".")[2], module_names(folder, module))
        return replace(
            hint,
            name="import error",
            expected="What is imported is there.",
            happened=f"There is no module {module}.",
            more=f"Did you mean {near}?"
            if near
            else "Is it a typo? requirements.txt lists what is installed.",
        )
    place = f"{package}.py"
    if (folder / place).is_file():
        near = nearest(name, defined(folder / place))
        more = f"Did you mean {near}?" if near else f"Write it into {place} first."
        happened = f"{hint.file} imports {name} from {place}, and there is no {name} in it."
        if "circular" in text or "partially initialized" in text:
            happened = f"{hint.file} imports {name} from {place}, which itself is waiting for "
            happened += f"{hint.file}: they import each other."
            more = "One of the two has to do without the other, or import it inside a function."
    else:
        happened, more = f"There is no {name} in {where}.", "Is it a typo?"
    return replace(
        hint,
        name="import error",
        expected="What is imported is there.",
        happened=happened,
        more=more,
    )


def module_names(folder: Path, module: str) -> list[str]:
    """Return the names of the modules beside one."""
    package = folder / Path(*module.split(".")[:-1])
    return [path.stem for path in package.glob("*.py")]


def defined(path: Path) -> list[str]:
    """Return the classes and functions of a file."""
    kinds = ast.ClassDef | ast.FunctionDef
    return [node.name for node in ast.parse(path.read_bytes()).body if isinstance(node, kinds)]


def nearest(name: str, names) -> str | None:
    """Return what a typo may have meant."""
    return next(iter(difflib.get_close_matches(name, [*names], 1, 0.6)), None)


def complained(found: dict, folder: Path, step: Step) -> Hint:
    """Pass on what Django says."""
    return Hint(
        name="django check",
        expected="`python manage.py check` finds nothing to complain about.",
        happened=found["said"],
        more="It is Django that says so: `python manage.py check`, in your folder, says more.",
        file="board/settings.py",
        lesson=lesson_about("board/settings.py", step),
    )


def broken_template(found: dict, folder: Path, step: Step) -> Hint:
    """Say which line of a template Django can't read."""
    file, line = found["file"], found["line"]
    lines = (folder / file).read_text(encoding="utf-8").splitlines()
    return Hint(
        name="template error",
        expected=f"Django can read the template {file}.",
        happened=found["said"],
        more="Each {% for %}, {% if %} and {% block %} needs its end, and each tag its % signs.",
        file=file,
        line=line,
        code=lines[line - 1].strip() if line else "",
        lesson=lesson_about(file, step),
    )


def migration(happened: str, folder: Path, step: Step, more: str = "") -> Hint:
    """Return the hint about a forgotten migration."""
    python = f"cd {shown(folder)}; python manage.py"
    return Hint(
        name="forgotten migration",
        expected="The database has what the models have: a change of a model needs a migration, "
        "and the migration has to be run.",
        happened=happened,
        more=more or f"Make it, and run it:\n$ {python} makemigrations; python manage.py migrate",
        file="notices/models.py",
        lesson=all_steps()[0],
        section="What can go wrong",
    )


def no_migration(found: dict, folder: Path, step: Step) -> Hint:
    """Say that the model has changed."""
    changes = "; ".join(each[:1].lower() + each[1:] for each in found["changes"])
    return migration(f"The model has changed, and no migration says so ({changes}).", folder, step)


def not_migrated(found: dict, folder: Path, step: Step) -> Hint:
    """Say that a migration has not been run."""
    more = f"Run it:\n$ cd {shown(folder)}; python manage.py migrate"
    missing = ", ".join(found["missing"])
    return migration(f"Not run on your database yet: {missing}.", folder, step, more)


def broken_migration(said: str, folder: Path, step: Step) -> Hint:
    """Say that the migrations can't be run on an empty database."""
    last = next((line for line in reversed(said.splitlines()) if line.strip()), "")
    python = f"cd {shown(folder)}; python manage.py migrate"
    more = f"To see all that it says, with an empty database:\n$ {python}"
    return migration(f"`python manage.py migrate` ended with: {last.strip()}", folder, step, more)


def static_file(found: dict, folder: Path, step: Step) -> Hint:
    """Say which file a page loads in vain."""
    name, file, line = found["name"], found["file"], found["line"]
    if name.startswith("socket.io/"):
        return no_client(folder, step)
    for static in folder.glob("*/static"):
        if (step.folder / static.relative_to(folder) / name).is_file():
            inside = (static / name).relative_to(folder).as_posix()
            hint = missing_file(inside, folder, step)
            return replace(hint, happened=f"There is no {inside} yet, and {file} loads it.")
    return Hint(
        name="missing static file",
        expected="What a page loads is there.",
        happened=f"{file} loads {name}, and there is no such file in a static/ folder.",
        more="The name begins below static/, and capital letters matter.",
        file=file,
        line=line,
        code=(folder / file).read_text(encoding="utf-8").splitlines()[line - 1].strip(),
        lesson=lesson_about(file, step),
    )


def no_client(folder: Path, step: Step) -> Hint:
    """Say whether socket.io-client is not there, or only not found."""
    hint = Hint(
        name="node_modules missing",
        expected="The page's client, socket.io-client, comes from npm, and the site itself serves "
        "it.",
        happened="",
        more="",
        file="board/settings.py",
        part="# socket.io-client comes from npm",
        lesson=lesson_about(BOARD_JS, step),
    )
    if not (NODE_MODULES / "socket.io-client" / "dist").is_dir():
        return replace(
            hint,
            happened="There is no node_modules with socket.io-client in it.",
            more=f"In {ROOT}:\n$ npm ci --ignore-scripts",
            section="What can go wrong",
        )
    return replace(
        hint,
        name="socket.io-client not found",
        happened="It is in node_modules, and board/settings.py does not look for it there.",
        more="STATICFILES_DIRS names the folder socket.io-client/dist of the nearest node_modules "
        'or of NODE_PATH, and gives it the name "socket.io".',
    )


def stuck(found: dict, folder: Path, step: Step) -> Hint:
    """Say that something does not come back when it is imported."""
    return Hint(
        name="import does not end",
        expected="A module can be imported, and that is over at once.",
        happened="It was not over, and did nothing any more.",
        more='Does serve.py call serve() outside of `if __name__ == "__main__":`, or does a '
        "module wait for something?",
        file="serve.py",
        lesson=all_steps()[1],
    )


def taken_port(said: str, step: Step) -> Hint:
    """Say who has the port."""
    ports = [int(number) for number in re.findall(r"\b(\d{4,5})\b", said)]
    who = who_listens(ports[-1]) if ports else "another program"
    which = f"Port {ports[-1]}" if ports else "The port"
    return Hint(
        name="port taken",
        expected="The server listens on the port that it is told.",
        happened=f"{which} is taken by {who}.",
        more="End that program. If it is not the port that serve.py was told on its command line, "
        "look for a port that is written into serve.py.",
        file="serve.py",
        part="serve",
        lesson=all_steps()[1],
        section="What can go wrong",
    )


# Events


def event_names(folder: Path, step: Step) -> Hint | None:
    """Compare what board.js says and hears with what the namespaces hear and say."""
    python, javascript = folder / NAMESPACES, folder / BOARD_JS
    if not (python.is_file() and javascript.is_file() and (folder / "serve.py").is_file()):
        return None
    classes = namespace_classes(python)
    paths = registered(python, classes) | registered(folder / "serve.py", classes)
    text = without_comments(javascript.read_text(encoding="utf-8"))
    for variable, path, line in matches(r"(\w+)\s*=\s*io\(\s*[\"'`]([^\"'`]*)", text):
        if path not in paths:
            return wrong_namespace(path, line, paths, text, step)
        says, hears = client_events(text, variable)
        hint = unheard(says, paths[path], step, text) or unsaid(hears, paths[path], step, text)
        if hint:
            return hint
    return None


@dataclass
class Events:
    """A class of namespaces.py: the names of its events, and where they are."""

    name: str
    hears: dict[str, int]
    says: dict[str, int]


def namespace_classes(path: Path) -> dict[str, Events]:
    """Return the classes of namespaces.py by name."""
    result = {}
    for node in ast.parse(path.read_bytes()).body:
        if not isinstance(node, ast.ClassDef):
            continue
        found = Events(node.name, {}, {})
        for each in ast.walk(node):
            if isinstance(each, ast.FunctionDef) and each.name.startswith("on_"):
                found.hears[each.name.removeprefix("on_")] = each.lineno
            if isinstance(each, ast.Call) and getattr(each.func, "attr", "") in ("emit", "send"):
                first = each.args[0] if each.args else None
                if isinstance(first, ast.Constant):
                    found.says[str(first.value)] = each.lineno
        result[node.name] = found
    return result


def registered(path: Path, classes: dict[str, Events]) -> dict[str, Events]:
    """Return the namespaces that a file makes by their path: Notices("/notices") says both."""
    result = {}
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) in classes and node.args:
            with contextlib.suppress(ValueError):
                result[ast.literal_eval(node.args[0])] = classes[node.func.id]
    return result


def without_comments(text: str) -> str:
    """Blank the comments of a script, so that lines keep their numbers."""
    text = re.sub(r"/\*.*?\*/", lambda match: "\n" * match[0].count("\n"), text, flags=re.DOTALL)
    return re.sub(r"(^|\s)//.*", r"\1", text)


def matches(pattern: str, text: str) -> list[tuple]:
    """Return the groups of each match, and its line."""
    return [
        (*match.groups(), text.count("\n", 0, match.start()) + 1)
        for match in re.finditer(pattern, text)
    ]


def client_events(text: str, variable: str) -> tuple[dict[str, int], dict[str, int]]:
    """Return what a script emits and listens for on one namespace, with the lines."""
    says = rf"\b{variable}\s*(?:\.timeout\([^)]*\)\s*)?\.emit(?:WithAck)?\(\s*[\"'`](\w+)"
    hears = rf"\b{variable}\s*\.on(?:ce)?\(\s*[\"'`](\w+)"
    return dict(matches(says, text)), dict(matches(hears, text))


def wrong_namespace(path: str, line: int, paths: dict[str, Events], text: str, step: Step) -> Hint:
    """Say that the client connects to what is not there."""
    serve = step.folder / "serve.py"
    right = serve.is_file() and f'"{path}"' in serve.read_text(encoding="utf-8")
    hint = event_hint(
        f'board.js connects to "{path}", and serve.py registers '
        + (" and ".join(f'"{each}"' for each in paths) or "no namespace")
        + ".",
        'The path is the same on both sides: io("/notices") and Notices("/notices").',
        BOARD_JS,
        line,
        text,
    )
    return replace(hint, file="serve.py", line=None, code="", part="sio") if right else hint


def unheard(says: dict[str, int], events: Events, step: Step, text: str) -> Hint | None:
    """Say that the client emits what no method is called for."""
    for name, line in says.items():
        if name in events.hears:
            continue
        near = nearest(name, set(events.hears) - BUILT_IN - set(says))
        happened = f'board.js emits "{name}", and {events.name} has no on_{name}.'
        more = "An event without a method is passed over in silence."
        if near and name in own_names(step):
            more += f" Did you mean on_{name} where it says on_{near}?"
            return event_hint(happened, more, NAMESPACES, events.hears[near])
        if near or (near := nearest(name, events.hears)):
            more += f' Did you mean "{near}"?'
        return event_hint(happened, more, BOARD_JS, line, text)
    return None


def unsaid(hears: dict[str, int], events: Events, step: Step, text: str) -> Hint | None:
    """Say that the client listens for what is never emitted."""
    for name, line in hears.items():
        if name in events.says or name in BUILT_IN:
            continue
        near = nearest(name, set(events.says) - set(hears))
        happened = f'board.js listens for "{name}", and {events.name} never emits it.'
        more = "Both sides need the same name."
        if near and name in own_names(step):
            more += f' Did you mean "{name}" where it says "{near}"?'
            return event_hint(happened, more, NAMESPACES, events.says[near])
        if near or (near := nearest(name, events.says)):
            more += f' Did you mean "{near}"?'
        return event_hint(happened, more, BOARD_JS, line, text)
    return None


def own_names(step: Step) -> set[str]:
    """Return the names of the step's own events."""
    path = step.folder / NAMESPACES
    if not path.is_file():
        return set()
    return {name for each in namespace_classes(path).values() for name in (*each.hears, *each.says)}


def event_hint(happened: str, more: str, file: str, line: int, text: str = "") -> Hint:
    """Return the hint about the name of an event."""
    return Hint(
        name="event name",
        expected='Event and method have the same name: emit("post") calls on_post, and what the '
        'one side emits the other has an on("…") for.',
        happened=happened,
        more=more,
        file=file,
        line=line,
        code=text.splitlines()[line - 1].strip() if text else "",
        lesson=all_steps()[2],
        section="What can go wrong",
    )
