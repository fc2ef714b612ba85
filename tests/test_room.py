"""The room takes part: questions, polls, who leads, the remote, the clock and its record."""

import json
import re
import signal
from pathlib import Path

import pytest
from playwright.sync_api import expect

from support import PATIENCE, ROOT, Client, wait_until
from test_follow import AXE, PHONE, TOKEN, Deck, joined, lead, open_page, shows, violations

DECK = """
<!-- .slide: data-section="Talk" data-timing="60" -->

# The talk

Note:

Say **hello**.

---

<!-- .slide: data-timing="120" -->

## Steps of a slide

- one <!-- .element: class="fragment" -->
- two <!-- .element: class="fragment" -->

---

<!-- .slide: data-timing="40" data-skip -->

## An aside

---

<!-- .slide: data-poll="tea" data-timing="80" -->

## Tea or coffee?

- Tea
- Coffee

---

<!-- .slide: data-section="Questions" data-questions data-timing="300" -->

## Questions

Nobody has asked yet.

Note:

Repeat each question.
"""
TITLE, STEPWISE, ASIDE, POLL, QUESTIONS = range(5)
PROJECTOR = {"viewport": {"width": 1280, "height": 720}}

__all__ = ["open_page"]  # a fixture


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The slides with a small deck of the tests' own."""
    slides = tmp_path_factory.mktemp("slides")
    for path in (ROOT / "slides").iterdir():
        if path.suffix in {".html", ".js", ".css"}:
            (slides / path.name).write_bytes(path.read_bytes())
    (slides / "pictures").symlink_to(ROOT / "slides" / "pictures")
    (slides / "deck.md").write_text(DECK)
    return slides


@pytest.fixture(scope="module")
def talk(serve, folder):
    """The slides' server."""
    files = {
        "KEPT": str(folder / "room.json"),
        "RESULTS": str(folder / "results.json"),
        "REHEARSAL": str(folder / "rehearsal.json"),
    }
    place = {"SLIDES": str(folder), "ROOM": "http://talk.example"}
    return serve(ROOT, Deck, TOKEN=TOKEN, PYTHONPATH=None, **place, **files)


@pytest.fixture(scope="module")
def windows(open_page, talk):
    """The projector, a phone that follows, and the presenter's view."""
    projector = joined(open_page(f"{talk.url}/?token={TOKEN}", **PROJECTOR))
    view = open_page(f"{talk.url}/presenter.html?token={TOKEN}", **PROJECTOR)
    view.wait_for_function("deck !== null && leading.connected")
    return projector, joined(open_page(talk.url, **PHONE)), view


@pytest.fixture
def projector(windows):
    """The window that leads, on its first slide, with the phone behind it."""
    projector, phone, view = windows
    phone.evaluate("sheet.close()")
    view.evaluate("set({ before: 0, since: null }); choose('notes')")
    lead(projector, TITLE)
    phone.evaluate("comeBack()")
    shows(phone, TITLE)
    return projector


@pytest.fixture
def phone(windows, projector):
    """The window that follows."""
    return windows[1]


@pytest.fixture
def view(windows, projector):
    """The presenter's view."""
    return windows[2]


@pytest.fixture
def client(talk):
    """Connect as a browser of any name: client(name, token=None)."""
    clients = []

    def connect(name, token=None):
        new = Client(talk.url, ["/slides"], auth={"browser": name, "token": token})
        clients.append(new)
        new.wait("hello")
        return new

    yield connect
    for each in clients:
        each.close()


def emit(client, event, *data):
    """Send an event of /slides, and wait for its acknowledgement."""
    return client.sio.call(event, data, namespace="/slides", timeout=PATIENCE)


def panel(view, name):
    """Open a panel of the presenter's view."""
    view.locator(".tabs").get_by_role("button", name=re.compile(name)).click()


# Questions


def test_a_phone_asks_and_the_presenter_sees_it(projector, phone, view, client):
    phone.get_by_role("button", name="Ask").click()
    sheet = phone.get_by_role("dialog")
    sheet.get_by_label("Your question").fill("Why <b>not</b> asyncio? n")
    sheet.get_by_label("Your name").fill("A <i>guest</i>")
    sheet.get_by_role("button", name="Ask it").click()
    expect(sheet.locator("output")).to_have_text("Asked. The presenter sees it now.")
    expect(sheet.locator("li")).to_contain_text("Why <b>not</b> asyncio? n")
    assert phone.evaluate("Reveal.getIndices().h") == TITLE, "what is typed turns no slide"

    other = client("other")
    assert emit(other, "ask", "What about Windows?", "") == ""
    expect(sheet.locator("li")).to_have_count(2)
    sheet.locator("li", has_text="Windows").get_by_role("button").click()
    panel(view, "Questions")
    first = view.locator("#panel-questions li").first
    expect(first).to_contain_text("What about Windows?")
    expect(first.locator(".votes")).to_have_text("1")
    expect(view.locator(".tabs")).to_contain_text("Questions 2")

    lead(projector, QUESTIONS)
    shown = projector.locator(".questions li")
    expect(shown).to_have_count(2)
    expect(shown.nth(0)).to_contain_text("What about Windows?")
    expect(shown.nth(1)).to_contain_text("Why <b>not</b> asyncio? n")
    expect(shown.nth(1).locator(".name")).to_have_text("A <i>guest</i>")
    assert projector.locator(".questions b, .questions i").count() == 0
    expect(projector.get_by_text("Nobody has asked yet.")).to_be_hidden()
    expect(projector.locator("#room")).to_be_hidden()

    asyncio = view.locator("#panel-questions li", has_text="asyncio")
    asyncio.get_by_role("button", name="Show large").click()
    expect(projector.locator(".questions.large li")).to_have_text(re.compile("asyncio"))
    expect(phone.locator(".questions.large li")).to_have_text(re.compile("asyncio"))
    asyncio.get_by_role("button", name="Answered").click()
    expect(shown).to_have_text(re.compile("Windows"))
    expect(sheet.locator("li", has_text="asyncio").get_by_role("button")).to_have_text("✓")
    view.locator("#panel-questions li", has_text="Windows").get_by_role("button", name="Hide").click()
    expect(sheet.locator("li", has_text="Windows")).to_have_count(0)
    expect(projector.get_by_text("Nobody has asked yet.")).to_be_visible()
    asyncio.get_by_role("button", name="Open again").click()
    expect(shown).to_have_text(re.compile("asyncio"))


def test_a_vote_counts_once_for_each_browser_and_outlives_the_server(talk, client):
    asker, fan = client("asker"), client("fan")
    emit(asker, "ask", "How many votes?", "")
    asked = find(client("me", TOKEN), "How many votes?")
    for up in (True, True, False, False, True, "yes", None):
        emit(fan, "upvote", asked["id"], up)
    emit(client("fan"), "upvote", asked["id"], True)  # another window of the same browser
    emit(asker, "upvote", asked["id"], True)  # one's own
    assert find(client("me", TOKEN), "How many votes?")["votes"] == 1
    kept = talk.extra["KEPT"]
    wait_until(lambda: "How many votes?" in Path(kept).read_text(), "the questions in the file")
    talk.restart(signal.SIGKILL)
    again = client("fan")
    assert asked["id"] in again.wait("questions")["mine"]
    assert find(client("me", TOKEN), "How many votes?")["votes"] == 1


def find(presenter, text):
    """Return a question as a client that has just come to lead is told it."""
    found = presenter.wait("all_questions")["all"]
    return next(each for each in found if each["text"] == text)
