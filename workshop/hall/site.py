"""The files of a pack, and a page that says what to type, in front of another application."""

import json
import mimetypes
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from html import escape
from pathlib import Path
from string import Template
from typing import BinaryIO

from workshop.install import source
from workshop.serving import qr

PIECE = 64 << 10
PAGE = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
FOLLOW = """\
python3 -m workshop start 2
python3 -m workshop check --watch"""
GET = "from urllib.request import urlretrieve as get; get('{url}/workshop.zip', 'workshop.zip')"
LINES = (
    '{python} -c "' + GET + '"',
    "{python} -m zipfile -e workshop.zip .",
    "cd workshop",
    "{python} -m workshop --from {url} run 4",
)
NAMES = {"linux": "Linux", "macos": "macOS", "windows": "Windows"}


class Site:
    """A WSGI application. Only what the list names is served, and nothing is written.

    Without a pack there is only the page; all else is left to the others.
    """

    def __init__(self, folder: Path | None, url: str, place: str, others: Callable):
        self.url, self.place, self.others = url, place, others
        self.code = qr.data(url)
        self.files: dict[str, Path] = {}
        self.choices = source.Choices([], [])
        if folder:
            listed = json.loads((folder / source.LIST).read_text(encoding="utf-8"))
            self.files = {f"/{path}": folder / path for path in (*listed["files"], source.LIST)}
            self.choices = source.Choices(**listed["choices"])
        self.fetched: Counter[str] = Counter()
        self.people: set[str] = set()

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        """Answer a request."""
        path = environ["PATH_INFO"]
        file = self.files.get(path) or self.files.get(f"{path.rstrip('/')}/index.html")
        if not file and path != self.place:
            return self.others(environ, start_response)
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self.say("405 Method Not Allowed", "Only GET.", start_response)
        if not file:
            return self.say("200 OK", self.page(), start_response, "text/html; charset=utf-8")
        try:
            content = file.open("rb")
        except OSError:
            return self.say("404 Not Found", "It is in the pack no more.", start_response)
        size = file.stat().st_size
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(size))])
        if environ["REQUEST_METHOD"] == "HEAD":
            content.close()
            return []
        return self.send(content, file, environ["REMOTE_ADDR"])

    def send(self, content: BinaryIO, file: Path, address: str) -> Iterator[bytes]:
        """Yield a file in pieces, and count it when it is through."""
        with content:
            while piece := content.read(PIECE):
                self.fetched["bytes"] += len(piece)
                yield piece
        self.fetched["files"] += 1
        if file.name == "workshop.zip":
            self.fetched["zips"] += 1
            self.people.add(address)

    def page(self) -> str:
        """Return the page."""
        address = os.environ.get("ADDRESS")
        unix, windows = (
            "\n".join(LINES).format(python=python, url=self.url) for python in ("python3", "python")
        )
        return PAGE.substitute(
            url=escape(self.url),
            code=escape(self.code),
            where=escape(f", {address}" if address else ""),
            # Whoever has a pack from here knows where the room is.
            follow=FOLLOW if self.files else escape(f"{FOLLOW} --room {self.url}"),
            no_pack_hidden="hidden" if self.files else "",
            pack_hidden="" if self.files else "hidden",
            unix=escape(unix),
            windows=escape(windows),
            pythons=one_of(self.choices.pythons),
            systems=one_of([NAMES[each] for each in self.choices.systems]),
            unix_hidden="" if {"linux", "macos"} & {*self.choices.systems} else "hidden",
            windows_hidden="" if "windows" in self.choices.systems else "hidden",
            zips=self.fetched["zips"],
            people=len(self.people),
            files=self.fetched["files"],
            size=round(self.fetched["bytes"] / 1e6),
        )

    def say(
        self, status: str, text: str, start_response: Callable, kind: str = "text/plain"
    ) -> list[bytes]:
        """Answer with a text."""
        body = text.encode()
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        start_response(status, [*headers, ("Cache-Control", "no-store")])
        return [body]


def one_of(words: list[str]) -> str:
    """Return words as they are read in a sentence."""
    return " or ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
