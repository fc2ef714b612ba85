"""A git repository to try things in: a copy of this one that a test may change as it likes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What the tool makes, and what belongs to somebody.
MADE = shutil.ignore_patterns(
    ".git", ".venv", "node_modules", ".workshop", ".*_cache", "__pycache__", "my", "my-*",
    "*.sqlite3*", "secret_key.txt", "*.log", "pictures",
)  # fmt: skip
IDENTITY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"} | {
    f"GIT_{who}_{what}": f"nobody@{what.lower()}"
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}


class Scratch:
    """A repository with one commit, and the tool that is in it."""

    def __init__(self, folder: Path, original: Path = ROOT):
        self.folder = folder
        shutil.copytree(original, folder, ignore=MADE if original == ROOT else None, symlinks=True)
        if original == ROOT:
            self.git("init", "--quiet")
            self.commit()

    @property
    def steps(self) -> list[Path]:
        """Return the folders of the steps."""
        return sorted((self.folder / "steps").glob("[0-9]*_*"))

    def git(self, *arguments, cwd=None, stdin=None) -> str:
        """Run git, which must work."""
        done = subprocess.run(
            ["git", *map(str, arguments)],
            cwd=cwd or self.folder,
            env=environment() | IDENTITY,
            input=stdin,
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def commit(self) -> None:
        """Commit everything."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "A test's")

    def prepare(self) -> "Scratch":
        """Make copies of this quick to make, and the tool in them quick to start."""
        self.git("gc", "--quiet")
        self.says("map")
        return self

    def call(self, *arguments, text=True, **env):
        """Run the tool of this repository."""
        done = subprocess.run(
            [sys.executable, "-m", "workshop", *map(str, arguments)],
            cwd=self.folder,
            env=environment() | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        if text:
            done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
        return done

    def says(self, *arguments, code=0, **env) -> str:
        """Run the tool, hold its exit code against what is expected, and return what it says."""
        done = self.call(*arguments, **env)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


def environment() -> dict[str, str]:
    """Return the environment without what a git hook, a person or readline may have set there."""
    odd = ("GIT_", "LINES", "COLUMNS")
    return {name: value for name, value in os.environ.items() if not name.startswith(odd)}


def files(folder: Path) -> dict[str, tuple[bytes, bool]]:
    """Return what git would track in a step or a copy of it, and whether it is executable."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for path in folder.rglob("*")
        if path.is_file() and not {"__pycache__", ".git"} & {*path.relative_to(folder).parts}
        if not path.name.startswith(("from_", "db.sqlite3", "secret_key"))
    }
