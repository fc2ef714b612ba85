"""The slides as they are presented: who leads, who follows, what is live, the tool, the exports."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
import unicodedata

import psutil
import pypdf
import pytest
import requests
from playwright.sync_api import expect

from support import (
    FRAMED,
    PATIENCE,
    ROOT,
    STEPS,
    Client,
    Server,
    environment,
    listening,
    slides_with,
    wait_until,
)
from workshop.base.problem import Problem
from workshop.talk import export
from workshop.talk import page as slides_page

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
TOKEN = "only-for-tests"
PHONE = {"viewport": {"width": 390, "height": 844}}
DECK = """
<!-- .slide: data-section="Beginning" data-timing="60" -->

# The talk

Note:

Say **hello**.

---

<!-- .slide: data-section="Middle" data-timing="120" -->

## Steps of a slide

- one <!-- .element: class="fragment" -->
- two <!-- .element: class="fragment" -->

---

<!-- .slide: data-publish data-timing="60" -->

## Live

![The board, as a picture](pictures/redis.svg)
<!-- .element: data-live="4" data-windows="2" -->

---

<!-- .slide: data-poll="tea" -->

## Tea or coffee?

- Tea
- Coffee

Note:

- Ask for hands.

---

<!-- .slide: data-join -->

## Come along

---

## The end

```python [1|2]
first = 1
second = 2
```
"""
TITLE, STEPWISE, LIVE, POLL, JOIN, END = range(6)


class Deck(Server):
    """The slides' server."""

    def command(self):
        """Return what Python is to run, with the address after it."""
        return ["-m", "workshop.talk.server"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The slides with a small deck of the tests' own."""
    return slides_with(DECK, tmp_path_factory.mktemp("slides"))


@pytest.fixture(scope="module")
def step(serve):
    """Step 4, which runs in the slides."""
    return serve(STEPS[4], **FRAMED)


@pytest.fixture(scope="module")
def talk(serve, step, folder):
    """The slides' server."""
    settings = {"STEPS": json.dumps({"4": step.port}), "ROOM": "http://talk.example"}
    return serve(ROOT, Deck, SLIDES=str(folder), TOKEN=TOKEN, PYTHONPATH=None, **settings)


@pytest.fixture(scope="module")
def open_page(chromium):
    """Open windows that stay until the module ends, each as of a person of its own."""
    contexts, errors = [], []

    def open_page(url, **options):
        context = chromium.new_context(**options)
        context.set_default_timeout(PATIENCE * 1000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(error))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture(scope="module")
def windows(open_page, talk):
    """The projector's window, which leads, and a phone that follows."""
    projector = joined(open_page(f"{talk.url}/?token={TOKEN}"))
    return projector, joined(open_page(talk.url, **PHONE))


@pytest.fixture
def projector(windows):
    """The window that leads, on its first slide, with the phone behind it."""
    lead(windows[0], TITLE)
    windows[1].evaluate("comeBack()")
    shows(windows[1], TITLE)
    return windows[0]


@pytest.fixture
def phone(windows, projector):
    """The window that follows."""
    return windows[1]


def joined(page):
    """Wait until a window has heard from the server."""
    page.wait_for_function("window.talk?.connected")
    return page


def lead(page, slide):
    """Take a window to a slide."""
    page.evaluate("n => { Reveal.togglePause(false); Reveal.toggleOverview(false) }")
    page.evaluate("n => Reveal.slide(n, 0, -1)", slide)


def shows(page, slide, fragment=-1, **flags):
    """Wait until a window shows a slide, up to a fragment."""
    flags = {"paused": False, "overview": False} | flags
    page.wait_for_function(
        "want => Object.entries(want).every(([name, value]) => position()[name] === value)",
        arg={"indexh": slide, "indexf": fragment} | flags,
    )


def at(page):
    """Return where a window is."""
    return page.evaluate("position()")


def server_says(talk):
    """Return what the server tells somebody who comes in."""
    client = Client(talk.url, ["/slides"])
    hello = client.wait("hello")
    client.close()
    return hello


# Following


def test_the_room_follows_slides_fragments_overview_and_pause(projector, phone):
    for key, slide, fragment in [
        ("ArrowRight", STEPWISE, -1),
        ("PageDown", STEPWISE, 0),
        ("Space", STEPWISE, 1),
        ("PageDown", LIVE, -1),
        ("PageUp", STEPWISE, 1),
        ("PageUp", STEPWISE, 0),
    ]:
        projector.keyboard.press(key)
        shows(phone, slide, fragment)
    projector.keyboard.press("b")
    shows(phone, STEPWISE, 0, paused=True)
    projector.keyboard.press("b")
    projector.keyboard.press("o")
    shows(phone, STEPWISE, 0, overview=True)
    projector.keyboard.press("Escape")
    projector.locator(".navigate-right").click()
    shows(phone, STEPWISE, 1)
    lead(projector, END)
    projector.keyboard.press("ArrowRight")
    shows(phone, END, 0)  # the lines of code, one after the other
    expect(phone).to_have_title("The end · The talk")


def test_who_comes_late_is_where_all_are(projector, phone, talk, window):
    lead(projector, STEPWISE)
    projector.keyboard.press("ArrowRight")
    shows(phone, STEPWISE, 0)
    shows(window(talk.url), STEPWISE, 0)


def test_who_leaves_the_lead_is_let_alone_and_comes_back(projector, phone):
    back = phone.locator("#back")
    for come_back in (lambda: phone.keyboard.press("r"), back.click):
        lead(projector, STEPWISE)
        shows(phone, STEPWISE)
        expect(back).to_be_hidden()
        phone.locator(".navigate-right").click()
        shows(phone, STEPWISE, 0)
        expect(back).to_be_visible()
        lead(projector, POLL)
        wait_until(lambda: phone.evaluate("state.indexh") == POLL, "the phone to hear of it")
        assert at(phone)["indexh"] == STEPWISE
        come_back()
        shows(phone, POLL)
        expect(back).to_be_hidden()
    phone.keyboard.press("ArrowLeft")
    expect(back).to_be_visible()
    expect(phone).to_have_url(re.compile(f"#/{LIVE + 1}$"))
    joined(phone.reload() and phone)
    expect(back).to_be_visible()
    shows(phone, LIVE)


def test_a_false_token_does_not_lead(projector, talk, window):
    stranger = joined(window(f"{talk.url}/?token=false"))
    stranger.keyboard.press("End")
    expect(stranger.locator("#back")).to_be_visible()
    assert server_says(talk)["state"]["indexh"] == TITLE
    assert at(projector)["indexh"] == TITLE
    for token in (None, "", TOKEN + " ", [TOKEN], {"token": TOKEN}, "\ud800", 0):
        client = Client(talk.url, ["/slides"], auth={"token": token})
        assert client.wait("hello")["leads"] is False
        client.close()


def test_two_windows_that_lead_agree(projector, phone, talk, open_page):
    tablet = joined(open_page(f"{talk.url}/?token={TOKEN}", **PHONE))
    tablet.keyboard.press("End")
    shows(projector, END)
    projector.keyboard.press("ArrowLeft")
    shows(tablet, JOIN)
    for number in range(3):
        # Both at once: whoever the server heard last is right.
        tablet.evaluate("n => Reveal.slide(n)", number)
        projector.evaluate("n => Reveal.slide(n)", number + 2)
    settled = "unheard === 0"
    tablet.wait_for_function(settled)
    projector.wait_for_function(settled)
    last = server_says(talk)["state"]["indexh"]
    for page in (projector, tablet, phone):
        shows(page, last)
    tablet.context.close()


def test_a_server_that_dies_is_found_again_and_loses_nobody(projector, phone, talk):
    lead(projector, STEPWISE)
    shows(phone, STEPWISE)
    talk.stop(signal.SIGKILL)
    expect(phone.locator("#lost")).to_have_text(re.compile("trying again"))
    projector.keyboard.press("End")  # The presenter goes on.
    talk.start()
    expect(phone.locator("#lost")).to_be_hidden()
    shows(phone, END)
    assert at(projector)["indexh"] == END
    # The server is there, and has not heard where the presenter went meanwhile.
    projector.evaluate("n => { socket.io.engine.close(); Reveal.slide(n) }", POLL)
    shows(phone, POLL)
    assert at(projector)["indexh"] == POLL


def test_the_token_is_in_no_address_and_in_nothing_that_others_get(projector, talk):
    assert TOKEN not in projector.url
    assert TOKEN not in projector.evaluate("document.documentElement.outerHTML")
    for path in ("/", "/presenter.html", "/slides.js", "/presenter.js", "/token.js", "/qr.svg"):
        answer = talk.get(path)
        assert answer.status_code == 200
        assert TOKEN not in answer.text
    for path in (
        "/serve.py",
        "/deck.md",
        "/../steps/README.md",
        "/reveal.js/dist/%2e%2e/README.md",
    ):
        assert talk.get(path).status_code == 404
    assert TOKEN not in json.dumps(server_says(talk))


# What is live


def test_a_running_step_takes_the_place_of_its_picture(projector, phone, step):
    step.stop()
    projector.wait_for_function("!('4' in steps)")
    lead(projector, LIVE)
    picture = projector.get_by_alt_text("The board, as a picture")
    expect(picture).to_be_visible()
    expect(projector.locator(".not-running")).to_have_text(re.compile("Step 4 is not running"))
    assert projector.locator("iframe").count() == 0
    step.start()
    expect(projector.locator("iframe")).to_have_count(2)  # as soon as it runs
    expect(picture).to_be_hidden()
    shows(phone, LIVE)
    expect(phone.locator("iframe")).to_have_count(1)
    first = projector.frame_locator("iframe").first
    expect(first.locator("#state")).to_have_text("Live, by websocket.")

    # What is typed in a frame stays there; a button takes the keys back.
    first.locator("[name=text]").press_sequentially("n p")
    assert at(projector)["indexh"] == LIVE
    expect(first.locator("[name=text]")).to_have_value("n p")
    projector.get_by_role("button", name="Back to the slides").click()
    projector.keyboard.press("PageDown")
    shows(phone, POLL)
    assert projector.locator("iframe").count() == 0


def test_what_the_presenter_publishes_is_on_the_board_of_all(projector, phone, talk, redis, step):
    heard = listener(redis)
    lead(projector, LIVE)
    shows(phone, LIVE)
    board = phone.frame_locator("iframe")
    expect(board.locator("#state")).to_have_text("Live, by websocket.")
    box = projector.locator(".publish input")
    projector.keyboard.press("p")
    expect(box).to_be_focused()
    projector.keyboard.type("Coffee is ready n")
    projector.keyboard.press("Enter")
    expect(board.locator("#notices li").first).to_contain_text("Coffee is ready n")
    expect(board.locator("#notices li").first).to_contain_text("The slides")
    expect(projector.locator(".publish output")).to_have_text("Published. 2 servers heard it.")
    assert json.loads(heard.get()) == {"author": "The slides", "text": "Coffee is ready n"}
    projector.keyboard.press("p")
    projector.keyboard.press("PageDown")  # A clicker need not know where the cursor is.
    shows(phone, POLL)

    expect(phone.locator(".publish")).to_be_hidden()
    client = Client(talk.url, ["/slides"])
    assert "presenter" in client.sio.call("publish", "I am in", namespace="/slides")
    client.close()
    redis.stop()
    leader = Client(talk.url, ["/slides"], auth={"token": TOKEN})
    assert "Redis" in leader.sio.call("publish", "Anybody?", namespace="/slides", timeout=PATIENCE)
    leader.close()
    redis.start()


def listener(redis):
    """Subscribe to what is published; return it by get()."""
    import redis as client

    pubsub = client.Redis.from_url(redis.url).pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe("notices")
    pubsub.get_message(timeout=PATIENCE)

    class Listener:
        @staticmethod
        def get():
            return wait_until(lambda: pubsub.get_message(timeout=1), "a message")["data"]

    return Listener


def test_a_poll_shows_every_vote_at_once(projector, phone, talk, window):
    lead(projector, POLL)
    other = joined(window(talk.url))
    shows(phone, POLL)
    tea, coffee = (projector.locator(".poll button").nth(n) for n in range(2))
    phone.get_by_role("button", name="Tea").click()
    other.get_by_role("button", name="Coffee").focus()
    other.keyboard.press("Space")
    expect(tea).to_have_text("Tea1 · 50 %")
    expect(coffee).to_have_text("Coffee1 · 50 %")
    shows(other, POLL)
    other.get_by_role("button", name="Tea").click()
    expect(tea).to_have_text("Tea2 · 100 %")
    expect(coffee).to_have_text("Coffee0 · 0 %")
    joined(other.reload() and other)
    expect(other.locator(".poll [aria-pressed=true] .answer")).to_have_text("Tea")
    other.get_by_role("button", name="Tea").click()
    phone.get_by_role("button", name="Coffee").click()
    expect(tea).to_have_text("Tea1 · 50 %")


def test_what_a_hostile_client_sends_harms_nobody(projector, phone, talk):
    before = server_says(talk)
    for auth in (None, {"token": TOKEN}):
        client = Client(talk.url, ["/slides"], auth=auth)
        good = {"indexh": 1, "indexv": 0, "indexf": 0, "paused": False, "overview": False}
        if not auth:
            client.sio.call("state", good, namespace="/slides")
        for state in (
            None, 5, "x", [], {}, good | {"indexh": "1"}, good | {"indexh": 10**6}, good | {"x": 1},
            good | {"indexf": True}, good | {"paused": 1}, good | {"overview": "<b>"},
        ):  # fmt: skip
            client.sio.emit("state", state, namespace="/slides")
        for vote in (
            ("tea", 2), ("tea", -1), ("tea", True), ("tea", "1"), ("coffee", 0), (["tea"], 0),
            ({"tea": 1}, None), ("tea",), ("tea", 0, 0), (),
        ):  # fmt: skip
            client.sio.emit("vote", vote, namespace="/slides")
        for text in (5, ["x"], {"text": "x"}, " "):
            answer = client.sio.call("publish", text, namespace="/slides")
            assert isinstance(answer, str)
        for event in ("hello", "up", "version", "tell", "room", "look_around", "tell_soon"):
            client.sio.emit(event, {"up": {"4": 22}}, namespace="/slides")
        client.sio.emit("publish", "x" * 100_000, namespace="/slides")
        wait_until(lambda client=client: not client.sio.connected, "the server to hang up")
    after = server_says(talk)
    assert after["state"] == before["state"]
    assert after["votes"] == before["votes"]
    projector.keyboard.press("PageDown")
    shows(phone, STEPWISE)
    assert not talk.tracebacks()


def test_a_saved_deck_is_loaded_by_all_at_the_same_slide(projector, phone, folder):
    lead(projector, STEPWISE)
    projector.keyboard.press("ArrowRight")
    shows(phone, STEPWISE, 0)
    (folder / "deck.md").write_text(DECK.replace("Steps of a slide", "Steps of a new slide"))
    for page in (projector, phone):
        expect(page.get_by_role("heading", name="Steps of a new slide")).to_be_visible()
        joined(page)
        shows(page, STEPWISE, 0)


# The presenter's view


def test_axe_finds_nothing_wrong_with_what_is_live(projector, phone, talk, open_page):
    """Contrast, names, roles: WCAG 2.2 AA, of what the exported slides do not have."""
    view = open_page(f"{talk.url}/presenter.html?token={TOKEN}")
    view.wait_for_function("deck !== null")
    phone.keyboard.press("End")
    expect(phone.locator("#back")).to_be_visible()
    lead(projector, POLL)
    projector.get_by_role("button", name="Tea").click()
    for page in (projector, phone, view):
        page.evaluate(AXE.read_text())
    found = {}
    for scheme in ("light", "dark"):
        for page in (projector, phone, view):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for slide in (LIVE, POLL, JOIN):
            lead(projector, slide)
            found[scheme, slide] = violations(projector, "body")
        found[scheme, "alone"] = violations(phone, "#follow")
        found[scheme, "view"] = violations(view, "body")
    assert {place: wrong for place, wrong in found.items() if wrong} == {}
    view.context.close()


def violations(page, selector):
    """Return what axe finds wrong in a part of a page; pages in frames are not ours."""
    tags = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
    result = page.evaluate(
        "([part, runOnly]) => axe.run(part, { runOnly, iframes: false })",
        [selector, tags],
    )
    return [
        f"{wrong['id']}: {each['html'][:120]} {each['failureSummary']}"
        for wrong in result["violations"]
        for each in wrong["nodes"]
    ]


def test_the_presenters_view_has_notes_time_and_plan(projector, phone, talk, open_page):
    page = open_page(f"{talk.url}/presenter.html?token={TOKEN}", color_scheme="dark")
    assert TOKEN not in page.url
    page.wait_for_function("deck !== null && leading.connected")
    page.evaluate("set({ before: 0, since: null })")
    expect(page.locator("#notes strong")).to_have_text("hello")
    expect(page.locator("#number")).to_have_text("1 of 6")
    rows = page.locator("#plan tr")
    expect(rows).to_have_text(["Beginning1:001:00", "Middle3:004:00"])
    expect(rows.nth(0)).to_have_attribute("aria-current", "true")
    expect(page.locator("#room")).to_have_text("1 follows at http://talk.example")
    expect(page.frame_locator("#coming").locator("h2.now, section.present h2")).to_have_text(
        re.compile("^Steps of a (new )?slide$")  # whether or not a test before saved it
    )
    page.keyboard.press("PageDown")
    shows(phone, STEPWISE)
    expect(rows.nth(1)).to_have_attribute("aria-current", "true")
    expect(page.locator("#notes")).to_have_text("No notes.")
    expect(page.locator("#pace")).to_have_text(re.compile(r"0:5\d ahead"))
    expect(page.locator("#start")).to_have_text("Pause")  # by itself, as nobody thinks of it
    page.keyboard.press("ArrowRight")
    shows(phone, STEPWISE, 0)
    pace = "set({ since: Date.now() - 185_000 }), document.querySelector('#pace').textContent"
    assert page.evaluate(pace) == "0:05 behind"  # for a second
    page.keyboard.press("t")
    expect(page.locator("#start")).to_have_text("Start")
    page.keyboard.press("b")
    shows(phone, STEPWISE, 0, paused=True)
    page.keyboard.press("b")
    shows(phone, STEPWISE, 0)
    lead(projector, LIVE)
    expect(page.locator("#number")).to_have_text("3 of 6")
    page.keyboard.press("p")  # from here into the box on the slide
    expect(page.frame_locator("#current").locator(".publish input")).to_be_focused()
    page.keyboard.press("PageUp")
    shows(phone, STEPWISE, 1)

    page.set_viewport_size(PHONE["viewport"])
    page.get_by_role("button", name="Previous").click()
    shows(phone, STEPWISE, 0)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    expect(page.locator("#notes")).to_be_in_viewport()
    page.context.close()


# The exports


@pytest.fixture(scope="module")
def own_deck(folder):
    """Have the exports take the small deck."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slides_page, "HERE", folder)
        yield


def test_the_site_opens_from_a_file_with_all_its_pictures(own_deck, tmp_path, window, capsys):
    site = tmp_path / "site"
    export.export_site(site)
    assert re.search(r"site: \d+ files, \d+\.\d MB", capsys.readouterr().out)
    assert "MIT" in (site / "reveal.js" / "LICENSE").read_text()

    wrong = []
    page = window("about:blank")
    page.on("request", lambda request: request.url.startswith("file:") or wrong.append(request.url))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    page.on("console", lambda message: wrong.append(message.text))
    page.goto((site / "index.html").as_uri())
    page.wait_for_function("window.Reveal?.isReady()")
    for number in range(6):
        expect(page).to_have_title(re.compile(" · The talk" if number else "^The talk$"))
        page.keyboard.press("ArrowRight")
        if number == STEPWISE:
            page.keyboard.press("Shift+End")
            page.keyboard.press("ArrowRight")
    assert page.evaluate("[...document.images].map(image => image.naturalWidth > 0)") == [True]
    assert page.locator("iframe, .publish, .poll").count() == 0
    join = page.locator("section", has=page.locator(".join")).text_content()
    assert "at home" in join, "nobody can follow here"
    assert "workshop" not in join, "a command is the presenter's business, not the audience's"
    assert wrong == []


def test_a_folder_with_something_else_in_it_is_left_alone(own_deck, tmp_path):
    site = tmp_path / "site"
    export.export_site(site)
    (site / "pictures" / "old.png").touch()
    export.export_site(site)  # An earlier export is replaced.
    assert not (site / "pictures" / "old.png").exists()
    (site / "CNAME").write_text("talk.example")
    other = tmp_path / "other"
    other.mkdir()
    (other / "index.html").write_text("mine")
    for place in (site, other, tmp_path, other / "index.html"):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(Problem, match="Name a"):
            export.export_site(place)
        assert sorted(tmp_path.rglob("*")) == before


def test_the_pdf_has_a_page_for_each_slide_and_none_is_blank(tmp_path):
    command = [sys.executable, "-m", "workshop", "slides", "--export", tmp_path / "talk.pdf"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pages = pypdf.PdfReader(tmp_path / "talk.pdf").pages
    headings = re.findall("^##? (.+)$", (ROOT / "slides" / "deck.md").read_text(), re.MULTILINE)
    assert f"talk.pdf: {len(headings)} pages" in done.stdout
    assert len(pages) == len(headings)
    for page, heading in zip(pages, headings, strict=True):
        text = unicodedata.normalize("NFKC", page.extract_text())  # "ff" may be one letter
        assert re.sub(r"\W", "", heading) in re.sub(r"\W", "", text)
        assert [round(side) for side in page.mediabox[2:]] == [960, 540]  # points


# The tool


class Tool(Server):
    """`python3 -m workshop slides`, until Ctrl-C."""

    def __init__(self, *options, **extra):
        self.options = options
        super().__init__(ROOT, **extra)

    def start(self):
        """Start, and wait until it says that all can be used."""
        command = ["-m", "workshop", "slides", f"--port={self.port}"]
        self.process = subprocess.Popen(
            [sys.executable, *command, *self.options],
            cwd=ROOT,
            env=environment(**self.extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.reader = threading.Thread(target=self.read, args=[self.process.stdout], daemon=True)
        self.reader.start()
        self.wait_for_log("Ctrl-C ends it")

    def family(self):
        """Return all processes that the tool has started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def listening(self):
        """Return where these processes listen: address and port."""
        return listening(self.family())

    def ctrl_c(self):
        """End it as a terminal does; nothing may be left."""
        family = self.family()
        assert self.stop(signal.SIGINT) == 0, self.log
        assert psutil.wait_procs(family, PATIENCE)[1] == []
        assert not self.tracebacks()


@pytest.fixture
def tool(database, redis, tmp_path):
    """Start the tool: tool(*options); it ends with the test."""
    browser = tmp_path / "browser"
    browser.write_text('#!/bin/sh\necho "opened $1"\n')
    browser.chmod(0o755)
    with contextlib.ExitStack() as stack:

        def start(*options):
            settings = {"DATABASE_URL": database.copy(), "REDIS_URL": redis.url}
            settings["SLIDES_STATE"] = str(tmp_path / "slides")  # and not the last talk's
            new = Tool(*options, BROWSER=f"{browser} %s", **settings)
            stack.callback(new.stop, signal.SIGKILL)
            return new

        yield start


def test_the_tool_serves_deck_and_steps_to_this_machine_only(tool, redis):
    slides = tool()
    lines = "\n".join(slides.log)
    for page in ("", "presenter.html"):
        address = re.search(rf"http://localhost:{slides.port}/{page}\?token=(\w+)", lines)
        slides.wait_for_log(f"^opened {re.escape(address[0])}$")
        answer = requests.get(address[0], timeout=PATIENCE)
        assert answer.ok
        assert address[1] not in answer.text
    assert "slides --share" in lines
    slides.wait_for_log("The steps are up")
    ports = dict(re.findall(r"(\d) at :(\d+)", lines))
    assert list(ports) == ["1", "2", "3", "4"], "the steps of the talk"
    for number, port in ports.items():
        answer = requests.get(f"http://localhost:{port}", timeout=PATIENCE)
        assert answer.ok, number
        assert "http://localhost:*" in answer.headers["Content-Security-Policy"]
    assert {address for address, _ in slides.listening()} == {"127.0.0.1"}

    publish = [sys.executable, "-m", "workshop", "publish", "Hello"]
    elsewhere = environment(REDIS_URL=None)

    def heard():
        # It goes to what was started last here: for a moment, that may be another test's.
        done = subprocess.run(publish, cwd=ROOT, env=elsewhere, capture_output=True, text=True)
        return "heard it" in done.stdout

    wait_until(heard, "a server to hear it")

    for what, port in (("Step 4", int(ports["4"])), ("The slides' server", slides.port)):
        for process in slides.family():
            if port in {each.laddr.port for each in process.net_connections("tcp")}:
                process.kill()
        slides.wait_for_log(f"{what} had died: started again")
        wait_until(lambda port=port: responds(port), "an answer")
    slides.ctrl_c()


def responds(port):
    """Tell whether a server on this port shows its page."""
    try:
        return requests.get(f"http://localhost:{port}", timeout=PATIENCE).ok
    except requests.ConnectionError:
        return False


def test_share_lets_the_room_in_and_says_how(tool):
    slides = tool("--share", "--no-browser")
    lines = "\n".join(slides.log)
    room = re.search(r"On this network: (http://\S+)", lines)[1]
    assert re.search("[▀▄█]{9}", lines), "a QR code"
    assert "guests apart" in lines
    place = {"headers": {"Host": room.removeprefix("http://")}}
    assert room in slides.get("/", **place).text
    assert slides.get("/", headers={"Host": "evil.example"}).status_code == 400
    assert not any("opened" in line for line in slides.log)
    assert ("0.0.0.0", slides.port) in slides.listening()
    wait_until(lambda: allowed_to_frame(slides, room), "a step that lets the deck frame it")
    slides.ctrl_c()


def allowed_to_frame(slides, room):
    """Tell whether a step has been started that the shared deck may have in a frame."""
    for process in slides.family():
        with contextlib.suppress(psutil.Error):
            if room in process.environ().get("FRAME_ANCESTORS", "").split():
                return True
    return False


def test_a_taken_port_is_a_sentence(talk):
    command = [sys.executable, "-m", "workshop", "slides", "--no-browser", f"--port={talk.port}"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.returncode == 1
    assert f"Port {talk.port} is taken by" in done.stderr
