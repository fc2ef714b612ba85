"""Put all that the workshop needs into one folder, for a hall without internet."""

import argparse
import subprocess
from pathlib import Path

from workshop.base.paths import ME, ROOT
from workshop.base.problem import Problem
from workshop.install import source

HELP = "all that is needed in one folder, for a USB stick or for `host`"
SYSTEMS = ("linux", "macos", "windows")
PYTHONS = ("3.11", "3.12", "3.13")
ALL = source.Choices(list(SYSTEMS), list(PYTHONS))
DEFAULT = ROOT / "pack"
BEGUN = "pack.part"  # A folder that is a pack, or becomes one; nobody else's is touched.
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
    first, _, last = args.python.partition("-")
    ends = [PYTHONS.index(each) for each in chosen([first, last or first], PYTHONS)]
    if ends[0] > ends[1]:
        raise Problem(f"--python {args.python}: the first is the older one, {last}-{first}.", 2)
    pythons = list(PYTHONS[ends[0] : ends[1] + 1])
    systems = chosen(args.systems.split(","), SYSTEMS)
    args.choices = source.Choices(systems, pythons, args.without == "notebooks")
    check(args.folder)
    return {"python"}


def chosen(words: list[str], known: tuple[str, ...]) -> list[str]:
    """Return words that are known, or say which there are."""
    if wrong := [word for word in words if word not in known]:
        raise Problem(f"{wrong[0]!r} is none of {', '.join(known)}.", 2)
    return words


def check(folder: Path) -> None:
    """Make sure that a pack can be made there before anything is fetched."""
    if not (ROOT / ".git").exists():
        raise Problem("This is no clone of git's, and `pack` takes what is committed.")
    git("rev-parse", "HEAD")
    known = any((folder / name).is_file() for name in (source.LIST, BEGUN))
    if folder.exists() and not (folder.is_dir() and (known or not any(folder.iterdir()))):
        raise Problem(f"{folder} is no pack, and not empty: name a folder that is yet to be.", 2)


def main(args: argparse.Namespace) -> int:
    """Make the pack, and say how it is used."""
    folder = args.folder.resolve()
    size = make(folder, args.choices)
    print(f"{folder} has all of it, {size / 1e6:.0f} MB: README.txt in it says how it is used.")
    print(f"To serve it to a room:  {ME} host --share")
    return 0


def make(folder: Path, choices: source.Choices) -> int:
    """Fetch what is not there yet, write how to use it, and return the size in bytes."""
    from workshop.hall import store

    folder.mkdir(parents=True, exist_ok=True)
    (folder / BEGUN).touch()
    files = store.wanted(choices)
    store.fetch(folder, files)
    readme = README.format(pythons=" or ".join(choices.pythons))
    (folder / "README.txt").write_text(readme, encoding="utf-8")
    made = ["README.txt", *put_repository(folder), *store.write_index(folder, files)]
    size = store.write_list(folder, [*(file.path for file in files), *made], choices)
    (folder / BEGUN).unlink()
    return size


def put_repository(folder: Path) -> list[str]:
    """Put the last commit there, as a zip and for git; return the files' names."""
    if git("status", "--porcelain"):
        print("What is not committed yet is not in it.")
    archive = f"--output={folder / 'workshop.zip'}"
    git("archive", "--format=zip", "--prefix=workshop/", archive, "HEAD")
    if git("rev-parse", "--is-shallow-repository").strip() == "true":
        print("workshop.git is not in it: `git fetch --unshallow` gets what this clone lacks.")
        return ["workshop.zip"]
    bare = folder / "workshop.git"
    git("init", "--quiet", "--bare", "--initial-branch=main", "--template=", str(bare))
    git("-C", str(bare), "config", "gc.auto", "0")  # The list names its files.
    # Nothing else that is on this machine: no other branch, no tag, no address.
    git("push", "--quiet", "--force", str(bare), "HEAD:refs/heads/main")
    git("-C", str(bare), "update-server-info")  # for whoever clones over plain HTTP
    names = (path.relative_to(folder).as_posix() for path in bare.rglob("*") if path.is_file())
    return ["workshop.zip", *names]


def git(*arguments: str) -> str:
    """Run git on this repository."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        raise Problem("There is no git here, and `pack` takes what is committed.") from None
    if done.returncode:
        raise Problem(f"git {arguments[0]} did not work: {done.stderr.strip()}")
    return done.stdout
