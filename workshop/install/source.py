"""Where packages come from: the internet, a pack beside this folder, or a host in the room."""

import argparse
import json
import os
import re
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from workshop.base.paths import ME, ROOT, STATE
from workshop.base.problem import Problem

LIST = "pack.json"  # of all that a pack has
KEPT = STATE / "from"
IN_VAIN = "no-"  # begins the names of files that say what could not be fetched
INTERNET = "internet"
HELP = f"a folder or an address that has all packages, kept from now on; or `{INTERNET}`"


@dataclass
class Choices:
    """Whom a pack is for."""

    systems: list[str]
    pythons: list[str]
    without_notebooks: bool = False


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Describe the option, which stands before the command."""
    parser.add_argument("--from", metavar="WHERE", dest="source", help=HELP)


def take(argv: list[str]) -> list[str]:
    """Keep what --from says, and return the rest of a command line."""
    if not argv or argv[0].partition("=")[0] != "--from":
        return argv
    parser = argparse.ArgumentParser(prog=ME, add_help=False)
    add_argument(parser)
    ours = 1 if "=" in argv[0] else 2
    keep(parser.parse_args(argv[:ours]).source)
    return argv[ours:]


def keep(where: str) -> None:
    """Take everything from there, from now on."""
    if where != INTERNET:
        where = where.rstrip("/")
        if "://" not in where:
            folder = Path(where)
            if not folder.exists() and re.fullmatch(r"[\w.-]+:\d+", where):
                raise Problem(f"An address begins with http://, as in --from http://{where}.", 2)
            where = folder.resolve().as_uri()
        read_list(where)
    STATE.mkdir(exist_ok=True)
    for mark in STATE.glob(f"{IN_VAIN}*"):
        mark.unlink()  # What could not be had elsewhere is asked for here.
    KEPT.write_text(where, encoding="utf-8")


def read_list(where: str) -> dict:
    """Return what a pack has."""
    try:
        # Without a proxy: it is in this room.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{where}/{LIST}", timeout=10) as answer:
            return json.load(answer)
    except (OSError, ValueError, HTTPException) as error:
        raise Problem(f"There is no pack at {where}: {error}.", 2) from None


def choices(folder: Path) -> Choices | None:
    """Return whom the pack in a folder is for, if there is one that says so."""
    if not (folder / LIST).is_file():
        return None
    known = read_list(folder.resolve().as_uri()).get("choices")
    return Choices(**known) if known else None


def find() -> str | None:
    """Return the address of where everything comes from; None is the internet."""
    if KEPT.is_file():
        kept = KEPT.read_text(encoding="utf-8").strip()
        return None if kept == INTERNET else kept
    beside = (ROOT.parent, ROOT.parent / "pack")
    return next((folder.as_uri() for folder in beside if (folder / LIST).is_file()), None)


def environment() -> dict[str, str]:
    """Return what uv, pip and npm.py are told of it; nobody else is asked then."""
    where = find()
    if not where:
        return {}
    index, host = f"{where}/simple/", urlsplit(where).hostname or ""
    direct = ",".join(filter(None, (os.environ.get("no_proxy"), os.environ.get("NO_PROXY"), host)))
    nowhere = dict.fromkeys(("UV_FIND_LINKS", "UV_INDEX", "UV_EXTRA_INDEX_URL"), "")
    nowhere |= dict.fromkeys(("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"), "")
    return nowhere | {
        "UV_DEFAULT_INDEX": index,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": index,
        "PIP_TRUSTED_HOST": host,
        "npm_config_registry": f"{where}/npm/",
        # Some read the one, some the other.
        "NO_PROXY": direct,
        "no_proxy": direct,
    }
