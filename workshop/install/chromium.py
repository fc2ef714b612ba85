"""Find the browser that the tests drive, without a window."""

import os
import shutil
import sys
from pathlib import Path

# The first is the same Chromium without all that draws its own windows: a third of the CPU.
NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
MACOS = ("Google Chrome.app/Contents/MacOS/Google Chrome", "Chromium.app/Contents/MacOS/Chromium")
WINDOWS_FOLDERS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
HOW_TO_GET_ONE = (
    "Install Chromium or Chrome (apt install chromium, brew install --cask chromium, "
    "https://www.google.com/chrome), or name one in the environment variable CHROMIUM."
)


def find_chromium() -> str | None:
    """Return the path of a Chromium or Chrome, or None."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    candidates: list[str | Path | None] = [shutil.which(name) for name in NAMES]
    if sys.platform == "darwin":
        for applications in (Path("/Applications"), Path.home() / "Applications"):
            candidates += [applications / name for name in MACOS]
    if os.name == "nt":
        folders = [os.environ[name] for name in WINDOWS_FOLDERS if name in os.environ]
        candidates += [Path(f) / "Google/Chrome/Application/chrome.exe" for f in folders]
    found = next((str(path) for path in candidates if path and Path(path).is_file()), None)
    return found or playwrights_own()


def playwrights_own() -> str | None:
    """Return the browser that `playwright install chromium` fetched, if it did."""
    default = {
        "win32": Path.home() / "AppData/Local/ms-playwright",
        "darwin": Path.home() / "Library/Caches/ms-playwright",
    }.get(sys.platform, Path.home() / ".cache/ms-playwright")
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or default)
    names = {"chrome", "chrome.exe", "Chromium", "Google Chrome for Testing"}
    files = folder.glob("chromium-*/chrome-*/**/*") if folder.is_dir() else ()
    return next((str(path) for path in files if path.name in names and path.is_file()), None)
