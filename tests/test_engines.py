"""The board and the slides in Firefox and in WebKit: half of a room's phones are not Chromium.

An engine that is not installed is not tried, and pytest's last lines say how to get it; where
ENGINES=firefox,webkit is in the environment, it is a failure.
"""

import functools
import json
import signal
from types import SimpleNamespace

import pytest
import test_follow as follow
from engines import ENGINES, tried
from test_05_nothing_missed import say
from test_attendees import Attendee
from test_follow import LIVE, POLL, STEPWISE, TITLE, TOKEN, joined, lead, shows

from support import STEPS, wait_until

folder, open_page, step, talk = follow.folder, follow.open_page, follow.step, follow.talk

# In every step's own way, and by polling where it can: steps 6 and 7 have websocket alone.
BOARDS = [(step, way) for step in (3, 4, 5, 6, 7) for way in ("", "polling") if step < 6 or not way]
__test__ = bool(tried())  # pytest would count what has no engine as skipped
RIGHT = "\ue014"  # the key, as WebDriver writes it


@pytest.fixture(scope="session", params=tried())
def engine(request):
    """One of the browsers, started once."""
    assert request.param in ENGINES, f"no engine {request.param!r}: there are {', '.join(ENGINES)}"
    browser = ENGINES[request.param]()
    yield browser
    browser.close()


@pytest.fixture
def window(engine):
    """The browser's window; an error in the page that it shows at the end fails the test."""
    yield engine
    assert engine.value("window.wentWrong") == []


# The board


@pytest.fixture(scope="module")
def start(serve, redis):
    """Start the server of a step, once, with a part of Redis for itself: start(4)."""

    def start(number):
        url = f"{redis.url.removesuffix('/0')}/{number}"
        return serve(STEPS[number], REDIS_URL=url, POSTS_IN_TEN_SECONDS="100000")

    return functools.cache(start)


@pytest.fixture(params=BOARDS, ids=lambda board: f"{board[0]}-{board[1] or 'default'}")
def board(window, start, request):
    """A page that is live, on the server of a step."""
    step, way = request.param
    window.server = start(step)
    window.live = f"{'Connected' if step == 3 else 'Live,'} by {way or 'websocket'}."
    window.goto(f"{window.server.url}/?transport={way}")
    window.shows("#state", window.live)
    return window


def fill(board, text):
    """Write a notice as a person does, and post it."""
    board.click("[name=author]")
    board.type("Ada")
    board.click("[name=text]")
    board.type(text)
    board.click("form button")


def sees_once(board, *texts):
    """Wait until all these notices are on the page, in any order, each once."""
    found = '[...document.querySelectorAll("#notices .text")].map((each) => each.textContent)'
    for text in texts:
        board.wait_for(f"{found}.includes({json.dumps(text)})")
        assert board.value(found).count(text) == 1


def test_what_is_said_elsewhere_appears_by_itself(board, connect):
    text = f"Said elsewhere, to {board.name}: {board.live}"
    connect(board.server).post(text)
    sees_once(board, text)


def test_who_posts_is_heard_and_has_an_empty_field(board, connect):
    client = connect(board.server)
    text = f"Größe: posted from {board.name}. {board.live}"
    fill(board, text)
    assert client.wait_for_notice(text)["author"] == "Ada"
    sees_once(board, text)
    board.wait_for('document.querySelector("[name=text]").value === ""')


def test_a_server_that_dies_is_found_again_and_from_step_5_nothing_is_missed(board, connect):
    server = board.server
    keeps = int(server.step.name[:2]) >= 5
    said = [
        f"{each}, {board.name}, {board.live}" for each in ("Said meanwhile", "Written", "After")
    ]
    server.stop(signal.SIGKILL)
    board.shows("#state", "Waiting for the network." if keeps else "No connection: trying again.")
    if keeps:
        say(SimpleNamespace(url=server.extra["REDIS_URL"]), said[0])
        fill(board, said[1])
    server.start()
    board.shows("#state", board.live)
    connect(server).post(said[2])
    sees_once(board, *(said if keeps else said[2:]))


# The slides


@pytest.fixture(scope="module")
def leader(open_page, talk):
    """The projector's window, in Chromium."""
    return joined(open_page(f"{talk.url}/?token={TOKEN}"))


@pytest.fixture
def projector(leader):
    """The projector's window, on the first slide."""
    lead(leader, TITLE)
    return leader


@pytest.fixture
def phone(window, projector, talk):
    """The browser's window, which follows."""
    enter(window, talk.url)
    window.value("comeBack()")
    is_at(window, TITLE)
    return window


def enter(window, url):
    """Open the slides, and wait until they have heard from the server."""
    window.value("window.before = true")  # The page before this one may be connected, still.
    window.goto(url)
    window.wait_for("!window.before && window.talk?.connected")


def is_at(phone, slide, fragment=-1):
    """Wait until a slide is shown, up to a fragment."""
    phone.wait_for(f"position().indexh === {slide} && position().indexf === {fragment}")


def is_alone(phone):
    """Say whether there is a way back."""
    return phone.value('!document.querySelector("#back").hidden')


def test_the_phone_follows_and_who_comes_late_is_where_all_are(projector, phone, talk):
    lead(projector, STEPWISE)
    is_at(phone, STEPWISE)
    projector.keyboard.press("ArrowRight")
    is_at(phone, STEPWISE, 0)
    enter(phone, f"{talk.url}/?late")
    is_at(phone, STEPWISE, 0)
    assert not is_alone(phone)


@pytest.mark.parametrize("come_back", ["by key", "by button"])
def test_who_goes_alone_is_let_alone_and_comes_back(projector, phone, come_back):
    lead(projector, STEPWISE)
    is_at(phone, STEPWISE)
    phone.type(RIGHT)
    is_at(phone, STEPWISE, 0)
    assert is_alone(phone)
    lead(projector, POLL)
    phone.wait_for(f"state.indexh === {POLL}")
    is_at(phone, STEPWISE, 0)
    phone.type("r") if come_back == "by key" else phone.click("#back")
    is_at(phone, POLL)
    assert not is_alone(phone)


def test_a_vote_counts_and_may_be_changed(projector, phone):
    answers = projector.locator(".poll button")

    def votes(choice):
        return int((answers.nth(choice).locator(".count").inner_text() or "0").split(" ")[0])

    lead(projector, POLL)
    is_at(phone, POLL)
    before = [votes(choice) for choice in range(2)]
    for choice in (0, 1):
        phone.click(f".poll li:nth-child({choice + 1}) button")
        after = [before[each] + (each == choice) for each in range(2)]
        wait_until(lambda: [votes(each) for each in range(2)] == after, f"{after} votes")  # noqa: B023
        pressed = '[...document.querySelectorAll(".poll button")].map((each) => each.ariaPressed)'
        assert phone.value(pressed) == [json.dumps(each == choice) for each in range(2)]


def test_a_question_is_asked_and_voted_for(phone, talk, connect):
    phone.click("#room button")
    phone.click("#sheet textarea")
    phone.type(f"Why not asyncio? Asked from {phone.name}.")
    phone.click("#sheet .send")
    phone.shows("#sheet output", "Asked. The presenter sees it now.")
    text = f"Asked beside {phone.name}"
    assert connect(talk, ["/slides"]).sio.call("ask", (text, ""), namespace="/slides") == ""
    items = '[...document.querySelectorAll("#sheet li")]'
    item = f"{items}.find((each) => each.innerText.includes({json.dumps(text)}))"
    phone.wait_for(f"!!{item}")
    phone.value(f'{item}.querySelector("button").id = "up"')
    phone.click("#up")
    phone.shows("#up", "▲ 1")
    phone.click("#sheet .close")
    assert phone.value('!document.querySelector("#sheet").open')


def test_a_running_step_is_live_in_its_slide(projector, phone, step, connect):
    presence = connect(step, ["/presence"])
    lead(projector, LIVE)
    # This client, two frames of the projector's, and the phone's.
    presence.wait("count", lambda count: count == 4)
    is_at(phone, LIVE)


def test_a_server_of_slides_that_dies_is_found_again(projector, phone, talk):
    talk.stop(signal.SIGKILL)
    try:
        phone.wait_for('!document.querySelector("#lost").hidden')
        lead(projector, STEPWISE)
    finally:
        talk.start()  # for the tests after this one, too
    phone.wait_for('document.querySelector("#lost").hidden')
    is_at(phone, STEPWISE)


def test_it_leads_too(projector, window, talk):
    enter(window, f"{talk.url}/?token={TOKEN}")
    window.type(RIGHT)
    shows(projector, STEPWISE)
    lead(projector, POLL)
    is_at(window, POLL)
    window.value("sessionStorage.clear()")


# The room


def test_the_room_is_on_the_board_and_is_answered(window, talk):
    window.goto(f"{talk.url}/board.html?token={TOKEN}")
    attendee = Attendee(talk.url, "Ada <b>")
    assert attendee.stand(4, "event name", 130) == ""
    assert attendee.say("hand", True) == ""
    window.shows("#stuck > li .name", "event name")
    window.shows("#hands .name", "Ada <b>")
    window.click("#stuck button")
    assert attendee.wait("said")["hint"] == "event name"
    window.click("#hands button")
    assert attendee.wait("hello") == {"name": "Ada <b>", "hand": False}
    attendee.close()
    window.value("sessionStorage.clear()")


def test_a_lesson_is_a_page_with_its_diff(window, talk):
    window.goto(f"{talk.url}/lessons/steps/03_namespace/README.md")
    window.wait_for('!!document.querySelector("#lesson h1")')
    assert window.value("document.documentElement.scrollWidth <= innerWidth")
    window.click("[data-tab=diff]")
    window.wait_for('document.querySelector("#diff").checkVisibility()')
