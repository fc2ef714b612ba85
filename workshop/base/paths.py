"""Where things are."""

import os
import sys
from pathlib import Path

from workshop.base.problem import Problem

ROOT = Path(__file__).resolve().parents[2]
STEPS = ROOT / "steps"
TESTS = ROOT / "tests"
NODE_MODULES = ROOT / "node_modules"
FRAMING = ROOT / "workshop" / "serving" / "framing"

# What the tool keeps between two calls: logs, the steps' secret key, what is running.
STATE = ROOT / ".workshop"
LOGS = STATE / "logs"

WINDOWS = os.name == "nt"
VENV = ROOT / ".venv"
VENV_BIN = VENV / ("Scripts" if WINDOWS else "bin")
VENV_PYTHON = VENV_BIN / ("python.exe" if WINDOWS else "python")

# The command as a person types it.
ME = ("python" if WINDOWS else "python3") + " -m workshop"


def shown(path: Path) -> str:
    """Return a path as short as it can be typed from here."""
    try:
        return os.path.relpath(path) if path.is_relative_to(ROOT) else str(path)
    except ValueError:  # another drive
        return str(path)


def shown_folder(folder: Path) -> str:
    """Return a folder as short as it can be typed from here, with a slash."""
    return shown(folder.absolute()).rstrip("/\\") + "/"


def in_venv() -> bool:
    """Tell whether this process runs in the workshop's own environment."""
    return Path(sys.prefix).resolve() == VENV.resolve()


def must_be_writable(file: Path | None) -> None:
    """Say at once if a file, if there is to be one, can't be written at the end."""
    if file and (file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK)):
        raise Problem(f"{file} can't be written: name a file in a folder that is there.", 2)


def log_file(name: str) -> Path:
    """Return the path of a log file, its folder made."""
    LOGS.mkdir(parents=True, exist_ok=True)
    return LOGS / f"{name}.log"


def last_lines(log: Path, count: int = 6) -> str:
    """Return the last lines of a log that say something."""
    lines = [line.rstrip() for line in log.read_text(errors="replace").splitlines()]
    said = [line for line in lines if line and not line.startswith(("WARNING", "[notice]"))]
    return "\n".join("    " + line for line in said[-count:])
