"""Find what keeps a folder from running. Runs on its own, in that folder: python import_probe.py

In one process, as starting Django costs more than all that is done here. The last line of what it
prints is the first trouble as JSON, or null.
"""

import json
import os
import re
import sys
import traceback
from pathlib import Path

sys.path[0] = os.getcwd()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "board.settings")


def main() -> None:
    """Look, and say what was found."""
    try:
        found = look()
    except BaseException as error:
        found = exception(error)
    print("\n" + json.dumps(found), flush=True)
    os._exit(0)  # Threads and greenlets of a server in the making do not matter.


def look() -> dict | None:
    """Return the first trouble: what can't be imported, a template, a migration, a static file."""
    if "serve" in sys.argv:
        import serve  # noqa: F401 - before Django, as in real life: it patches
    import django

    django.setup()
    return complaints() or templates() or migrations() or static_files()


def exception(error: BaseException) -> dict:
    """Return what was raised, and the lines of this folder that led to it."""
    here = Path.cwd()
    frames = [
        [Path(frame.filename).relative_to(here).as_posix(), frame.lineno, frame.name, frame.line]
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(here)
    ]
    said = traceback.format_exception_only(error)[-1].strip()
    missing = getattr(error, "name", None) if isinstance(error, ImportError) else None
    name = type(error).__name__
    return {"kind": "exception", "type": name, "said": said, "frames": frames, "module": missing}


def complaints() -> dict | None:
    """Return the first error of `manage.py check`, which imports every view."""
    from django.conf import settings
    from django.core.checks import ERROR, run_checks
    from django.utils.module_loading import import_string

    for path in settings.MIDDLEWARE:
        import_string(path)  # Django does so only when it makes the application.
    for message in run_checks():
        if message.level >= ERROR:
            return {"kind": "check", "said": f"{message.msg} {message.hint or ''}".strip()}
    return None


def templates() -> dict | None:
    """Return the first template that Django can't read."""
    from django.template import TemplateSyntaxError
    from django.template.loader import get_template

    for folder in Path().glob("*/templates"):
        for path in sorted(folder.rglob("*.html")):
            try:
                get_template(path.relative_to(folder).as_posix())
            except TemplateSyntaxError as error:
                line = getattr(error, "template_debug", {}).get("line")
                return {
                    "kind": "template",
                    "said": str(error),
                    "file": path.as_posix(),
                    "line": line,
                }
    return None


def migrations() -> dict | None:
    """Return what the models have and no migration says, or what this folder's database lacks."""
    from django.apps import apps
    from django.db import connection
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.executor import MigrationExecutor
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.state import ProjectState

    loader = MigrationLoader(None, ignore_no_migrations=True)
    detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
    changes = detector.changes(graph=loader.graph)
    steps = [step for each in changes.values() for one in each for step in one.operations]
    if steps:
        return {"kind": "no migration", "changes": [step.describe() for step in steps]}
    if Path("db.sqlite3").exists() and "DATABASE_URL" not in os.environ:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        # A database with nothing in it is one that is about to be made.
        if plan and executor.loader.applied_migrations:
            return {"kind": "not migrated", "missing": [str(migration) for migration, _ in plan]}
    return None


def static_files() -> dict | None:
    """Return the first static file that a template names and Django does not find."""
    from django.contrib.staticfiles.finders import find

    for path in sorted(Path().glob("*/templates/**/*.html")):
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"""{%\s*static\s+(['"])(.+?)\1""", text):
            if not find(match[2]):
                line = text.count("\n", 0, match.start()) + 1
                where = {"file": path.as_posix(), "line": line}
                return {"kind": "static", "name": match[2], **where}
    return None


if __name__ == "__main__":
    main()
