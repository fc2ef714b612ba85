"""What a pack has: the wheels of all locks for some systems, npm's archives, an index of them."""

import base64
import hashlib
import json
import os
import re
import subprocess
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from workshop.base.problem import Problem
from workshop.install import environment, npm, uv
from workshop.install.source import LIST, Choices, read_list

# As uv calls them, with the programs that are fetched there.
PLATFORMS = {
    "linux": {"x86_64-manylinux_2_28": True, "aarch64-manylinux_2_28": True},
    "macos": {"aarch64-apple-darwin": True, "x86_64-apple-darwin": False},
    "windows": {"x86_64-pc-windows-msvc": False},
}
PROGRAMS = ("nginx", "postgresql")
AT_ONCE = 8
PATCHES = (0, 99)  # A lock may tell the first releases of a Python from the later ones.


@dataclass(frozen=True)
class File:
    """A file to fetch, and what it has to be."""

    path: str  # in the pack
    url: str
    size: int  # bytes, 0 where it is not known
    hash: str  # such as sha256-… in hexadecimal digits


def wanted(choices: Choices) -> list[File]:
    """Return all files that the locks name for some systems and Pythons."""
    together = ["python", "tests", *([] if choices.without_notebooks else ["notebooks"])]
    calls = []
    for system in choices.systems:
        for platform, programs in PLATFORMS[system].items():
            alone = PROGRAMS if programs else ()
            sets = [[environment.LOCK_FILES[part] for part in together]]
            sets += [[environment.LOCK_FILES["classic"]], [uv.LOCK]]
            sets += [[environment.LOCK_FILES[part]] for part in alone]
            sets += [[environment.BROTLI]] if platform.startswith("x86_64-manylinux") else []
            calls += [
                (locks, platform, f"{python}.{patch}")
                for locks in sets
                for python in choices.pythons
                for patch in PATCHES
            ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [file for files in pool.map(lambda call: wheels(*call), calls) for file in files]
    for part in ("javascript", *(["chromium"] if "linux" in choices.systems else [])):
        found += archives(environment.LOCK_FILES[part])
    return sorted({file.path: file for file in found}.values(), key=lambda file: file.path)


def wheels(locks: list[Path], platform: str, python: str) -> list[File]:
    """Return the wheels of locks for a platform; a source archive where there is no wheel."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "pylock.toml")
        options = ["--no-deps", "--no-header", "--quiet", f"--output-file={output}"]
        options += [f"--python-platform={platform}", f"--python-version={python}"]
        options += ["--format=pylock.toml", "--no-python-downloads"]
        command = [program(), "pip", "compile", *map(str, locks), *options]
        env = uv.environment(environment.base_python())
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        if done.returncode:
            raise Problem(f"uv can't say what {platform} needs:\n{done.stderr.strip()}")
        locked = tomllib.loads(output.read_text(encoding="utf-8"))
    return [
        as_file(each)
        for package in locked["packages"]
        for each in package.get("wheels") or [package["sdist"]]
    ]


def program() -> str:
    """Return the path of uv, which knows what each system needs."""
    if not (path := uv.find()):
        raise Problem("This needs uv, which could not be fetched: https://docs.astral.sh/uv/")
    return path


def as_file(each: dict) -> File:
    """Return what uv says of a file."""
    url = each.get("url") or Path(each["path"]).absolute().as_uri()
    name = unquote(urlsplit(url).path.rpartition("/")[2])
    digest = each["hashes"]["sha256"]
    return File(f"packages/{name}", url, each.get("size", 0), f"sha256-{digest}")


def archives(lock: Path) -> list[File]:
    """Return the archives that a package-lock.json names."""
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    base, result = npm.registry(lock.parent), []
    for path, package in packages.items():
        if path:
            place = npm.place(path, package)
            kind, _, digest = package["integrity"].partition("-")
            hexadecimal = base64.b64decode(digest).hex()
            result.append(File(f"npm/{place}", base + place, 0, f"{kind}-{hexadecimal}"))
    return result


def fetch(folder: Path, files: list[File]) -> None:
    """Fetch what is not there yet, check each file's hash, and take away what was wanted once."""
    from rich.progress import Progress

    known = {file.path for file in files}
    once = read_list(folder.as_uri())["files"] if (folder / LIST).is_file() else {}
    for path in once:
        if path.startswith(("packages/", "npm/")) and path not in known:
            (folder / path).unlink(missing_ok=True)
    missing = [file for file in files if not is_right(folder / file.path, file)]
    with Progress(transient=True) as progress, ThreadPoolExecutor(AT_ONCE) as pool:
        task = progress.add_task(f"{len(missing)} of {len(files)} files", total=len(missing))
        for _ in pool.map(lambda file: fetch_one(folder, file), missing):
            progress.advance(task)


def fetch_one(folder: Path, file: File) -> None:
    """Fetch a file; what is cut off is not there."""
    try:
        content = npm.download(file.url)
    except SystemExit as error:
        raise Problem(f"{error}\nWhat was fetched is kept: type the same command again.") from None
    path = folder / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    if not is_right(part, file):
        part.unlink()
        raise Problem(f"{file.url} is not what the lock names: its hash is another.")
    part.replace(path)


def is_right(path: Path, file: File) -> bool:
    """Tell whether a file is there, and is what it has to be."""
    if not path.is_file() or (file.size and path.stat().st_size != file.size):
        return False
    kind, _, digest = file.hash.partition("-")
    with path.open("rb") as content:
        return hashlib.file_digest(content, kind).hexdigest() == digest


def write_index(folder: Path, files: list[File]) -> list[str]:
    """Write the pages by which pip and uv find a package, as in PEP 503; return their names."""
    pages: dict[str, list[str]] = {}
    for file in files:
        kind, _, name = file.path.partition("/")
        if kind == "packages":
            package = re.sub(r"[-_.]+", "-", name.partition("-")[0]).lower()
            link = f"../../{kind}/{quote(name)}#{file.hash.replace('-', '=')}"
            pages.setdefault(package, []).append(f'<a href="{link}">{escape(name)}</a><br>')
    links = [f'<a href="{name}/">{name}</a><br>' for name in pages]
    made = [write_page(folder, f"simple/{name}", name, links) for name, links in pages.items()]
    return [write_page(folder, "simple", "packages", links), *made]


def write_page(folder: Path, place: str, title: str, links: list[str]) -> str:
    """Write a page of links, and return its name in the pack."""
    (folder / place).mkdir(parents=True, exist_ok=True)
    page = "\n".join([f"<!doctype html><title>{title}</title>", *links, ""])
    (folder / place / "index.html").write_text(page, encoding="utf-8")
    return f"{place}/index.html"


def write_list(folder: Path, names: list[str], choices: Choices) -> int:
    """Write the list of what was put there, which makes a folder a pack; return the size."""
    sizes = {name: (folder / name).stat().st_size for name in sorted(names)}
    listed = json.dumps({"choices": vars(choices), "files": sizes}, indent=0)
    part = folder / f"{LIST}.new"
    part.write_text(listed, encoding="utf-8")
    part.replace(folder / LIST)
    return sum(sizes.values())
