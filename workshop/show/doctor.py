"""Look at Python, ports, Redis, Chromium and the disk: one line each, ok or what to do."""

import argparse
import importlib.metadata
import os
import shutil
import sys
from pathlib import Path

from workshop.base.paths import ME, NODE_MODULES, ROOT, VENV, in_venv, shown
from workshop.install import environment, source
from workshop.install.programs import (
    HOW_TO_GET_CHROMIUM,
    find_chromium,
    find_nginx,
    find_postgresql,
)
from workshop.serving import ports

HELP = "look for what is missing on this machine"
SPACE = 2 << 30  # what .venv, node_modules and the tests' browser profiles need, with room


def needs(args: argparse.Namespace) -> set[str] | None:
    """Make .venv anew with --repair; else go without what is not there."""
    if not args.repair or os.environ.get("WORKSHOP_REPAIRED"):
        return None
    os.environ["WORKSHOP_REPAIRED"] = "1"  # the call that follows, in .venv, only looks
    for part in (*environment.PARTS, *environment.PROGRAMS):
        environment.forget(part)
    return {"python", "javascript"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `doctor`."""
    parser.add_argument("--repair", action="store_true", help="make .venv and node_modules anew")


def main(args: argparse.Namespace) -> int:
    """Print a line for each thing; return 1 if something needed is missing."""
    well = True
    installed = packages_come_from, python, packages, javascript, classic
    for check in (*installed, port_8000, redis, nginx, chromium, postgresql, disk):
        name, fine, text = check()
        mark = {True: "ok  ", False: "FIX ", None: "note"}[fine]
        print(f"{mark}  {name:<11} {text}", flush=True)
        well = well and fine is not False
    return 0 if well else 1


def python():
    """Look at the Python that runs this."""
    return "Python", True, f"{sys.version.split()[0]} in {shown(Path(sys.prefix))}"


def packages_come_from():
    """Say where what is missing would be fetched."""
    return "from", True, source.find() or "the internet"


def packages():
    """Compare what is installed with what was installed."""
    if not VENV.exists():
        return "packages", None, f"not installed yet; `{ME} run 1` does that"
    if not environment.stands("python"):
        return "packages", False, f".venv is incomplete or out of date: `{ME} doctor --repair`"
    broken = sorted(
        {
            distribution.name
            for distribution in importlib.metadata.distributions()
            for file in distribution.files or ()
            if file.suffix != ".pyc" and not Path(file.locate()).exists()
        }
    )
    if broken:
        return (
            "packages",
            False,
            f"files are missing in {', '.join(broken)}: `{ME} doctor --repair`",
        )
    return "packages", True, "as requirements.lock says, no file missing"


def javascript():
    """Look at node_modules."""
    if environment.stands("javascript"):
        return "JavaScript", True, "as package-lock.json says"
    if NODE_MODULES.exists():
        return "JavaScript", False, f"incomplete or out of date: `{ME} doctor --repair`"
    return "JavaScript", None, f"not installed yet; `{ME} run 3` does that"


def classic():
    """Look at the environment of the talk's own server."""
    if environment.stands("classic"):
        return "classic", True, "as classic/requirements.lock says"
    return "classic", None, f"not installed, or out of date; `{ME} run classic` does that"


def port_8000():
    """Look at the port of the page."""
    if ports.can_listen("127.0.0.1", 8000):
        return "port 8000", True, "free"
    return "port 8000", None, f"taken by {ports.who_listens(8000)}; run takes the next free one"


def redis():
    """Look at Redis and its port."""
    if not in_venv():
        return "Redis", None, f"can be looked at once `{ME} run 1` has installed the packages"
    from workshop.serving.redis_server import DEFAULT_URL, why_silent, without_password

    url = os.environ.get("REDIS_URL")
    if url and (error := why_silent(url)):
        return "Redis", False, f"REDIS_URL ({without_password(url)}) does not answer: {error}"
    if url:
        return "Redis", True, f"{without_password(url)} answers (REDIS_URL)"
    if not ports.answers(6379):
        return "Redis", True, "port 6379 is free: run starts an embedded one there"
    holder = ports.who_listens(6379)
    if why_silent(DEFAULT_URL):
        return "Redis", None, f"6379 is taken by {holder}, no open Redis; run takes another port"
    return "Redis", True, f"{DEFAULT_URL} answers: {holder}"


def chromium():
    """Look for a browser for the tests."""
    found = find_chromium()
    return (
        "Chromium",
        True if found else None,
        found or f"`{ME} test` fetches one, where it can. {HOW_TO_GET_CHROMIUM}",
    )


def postgresql():
    """Look for a PostgreSQL server."""
    found = find_postgresql("postgres")
    return "PostgreSQL", True if found else None, found or f"`{ME} test` fetches one"


def nginx():
    """Look for the nginx of the steps from 6 on."""
    found = find_nginx()
    return "nginx", True if found else None, found or f"`{ME} run 6` fetches one"


def disk():
    """Look at the free space."""
    free = shutil.disk_usage(ROOT).free
    text = f"{free / (1 << 30):.1f} GB free"
    return "disk", free > SPACE, text if free > SPACE else f"only {text}: make room"
