"""The room takes part: questions, polls, who leads, the remote, the clock and its record."""

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pypdf
import pytest
from playwright.sync_api import expect
from test_follow import AXE, PHONE, TOKEN, Deck, joined, lead, open_page, shows, tool, violations

from support import PATIENCE, ROOT, Client, environment, slides_with, wait_until
from workshop.talk import page as slides_page
from workshop.talk import rehearsal

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

__all__ = ["open_page", "tool"]  # fixtures


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The slides with a small deck of the tests' own."""
    return slides_with(DECK, tmp_path_factory.mktemp("slides"))


@pytest.fixture(scope="module")
def talk(serve, folder):
    """The slides' server."""
    files = {
        "ROOM_FILE": str(folder / "room.json"),
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
    mine = sheet.locator("li", has_text="asyncio").get_by_role("button")
    expect(mine).to_have_accessible_name("Your own question: 0")
    expect(mine).to_be_disabled()
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
    view.locator("#panel-questions li", has_text="Windows").get_by_role(
        "button", name="Hide"
    ).click()
    expect(sheet.locator("li", has_text="Windows")).to_have_count(0)
    expect(projector.get_by_text("Nobody has asked yet.")).to_be_visible()
    asyncio.get_by_role("button", name="Open again").click()
    expect(shown).to_have_text(re.compile("asyncio"))
    view.get_by_role("button", name="Hide all that wait").click()
    expect(shown).to_have_text(re.compile("asyncio"))  # It asks first.
    view.get_by_role("button", name="Really?").click()
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
    wait_until(
        lambda: any(
            each["voters"] for each in kept(talk)["questions"] if each["id"] == asked["id"]
        ),
        "the question and its vote in the file",
    )
    talk.restart(signal.SIGKILL)
    again = client("fan")
    assert asked["id"] in again.wait("questions")["mine"]
    assert find(client("me", TOKEN), "How many votes?")["votes"] == 1


def find(presenter, text):
    """Return a question as a client that has just come to lead is told it."""
    found = presenter.wait("all_questions")["all"]
    return next(each for each in found if each["text"] == text)


def test_a_question_has_its_limits(talk, client):
    asker = client("talker")
    for text in ("", "  ", None, 7, ["x"], {"text": "x"}, "\u200b"):
        assert "Nothing to ask" in emit(asker, "ask", text, "")
    assert "Too long" in emit(asker, "ask", "x" * 201, "")
    assert "Too long" in emit(asker, "ask", "x", "n" * 41)
    assert emit(asker, "ask", "\u202ereversed\n  and  spaced", {"not": "text"}) == ""
    assert "wait a little" in emit(asker, "ask", "Another one", "")
    assert "wait a little" in emit(client("talker"), "ask", "From another window", "")
    asked = find(client("me", TOKEN), "reversed and spaced")
    assert set(asked) == {"id", "text", "name", "state", "votes"}, "nobody learns who asked"
    assert asked["name"] == ""
    stranger = client("stranger")
    for state in ("answered", "hidden"):
        emit(stranger, "question", asked["id"], state)
    emit(stranger, "large", asked["id"])
    presenter = client("me", TOKEN)
    for state in ("gone", None, ["hidden"], {}):
        emit(presenter, "question", asked["id"], state)
    for question in ("gone", 5, ["x"], {}):
        emit(presenter, "question", question, "hidden")
        emit(presenter, "large", question)
    assert emit(stranger, "upvote", {"id": 1}, True) is None
    assert find(client("me", TOKEN), "reversed and spaced")["state"] == "open"
    emit(presenter, "question", asked["id"], "hidden")
    shown = client("late").wait("questions")["shown"]
    assert asked["id"] not in [each["id"] for each in shown]
    assert not talk.tracebacks()


def test_one_machine_that_says_it_is_many_fills_no_list(serve, folder, tmp_path):
    place = {"SLIDES": str(folder), "ROOM_FILE": str(tmp_path / "room.json")}
    talk = serve(ROOT, Deck, TOKEN=TOKEN, PYTHONPATH=None, **place)
    answers = []
    for number in range(101):
        client = Client(talk.url, ["/slides"], auth={"browser": f"robot {number}"})
        answers.append(emit(client, "ask", f"Question {number}", ""))
        client.close()
    assert answers[:100] == [""] * 100
    assert "Too many" in answers[100]
    client = Client(talk.url, ["/slides"], auth={"token": TOKEN})
    told = client.wait("questions")
    assert told["waiting"] == 100
    assert len(told["shown"]) == 18, "a full room is told the first and the newest"
    assert "Question 99" in [each["text"] for each in told["shown"]]
    emit(client, "question", told["shown"][0]["id"], "hidden")
    assert emit(client, "ask", "What is hidden is in nobody's way?", "") == ""
    stranger = Client(talk.url, ["/slides"])
    emit(stranger, "hide_all")
    stranger.close()
    again = Client(talk.url, ["/slides"], auth={"token": TOKEN})
    assert again.wait("questions")["waiting"] == 100
    emit(again, "hide_all")
    again.close()
    emit(client, "question", told["shown"][1]["id"], "open")
    client.close()
    client = Client(talk.url, ["/slides"])
    shown = client.wait("questions")["shown"]
    assert [each["text"] for each in shown] == [told["shown"][1]["text"]]
    client.close()
    talk.stop()


@pytest.mark.parametrize("size", [(390, 844), (390, 664), (844, 390), (1280, 720)], ids=str)
def test_the_button_covers_nothing(projector, open_page, talk, size):
    viewport = {"width": size[0], "height": size[1]}
    page = joined(open_page(talk.url, viewport=viewport, reduced_motion="reduce"))
    button = page.get_by_role("button", name="Ask")
    for slide in range(5):
        lead(projector, slide)
        shows(page, slide)
        expect(button).to_be_visible()
        assert page.evaluate(COVERED) == []
    page.evaluate("Reveal.prev()")
    expect(page.locator("#back")).to_be_visible()
    page.wait_for_function(APART)
    page.context.close()


# In the way: the arrows, the number, and the slide without its margins, whatever is on it
COVERED = """() => {
  const apart = (a, b) =>
    a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
  const button = document.querySelector("#room button").getBoundingClientRect();
  const slide = Reveal.getCurrentSlide(), scale = Reveal.getScale();
  const { left, right, top, bottom } = slide.getBoundingClientRect();
  const margin = (side) => scale * parseFloat(getComputedStyle(slide)[`padding${side}`]);
  const content = {
    left: left + margin("Left"), right: right - margin("Right"),
    top: top + margin("Top"), bottom: bottom - margin("Bottom"),
  };
  const found = apart(button, content) ? [] : ["the slide"];
  for (const each of document.querySelectorAll(".controls button, .slide-number")) {
    const hidden = getComputedStyle(each).visibility === "hidden" || !each.offsetWidth;
    if (!hidden && !apart(button, each.getBoundingClientRect())) found.push(each.className);
  }
  const { innerHeight: height, innerWidth: width } = window;
  const inside = button.top >= 0 && button.bottom <= height && button.left >= 0 && button.right <= width;
  return inside ? found : [...found, "outside"];
}"""  # noqa: E501
APART = """() => {
  const [one, other] = ["#room button", "#back"].map((each) => document.querySelector(each).getBoundingClientRect());
  return one.bottom <= other.top || other.bottom <= one.top || one.right <= other.left || other.right <= one.left;
}"""  # noqa: E501


# Polls


def test_a_poll_is_open_hidden_or_closed(projector, phone, view, talk, client):
    lead(projector, POLL)
    panel(view, "Polls")
    state = view.get_by_label("State of “Tea or coffee?”")
    state.select_option("Open, result hidden")
    shows(phone, POLL)
    phone.get_by_role("button", name="Tea").click()
    expect(projector.locator(".poll-state")).to_have_text("1 has voted. The result is shown later.")
    expect(projector.locator(".poll .count").first).to_be_empty()
    expect(view.locator("#panel-polls td").first).to_have_text("1")
    assert "tea" not in client("curious").wait("room")["votes"]

    state.select_option("Closed, result shown")
    expect(projector.locator(".poll-state")).to_have_text("Closed: 1 has voted.")
    expect(projector.locator(".poll .count").first).to_have_text("1 · 100 %")
    expect(phone.get_by_role("button", name="Coffee")).to_be_disabled()
    emit(client("late"), "vote", "tea", 1)
    for poll, to in (("tea", "open"), ("tea", None), (["tea"], "open"), ("coffee", "open")):
        emit(client("stranger"), "poll", poll, to)
    emit(client("me", TOKEN), "poll", "tea", "ajar")
    emit(client("me", TOKEN), "poll", ["tea"], "open")
    assert client("curious").wait("room")["polls"]["tea"] == {"state": "closed", "total": 1}

    state.select_option("Open, result shown")
    phone.get_by_role("button", name="Coffee").click()
    expect(projector.locator(".poll .count").nth(1)).to_have_text("1 · 100 %")
    expect(projector.locator(".poll-state")).to_be_empty()
    assert not talk.tracebacks()


# The clock


def kept(talk):
    """Return what a server that comes back would go on with."""
    file = Path(talk.extra["ROOM_FILE"])
    return json.loads(file.read_text())


def test_the_clock_is_one_and_the_remote_has_it(projector, phone, view, talk, open_page):
    remote = open_page(f"{talk.url}/remote.html?token={TOKEN}", **PHONE)
    remote.wait_for_function("deck !== null && leading.connected")
    assert TOKEN not in remote.url
    expect(remote.get_by_role("heading")).to_have_text("The talk")
    expect(remote.locator("#notes strong")).to_have_text("hello")
    expect(remote.locator("#number")).to_have_text("1 of 5")
    expect(remote.locator("#state")).to_be_empty()
    remote.get_by_role("button", name="Next").click()
    shows(phone, STEPWISE)
    expect(view.locator("#start")).to_have_text("Pause")  # The first move starts it everywhere.
    remote.get_by_role("button", name="Next").click()
    shows(phone, STEPWISE, 0)
    remote.get_by_role("button", name="Back").click()
    shows(phone, STEPWISE)
    expect(remote.get_by_role("heading")).to_have_text("Steps of a slide")
    view.evaluate("set({ since: null, before: 250_000 })")
    expect(remote.locator("#elapsed")).to_have_text("4:10")
    expect(remote.locator("#pace")).to_have_text("1:10 behind")
    expect(remote.locator("#start")).to_have_text("Start")
    expect(remote.locator("#coming")).to_have_text("Next slide: An aside")
    remote.get_by_role("button", name="Start").click()
    expect(view.locator("#start")).to_have_text("Pause")
    assert remote.evaluate("document.documentElement.scrollWidth") == 390
    for name in ("Back", "Next"):
        button = remote.get_by_role("button", name=name)
        expect(button).to_be_in_viewport(ratio=1)
        assert button.bounding_box()["height"] >= 100

    def runs_on():
        clock = kept(talk)["clock"]
        return clock["since"] and clock["before"] >= 250

    wait_until(runs_on, "a clock that goes on from 4:10, in the file")
    talk.restart(signal.SIGKILL)
    remote.wait_for_function("leading.connected")
    joined(phone)
    expect(view.locator("#start")).to_have_text("Pause")
    assert remote.evaluate("elapsed()") >= 250
    remote.context.close()


def test_it_warns_and_says_what_to_skip(projector, view):
    lead(projector, STEPWISE)
    warning = view.locator("#warning")

    def at(seconds):
        view.evaluate("seconds => set({ since: null, before: 1000 * seconds })", seconds)

    at(180)
    expect(warning).to_be_empty()
    at(215)
    expect(warning).to_have_text("Skip “An aside” (0:40).")
    lead(projector, POLL)
    at(299)
    expect(warning).to_be_empty()
    at(301)
    expect(warning).to_have_text("5 minutes left.")
    at(545)
    expect(warning).to_have_text("1 minute left.")
    at(601)
    expect(warning).to_have_text("The time is up.")


def test_nobody_else_sets_the_clock(view, client):
    view.evaluate("set({ since: null, before: 61_000 })")
    expect(view.locator("#elapsed")).to_have_text("1:01")
    stranger = client("stranger")
    emit(stranger, "clock", 5, True)
    presenter = client("me", TOKEN)
    for elapsed, runs in (("5", True), (True, True), (-1, True), (1e9, True), (5, 1), (None, None)):
        emit(presenter, "clock", elapsed, runs)
    assert client("me", TOKEN).wait("clock") == {"elapsed": 61, "runs": False}


# The presenter's list of slides


def test_a_list_of_all_slides_that_only_the_presenter_has(projector, phone, view):
    panel(view, "Slides")
    slides = view.locator("#panel-slides button")
    expect(slides).to_have_text(
        ["The talk", "Steps of a slide", "An aside", "Tea or coffee?", "Questions"]
    )
    expect(view.locator("#panel-slides li").nth(ASIDE)).to_contain_text("0:40, may be skipped")
    slides.nth(QUESTIONS).click()
    shows(phone, QUESTIONS)
    expect(slides.nth(QUESTIONS)).to_have_attribute("aria-current", "page")
    view.keyboard.press("PageUp")
    shows(phone, POLL)
    expect(slides.nth(POLL)).to_have_attribute("aria-current", "page")
    assert phone.locator("#panel-slides").count() == 0


# The pointer and the pen


def test_all_see_the_pointer_and_the_lines_at_what_they_point_at(
    projector, phone, view, talk, open_page
):
    laptop = joined(open_page(talk.url, **PROJECTOR))
    projector.emulate_media(reduced_motion="reduce")
    projector.evaluate("Reveal.slide(1, 0, 1)")
    for page in (phone, laptop):
        shows(page, STEPWISE, 1)
    projector.keyboard.press("w")
    expect(projector.locator("#ink")).to_have_class("on")
    left, right = projector.evaluate(f"[({END})(0.1), ({END})(0.9)]")
    projector.mouse.move(*left)
    projector.mouse.move(*right)
    for page in (phone, laptop):
        expect(page.locator("#ink circle")).to_have_css("visibility", "visible")
        page.wait_for_function(POINTED)
    projector.mouse.down()
    projector.mouse.move(*left, steps=100)
    projector.mouse.up()
    expect(projector.locator("#ink polyline")).to_have_count(100)
    for page in (phone, laptop, view.frames[1]):
        page.wait_for_function(DRAWN)
    expect(phone.locator("#ink")).to_have_css("pointer-events", "none")

    projector.keyboard.press("PageUp")  # A fragment is still this slide.
    shows(phone, STEPWISE, 0)
    expect(phone.locator("#ink polyline")).not_to_have_count(0)
    phone.set_viewport_size({"width": 360, "height": 740})
    phone.wait_for_function(DRAWN)
    phone.set_viewport_size(PHONE["viewport"])
    lead(projector, ASIDE)
    for page in (projector, phone, laptop):
        expect(page.locator("#ink polyline")).to_have_count(0)

    projector.mouse.move(600, 300)
    projector.mouse.down()
    projector.mouse.move(700, 320, steps=5)
    projector.mouse.up()
    expect(laptop.locator("#ink polyline")).not_to_have_count(0)
    projector.keyboard.press("w")
    expect(laptop.locator("#ink polyline")).to_have_count(0)
    expect(laptop.locator("#ink circle")).to_have_css("visibility", "hidden")
    phone.keyboard.press("w")  # It has no pen.
    expect(phone.locator("#ink")).not_to_have_class("on")
    laptop.context.close()


# A place on the second line of the list, from its beginning to its end
END = """(part) => {
  const item = document.querySelectorAll(".slides .present li")[1];
  const { left, top, width, height } = item.getBoundingClientRect();
  return [left + part * width, top + height / 2];
}"""
POINTED = f"""() => {{
  const box = document.querySelector("#ink circle").getBoundingClientRect();
  const [x, y] = ({END})(0.9);
  return Math.hypot(box.x + box.width / 2 - x, box.y + box.height / 2 - y) < 3;
}}"""
DRAWN = f"""() => {{
  const last = [...document.querySelectorAll("#ink polyline")].at(-1);
  const end = last && [...last.points].at(-1);
  if (!end) return false;
  const [x, y] = ({END})(0.1);
  return Math.hypot(end.x - x, end.y - y) < 3;
}}"""


def test_nobody_else_points_or_draws(projector, phone, client, talk):
    stranger, presenter, witness = client("stranger"), client("me", TOKEN), client("witness")
    emit(stranger, "point", TITLE, 0, 0.5, 0.5)
    emit(stranger, "ink", TITLE, 0, [[0, 0], [1, 1]])
    for slide, on, points in (
        (TITLE, 0, [[0, 0]] * 65), (TITLE, 0, [[0]]), (TITLE, 0, ["ab"]), (TITLE, 0, [[0, "1"]]),
        (TITLE, 0, [[0, 1e9]]), (TITLE, 0, [[True, 0]]), (TITLE, 0, {"0": [0, 0]}), (TITLE, 0, 7),
        ("0", 0, [[0, 0]]), (TITLE, "<b>", [[0, 0]]), (TITLE, 10**9, [[0, 0]]), (None, None, []),
    ):  # fmt: skip
        emit(presenter, "ink", slide, on, points)
    for place in ((0, 0, "0", 0), (0, 0, None, 0), (0, 0, 1e9, 0), (0.5, 0, 0, 0), (0, [], 0, 0)):
        emit(presenter, "point", *place)
    emit(presenter, "ink", TITLE, 0, [[0.25, 0.25]])

    def heard():
        return [event for event in list(witness.heard.queue) if event[0] in ("ink", "point")]

    wait_until(heard, "the line that is right")
    assert heard() == [("ink", TITLE, 0, [[0.25, 0.25]])]
    assert not talk.tracebacks()


# Who leads


def test_the_lead_is_handed_on_once_and_taken_back(projector, phone, view, talk, open_page, client):
    panel(view, "Lead")
    view.get_by_role("button", name="Invite one").click()
    address = view.locator("#panel-lead .address")
    expect(address).to_have_text(re.compile(r"^http://talk\.example/remote\.html\?token=\w{16}$"))
    view.locator("#panel-lead img").evaluate("image => image.decode()")
    token = address.text_content().rpartition("=")[2]
    second = open_page(f"{talk.url}/remote.html?token={token}", **PHONE)
    second.wait_for_function("deck !== null && leading.connected && frames[0].talk?.leads")
    expect(view.locator("#panel-lead li")).to_have_text(re.compile("Invitation 1: leads"))
    expect(address).to_have_count(0)
    second.get_by_role("button", name="Next").click()
    shows(phone, STEPWISE)

    # It is good for this browser alone, over a crash of the server too; and it can't be handed on.
    for auth in ({"token": token}, {"token": token, "browser": "thief"}):
        thief = Client(talk.url, ["/slides"], auth=auth)
        hello = thief.wait("hello")
        assert hello["leads"] is False
        assert token not in json.dumps(hello)
        thief.close()
    assert token not in Path(talk.extra["ROOM_FILE"]).read_text()
    wait_until(lambda: kept(talk)["state"]["indexh"] == STEPWISE, "the slide in the file")
    talk.restart(signal.SIGKILL)
    second.wait_for_function("leading.connected && frames[0].talk.leads")
    joined(phone)
    view.wait_for_function("leading.connected")
    mine = second.evaluate("localStorage.browser")
    guest = client(mine, token)
    assert emit(guest, "invite") is None
    emit(guest, "take_back", "1")
    for number in ("2", 1, None, ["1"], {}):
        emit(client("me", TOKEN), "take_back", number)
    second.get_by_role("button", name="Next").click()
    shows(phone, STEPWISE, 0)

    view.get_by_role("button", name="Take back").click()
    expect(second.locator("#state")).to_have_text(re.compile("taken back"))
    second.get_by_role("button", name="Next").click()
    expect(view.locator("#panel-lead li")).to_have_count(0)
    lead(projector, POLL)
    shows(phone, POLL)
    assert emit(guest, "publish", "Still me") == "Only the presenter can publish from here."
    assert client(mine, token).sio.connected
    assert client("late").wait("questions")
    second.context.close()


# What is left of it


def test_results_and_rehearsal_are_written_at_the_end(serve, folder, tmp_path):
    files = {name: str(tmp_path / f"{name}.json") for name in ("ROOM_FILE", "RESULTS", "REHEARSAL")}
    talk = serve(ROOT, Deck, TOKEN=TOKEN, SLIDES=str(folder), PYTHONPATH=None, **files)
    presenter = Client(talk.url, ["/slides"], auth={"token": TOKEN})
    position = {"indexh": 0, "indexv": 0, "indexf": -1, "paused": False, "overview": False}
    emit(presenter, "state", position)
    emit(presenter, "clock", 0, True)
    emit(presenter, "state", position | {"indexh": STEPWISE})
    emit(presenter, "state", position | {"indexh": QUESTIONS})
    fan = Client(talk.url, ["/slides"], auth={"browser": "fan"})
    emit(fan, "vote", "tea", 1)
    emit(fan, "ask", "And now?", "")
    for client in (presenter, fan):
        client.close()
    assert talk.stop() == 0
    results = json.loads(Path(files["RESULTS"]).read_text())
    assert results["polls"] == [
        {
            "poll": "tea",
            "question": "Tea or coffee?",
            "state": "open",
            "answers": [{"answer": "Tea", "votes": 0}, {"answer": "Coffee", "votes": 1}],
        }
    ]
    assert results["questions"] == [{"text": "And now?", "name": "", "votes": 0, "state": "open"}]
    record = json.loads(Path(files["REHEARSAL"]).read_text())["slides"]
    assert [slide["title"] for slide in record][:2] == ["The talk", "Steps of a slide"]
    assert sum(slide["seconds"] > 0 for slide in record) <= 3


def test_a_rehearsal_is_compared_with_the_plan(monkeypatch, folder, tmp_path, capsys):
    monkeypatch.setattr(slides_page, "HERE", folder)
    monkeypatch.setenv("COLUMNS", "100")
    record = tmp_path / "2.json"
    rehearsal.show(record)
    assert "the clock did not run" in capsys.readouterr().out
    for name, seconds in (("0.json", 999), ("1.json", 50), ("2.json", 90)):
        slides = [{"title": "The talk", "seconds": seconds}, {"title": "An aside", "seconds": 30}]
        (tmp_path / name).write_text(json.dumps({"slides": slides}))
    rehearsal.show(record)
    rows = [re.split(r"\s*│\s*", line.strip()) for line in capsys.readouterr().out.splitlines()]
    assert ["The talk", "1:00", "1:30", "+0:30", "0:50"] in rows
    assert ["An aside", "0:40", "0:30", "−0:10", "0:30"] in rows
    assert ["Steps of a slide", "2:00", "", "", ""] in rows
    assert ["Talk", "5:00", "2:00", "−3:00", "1:20"] in rows
    assert ["All", "10:00", "2:00", "−8:00", "1:20"] in rows
    (tmp_path / "1.json").write_text("[]")
    rehearsal.show(record)  # One that can't be read is as none.
    assert "1:30" in capsys.readouterr().out


def test_the_tool_says_where_results_and_record_are(tool, tmp_path):
    file = tmp_path / "slides" / "results.json"
    slides = tool("--no-browser", "--rehearse")
    token = re.search(r"token=(\w+)", "\n".join(slides.log))[1]
    presenter = Client(slides.url, ["/slides"], auth={"token": token})
    emit(presenter, "clock", 30, True)
    emit(presenter, "clock", 31, False)
    emit(presenter, "ask", "Is it kept?", "")
    presenter.close()
    slides.ctrl_c()
    said = "\n".join(slides.log)
    assert f"Polls and questions: {file}" in said
    assert "Is it kept?" in file.read_text()
    assert re.search(r"Difference.*Last time", said)
    record = re.search(r"Kept in (\S+\.json)", said)[1]
    (ROOT / record).unlink()

    command = [sys.executable, "-m", "workshop", "slides", "--results=no/such/folder.json"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.returncode == 2
    assert "can't be written" in done.stderr


def test_a_pdf_has_the_notes_under_each_slide(folder, tmp_path):
    file = tmp_path / "talk-notes.pdf"
    many = " ".join(["Say a lot."] * 400) + " The last word."
    deck = tmp_path / "slides"
    shutil.copytree(folder, deck, symlinks=True)
    (deck / "deck.md").write_text(DECK.replace("Repeat each question.", many))
    done = export(file, SLIDES=str(deck))
    assert done.returncode == 0, done.stderr
    pages = [page.extract_text() for page in pypdf.PdfReader(file).pages]
    assert len(pages) == 5
    assert "The talk" in pages[TITLE]
    assert "Say hello." in pages[TITLE]
    assert "The last word." in pages[QUESTIONS]
    assert "Say hello." not in "".join(pages[1:])

    done = export(tmp_path / "site")
    assert done.returncode == 1
    assert "Notes are for a PDF" in done.stderr


def export(where, **extra):
    """Export the slides with their notes."""
    command = [sys.executable, "-m", "workshop", "slides", f"--export={where}", "--notes"]
    options = {"cwd": ROOT, "env": environment(**extra), "capture_output": True, "text": True}
    return subprocess.run(command, **options)


# All of it


def test_axe_finds_nothing_wrong(projector, phone, view, talk, open_page, client):
    emit(client("asks"), "ask", "Is it readable?", "Somebody")
    remote = open_page(f"{talk.url}/remote.html?token={TOKEN}", **PHONE)
    remote.wait_for_function("deck !== null && leading.connected")
    lead(projector, QUESTIONS)
    shows(phone, QUESTIONS)
    view.evaluate("set({ since: null, before: 599_000 })")
    expect(remote.locator("#warning")).not_to_be_empty()
    found = {}
    for page in (projector, phone, view, remote):
        page.evaluate(AXE.read_text())
    for scheme in ("light", "dark"):
        for page in (projector, phone, view, remote):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found[scheme, "button"] = violations(phone, "#room")
        phone.get_by_role("button", name="Ask").click()
        found[scheme, "sheet"] = violations(phone, "#sheet")
        phone.get_by_role("button", name="Close").click()
        found[scheme, "slide"] = violations(projector, "body")
        found[scheme, "remote"] = violations(remote, "body")
        for name in ("Questions", "Polls", "Slides", "Lead"):
            panel(view, name)
            if name == "Lead":
                view.get_by_role("button", name="Invite one").click()
                expect(view.locator("#panel-lead .address")).to_be_visible()
            found[scheme, name] = violations(view, "body")
    assert {place: wrong for place, wrong in found.items() if wrong} == {}
    remote.context.close()
