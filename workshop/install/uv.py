"""uv, which installs in seconds what takes pip a minute: the one on PATH, or one of our own."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from workshop.base.paths import STATE, WINDOWS

LOCK = Path(__file__).with_name("uv.lock")  # for pip
OWN = STATE / "uv"
# What a person has told pip about their network, by the names that uv has for it.
SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
}


def find() -> str | None:
    """Return the path of uv, if there is one."""
    own = OWN / "bin" / ("uv.exe" if WINDOWS else "uv")
    return shutil.which("uv") or (str(own) if own.exists() else None)


def fetch(python: str) -> list[str] | None:
    """Return the command that fetches our own, if a Python has the pip for it."""
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    if subprocess.run([*pip, "--version"], capture_output=True).returncode:
        return None
    # As a folder of its own: no environment has to be there for it.
    return [*pip, "install", "--no-deps", "--require-hashes", f"--target={OWN}", "-r", str(LOCK)]


@cache
def environment(python: str) -> dict[str, str]:
    """Return this process's environment, with what pip knows of the network in uv's words."""
    result = {"UV_SYSTEM_CERTS": "1", "UV_NO_PROGRESS": "1"}
    command = [python, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True).stdout
    for key, value in re.findall(r"^(?:\S+\.)?([\w-]+)='(.*)'$", listed, re.MULTILINE):
        if key in SETTINGS:
            result[SETTINGS[key]] = ",".join(value.replace("\\n", " ").split())
    return result | os.environ
