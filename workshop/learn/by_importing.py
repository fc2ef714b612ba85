"""What is seen when Python and Django read a folder, in a process of its own: import_probe.py."""

import ast
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from workshop.base import symptoms
from workshop.base.parts import statements, symbols, where
from workshop.base.paths import ME, NODE_MODULES, shown
from workshop.base.steps import Step, all_steps
from workshop.learn.by_reading import how_it_is_defined, python_files
from workshop.learn.hint import BOARD_JS, Hint, lesson_about, missing_file, nearest
from workshop.serving.ports import who_listens
from workshop.serving.processes import run

PATIENCE = 20  # seconds in which what takes one does nothing


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
    command = [sys.executable, Path(__file__).with_name("import_probe.py"), *(["serve"] * guarded)]
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
        symptom=symptoms.pointer(said),
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
    if frames and (missed := re.search(r"'(\w+)' object has no attribute '(\w+)'", said)):
        hint = no_attribute(hint, missed[1], missed[2], folder, step)
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
        return replace(taken_port(said, step), symptom=hint.symptom)
    if kind == "NameError":
        name = (re.findall(r"'(.+?)'", said) or ["it"])[0]
        return replace(
            hint, name="undefined name", happened=said, more=how_it_is_defined(name, file, step)
        )
    if frames and (match := re.search(r"module '(\w+)' has no attribute", said)):
        return replace(hint, more=how_it_is_defined(match[1], file, step))
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


def no_attribute(hint: Hint, owner: str, name: str, folder: Path, step: Step) -> Hint:
    """Say where the step itself has a method of this name, or sets the attribute."""
    for path in python_files(step.folder):
        classes = symbols(ast.parse(path.read_bytes()), owner)
        for method in [each for node in classes for each in statements(node)]:
            if not isinstance(method, ast.FunctionDef):
                continue
            hint = replace(hint, part=f"{owner}.{method.name}")
            if method.name == name:
                more = f"In the step, {name} is a method of {owner}: is it indented as one?"
                file = path.relative_to(step.folder).as_posix()
                code = f"def {name}("
                line = where(folder / file, code) if (folder / file).is_file() else None
                return replace(hint, more=more, file=file, line=line, code=f"{code}…):")
            for statement in map(ast.unparse, statements(method)):
                if re.match(rf"self\.{name}\b[^=(]* = ", statement):
                    return replace(hint, more=f"In the step, {method.name} sets it:  {statement}")
    return replace(hint, part="")


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
            more=f"The tool fetches it:\n$ {ME} run 3",
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
