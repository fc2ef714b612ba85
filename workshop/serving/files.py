"""The files that a page is given, and their types."""

from os.path import isfile  # which takes a name that is too long for one that is not there
from pathlib import Path

FONTS = tuple(
    f"@fontsource-variable/{font}/files/{font}-latin-wght-normal.woff2"
    for font in ("atkinson-hyperlegible-next", "atkinson-hyperlegible-mono")
)
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
PACKED = {".png", ".webp", ".woff2"}  # Nothing makes these smaller.


def inside(base: Path, address: str) -> Path | None:
    """Return the file at an address below a folder, if a page may be given it."""
    base = base.resolve()
    file = (base / address).resolve()
    return file if file.is_relative_to(base) and file.suffix in TYPES and isfile(file) else None
