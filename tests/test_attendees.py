"""The room: attendees say where they stand, the presenter's board shows it, and answers them."""

import json
import re
import secrets
import signal
import time
from pathlib import Path

import pytest
import socketio
from playwright.sync_api import expect
from test_follow import AXE, PHONE, TOKEN, Deck, open_page, violations

from support import PATIENCE, ROOT, Client, wait_until
from workshop.fire.clients import hang_up
from workshop.learn import lessons
from workshop.room import members
from workshop.serving.kept import Kept

__all__ = ["open_page"]  # a fixture

PROJECTOR = {"viewport": {"width": 1280, "height": 720}}
POINTS = [point.works for point in lessons.lesson(3)]
HINT, OTHER = "the form's <b>errors</b>", "missing file: notices/namespaces.py"


class Attendee(Client):
    """Somebody with a secret and a name."""

    def __init__(self, url, name="otter", secret=None, since=0):
        self.name, self.secret = name, secret or secrets.token_hex(16)
        auth = {"secret": self.secret, "name": name, "since": since}
        super().__init__(url, ["/room"], auth=auth)
        self.hello = self.wait("hello")

    def say(self, event, *data):
        """Send an event, and return its acknowledgement."""
        return self.sio.call(event, data, namespace="/room", timeout=PATIENCE)

    def stand(self, passed, hint=None, seconds=0, step=3):
        """Say that so many points work, and which hint there is."""
        names = [point.works for point in lessons.lesson(step)][:passed]
        return self.say("stand", {"step": step, "passed": names, "hint": hint, "for": seconds})


class Leader(Client):
    """Whoever has the presenter's token."""

    def __init__(self, url, token=TOKEN, **auth):
        super().__init__(url, ["/room"], auth={"token": token, **auth})

    say = Attendee.say

    def board(self, matches=lambda board: True):
        """Wait for a board that is so, and return it."""
        return self.wait("board", matches)


@pytest.fixture
def talk(serve, tmp_path):
    """A server of the slides with nobody in its room."""
    files = {"ROOM_FILE": str(tmp_path / "room.json"), "ROOM_MEMBERS": str(tmp_path / "who.json")}
    server = serve(ROOT, Deck, TOKEN=TOKEN, PYTHONPATH=None, **files)
    yield server
    server.stop()


@pytest.fixture
def join(talk):
    """Let attendees in: join(name, …), and leaders: join(kind=Leader)."""
    all_ = []

    def join(*arguments, kind=Attendee, **options):
        all_.append(kind(talk.url, *arguments, **options))
        return all_[-1]

    yield join
    for each in all_:
        each.close()


def open_board(open_page, talk, **options):
    """Open the presenter's board."""
    page = open_page(f"{talk.url}/board.html?token={TOKEN}", **options)
    expect(page.locator("#state")).to_have_text("")
    return page


def stuck_at(page, hint):
    """Return what the board has of those who are at a hint."""
    return page.locator("#stuck > li", has_text=hint)


def test_fifty_attendees_on_the_board(talk, join, open_page):
    room = [join(f"attendee {number}") for number in range(50)]
    for number, each in enumerate(room):
        if number < 5:
            hint, seconds = HINT, 125 + 60 * number
        elif number < 7:
            hint, seconds = HINT, 10
        elif number < 9:
            hint, seconds = OTHER, 600
        else:
            hint, seconds = None, 0
        passed = 4 if hint == HINT else 8 if hint else len(POINTS)
        if number < 40:
            assert each.stand(passed, hint, seconds) == ""
        else:
            assert each.stand(2, step=4) == ""
    # An attendee hears how the room is, at its own step
    told = room[0].wait("room", lambda told: told["done"] == 41)
    assert told["step"] == 3
    assert told["here"] == 50
    assert told["points"][3:5] == [50, 43]
    assert room[45].wait("room", lambda told: told["here"] == 50)["step"] == 4

    board = open_board(open_page, talk, **PROJECTOR)
    expect(board.locator("#figures")).to_have_text(re.compile(r"50 here\s+7 stuck\s+0 hands"))
    expect(board.locator("#steps button")).to_have_text(["Step 3: 40", "Step 4: 10"])
    expect(board.locator("#step-heading")).to_have_text("Step 3: 41 of 50 are done")
    shown = [f"{n} of 50" for n in [50] * 4 + [43] * 4 + [41] * (len(POINTS) - 8)]
    expect(board.locator("#points .number")).to_have_text(shown)
    expect(board.locator("#points .name")).to_have_text(POINTS)
    fifth = board.locator("#points li").nth(4)
    expect(fifth).to_contain_text("43 of 50 are past here, 7 at it now")
    assert fifth.evaluate("item => item.style.getPropertyValue('--past')") == "0.86"
    expect(board.locator("#stuck > li .name")).to_have_text([HINT, OTHER])
    group = stuck_at(board, HINT)
    expect(group.locator(".number")).to_have_text("5")
    expect(group).to_contain_text("up to 6 min, and 2 for a shorter time")
    expect(group).to_contain_text("attendee 4 (6 min), attendee 3 (5 min)")
    assert board.locator("main b:not(.name):not(.number)").count() == 0, "a hint is text"
    board.get_by_role("button", name="Step 4: 10").click()
    expect(board.locator("#points .number").first).to_have_text("10 of 50")

    # To those who are stuck there, and to nobody else
    group.get_by_role("button", name="Next hint to all 7").click()
    expect(group.locator("output").first).to_have_text("Sent.")
    group.get_by_label("A sentence to them").fill("Look at <b>is_valid()</b>")
    group.get_by_role("button", name="Say").click()
    board.get_by_role("button", name="We go on in five minutes").click()
    said = board.locator("#said li")
    expect(said).to_have_count(3)
    expect(said.nth(0)).to_contain_text("We go on in five minutes (to all 50,")
    expect(said.nth(1)).to_contain_text(f"Look at <b>is_valid()</b> (to 7 at “{HINT}”,")
    for number, each in enumerate(room):
        first = each.wait("said")
        if number < 7:
            assert (first["kind"], first["hint"]) == ("hint", HINT)
            assert each.wait("said")["text"] == "Look at <b>is_valid()</b>"
            first = each.wait("said")
        assert first["text"] == "We go on in five minutes"

    board.get_by_text("Who is at step 4: 10").click()
    last = board.locator("#people li", has_text="attendee 49")
    last.get_by_role("button").click()
    last.get_by_role("button", name="Forget").click()
    expect(board.locator("#here")).to_have_text("49")
    with pytest.raises(socketio.exceptions.ConnectionError):
        Attendee(talk.url, "attendee 49", room[49].secret)

    # The report
    assert room[20].stand(0) == ""
    assert room[0].stand(6) == ""
    with board.expect_download() as download:
        board.get_by_role("button", name="Save the report").click()
    expect(board.locator("#report")).to_contain_text(HINT)
    text = Path(download.value.path()).read_text()
    report = json.loads(text)["steps"]["3"]
    assert "attendee 1" not in text
    assert [each["people"] for each in report["points"]][3:7] == [0, 1, 1, 0]
    assert [(each["hint"], each["people"]) for each in report["hints"]] == [(HINT, 5), (OTHER, 2)]
    assert 600 <= report["hints"][1]["median"] < 600 + PATIENCE
    board.context.close()


def test_a_hand_is_raised_and_lowered(talk, join, open_page):
    board = open_board(open_page, talk, **PHONE)
    view = open_page(f"{talk.url}/presenter.html?token={TOKEN}", **PROJECTOR)
    expect(view.locator("#board")).to_have_text("Room")
    first, second = join("an <i>otter</i>"), join("fox")
    assert first.stand(3, OTHER, 5) == ""
    assert first.say("hand", True) == ""
    assert second.say("show", {"file": "x.py", "text": "x"}).startswith("Raise your hand")
    assert second.say("hand", True) == ""
    assert second.say("show", {"file": "a/b.py", "text": "<b>code</b>\n" * 3}) == ""
    assert first.say("hand", True) == "", "up again, it keeps its place"
    hands = board.locator("#hands > li")
    expect(hands.locator(".name")).to_have_text(["an <i>otter</i>", "fox"])
    expect(hands.nth(0)).to_contain_text(f"step 3, {OTHER}, up for")
    expect(hands.nth(0).locator("details")).to_be_hidden()
    expect(view.locator("#board")).to_have_text("Room, 2 hands")
    hands.nth(1).get_by_text("a/b.py").click()
    expect(hands.nth(1).locator("pre")).to_have_text("<b>code</b>\n" * 3)
    assert board.locator("pre b, .name i").count() == 0

    # What is typed stays while the board changes.
    field = board.get_by_label("A sentence to fox")
    field.fill("I come to you")
    assert first.say("hand", False) == ""
    expect(hands.locator(".name")).to_have_text(["fox"])
    field.press("Enter")
    assert second.wait("said")["text"] == "I come to you"
    hands.get_by_role("button", name="Hand down").click()
    expect(board.get_by_text("Nobody has raised a hand.")).to_be_visible()
    assert second.wait("hello") == {"name": "fox", "hand": False}
    assert second.say("hand", True) == ""
    expect(hands.locator(".name")).to_have_text(["fox"])
    expect(hands.locator("details")).to_be_hidden()

    with view.expect_popup() as popup:
        view.get_by_role("link", name="Room, 1 hand").click()
    expect(popup.value.locator("#hands .name")).to_have_text(["fox"])
    for page in (board, view):
        page.context.close()


def test_nothing_moves_under_who_types(talk, join, open_page):
    board = open_board(open_page, talk, **PROJECTOR)
    for hint in (HINT, OTHER):
        join(hint).stand(4, hint, 300)
        expect(stuck_at(board, hint)).to_be_visible()
    field = stuck_at(board, OTHER).get_by_label("A sentence to them")
    field.fill("Look at")
    join("lynx").stand(4, OTHER, 400)
    expect(stuck_at(board, OTHER).locator(".number")).to_have_text("2")
    names = board.locator("#stuck > li .name")
    expect(names).to_have_text([HINT, OTHER])
    expect(field).to_be_focused()
    field.blur()
    expect(names).to_have_text([OTHER, HINT])
    expect(field).to_have_value("Look at")
    board.context.close()


def test_who_was_away_or_comes_late_has_missed_nothing(talk, join):
    leader = join(kind=Leader)
    fox, otter = join("fox"), join("otter")
    fox.stand(3, HINT, 300)
    otter.stand(3, OTHER, 300)
    assert leader.say("say", {"step": 3, "hint": HINT}, "first") == ""
    seen = fox.wait("said")["id"]
    hang_up(fox.sio)  # Its network is cut.
    leader.board(lambda board: board["here"] == 2)  # It may be back soon.
    assert leader.say("push_hint", 3, HINT) == ""
    assert leader.say("say", {"all": True}, "to all") == ""
    assert leader.say("say", {"step": 3, "hint": OTHER}, "not for the fox") == ""
    again = join("fox", fox.secret, since=seen)
    caught_up = [again.wait("said"), again.wait("said")]
    assert [(each["kind"], each["text"]) for each in caught_up] == [
        ("hint", ""),
        ("sentence", "to all"),
    ]
    late = join("late")
    assert late.wait("said")["text"] == "to all"
    board = leader.board(lambda board: board["here"] == 3)
    assert [len(group["people"]) for group in board["stuck"]] == [1, 1]
    # A new connection may be here before the old one is known to be lost.
    twin = join("otter", otter.secret)
    otter.close()
    twin.stand(5)
    leader.board(lambda board: board["steps"]["3"]["bars"][4] == 1)
    file = Path(talk.extra["ROOM_MEMBERS"])
    kept = wait_until(lambda: POINTS[4] in (text := file.read_text()) and text, "the file")
    assert [each["left"] for each in json.loads(kept)["members"].values()] == [None] * 3


def test_a_killed_server_is_not_noticed(talk, join, open_page):
    board = open_board(open_page, talk, **PROJECTOR)
    fox = join("fox")
    assert fox.stand(4, HINT, 400) == ""
    assert fox.say("hand", True) == ""
    assert fox.say("show", {"file": "a.py", "text": "the code"}) == ""
    leader = join(kind=Leader)
    assert leader.say("say", {"all": True}, "before") == ""
    seen = fox.wait("said")["id"]
    expect(board.locator("#hands .name")).to_have_text("fox")
    assert leader.say("say", {"all": True}, "just before") == ""
    talk.restart(signal.SIGKILL)
    expect(board.locator("#said li").first).to_contain_text("just before")
    expect(board.locator("#state")).to_have_text("")
    expect(board.locator("#hands .name")).to_have_text("fox")
    board.locator("#hands summary").click()
    expect(board.locator("#hands pre")).to_have_text("the code")
    expect(stuck_at(board, HINT).locator(".number")).to_have_text("1")
    again = join("fox", fox.secret, since=seen)
    assert again.hello == {"name": "fox", "hand": True}
    assert again.wait("said")["text"] == "just before"
    board.get_by_role("button", name="We go on in five minutes").click()
    assert again.wait("said")["text"] == "We go on in five minutes"
    assert again.stand(5) == ""
    expect(board.locator("#points .number").nth(4)).to_have_text("1 of 1")
    expect(board.get_by_text("Nobody is stuck.")).to_be_visible()
    assert fox.secret not in Path(talk.extra["ROOM_MEMBERS"]).read_text()
    board.context.close()


def test_nobody_speaks_for_another_or_leads_without_the_token(talk, join, open_page):
    fox, otter, leader = join("fox"), join("otter"), join(kind=Leader)
    fox.stand(4, HINT, 400)
    who = leader.board(lambda board: board["stuck"])["stuck"][0]["people"][0]["id"]
    for event in (
        ("say", {"all": True}, "hello"),
        ("push_hint", 3, HINT),
        ("hand_down", who),
        ("forget", who),
        ("report",),
    ):
        assert otter.say(*event) == "Only whoever leads can do this."
    assert leader.say("stand", {"step": 3, "passed": [], "hint": None, "for": 0}) == (
        "Only an attendee can do this."
    )
    assert leader.say("say", {"all": True}, "hello") == ""
    heard = [*iter(lambda: otter.heard.get(timeout=PATIENCE)[0], "said")]
    assert set(heard) <= {"room"}, "an attendee is not sent the board"
    for auth in (
        None,
        {},
        "x",
        {"token": "wrong"},
        {"token": None},
        {"token": ["x"]},
        {"secret": who, "name": "fox"},
        {"secret": fox.secret.upper() + "\n", "name": "fox"},
        {"secret": fox.secret, "name": 7},
        {"browser": "of the audience", "token": None},
    ):
        with pytest.raises(socketio.exceptions.ConnectionError):
            Client(talk.url, ["/room"], auth=auth)
    page = open_page(f"{talk.url}/board.html")
    expect(page.locator("#state")).to_have_text(re.compile("This page has no lead"))
    page.get_by_role("button", name="We go on in five minutes").click()
    expect(page.locator("#all output")).to_have_text("No connection: try again.")
    page.context.close()
    assert leader.say("hand_down", who) == ""
    assert not talk.tracebacks()


def test_an_invitation_leads_until_it_is_taken_back(talk, join):
    presenter = Client(talk.url, ["/slides"], auth={"browser": "me", "token": TOKEN})
    made = presenter.sio.call("invite", namespace="/slides", timeout=PATIENCE)
    token = made["address"].rpartition("=")[2]
    invited = join(token, kind=Leader, browser="a phone")
    assert invited.board()["here"] == 0
    with pytest.raises(socketio.exceptions.ConnectionError):
        Leader(talk.url, token, browser="another phone")
    assert invited.say("say", {"all": True}, "hello") == ""
    presenter.sio.call("take_back", made["number"], namespace="/slides", timeout=PATIENCE)
    assert invited.say("say", {"all": True}, "hello") == "Only whoever leads can do this."
    presenter.close()


def test_what_makes_no_sense_is_refused_with_a_sentence(talk, join):
    fox = join("  \u202ea\nfox" + "x" * 60)
    assert fox.hello["name"] == "a fox" + "x" * 35
    good = {"step": 3, "passed": POINTS[:2], "hint": None, "for": 0}
    wrong = [
        None,
        "x",
        [],
        {},
        good | {"step": 99},
        good | {"step": "3"},
        good | {"step": True},
        good | {"passed": "all"},
        good | {"hint": 5},
        good | {"for": "long"},
    ]
    for each in wrong:
        assert fox_says(fox, "stand", each) not in ("", None), each
    odd = {"step": 3, "passed": [*POINTS[:2], "x", 7, {}, None], "hint": "h" * 500}
    for seconds in (float("nan"), float("inf"), -5, 10**50):
        assert fox_says(fox, "stand", odd | {"for": seconds}) == ""
    for each in (None, 1, "true", {}):
        assert fox_says(fox, "hand", each) not in ("", None), each
    assert fox_says(fox, "hand", True) == ""
    for each in (None, "x", {"file": "a"}, {"file": "", "text": "x"}, {"file": "a", "text": 5}):
        assert fox_says(fox, "show", each) not in ("", None), each
    assert "50000" in fox_says(fox, "show", {"file": "a", "text": "x" * 50_001})
    assert fox_says(fox, "show", {"file": "a", "text": "x" * 50_000}) == ""
    leader = join(kind=Leader)
    board = leader.board(lambda board: board["hands"][0]["file"])
    assert leader.say("file", board["hands"][0]["id"]) == {"text": "x" * 50_000}
    assert "x" * 100 not in json.dumps(board), "a file goes to who looks at it"
    for who in (None, 5, {}, "gone"):
        assert leader.say("file", who) == {"text": None}
    assert "Only whoever leads" in fox_says(fox, "file", board["hands"][0]["id"])["problem"]
    assert board["steps"]["3"]["bars"][:3] == [1, 1, 0]
    assert board["stuck"][0]["hint"] == "h" * 100
    assert 0 <= board["stuck"][0]["people"][0]["for"] <= 86_400 + PATIENCE
    for to in (None, "all", {}, {"all": False}, {"step": "3"}, {"who": 5}, {"all": True, "x": 1}):
        assert leader.say("say", to, "hello").startswith("Say to whom"), to
    for to in ({"step": 4}, {"step": 3, "hint": "gone"}, {"who": "gone"}):
        assert leader.say("say", to, "hello") == "Nobody is there any more."
    for text in ("", None, 5, {}, "x" * 501):
        assert leader.say("say", {"all": True}, text).startswith("Nothing to say")
    for event in ("hand_down", "forget"):
        for who in (None, 5, {}, "gone"):
            assert leader.say(event, who) == "There is no such attendee."
    for hint in (None, {}, 5):
        assert leader.say("push_hint", 3, hint).startswith("Say to whom")
    assert not talk.tracebacks()


def fox_says(fox, event, *data):
    """Send an event, later if it came too fast."""
    return wait_until(
        lambda: (said := fox.say(event, *data)) != "Too fast: wait a second." and [said],
        "time for another event",
    )[0]


def test_who_floods_harms_nobody(talk, join, raw):
    fox = join("fox")
    answers = [fox.stand(number % 5) for number in range(20)]
    assert answers[:3] == ["", "", ""]
    assert "Too fast: wait a second." in answers
    leader = join(kind=Leader)
    for _ in range(199):
        browser = raw(talk, None)
        browser.say(f'40/room,{{"secret":"{secrets.token_hex(16)}","name":"robot"}}')
        browser.wait("40/room")
    one_more = raw(talk, None)
    one_more.say(f'40/room,{{"secret":"{secrets.token_hex(16)}","name":"robot"}}')
    assert "Too many attendees from one address" in one_more.wait("44/room")
    assert leader.board(lambda board: board["here"] == 200)


def test_a_full_room_forgets_who_has_gone_first(monkeypatch):
    monkeypatch.setattr(members, "MAX_MEMBERS", 2)
    monkeypatch.setattr(members, "MAX_SHOWN", 1)
    room = members.Members(Kept(None))
    assert room.join("a", "otter") == ""
    assert room.join("b", "fox") == ""
    assert room.join("c", "lynx") == "The room is full: 2 are here."
    room.leave("a")
    assert room.join("c", "lynx").startswith("The room is full"), "somebody may be back soon"
    room.raise_hand("b", True)
    for each in room.known.values():
        each.left = 1.0
    assert room.join("c", "fox") == ""
    room.join("b", "fox")
    assert {each.name for each in room.known.values()} == {"fox", "fox 2"}
    room.raise_hand("b", False)
    assert set(room.known) == {"b", "c"}
    for who in "bc":
        room.raise_hand(who, True)
    assert room.show("b", "a.py", "code") == ""
    assert room.show("b", "a.py", "better code") == ""
    assert room.show("c", "a.py", "code").startswith("1 files wait")
    numbers = [room.say({"all": True}, None, "sentence", "x", None)["id"] for _ in range(60)]
    assert numbers == sorted(set(numbers))
    assert len(room.said) == 50


def test_what_is_said_has_a_higher_number_than_any_that_was_heard(monkeypatch):
    """By whoever has been at another machine, whose clock was ahead; and not for ever."""
    room = members.Members(Kept(None))
    now = time.time()
    ahead = int(1000 * (now + 300))
    assert list(room.said_to("a", ahead)) == []
    said = room.say({"all": True}, None, "sentence", "x", None)
    assert said["id"] > ahead
    assert [each["text"] for each in room.said_to("a", ahead)] == ["x"]
    assert list(room.said_to("b", 10**15)) == []
    assert room.say({"all": True}, None, "sentence", "y", None)["id"] < 10**15


def test_the_report_says_how_long_each_point_took(monkeypatch):
    now = [0]
    monkeypatch.setattr(members.time, "time", lambda: now[0])
    room = members.Members(Kept(None))

    def stand(who, at, passed, hint=None):
        now[0] = at
        room.stand(who, 3, {POINTS[number] for number in passed}, hint, at)

    for who in "abc":
        room.join(who, who)
        stand(who, 1000, [0, 1])
    stand("a", 1060, [0, 1, 2, 3])  # 30 seconds each
    stand("a", 1100, [0, 2, 3], HINT)  # One is broken,
    stand("a", 1300, [0, 1, 2, 3, 4])  # and mended: that is no news. The next took 240 seconds.
    stand("b", 1050, [0, 1, 2], OTHER)
    stand("c", 1090, [0, 1, 2], OTHER)
    stand("b", 1100, [0, 1, 2, 3])  # It was no 2 minutes at that hint.
    now[0] = 1210
    report = room.report()
    assert report["attendees"] == 3
    step = report["steps"]["3"]
    assert [(each["people"], each["median"]) for each in step["points"][:6]] == [
        (0, None),
        (0, None),
        (3, 50),
        (2, 40),
        (1, 240),
        (0, None),
    ]
    assert step["hints"] == [
        {"hint": HINT, "people": 1, "median": 200},
        {"hint": OTHER, "people": 1, "median": 120},
    ]


def test_what_cannot_be_kept_is_said_all_the_same(tmp_path):
    (tmp_path / "file").touch()
    room = members.Members(Kept(tmp_path / "file" / "who.json"))
    assert room.say({"all": True}, None, "sentence", "hello", None)["text"] == "hello"


def test_the_board_is_read_at_a_glance_on_a_phone_and_on_a_projector(talk, join, open_page):
    fox, otter = join("fox" * 13), join("otter")
    fox.stand(5, "missing_file:" + "x" * 80, 300)
    fox.say("hand", True)
    fox.say("show", {"file": "a/" + "long" * 20, "text": "x" * 300})
    otter.stand(5, step=4)
    found = {}
    for name, size in {"phone": PHONE, "projector": PROJECTOR}.items():
        page = open_board(open_page, talk, **size)
        expect(page.locator("#hands > li")).to_have_count(1)
        page.locator("#hands summary").click()
        page.locator("#there summary").click()
        page.get_by_role("button", name="Save the report").click()
        expect(page.locator("#report table")).not_to_have_count(0)
        page.evaluate(AXE.read_text())
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found[name, scheme] = violations(page, "body")
        width = size["viewport"]["width"]
        assert page.evaluate("document.documentElement.scrollWidth") == width
        small = "all => all.filter(each => parseFloat(getComputedStyle(each).fontSize) < 16).length"
        assert page.locator("body *").evaluate_all(small) == 0
        for each in ("#figures", "#points li >> nth=9"):
            box = page.locator(each).bounding_box()
            assert box["y"] + box["height"] <= size["viewport"]["height"], each
        page.context.close()
    assert {place: wrong for place, wrong in found.items() if wrong} == {}
