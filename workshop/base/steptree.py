"""What a step consists of, and how two of them differ: git does the work, in a place of its own."""

import fnmatch
import io
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from workshop.base.paths import ROOT, WINDOWS
from workshop.base.problem import Problem

# What tools and runs leave in a step: no part of it, in steps/ as well as in a folder of one's own,
# which git ignores as a whole.
LEFT_BEHIND = (
    ".*",
    "__pycache__",
    "node_modules",
    "venv",
    "*.py[cod]",
    "*.sqlite3*",
    "*.log",
    "*~",
    "secret_key.txt",
    "run",
    "from_*.diff",
)
README = "README.md"

# Whatever a person has in ~/.gitconfig, a diff is the same.
OF_ITS_OWN = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "XDG_CONFIG_HOME": os.devnull,
    "HOME": os.devnull,
    "LC_ALL": "C",
}
SETTINGS = {
    "core.quotePath": "false",
    # An empty line stays empty, so that no editor and no hook changes a diff that is kept.
    "diff.suppressBlankEmpty": "true",
    "diff.indentHeuristic": "true",
}
DIFF = ("diff-tree", "-r", "--no-renames", "--no-ext-diff", "--no-textconv")
# Which lines are taken for the same must not depend on a git's own choice either.
EXACTLY = ("--diff-algorithm=histogram", "--inter-hunk-context=0")
PATCH = ("--patch", "--unified=3")


@dataclass(frozen=True)
class File:
    """What a file holds, and whether it can be executed."""

    content: bytes
    executable: bool = False

    @property
    def binary(self) -> bool:
        """Tell whether this is no text, as git does."""
        return b"\0" in self.content[:8000]


# A step, or somebody's folder: its files by their path inside of it, with "/" on every system.
Tree = dict[str, File]


def belongs(path: str) -> bool:
    """Tell whether a file is part of a step: whether git would track it there."""
    return not any(fnmatch.fnmatchcase(part, no) for part in path.split("/") for no in LEFT_BEHIND)


def read(folder: Path) -> Tree:
    """Return the files of a step as they are now."""
    tree: Tree = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(filter(belongs, folders))
        for name in sorted(filter(belongs, names)):
            path = Path(parent, name)
            # What else there may be, a socket say, can't be compared.
            if file := read_file(path):
                tree[path.relative_to(folder).as_posix()] = file
    return tree


def read_file(path: Path) -> File | None:
    """Return a file as it is now, or None where there is none."""
    if not path.is_file():
        return None
    # Windows can't say what is executable.
    return File(path.read_bytes(), not WINDOWS and bool(path.stat().st_mode & 0o100))


def read_head(folders: list[Path]) -> dict[Path, Tree]:
    """Return the files of folders as they are in the last commit; none if one isn't in it."""
    names = [folder.relative_to(ROOT).as_posix() for folder in folders]
    listed = git("ls-tree", "-r", "-z", "HEAD", "--", *names).decode().split("\0")[:-1]
    entries = [entry.partition("\t") for entry in listed]
    blobs = "".join(about.split()[2] + "\n" for about, _, _ in entries)
    contents = io.BytesIO(git("cat-file", "--batch", stdin=blobs.encode()))
    trees: dict[Path, Tree] = {folder: {} for folder in folders}
    for about, _, name in entries:
        size = int(contents.readline().split()[2])
        file = File(contents.read(size), not WINDOWS and about.startswith("100755"))
        contents.readline()
        folder = next(each for each in folders if (ROOT / name).is_relative_to(each))
        path = (ROOT / name).relative_to(folder).as_posix()
        if belongs(path):
            trees[folder][path] = file
    return trees


def reading_order(listed: list[str], *trees: Tree) -> list[str]:
    """Return all paths: those listed first, what isn't listed after them, and the README last."""
    rest = sorted(set().union(*trees) - {*listed, README})
    return list(dict.fromkeys([*listed, *rest, README]))


def compare(
    old: Tree, new: Tree, listed: list[str], *options: str, settings: dict[str, str] | None = None
) -> bytes:
    """Return what git's diff says about two trees, files in reading order."""
    settings = SETTINGS | (settings or {})
    config = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with tempfile.TemporaryDirectory(prefix="workshop-") as folder:
        git("init", "--quiet", "--bare", "--template=", ".", cwd=folder)
        commits = commit("old", old) + commit("new", new)
        # In one pack: a file for each would take three times as long.
        git("-c", "fastimport.unpackLimit=0", "fast-import", "--quiet", cwd=folder, stdin=commits)
        order = Path(folder, "order")
        order.write_text("\n".join(reading_order(listed, old, new)), encoding="utf-8")
        command = [
            *config,
            *DIFF,
            *EXACTLY,
            f"-O{order}",
            *options,
            "refs/heads/old",
            "refs/heads/new",
        ]
        return git(*command, cwd=folder)


def patch(old: Tree, new: Tree, listed: list[str]) -> bytes:
    """Return a plain diff that `git apply` takes, the same from every git."""
    text = compare(old, new, listed, *PATCH, "--binary", "--full-index", "--no-color")
    # Hashes say nothing to a reader; only a binary patch can't be applied without.
    return re.sub(rb"^index .*\n(?!GIT binary)", b"", text, flags=re.MULTILINE)


def commit(branch: str, tree: Tree) -> bytes:
    """Return a commit with this tree, as `git fast-import` reads it."""
    parts = [f"commit refs/heads/{branch}\ncommitter - <-> 0 +0000\ndata 0\n".encode()]
    for path, file in tree.items():
        head = f"M {'100755' if file.executable else '100644'} inline {path}\n"
        parts += [head.encode(), b"data %d\n" % len(file.content), file.content, b"\n"]
    return b"".join(parts)


def git(*arguments: str, cwd: str | Path = ROOT, stdin: bytes = b"") -> bytes:
    """Run git, here or in a place of its own; return its output, or say what it said."""
    # In a hook, git says by these variables which repository it means.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {} if cwd == ROOT else OF_ITS_OWN
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=cwd, env=env, input=stdin, capture_output=True
        )
    except FileNotFoundError:
        raise Problem(
            "git is missing: it compares the steps. Get it from https://git-scm.com/ or with your "
            "system's packages\n(apt install git, brew install git)."
        ) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise Problem(f"git did not work: {said}", code=2)
    return done.stdout
