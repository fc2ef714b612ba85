"""What a package-lock.json names, from npm's registry, without npm: python npm.py FOLDER [INTO].

A page needs files, and Node.js, which npm is a part of, weighs 200 MB. Standard library only. What
is done is what `npm ci --ignore-scripts` does: node_modules is made anew, with what is for this
processor, and each package has the hash that the lock names, or nothing is installed.
"""

import base64
import contextlib
import hashlib
import io
import json
import os
import platform
import re
import shutil
import ssl
import sys
import tarfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from http.client import HTTPException
from pathlib import Path

DEFAULT = "https://registry.npmjs.org/"
TIMEOUT = 60  # seconds without a byte
TRIES = 3
AT_ONCE = 8
CPUS = {"x86_64": "x64", "AMD64": "x64", "aarch64": "arm64"}  # as npm calls them


def main(source: Path, folder: Path) -> None:
    """Fill node_modules of a folder with what the package-lock.json of another one names."""
    packages = json.loads((source / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    wanted = {path: package for path, package in packages.items() if path and suits(package)}
    base = registry(source)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        archives = list(pool.map(lambda item: fetch(base, *item), wanted.items()))
    shutil.rmtree(folder / "node_modules", ignore_errors=True)
    for path, archive in zip(wanted, archives, strict=True):
        unpack(archive, folder / path)


def suits(package: dict) -> bool:
    """Tell whether a package runs on this processor."""
    machine = CPUS.get(platform.machine(), platform.machine())
    return machine in package.get("cpu", [machine])


def registry(folder: Path) -> str:
    """Return the registry that npm would ask: of the environment, a project, a person."""
    said = [os.environ.get(name) for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY")]
    for file in (folder / ".npmrc", Path.home() / ".npmrc"):
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        said += re.findall(r"^registry\s*=\s*(\S+)", text, re.MULTILINE)
    return next(filter(None, said), DEFAULT).rstrip("/") + "/"


def fetch(base: str, path: str, package: dict) -> bytes:
    """Return the archive of a package once its hash is right."""
    url = base + place(path, package)
    archive = download(url)
    kind, _, expected = package["integrity"].partition("-")
    found = base64.b64encode(hashlib.new(kind, archive).digest()).decode()
    if found != expected:
        raise SystemExit(f"{url} is not what package-lock.json names: its hash is another.")
    return archive


def place(path: str, package: dict) -> str:
    """Return where a registry has the archive of a package."""
    name = package.get("name") or path.rpartition("node_modules/")[2]
    return f"{name}/-/{name.rpartition('/')[2]}-{package['version']}.tgz"


def download(url: str) -> bytes:
    """Return what is at an address; a connection that breaks is tried again."""
    for tries_left in reversed(range(TRIES)):
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT, context=tls()) as answer:
                return answer.read()
        except (OSError, HTTPException) as error:
            if not tries_left:
                raise SystemExit(f"{url} can't be had: {error}") from None
            time.sleep(1)
    raise AssertionError


@cache
def tls() -> ssl.SSLContext:
    """Trust whom the system trusts, and, where a Python comes without any, whom pip does."""
    context = ssl.create_default_context()
    with contextlib.suppress(ImportError):
        from pip._vendor import certifi

        context.load_verify_locations(certifi.where())
    return context


def unpack(archive: bytes, target: Path) -> None:
    """Write the files of a package, all of which are in one folder of the archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            path = target.joinpath(*Path(member.name).parts[1:])
            content = files.extractfile(member) if member.isfile() else None
            if content and target in path.resolve().parents:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
                path.chmod(0o755 if member.mode & 0o100 else 0o644)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[-1]).resolve())
