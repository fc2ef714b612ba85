"""The lessons as pages: the same for everybody, each where its file is in the repository.

So all links of the READMEs hold, under whatever address a server has these pages.
"""

import html
import os
import re
from functools import lru_cache
from os.path import isfile  # which takes a name that is too long for one that is not there
from pathlib import Path

from workshop.base.paths import NODE_MODULES, ROOT
from workshop.base.steps import Step, all_steps, plain
from workshop.base.steptree import README, belongs
from workshop.learn.lessons import NUMBERS, lesson
from workshop.room.changes import changes
from workshop.room.markdown import file_in_colour, line_to_html, to_html
from workshop.serving.files import FONTS, inside

PAGES = Path(__file__).with_name("pages")
ASSETS = "assets/"
PACKAGES = ("socket.io-client/dist/", *FONTS)
SLIDES = ("slides.css", "token.js", "elements.js")  # The slides have these too.
# What a stranger in the room may read of it: neither an attendee's folder nor what a run leaves.
FOLDERS = {
    *("steps", "classic", "deploy", "symptoms"),
    *("docs", "slides", "notebooks", "benchmarks", "pictures"),
}
SECRET = {".pem"}  # deploy/tls/ has a key, where it is used
FILES = {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "requirements.txt"}
DIFF = re.compile(r"(from|to)_\d\d\.diff")
PICTURES = {".png", ".svg", ".webp"}
# Where a page's text is another one when these are.
OURS = (*PAGES.iterdir(), Path(__file__), ROOT / "slides" / "slides.css")


def find(address: str, live: bool = False) -> tuple[bytes, str] | None:
    """Return what is at an address, and the suffix of its type; None where nothing is.

    live: the page has the buttons of `home` as well, and a server to talk to.
    """
    if not address:
        return contents(live).encode(), ".html"
    if address.startswith(ASSETS):
        file = asset(address.removeprefix(ASSETS))
        return (file.read_bytes(), file.suffix) if file else None
    path = readable(address)
    if path is None:
        return None
    if path.suffix in PICTURES:
        return path.read_bytes(), path.suffix
    step = Step(path.parent)
    if path.name == README and step in all_steps():
        return lesson_page(step, live).encode(), ".html"
    return file_page(address, path).encode(), ".html"


def asset(name: str) -> Path | None:
    """Return a file that the pages are made with."""
    if name.startswith(PACKAGES):
        return inside(NODE_MODULES, name)
    found = inside(ROOT / "slides" if name in SLIDES else PAGES, name)
    return found if found and found.suffix in (".css", ".js") else None


def readable(address: str) -> Path | None:
    """Return a file of the repository that anybody may read."""
    first, *rest = address.split("/")
    if first not in (FOLDERS if rest else FILES):
        return None
    if not all(belongs(part) or DIFF.fullmatch(part) for part in rest):
        return None
    if Path(address).suffix in SECRET:
        return None
    path = (ROOT / address).resolve()
    if not path.is_relative_to(ROOT / first) or not isfile(path):
        return None
    # By the very name that it has: elsewhere DB.SQLITE3 is a name of db.sqlite3.
    parts = address.split("/")
    folders = (ROOT.joinpath(*parts[:depth]) for depth in range(len(parts)))
    is_so = all(part in os.listdir(each) for part, each in zip(parts, folders, strict=True))
    return path if is_so else None


def lesson_page(step: Step, live: bool = False) -> str:
    """Return a step's README, and beside it what the step changes."""
    folders = [each.folder for each in all_steps() if each.name <= step.name][-2:]
    files = [path for folder in folders for path in folder.rglob("*") if belongs(path.name)]
    return make_lesson(step, live, max(path.stat().st_mtime_ns for path in [*files, *OURS]))


@lru_cache(maxsize=50)
def make_lesson(step: Step, live: bool, version: int) -> str:
    """Make the page of a lesson; version is another one when a file has changed."""
    points = lesson(int(step.number)) if int(step.number) in NUMBERS else []
    items = "".join(f"<li>{html.escape(point.works)}</li>" for point in points)
    first = step == all_steps()[0]
    workplace = fill("workplace.html", points=items) if live else ""
    return page(
        f"Step {int(step.number)}: {step.title}",
        fill(
            "lesson.html",
            lesson=to_html(step.readme),
            changes=changes(step),
            diff="Files" if first else "Diff",
            choice="" if first else read("choice.html"),
            workplace=workplace,
        ),
        up="../../",
        number=step.number,
        live=live,
    )


def file_page(address: str, path: Path) -> str:
    """Return a page of the repository, or a file of it as it is."""
    return make_file_page(address, path, path.stat().st_mtime_ns)


@lru_cache(maxsize=200)
def make_file_page(address: str, path: Path, version: int) -> str:
    """Make such a page; version is another one when the file has changed."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".md":
        body = to_html(text)
        title = re.search(r"^# (.+)$", text, re.MULTILINE)
        name = plain(title[1]) if title else address
    else:
        name = address
        code = file_in_colour(text, path.name)
        body = f'<h1>{html.escape(address)}</h1><pre class="whole">{code}</pre>'
    return page(name, f'<main class="alone">{body}</main>', up="../" * address.count("/"))


def contents(live: bool = False) -> str:
    """Return the page that leads to all others."""
    items = "".join(
        f'<li><a href="steps/{step.name}/{README}">{html.escape(step.title)}</a>'
        f"<p>{line_to_html(step.lesson)}</p></li>"
        for step in all_steps()
    )
    return page("The steps", fill("contents.html", steps=items), live=live)


def page(title: str, body: str, up: str = "", number: str = "", live: bool = False) -> str:
    """Return a whole page; up leads from it to where all of them begin."""
    steps = "".join(
        f'<li><a href="{up}steps/{step.name}/{README}"'
        f"{' aria-current=page' if step.number == number else ''}"
        f' title="{html.escape(step.title)}">{int(step.number)}</a></li>'
        for step in all_steps()
    )
    scripts = fill("scripts.html", up=up) if live else ""
    return fill(
        "page.html",
        title=html.escape(title),
        body=body,
        up=up,
        start=up or "./",
        steps=steps,
        scripts=scripts,
        step=str(int(number or 0)),
    )


def fill(name: str, **values: str) -> str:
    """Return one of our templates with values in it, which may look like places themselves."""
    return re.sub(r"{{ (\w+) }}", lambda place: values[place[1]], read(name))


def read(name: str) -> str:
    """Return the text of one of our templates."""
    return (PAGES / name).read_text(encoding="utf-8")
