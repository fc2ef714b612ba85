"""Links lead somewhere, the glossary's words are linked, and each lesson has its picture."""

import json
import re
import shutil
from pathlib import Path

import pytest

from support import ROOT, STEPS
from workshop.authoring import listings
from workshop.base.steps import all_steps

GLOSSARY = "docs/glossary.md"
LARGEST = 60_000  # bytes of a lesson's picture
ENOUGH = 60  # letters of a text in place of a picture


def texts(path):
    """Return the Markdown of a page or a notebook."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return [text]
    cells = json.loads(text)["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


def tokens(path):
    """Yield the inline parts of a page, those of its tables too."""
    from markdown_it import MarkdownIt

    for text in texts(path):
        for token in MarkdownIt("commonmark").enable("table").parse(text):
            yield from token.children or []


def links(path):
    """Return where a page's links and pictures lead, but for those to other sites."""
    found = [token.attrGet("href") or token.attrGet("src") for token in tokens(path)]
    return [link for link in found if link and not re.match(r"[a-z]+:", link)]


def anchors(path):
    """Return the places in a page that a link can name: its headings, as GitHub names them."""
    found = []
    for text in texts(path):
        code = re.sub(r"^(```+).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)
        found += re.findall(r'<a id="([^"]+)">', code)
        for heading in re.findall(r"^#+ (.+)$", code, re.MULTILINE):
            words = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", heading).lower()
            found.append(re.sub(r"[^\w\- ]", "", words).replace(" ", "-"))
    return found


def broken(root):
    """Return each link that leads nowhere, with its page."""
    wrong = []
    for page in listings.pages(root):
        for link in links(page):
            name, _, place = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            there = target.exists() and target.is_relative_to(root.resolve())
            if not there or (place and place not in anchors(target)):
                wrong.append(f"{page.relative_to(root)}: {link}")
    return wrong


def not_linked(root):
    """Return the words of the glossary that no lesson links."""
    led_to = {
        link.partition("#")[2]
        for page in (root / "steps").glob("*/README.md")
        for link in links(page)
        if link.endswith(GLOSSARY) or f"{GLOSSARY}#" in link
    }
    words = re.findall(r'<a id="([^"]+)">', (root / GLOSSARY).read_text())
    return [word for word in words if word not in led_to]


def test_every_link_leads_somewhere():
    assert broken(ROOT) == []


def test_every_word_of_the_glossary_is_linked_from_a_lesson():
    assert not_linked(ROOT) == []


def test_the_glossary_has_each_word_once_and_a_sentence_for_it():
    lines = re.findall(r"^- (.*)$", (ROOT / GLOSSARY).read_text(), re.MULTILINE)
    words = [re.match(r'<a id="([\w-]+)"></a>\*\*([^*]+)\*\*: .*\.$', line) for line in lines]
    assert [line for line, word in zip(lines, words, strict=True) if not word] == []
    ids = [word[1] for word in words]
    assert len(ids) == len(set(ids))


def test_a_lesson_links_a_word_once():
    """Where it first comes up, over all lessons."""
    found = [
        link for step in STEPS.values() for link in links(step / "README.md") if GLOSSARY in link
    ]
    assert [link for link in found if found.count(link) > 1] == []


@pytest.fixture
def copy(tmp_path):
    """A copy of all pages, and of what they lead to."""
    left_out = shutil.ignore_patterns(
        ".*", "node_modules", "__pycache__", "my", "my-*", "*.sqlite3*"
    )
    return Path(shutil.copytree(ROOT, tmp_path / "copy", ignore=left_out))


@pytest.mark.parametrize(
    ("page", "old", "new", "said"),
    [
        ("README.md", "](docs/systems.md)", "](docs/system.md)", "README.md: docs/system.md"),
        ("README.md", "#where-gevent-is-", "#where-gevent-was-", "#where-gevent-was-"),
        (GLOSSARY, '<a id="greenlet">', '<a id="greenlets">', "glossary.md#greenlet"),
        ("steps/01_plain_django/README.md", "lesson-1.png", "lesson-99.png", "lesson-99.png"),
        ("notebooks/03_greenlets.ipynb", "steps/02_gevent_server/README", "steps/2/README", "s/2/"),
    ],
)
def test_a_link_that_leads_nowhere_is_caught(copy, page, old, new, said):
    text = (copy / page).read_text()
    assert text.count(old) == 1
    (copy / page).write_text(text.replace(old, new))
    assert said in " ".join(broken(copy))


def test_a_word_that_no_lesson_links_is_caught(copy):
    page = copy / "steps/02_gevent_server/README.md"
    page.write_text(page.read_text().replace("(../../docs/glossary.md#hub)", "(serve.py)"))
    assert not_linked(copy) == ["hub"]


# Pictures


@pytest.mark.parametrize("step", STEPS.values(), ids=lambda step: step.name)
def test_a_lesson_shows_what_one_should_see(step):
    """In "See it", described for who can't see it, and small."""
    section = (step / "README.md").read_text().partition("## See it\n")[2].partition("\n## ")[0]
    ((text, path),) = re.findall(r"^!\[(.*)\]\((.*)\)$", section, re.MULTILINE)
    assert len(text) > ENOUGH
    picture = (step / path).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) <= LARGEST


@pytest.mark.parametrize("step", all_steps(), ids=lambda step: step.name)
def test_a_terminal_is_not_shown_the_picture(step):
    """`run` prints "See it"."""
    assert step.see_it.startswith("1. ")
    assert "](" not in step.see_it
