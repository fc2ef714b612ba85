"""What a browser is given: the deck as one page, and the files that this page needs."""

import html
import os
import re
from collections.abc import Iterator
from pathlib import Path

from workshop.base.paths import NODE_MODULES, ROOT
from workshop.serving import qr
from workshop.serving.files import FONTS, TYPES, inside

HERE = Path(os.environ.get("SLIDES", ROOT / "slides"))
ROOM = ROOT / "workshop" / "room" / "pages"
PACKAGES = ("reveal.js/dist/", "socket.io-client/dist/", *FONTS)


def render(live: bool = False, room: str = "") -> str:
    """Return the page with the deck in it; live means that there is a server for it to talk to."""
    socket_io = '<script defer src="socket.io-client/dist/socket.io.min.js"></script>'
    data = f'data-live data-version="{version()}" data-room="{html.escape(room)}"' if live else ""
    return (
        read("index.html")
        .replace("{{ socket.io }}", socket_io if live else "")
        .replace("{{ data }}", data + "".join(about()))
        .replace("{{ pictures }}", pictures())
        .replace("{{ deck }}", html.escape(read("deck.md").strip(), quote=False))
    )


def about() -> Iterator[str]:
    """Yield as attributes who speaks and where it all is, as the environment says."""
    if speaker := os.environ.get("SPEAKER"):
        yield f' data-speaker="{html.escape(speaker)}"'
    if address := os.environ.get("ADDRESS"):
        yield f' data-address="{html.escape(address)}" data-qr="{html.escape(qr.data(address))}"'


def pictures() -> str:
    """Return the drawings of the deck as templates, for look.js to put in."""
    names = dict.fromkeys(re.findall(r"\]\((pictures/[\w-]+\.svg)\)", read("deck.md")))
    found = [name for name in names if (HERE / name).is_file()]
    return "".join(f'<template id="{name}">{read(name).strip()}</template>' for name in found)


def read(name: str) -> str:
    """Return the text of one of our files."""
    return (HERE / name).read_text(encoding="utf-8")


def version() -> str:
    """Return what is another one after each change of the deck, or of what shows it."""
    files = [path for path in HERE.rglob("*") if path.suffix in {".md", *TYPES}]
    return str(max(path.stat().st_mtime_ns for path in files))


def find(address: str) -> Path | None:
    """Return the file at an address of the deck, of its libraries, or of the room's board."""
    if address.startswith("board."):
        return inside(ROOM, address)
    return inside(NODE_MODULES if address.startswith(PACKAGES) else HERE, address)
