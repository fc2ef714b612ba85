"""What the page's script needs of the page, and whether a template has it."""

import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

from workshop.base.steps import Step
from workshop.learn.by_events import matches, without_comments
from workshop.learn.hint import BOARD, BOARD_JS, Hint, lesson_about, nearest

CLIENT = "socket.io/socket.io.min.js"
SCRIPT = "notices/board.js"
# What Django makes of its tags, as far as it matters here; in this order.
RENDERED = (
    (r"{%\s*static\s+[\"'](.+?)[\"']\s*%}", r"\1"),
    (r"{{.+?\|json_script:[\"'](.+?)[\"']\s*}}", r'<script id="\1"></script>'),
    (r"{%.*?%}|{{.*?}}|{#.*?#}", " "),
)


@dataclass
class Script:
    """A script tag."""

    source: str
    line: int
    waits: bool  # until the page is read
    in_head: bool


class Elements(HTMLParser):
    """The elements of templates: what selects them, with the line of the first; their scripts."""

    def __init__(self):
        super().__init__()
        self.selectors: dict[str, int] = {}
        self.scripts: list[Script] = []
        self.data: list[str] = []  # what selects a json_script
        self.in_body = False

    def read(self, path: Path) -> None:
        """Read one more template."""
        text = path.read_text(encoding="utf-8")
        for tag, html in RENDERED:
            text = re.sub(tag, html, text)
        self.reset()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what selects the element."""
        attributes, (line, _) = dict(attrs), self.getpos()
        self.in_body |= tag == "body"
        ids, classes = ((attributes.get(name) or "").split() for name in ("id", "class"))
        for selector in (tag, *(f"#{name}" for name in ids), *(f".{name}" for name in classes)):
            self.selectors.setdefault(selector, line)
        if tag == "script" and ids:
            self.data += [f"#{name}" for name in ids]
        if tag == "script" and (source := attributes.get("src")):
            waits = "defer" in attributes or attributes.get("type") == "module"
            self.scripts.append(Script(source, line, waits, not self.in_body))


def what_the_page_lacks(folder: Path, step: Step) -> Hint | None:
    """Compare what board.js looks for with what the templates have."""
    template, javascript = folder / BOARD, folder / BOARD_JS
    if not (template.is_file() and javascript.is_file() and (step.folder / BOARD_JS).is_file()):
        return None
    page, others = Elements(), Elements()
    page.read(template)
    for path in folder.glob("*/templates/**/*.html"):
        others.read(path)
    text = without_comments(javascript.read_text(encoding="utf-8"))
    return (
        wrong_scripts(page, text, folder, step)
        or missing_element(page, others, text, folder, step)
        or unread_data(page, text, step)
    )


def wrong_scripts(page: Elements, text: str, folder: Path, step: Step) -> Hint | None:
    """Say what is wrong with the tags that load the client and board.js."""
    client = next((each for each in page.scripts if "socket.io" in each.source), None)
    script = next((each for each in page.scripts if each.source.endswith(SCRIPT)), None)
    if script is None:
        happened = "board.html does not load board.js, so the page does nothing by itself."
        return page_hint(happened, SCRIPT, folder, step)
    if client is None and re.search(r"\bio\(", text):
        happened = "board.html does not load socket.io.min.js, so board.js finds no `io`."
        return page_hint(happened, CLIENT, folder, step)
    if client and client.line > script.line and client.waits == script.waits:
        happened = "board.html loads board.js before socket.io.min.js, so it finds no `io`."
        hint = page_hint(happened, CLIENT, folder, step, line=client.line)
        return replace(hint, more="Scripts run in the order of their tags: the client goes first.")
    if script.in_head and not script.waits:
        happened = "board.js runs before the page is read: no element is there that it looks for."
        hint = page_hint(happened, SCRIPT, folder, step, line=script.line)
        return replace(hint, more="`<script defer …>` runs once all of the page is there.")
    return None


def missing_element(
    page: Elements, others: Elements, text: str, folder: Path, step: Step
) -> Hint | None:
    """Say which element board.js looks for in vain."""
    there = page.selectors | others.selectors
    for selectors, line in looked_for(text):
        for selector in selectors.split():
            if selector in there or not re.fullmatch(r"[#.]?[a-z][\w-]*", selector):
                continue
            # The script itself may make it: element.id = "…", classList.add("…").
            if re.search(rf"(id|class\w*)\b[^\n;]*[\"'`]{selector.lstrip('#.')}[\"'`]", text):
                continue
            happened = f"board.js looks for {selector} (line {line}), and the page has none."
            names = [each for each in there if re.fullmatch(r"[#.][\w-]+\w", each)]
            typo = nearest(selector, names) if selector[0] in "#." else None
            if not typo or typo in text:
                return page_hint(happened, selector, folder, step)
            hint = page_hint(happened, selector, folder, step, line=page.selectors.get(typo))
            return replace(hint, more=f"Did you mean {selector} where it says {typo}?")
    return None


def unread_data(page: Elements, text: str, step: Step) -> Hint | None:
    """Say which of the values that the view has put on the page the script does not take."""
    for selector in page.data:
        for line in (step.folder / BOARD_JS).read_text(encoding="utf-8").splitlines():
            if f'"{selector}"' in line and selector not in text:
                begins = re.match(r"((const|let) )?\w+:?", line.strip())
                return Hint(
                    name=f"the page and its script: {selector}",
                    expected="What the view gives to the page's script is in board.html, as "
                    f"{selector}, and board.js takes it from there.",
                    happened=f"board.js never looks for {selector}.",
                    more=f"In the step it is:  {line.strip()}",
                    file=BOARD_JS,
                    part=begins[0] if begins else "",
                    lesson=lesson_about(BOARD_JS, step),
                )
    return None


def looked_for(text: str) -> list[tuple]:
    """Return the selectors in a script, and the line of each."""
    called = matches(r"querySelector(?:All)?\(\s*[\"'`]([^\"'`]+)[\"'`]", text)
    return called + matches(r"[\"'`](#[\w-]+)[\"'`]", text)


def page_hint(happened: str, what: str, folder: Path, step: Step, line: int | None = None) -> Hint:
    """Return a hint about the template: its line, else the one after which the step has it."""
    theirs = (step.folder / BOARD).read_text(encoding="utf-8").splitlines()
    mine = (folder / BOARD).read_text(encoding="utf-8").splitlines()
    name = re.escape(what.lstrip("#."))
    form = rf'id="{name}"|json_script:"{name}"' if what[0] == "#" else rf"<{name}\b|{name}"
    at = next((number for number, each in enumerate(theirs) if re.search(form, each)), None)
    if line is None and at is not None:
        before = (mine.index(each) + 1 for each in reversed(theirs[:at]) if each in mine)
        line = next(before, None)
    more = f"In the step it is:  {theirs[at].strip()}" if at is not None else ""
    return Hint(
        name=f"the page and its script: {what}",
        expected="What board.js needs is in board.html: the elements that it looks for, and the "
        "scripts, the client's first.",
        happened=happened,
        more=more or "Both sides need the same name.",
        file=BOARD,
        line=line,
        code=mine[line - 1].strip() if line else "",
        lesson=lesson_about(BOARD, step),
    )
