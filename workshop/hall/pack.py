"""Put all that the workshop needs into one folder, for a hall without internet."""

import argparse
import shutil
import subprocess
from pathlib import Path

from workshop.base.paths import ME, ROOT
from workshop.base.problem import Problem

HELP = "all that is needed in one folder, for a USB stick or for `host`"
SYSTEMS = ("linux", "macos", "windows")
PYTHONS = ("3.11", "3.12", "3.13")
DEFAULT = ROOT / "pack"
README = """\
The workshop, and all that it installs: the internet is not needed. Python {pythons} is.
1. Copy this folder to your own disk, and open a terminal in it.
2. python3 -m zipfile -e workshop.zip .      (Windows: python in place of python3)
3. cd workshop
4. python3 -m workshop run 4
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `pack`."""
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT, help="default: pack/")
    parser.add_argument(
        "--for", dest="systems", default=",".join(SYSTEMS), help="default: linux,macos,windows"
    )
    parser.add_argument("--python", default="3.11-3.13", help="default: 3.11-3.13")
    parser.add_argument("--without", choices=["notebooks"], help="leave out Jupyter")


def needs(args: argparse.Namespace) -> set[str]:
    """Return what must be installed."""
    args.systems = chosen(args.systems.split(","), SYSTEMS)
    first, _, last = args.python.partition("-")
    ends = chosen([first, last or first], PYTHONS)
    args.python = list(PYTHONS[PYTHONS.index(ends[0]) : PYTHONS.index(ends[-1]) + 1])
    return {"python"}


def chosen(words: list[str], known: tuple[str, ...]) -> list[str]:
    """Return words that are known, or say which there are."""
    if wrong := [word for word in words if word not in known]:
        raise Problem(f"{wrong[0]!r} is none of {', '.join(known)}.", 2)
    return words


def main(args: argparse.Namespace) -> int:
    """Make the pack, and say how it is used."""
    folder = args.folder.resolve()
    size = make(folder, args.systems, args.python, args.without)
    print(f"{folder} has all of it, {size / 1e6:.0f} MB: README.txt in it says how it is used.")
    print(f"To serve it to a room:  {ME} host --share")
    return 0


def make(folder: Path, systems: list[str], pythons: list[str], without: str | None = None) -> int:
    """Fetch what is not there yet, write how to use it, and return the size in bytes."""
    from workshop.hall import store

    folder.mkdir(parents=True, exist_ok=True)
    store.fetch(folder, store.wanted(systems, pythons, without))
    put_repository(folder)
    store.write_index(folder)
    readme = README.format(pythons=" or ".join(pythons))
    (folder / "README.txt").write_text(readme, encoding="utf-8")
    return store.write_list(folder)


def put_repository(folder: Path) -> None:
    """Put the last commit there, as a zip and for git."""
    if not (ROOT / ".git").exists():
        raise Problem("This is no clone of git's, and `pack` takes what is committed.")
    if git("status", "--porcelain"):
        print("What is not committed yet is not in it.")
    archive = f"--output={folder / 'workshop.zip'}"
    git("archive", "--format=zip", "--prefix=workshop/", archive, "HEAD")
    bare = folder / "workshop.git"
    shutil.rmtree(bare, ignore_errors=True)
    git("clone", "--quiet", "--bare", "--no-local", str(ROOT), str(bare))
    git("-C", str(bare), "update-server-info")  # for whoever clones over plain HTTP


def git(*arguments: str) -> str:
    """Run git on this repository."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise Problem(f"git {arguments[0]} did not work: {done.stderr.strip()}")
    return done.stdout
