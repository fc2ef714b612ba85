"""What can fail on stage: demos, what they depend on, strangers who write, keys, what is kept."""

import contextlib
import http.client
import json
import re
import signal
import struct
import subprocess
import sys
import time

import pytest
import redis as redis_client
import requests
from playwright.sync_api import expect
from test_follow import PHONE, TOKEN, Deck, Tool, joined

from support import FRAMED, PATIENCE, ROOT, STEPS, Client, Redis, fill, slides_with, wait_until
from workshop.serving import redis_server
from workshop.talk import export

PICTURES = ROOT / "slides" / "pictures"
SLIDES = (ROOT / "slides" / "deck.md").read_text()
DECK = """
# The talk

---

<!-- .slide: data-stacks -->

## Stacks

```sh
python3 -m workshop stacks
```

```text
as it was
```

---

## Slow

![Still](pictures/step-2.png)
<!-- .element: data-live="2" data-windows="2" data-path="/|/slow/" data-recording="step-2" -->

---

## Step 1

![Still](pictures/step-1.png)
<!-- .element: data-live="1" data-windows="2" data-recording="step-1" -->

---

<!-- .slide: data-publish -->

## Step 4

![Still](pictures/step-4.png)
<!-- .element: data-live="4" data-windows="2" data-recording="step-4" -->

---

<!-- .slide: data-poll="tea" -->

## Tea?

- Yes
- No
"""
TITLE, STACKS, SLOW, ONE, FOUR, POLL = range(6)
SECRET = {"STACKS_TOKEN": "only-for-this-test"}
HOSTS = "localhost,127.0.0.1,.localhost"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The slides with a small deck of the tests' own."""
    return slides_with(DECK, tmp_path_factory.mktemp("slides"))


@pytest.fixture(scope="module")
def steps(serve, tmp_path_factory):
    """The steps that run in the slides, as the tool starts them there."""
    kept = tmp_path_factory.mktemp("kept")
    settings = {"STAGE_FILE": str(kept / "04.json"), "POSTS_IN_TEN_SECONDS": "1000"}
    settings["ALLOWED_HOSTS"] = HOSTS
    return {
        "1": serve(STEPS[1], **FRAMED, **SECRET),
        "2": serve(STEPS[2], **FRAMED, **SECRET),
        "4": serve(STEPS[4], **FRAMED, **SECRET, **settings),
    }


@pytest.fixture(scope="module")
def talk(serve, steps, folder):
    """The slides' server, which was told an address that this machine does not have."""
    return serve(
        ROOT,
        Deck,
        SLIDES=str(folder),
        TOKEN=TOKEN,
        PYTHONPATH=None,
        ROOM="http://192.0.2.99:8000",
        ROOM_FILE=str(folder.parent / "room.json"),
        ALLOWED_HOSTS=HOSTS,
        STEPS=json.dumps({number: step.port for number, step in steps.items()}),
        TOKENS=json.dumps(dict.fromkeys(steps, SECRET["STACKS_TOKEN"])),
    )


@pytest.fixture
def projector(window, talk, steps):
    """The window that leads."""
    page = joined(window(f"{talk.url}/?token={TOKEN}"))
    page.wait_for_function("Object.keys(steps).length === 3")
    return page


@pytest.fixture
def view(projector, talk):
    """The presenter's view, in another window of the same browser."""
    page = projector.context.new_page()
    page.goto(f"{talk.url}/presenter.html?token={TOKEN}")
    page.wait_for_function("deck && current.contentWindow.talk.connected")
    return page


@pytest.fixture
def leader(talk):
    """A client that leads: leader(event, …) → its acknowledgement."""
    client = Client(talk.url, ["/slides"], auth={"token": TOKEN})

    def say(event, *arguments):
        data = arguments if len(arguments) != 1 else arguments[0]
        return client.sio.call(event, data, namespace="/slides", timeout=PATIENCE)

    say.client = client
    yield say
    client.close()


def turn(page, slide):
    """Take a window to a slide."""
    page.evaluate("n => Reveal.slide(n, 0, -1)", slide)


def shows(page, slide):
    """Wait until a window shows a slide."""
    page.wait_for_function("n => position().indexh === n", arg=slide)


# What people are told to type


def test_nothing_to_type_ends_a_process_by_a_name():
    files = subprocess.run(
        ["git", "ls-files", "*.md", "*.ipynb", "*.html"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    wrong = re.compile(r"\b(pkill|killall|pgrep|taskkill /im)\b", re.IGNORECASE)
    found = [name for name in files if (ROOT / name).exists() and wrong.search(read(name))]
    assert len(files) > 20
    assert found == []


def read(name):
    """Return the text of a file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def test_a_signal_that_was_meant_for_a_step_does_not_end_the_slides(talk):
    talk.wait_for_log("The slides are at")
    talk.process.send_signal(signal.SIGUSR1)
    talk.wait_for_log("Greenlet")
    assert talk.get().ok


# Demos


def test_the_stacks_of_the_running_step_are_on_the_slide(projector, view, talk, steps, window):
    phone = joined(window(talk.url, **PHONE))
    turn(projector, STACKS)
    shows(phone, STACKS)
    expect(phone.locator(".stacks button")).to_be_hidden()
    lines = projector.locator(".present pre code").last
    expect(lines).to_have_text("as it was")
    projector.get_by_role("button", name="Ask step 2 now").click()
    for page in (projector, phone):
        code = page.locator(".present pre code").last
        expect(code).to_contain_text(re.compile(r"3 ×\s+notices/views.py:\d+ in slow"))
        expect(code).to_contain_text("time.sleep(5)")
        assert len(code.inner_text().splitlines()) <= 8
        expect(page.locator(".present output")).to_contain_text("Live from step 2")
    late = joined(window(talk.url))
    expect(late.locator(".present pre code").last).to_contain_text("time.sleep(5)")

    steps["2"].stop()
    view.keyboard.press("d")  # from the other screen
    expect(projector.locator(".present output")).to_have_count(1)
    expect(view.frame_locator("#current").locator(".present output")).to_have_text(
        "No answer from step 2."
    )
    expect(lines).to_contain_text("time.sleep(5)")
    steps["2"].start()


def test_only_who_leads_begins_a_demo(talk, leader):
    stranger = Client(talk.url, ["/slides"])
    stranger.sio.call("stacks", namespace="/slides")
    stranger.sio.call("demo", ("recording", True), namespace="/slides")
    assert "presenter" in stranger.sio.call("board", ("4", {"clear": True}), namespace="/slides")
    for wrong in (("film", True), ("slow", 1), ([], {}), ("recording", None)):
        leader("demo", *wrong)
    assert leader("board", "4", None)
    assert leader("board", "22", {"clear": True})
    assert leader("board", [], {})
    heard = [event for event, *_ in list(stranger.heard.queue)]
    assert "demo" not in heard
    stranger.close()
    assert not talk.tracebacks()


def test_the_slow_page_begins_by_a_click_and_lasts_until_another(projector, view, steps):
    turn(projector, SLOW)
    pane = projector.locator(".slow")
    expect(pane.get_by_role("button", name="Ask for /slow/")).to_be_visible()
    board = projector.frame_locator(".live iframe").first
    expect(board.locator("form")).to_be_visible()
    seen = len(steps["2"].log)
    assert not [line for line in steps["2"].log if "/slow/?" in line], "not on entering"
    view.wait_for_function("number => deck.getIndices().h === number", arg=SLOW)
    view.keyboard.press("d")
    expect(pane.locator(".clock")).to_have_text("1 s")
    size = pane.locator(".clock").evaluate("it => parseFloat(getComputedStyle(it).fontSize)")
    assert size >= 100
    fill(board.get_by_label("Your name"), "Grace")
    fill(board.get_by_label("Notice"), "Meanwhile")
    board.get_by_role("button", name="Post").click()
    expect(board.locator("#notices")).to_contain_text("Meanwhile")
    answer = projector.frame_locator(".slow iframe").locator("body")
    expect(answer).to_contain_text("5 seconds on thread")
    # Again, for as long as it is needed; it says so for two seconds.
    second = "document.querySelector('.slow .said')?.textContent === 'Answer 2:'"
    projector.wait_for_function(second, polling=100)
    projector.get_by_role("button", name="Ask no more").click()
    expect(pane.get_by_role("button", name="Ask for /slow/")).to_be_visible()
    assert len([line for line in steps["2"].log[seen:] if "GET /slow/?" in line]) <= 3

    steps["2"].stop()
    pane.get_by_role("button", name="Ask for /slow/").click()
    expect(pane.locator(".said")).to_have_text("No answer: is step 2 running?")
    steps["2"].start()


def test_a_recording_is_one_key_away_on_every_screen(projector, view, talk, window):
    phone = joined(window(talk.url, **PHONE))
    turn(projector, FOUR)
    shows(phone, FOUR)
    expect(projector.locator(".live iframe")).to_have_count(2)
    expect(phone.locator(".live iframe")).to_have_count(1)
    view.wait_for_function("number => deck.getIndices().h === number", arg=FOUR)
    view.keyboard.press("v")
    for page in (projector, phone, view.frame_locator("#current")):
        expect(page.locator(".film img")).to_be_visible()
        expect(page.locator(".present .live:visible")).to_have_count(0)
    projector.bring_to_front()
    projector.wait_for_function("document.querySelector('.film img').naturalWidth > 500")
    assert phone.locator(".film img").get_attribute("src") == "pictures/step-4.webp", "fetched once"
    projector.keyboard.press("v")
    for page in (projector, phone):
        expect(page.locator(".film")).to_have_count(0)
        expect(page.locator(".present .live")).to_be_visible()
    projector.keyboard.press("v")
    expect(phone.locator(".film")).to_have_count(1)
    turn(projector, POLL)
    turn(projector, FOUR)
    expect(phone.locator(".live iframe")).to_have_count(1)
    expect(phone.locator(".film")).to_have_count(0)


def test_each_demo_has_a_still_and_a_short_recording():
    places = re.findall(r"!\[.+?\]\((.+?)\)\n<!-- \.element:([^>]*data-live=[^>]*)-->", SLIDES)
    assert len(places) >= 5
    for still, attributes in places:
        assert (PICTURES.parent / still).exists()
        name = re.search(r'data-recording="([\w-]+)"', attributes)[1]
        film = (PICTURES / f"{name}.webp").read_bytes()
        assert len(film) < 400_000, name
        assert 2000 < duration(film) <= 15_000, name


def duration(film):
    """Return the milliseconds that an animated WebP lasts."""
    at, total = 12, 0
    while at < len(film):
        name, length = film[at : at + 4], struct.unpack_from("<I", film, at + 4)[0]
        if name == b"ANMF":
            total += int.from_bytes(film[at + 20 : at + 23], "little")
        at += 8 + length + length % 2
    return total


def test_both_windows_of_a_new_browser_can_post(projector):
    """Loaded at the same time, each would get a cookie of its own, and the browser keep one."""
    turn(projector, ONE)
    for number in range(2):
        board = projector.frame_locator(".live iframe").nth(number)
        fill(board.get_by_label("Your name"), "Grace")
        fill(board.get_by_label("Notice"), f"From window {number}")
        board.get_by_role("button", name="Post").click()
        expect(board.locator("#notices")).to_contain_text(f"From window {number}")


def test_a_phone_gets_a_picture_of_steps_1_and_2_and_the_board_of_step_4(
    projector, talk, steps, window
):
    phone = joined(window(talk.url, **PHONE))
    laptop = joined(window(talk.url.replace("127.0.0.1", "room.localhost")))
    asked = []
    for page in (phone, laptop):
        page.on("request", lambda request: asked.append(request.url))
    for slide in (ONE, SLOW):
        turn(projector, slide)
        for page in (phone, laptop):
            shows(page, slide)
            expect(page.locator(".present img")).to_be_visible()
            expect(page.locator(".present .not-running")).to_have_count(0)
    own = {f":{steps[number].port}/" for number in "12"}
    assert not [url for url in asked if any(port in url for port in own)]
    turn(projector, FOUR)
    expect(phone.locator(".live iframe")).to_have_count(1)
    expect(laptop.locator(".live iframe")).to_have_count(2)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="one loopback address elsewhere")
def test_only_the_presenters_machine_reaches_the_admin(talk, steps):
    """A wrong password takes half a second, in which nobody else has a turn."""
    for address, status in (("127.0.0.1", 302), ("127.0.0.2", 404)):
        step = http.client.HTTPConnection("127.0.0.1", steps["4"].port, PATIENCE, (address, 0))
        with contextlib.closing(step):
            step.request("GET", "/admin/")
            assert step.getresponse().status == status


# What is kept


def test_votes_and_the_place_survive_a_crash(projector, talk, window):
    turn(projector, POLL)
    phone = joined(window(talk.url, **PHONE))
    shows(phone, POLL)
    phone.get_by_role("button", name="Yes").click()
    expect(projector.locator(".poll button").first).to_have_text("Yes1 · 100 %")
    kept = talk.extra["ROOM_FILE"]
    wait_until(lambda: '"tea": {' in read(kept), "the vote to be in the file")
    for page in (projector, phone):
        page.context.close()  # Nobody tells the server where the talk is.
    talk.restart(signal.SIGKILL)
    late = joined(window(talk.url))
    shows(late, POLL)
    expect(late.locator(".poll button").first).to_have_text("Yes1 · 100 %")


def test_what_is_published_is_saved_as_anything_else(projector, talk, steps, leader, redis, visit):
    turn(projector, FOUR)
    board = projector.frame_locator(".live iframe").first
    expect(board.locator("#state")).to_have_text("Live, by websocket.")
    projector.keyboard.press("p")
    projector.keyboard.type("Coffee is ready")
    projector.keyboard.press("Enter")
    expect(board.locator("#notices li").first).to_contain_text("Coffee is ready")
    expect(projector.locator(".publish output")).to_have_text("Published. 1 server heard it.")
    page = steps["4"].get().text
    assert "Coffee is ready" in page, "after a reload"
    assert re.search(r'class="official">official', page)
    redis.stop()
    said = leader("publish", "Lunch is ready")
    assert said == "Redis does not answer: is it running? It is saved: reload the board."
    assert "Lunch is ready" in steps["4"].get().text
    expect(board.locator("#state")).to_contain_text("not live")
    redis.start()
    expect(board.locator("#state")).to_have_text("Live, by websocket.")
    steps["4"].process.send_signal(signal.SIGSTOP)  # as if four hundred phones had just come
    said = leader("publish", "Tea is ready")
    steps["4"].process.send_signal(signal.SIGCONT)
    assert said == "Step 4 did not answer in time: look at the board before you try again."
    expect(board.get_by_text("Tea is ready")).to_have_count(1)
    assert leader("publish", "And now the cake") == 1
    expect(board.get_by_text("And now the cake")).to_have_count(1)
    expect(board.get_by_text("Tea is ready")).to_have_count(1)


def test_a_board_begins_fresh_unless_the_last_talk_is_to_be_kept(tmp_path):
    """Three talks; the tool brings a Redis of its own, and starts it again."""
    settings = {"SLIDES_STATE": str(tmp_path / "state"), "REDIS_URL": None, "DATABASE_URL": None}
    with contextlib.closing(Talk("--share", **settings)) as talk:
        assert "empty" in talk.boards()
        own = talk.redis_process()
        assert talk.redis_port() != 6379
        own.kill()
        talk.tool.wait_for_log("Redis had died: started again")
        url = f"redis://127.0.0.1:{talk.redis_port()}/0"
        listening = redis_client.Redis.from_url(url)
        wait_until(lambda: listens(listening), "step 4 to listen again")
        assert talk.say("publish", "Before the restart") == 1
        assert "Before the restart" in talk.page("4")
        hosts = {port: host for host, port in talk.tool.listening()}
        assert hosts[talk.port("1")] == hosts[talk.port("2")] == "127.0.0.1"
        assert hosts[talk.port("4")] == "0.0.0.0"
    with contextlib.closing(Talk("--keep", **settings)) as talk:
        assert "as the last talk left them" in talk.boards()
        assert "Before the restart" in talk.page("4")
    (tmp_path / "state" / "members.json").write_text('{"members": {}}')  # as where it was killed
    with contextlib.closing(Talk(**settings)) as talk:
        assert str(tmp_path / "state-20") in talk.boards(), "it should be kept, with its time"
        assert not [*tmp_path.rglob("members.json")], "nobody's name stays"
        assert "Before the restart" not in talk.page("4")
    assert (
        not (STEPS[4] / "db.sqlite3").exists()
        or b"Before the restart" not in (STEPS[4] / "db.sqlite3").read_bytes()
    ), "the attendee's own board"


def listens(client):
    """Tell whether a server listens to what is published."""
    with contextlib.suppress(redis_client.RedisError):
        return dict(client.pubsub_numsub("notices"))[b"notices"] == 1


class Talk:
    """`python3 -m workshop slides`, with all steps up."""

    def __init__(self, *options, **settings):
        self.tool = Tool("--no-browser", *options, **settings)
        self.tool.wait_for_log("The steps are up")
        self.log = "\n".join(self.tool.log)

    def boards(self):
        """Return what the screen says of the boards."""
        return re.search(r"The boards are (.*)\.", self.log)[1]

    def port(self, step):
        """Return the port of a step."""
        return int(re.search(rf"\b{step} at :(\d+)", self.log)[1])

    def redis_port(self):
        """Return the port of the Redis."""
        return int(re.search(r"Redis +redis://localhost:(\d+)", self.log)[1])

    def redis_process(self):
        """Return the process of the Redis."""
        return next(each for each in self.tool.family() if "valkey" in each.name())

    def page(self, step):
        """Return the page of a step."""
        return requests.get(f"http://localhost:{self.port(step)}", timeout=PATIENCE).text

    def say(self, *what):
        """Say something as who leads."""
        token = re.search(r"token=(\w+)", self.log)[1]
        client = Client(self.tool.url, ["/slides"], auth={"token": token})
        answer = client.sio.call(*what, namespace="/slides", timeout=PATIENCE)
        client.close()
        return answer

    def close(self):
        """End it as a terminal does."""
        try:
            self.tool.ctrl_c()
        finally:
            self.tool.stop(signal.SIGKILL)


def test_a_redis_that_others_have_started_is_not_the_talks(monkeypatch):
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setattr(redis_server, "answers", lambda port: True)
    own = redis_server.own_or_named()
    try:
        assert own.child is not None
        assert ":6379/" not in own.url
    finally:
        own.child.end()
    other = Redis()
    monkeypatch.setenv("REDIS_URL", other.url)
    assert redis_server.own_or_named() == redis_server.Redis(other.url, "from REDIS_URL")
    other.stop()


# How all is


def test_the_view_says_how_all_is(view, talk, steps, redis):
    lights, problems = view.locator("#lights"), view.locator("#problems")
    for name in ("✓ Redis", "✓ Step 1", "✓ Step 2", "✓ Step 4", "✗ Network"):
        expect(lights).to_contain_text(name)
    expect(problems).to_contain_text("no longer 192.0.2.99, so the QR code leads nowhere")
    redis.stop()
    expect(lights).to_contain_text("✗ Redis")
    expect(problems).to_contain_text("notices are saved, but reach no screen")
    redis.start()
    expect(lights).to_contain_text("✓ Redis")
    steps["1"].process.send_signal(signal.SIGSTOP)  # It takes connections, and does not answer.
    expect(problems).to_contain_text("Step 1 does not answer")
    steps["1"].process.send_signal(signal.SIGCONT)
    expect(lights).to_contain_text("✓ Step 1")


def test_who_follows_is_counted_as_one_sees_them(projector, view, talk, window):
    """One phone with two windows, and none of the presenter's own."""
    phone = joined(window(talk.url, **PHONE))
    second = phone.context.new_page()
    second.goto(talk.url)
    joined(second)
    mine = projector.context.new_page()  # by the room's address, without the token
    mine.goto(talk.url)
    joined(mine)
    expect(view.locator("#room")).to_contain_text("1 follows at")
    turn(projector, FOUR)
    count = projector.frame_locator(".live iframe").first.locator("#count")
    # Two here, one in each window of the phone, two in the one without the token; none in the view.
    expect(count).to_have_text("6 are here.")
    frame = view.frame_locator("#current")
    expect(frame.locator(".present img")).to_be_visible()
    expect(frame.locator("iframe")).to_have_count(0)


# Strangers


@pytest.fixture
def board(leader):
    """What the presenter does with step 4's board: board(clear=True); it ends open and empty."""

    def do(**what):
        # The talk asks the step with little patience, and may be told the same twice.
        wait_until(lambda: leader("board", "4", what) is None, "step 4 to do it")
        return leader.client.wait("boards", lambda boards: "4" in boards)["4"]

    do(mode="open", clear=True)
    yield do
    do(mode="open", clear=True)


def test_the_presenter_pauses_posts(view, projector, steps, visit, board):
    phone = visit(steps["4"], **PHONE)
    projector.bring_to_front()
    view.locator("summary").click()
    view.get_by_role("button", name="Paused").click()
    expect(view.locator("#boards-state")).to_have_text("paused")
    expect(phone.locator("#stage")).to_have_text("The presenter has paused posting.")
    expect(phone.locator("#state")).to_have_text("Live, by websocket.")
    post(phone, "Grace", "Me first")
    expect(phone.locator("#answer")).to_have_text("The presenter has paused posting.")
    expect(visit(steps["4"]).locator("#stage")).to_have_text("The presenter has paused posting.")
    assert "paused" in steps["4"].post("Grace", "By the form").text
    steps["4"].restart(signal.SIGKILL)  # It does not come back with the door open.
    client = Client(steps["4"].url)
    assert client.post("And now?")["ok"] is False
    client.close()
    assert "Me first" not in steps["4"].get().text
    view.get_by_role("button", name="Open", exact=True).click()
    expect(view.locator("#boards-state")).to_have_text("open")
    expect(phone.locator("#state")).to_have_text("Live, by websocket.")
    expect(phone.locator("#stage")).to_have_text("")
    post(phone, "Grace", "Me at last")
    expect(phone.locator("#notices li").first).to_contain_text("Me at last")


def post(page, author, text):
    """Post a notice in a window."""
    page.get_by_label("Your name").fill(author)
    page.get_by_label("Notice").fill(text)
    page.get_by_role("button", name="Post").click()


def test_only_what_is_approved_is_up(view, steps, visit, board, leader):
    board(mode="approve")
    phone, other = visit(steps["4"], **PHONE), visit(steps["4"])
    expect(phone.locator("#state")).to_have_text("Live, by websocket.")
    post(phone, "Grace", "Is this good?")
    expect(phone.locator("#answer")).to_have_text(re.compile("^Thank you"))
    post(phone, "Grace", "Is this bad?")
    view.locator("summary").click()
    held = view.locator("#held li")
    expect(held).to_have_count(2)
    expect(view.locator("#boards-state")).to_have_text("each is looked at, 2 to be looked at")
    assert "Is this" not in other.locator("#notices").inner_text()
    held.filter(has_text="good").get_by_role("button", name="Put it up").click()
    expect(other.locator("#notices li").first).to_contain_text("Is this good?")
    view.mouse.move(0, 0)
    expect(held).to_have_count(1)
    held.get_by_role("button", name="Drop it").click()
    view.mouse.move(0, 0)
    expect(held).to_have_count(0)
    assert "Is this bad?" not in steps["4"].get().text
    assert leader("publish", "From the presenter") == 1  # needs nobody's leave
    expect(other.locator("#notices li").first).to_contain_text("From the presenter")


def test_one_notice_is_hidden_and_the_board_is_cleared(view, steps, visit, board):
    phone = visit(steps["4"], **PHONE)
    expect(phone.locator("#state")).to_have_text("Live, by websocket.")
    for text in ("one", "two", "three"):
        post(phone, "Grace", text)
        expect(phone.locator("#notices li").first).to_contain_text(text)
    view.locator("summary").click()
    up = view.locator("#up li")
    expect(up).to_have_count(3)
    up.filter(has_text="two").get_by_role("button", name="Hide").click()
    expect(phone.locator("#notices li")).to_have_count(2)
    assert "two" not in re.findall(r'class="text">(.*?)<', steps["4"].get().text)
    clear = view.locator("[data-clear='4']")
    clear.click()
    expect(clear).to_contain_text("Really?")
    expect(phone.locator("#notices li")).to_have_count(2)
    clear.click()
    expect(phone.locator("#notices li")).to_have_count(0)
    phone.reload()
    expect(phone.locator("#notices li")).to_have_count(0)


def test_step_3s_board_is_in_the_presenters_hand_too(serve, tmp_path, visit):
    settings = {"STAGE_FILE": str(tmp_path / "03.json"), "POSTS_IN_TEN_SECONDS": "1000"}
    step = serve(STEPS[3], **FRAMED, **SECRET, **settings)

    def do(**what):
        headers = {"X-Stage-Token": SECRET["STACKS_TOKEN"]}
        return requests.post(step.url, json=what, headers=headers, timeout=PATIENCE).json()

    page = visit(step)
    expect(page.locator("#state")).to_contain_text("Connected")
    post(page, "Grace", "one")
    expect(page.locator("#notices li").first).to_contain_text("one")
    do(hide=do()["up"][0][0])
    expect(page.locator("#notices li")).to_have_count(0)
    do(mode="approve")
    post(page, "Grace", "two")
    expect(page.locator("#answer")).to_contain_text("Thank you")
    expect(page.locator("#notices li")).to_have_count(0)
    do(approve=do()["held"][0][0])
    expect(page.locator("#notices li")).to_contain_text("two")


def test_a_stranger_has_no_hand_on_the_board(steps):
    for headers in ({}, {"X-Stage-Token": ""}, {"X-Stage-Token": "only-for-this-tesT"}):
        answer = steps["4"].get("/", headers=headers)
        assert "held" not in answer.text
        answer = requests.post(
            steps["4"].url, json={"clear": True}, headers=headers, timeout=PATIENCE
        )
        assert answer.status_code == 403  # no form of the page


def test_the_limit_is_a_phones_and_not_its_networks(serve, tmp_path):
    settings = {"STAGE_FILE": str(tmp_path / "04.json"), "POSTS_IN_TEN_SECONDS": "1"}
    step = serve(STEPS[4], **FRAMED, **settings)
    for number in range(60):  # The step alone lets an address post fifty times as much.
        assert "a lot of notices" not in step.post("Phone", f"{number}").text
    one = requests.Session()
    wait_for_a_window_of_ten_seconds()
    assert "a lot of notices" not in step.post("Phone", "once", one).text
    assert "a lot of notices" in step.post("Phone", "twice", one).text
    assert "a lot of notices" not in step.post("Another", "once").text


def wait_for_a_window_of_ten_seconds():
    """Wait until the next one begins, if this one is about to end."""
    wait_until(lambda: time.time() % 10 < 2, "a window of ten seconds to begin")


# Keys


def test_a_question_mark_blacks_no_screen(projector, view, talk, window):
    turn(projector, TITLE)
    phone = joined(window(talk.url))
    shows(phone, TITLE)
    projector.keyboard.press("?")
    expect(projector.locator(".r-overlay-help")).to_be_visible()
    assert projector.evaluate("Reveal.isPaused()") is False
    expect(projector.locator(".r-overlay-help")).to_contain_text("The recording of a demo")
    projector.keyboard.press("?")
    expect(projector.locator(".r-overlay-help")).to_have_count(0)
    projector.keyboard.press("/")
    assert projector.evaluate("Reveal.isPaused()") is False
    projector.keyboard.press("Escape")
    view.keyboard.press("?")
    expect(view.locator("#keys")).to_be_visible()
    view.keyboard.press("ArrowRight")
    view.keyboard.press("Escape")
    expect(view.locator("#keys")).to_be_hidden()
    view.keyboard.press("PageDown")
    shows(phone, STACKS)
    for page in (projector, phone):
        assert page.evaluate("Reveal.isPaused()") is False


def test_full_screen_in_the_view_leaves_the_notes_to_be_read(view):
    view.keyboard.press("f")
    view.wait_for_function("document.fullscreenElement === document.documentElement")
    expect(view.locator("#notes")).to_be_in_viewport()
    view.keyboard.press("f")
    view.wait_for_function("!document.fullscreenElement")


def test_reset_asks_and_is_not_beside_pause(view):
    def runs():
        # Again, if what the server knows of the clock comes only now.
        view.evaluate("set({ before: 0, since: Date.now() - 65_000 })")
        return view.locator("#elapsed").inner_text().startswith("1:")

    wait_until(runs, "the clock")
    reset = view.locator("#reset")
    assert view.locator("header #reset").count() == 0
    reset.click()
    expect(reset).to_contain_text("Really?")
    expect(view.locator("#elapsed")).to_have_text(re.compile("^1:"))
    reset.click()
    expect(view.locator("#elapsed")).to_have_text("0:00")


def test_s_in_the_exported_site_stays_on_its_slide(window, tmp_path):
    export.export_site(tmp_path / "site")
    page = window((tmp_path / "site" / "index.html").as_uri())
    page.wait_for_function("window.Reveal?.isReady()")
    turn(page, 8)
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    notes = opened.value
    current = notes.frame_locator("#current-slide iframe")
    expect(current.locator("section.present h2")).to_have_text(
        page.evaluate("Reveal.getCurrentSlide().querySelector('h2').textContent")
    )
    notes.keyboard.press("ArrowRight")
    shows(page, 9)
    page.evaluate(
        "Reveal.slide(Reveal.getSlides().findIndex((s) => s.querySelector('[data-recording]')))"
    )
    page.keyboard.press("v")
    page.wait_for_function("document.querySelector('.film img')?.naturalWidth > 500")
