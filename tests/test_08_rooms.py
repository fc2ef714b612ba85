"""Step 8: who is told what: the halls that a page follows, and what is for one person alone."""

import contextlib
import json
import subprocess
import sys

import pytest
import redis as redis_py
import requests
import test_01_plain_django as plain
import test_06_many_servers as many_servers
import test_07_fast_fan_out as fast_fan_out
from playwright.sync_api import expect
from test_03_namespace import fill, sees
from test_05_nothing_missed import place

from support import Raw, Redis, environment, manage, wait_until
from workshop.install.programs import find_nginx

servers, nginx, Nginx = many_servers.servers, many_servers.nginx, many_servers.Nginx

STEP = 8
STATE = "Live, by {}."
FILES = [
    *[*fast_fan_out.FILES, "notices/halls.py", "notices/sessions.py"],
    "notices/migrations/0003_halls.py",
]
MAIN, TRACK, FOYER = "Main hall", "Track B", "Foyer"
PEOPLE = "people"


class TestStart(plain.TestStart):
    """As before: a process alone is a whole server."""


def say(redis, hall, *texts):
    """Append notices to a hall's stream, as any program may; return the last one's cursor."""
    with redis_py.Redis.from_url(redis.url) as client:
        for text in texts:
            notice = json.dumps({"author": "Anybody", "text": text})
            cursor = client.xadd(f"notices:{hall}", {"notice": notice})
    return cursor.decode()


def shell(server, code):
    """Run lines in a shell of the step, on the server's database, and return what they print."""
    head = "from django.contrib.auth.models import User\nfrom notices.models import Notice\n"
    return manage(server.step, "shell", "-v0", "-c", head + code, **server.extra).strip()


def add_users(server, *names):
    """Add some who may log in, and return their numbers."""
    user = "print(User.objects.create_user(name, password=name).id)"
    numbers = shell(server, f"for name in {names!r}: {user}").split()
    return dict(zip(names, map(int, numbers), strict=True))


def write_to(redis, number, text):
    """Append what is for one person, as any program may."""
    with redis_py.Redis.from_url(redis.url) as client:
        notice = json.dumps({"author": "The organisers", "text": text})
        client.xadd("people", {"notice": notice, "to": number})


def log_in(server, name):
    """Log in, and return the session, with its cookies."""
    session = requests.Session()
    address = f"{server.url}/login/"
    session.get(address)
    token = session.cookies["csrftoken"]
    data = {"username": name, "password": name, "csrfmiddlewaretoken": token}
    answer = session.post(address, data, headers={"Referer": address})
    assert name in answer.text, answer.text
    return session


def log_out(server, session):
    """Log out, as the button does."""
    token = session.cookies["csrftoken"]
    address = f"{server.url}/logout/"
    answer = session.post(address, {"csrfmiddlewaretoken": token}, headers={"Referer": address})
    assert answer.status_code == 200


def in_page(page, name):
    """Return what a page has for its script under a name."""
    return json.loads(page.partition(f'id="{name}" type="application/json">')[2].partition("<")[0])


class Tab(Raw):
    """A page without a page: it follows halls, has a cursor for each, and shows nothing twice."""

    def __init__(self, server, halls=(MAIN,), session=None, cursors=None):
        self.server, self.told, self.packets = server, [], []
        self.session = session or requests.Session()
        page, loaded = self.load(halls)
        self.cursors, self.who = cursors or loaded, in_page(page, "who")
        cookies = "; ".join(f"{name}={value}" for name, value in self.session.cookies.items())
        super().__init__(server, header={"Cookie": cookies} if cookies else {})
        self.catch_up()

    def load(self, halls):
        """Load the page that follows these halls, and return it, with its cursors."""

        def find():
            page = self.session.get(self.server.url, params={"hall": ["", *halls]}).text
            found = in_page(page, "cursors")
            return None not in found.values() and (page, found)

        return wait_until(find, "the page to have its cursors")

    def ask(self, cursors):
        """Say where it is and for whom its page was made, and return what is acknowledged."""
        self.say(f"42/notices,0{json.dumps(['since', cursors, self.who])}")
        return json.loads(self.wait("43/notices,0").removeprefix("43/notices,0"))[0]

    def catch_up(self):
        """Ask until it is live."""
        while (answer := self.ask(self.cursors)) != "live":
            assert answer in ("again", "wait"), answer
            if answer == "wait":
                self.wait('42/notices,["live",true')

    def hear(self, packet):
        """Keep what is told, as the page does."""
        self.packets.append(packet)
        if not packet.startswith('42/notices,["notices",'):
            return
        _, hall, entries, after, cursor = json.loads(packet.partition(",")[2])
        if hall not in self.cursors:
            return
        assert place(after) <= place(self.cursors[hall]), "something before it did not arrive"
        for each, notice in entries:
            if place(each) > place(self.cursors[hall]) and notice:
                self.told.append((hall, notice["text"]))
        self.cursors[hall] = max(self.cursors[hall], cursor, key=place)

    def was_never_told(self, text):
        """Fail if any packet that came has this in it."""
        told = any(text in packet for packet in self.packets)
        assert not told, f"A browser was told {text!r}, which is not for it."

    def until(self, hall, text):
        """Return what it is told, up to this, and forget it."""
        while (hall, text) not in self.told:
            self.hear(self.wait('42/notices,["notices",'))
        told, self.told = self.told, []
        return told


@pytest.fixture
def tab(monkeypatch, raw):
    """Open tabs that end with the test: tab(server, halls, session=…)."""
    monkeypatch.setattr("conftest.Raw", Tab)
    return raw


@pytest.fixture
def stack():
    """Keep what is to be closed however the test ends: who stays would be counted in another."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def people(server):
    """Two who may log in: their numbers."""
    return add_users(server, "ada", "bob")


class TestHalls:
    """A page is told what is said in the halls that it follows."""

    def test_a_page_hears_its_halls_and_no_others(self, server, redis, tab):
        """What is said elsewhere is not even sent to it."""
        main, both, track = tab(server), tab(server, [MAIN, FOYER]), tab(server, [TRACK])
        say(redis, FOYER, "Coffee is here")
        both.until(FOYER, "Coffee is here")
        say(redis, TRACK, "It is hot in here")
        track.until(TRACK, "It is hot in here")
        say(redis, MAIN, "Doors open")
        for page in (main, both):
            assert page.until(MAIN, "Doors open") == [(MAIN, "Doors open")]
        main.was_never_told("Coffee is here")
        for page in (main, both):
            page.was_never_told("It is hot in here")

    def test_who_was_away_catches_up_with_all_of_its_halls_in_one_question(
        self, server, redis, tab
    ):
        """Each in its order, and with no other hall."""
        away = tab(server, [MAIN, FOYER])
        away.close()
        for number in range(3):
            for hall in (MAIN, TRACK, FOYER):
                say(redis, hall, f"{hall} {number}")
        again = tab(server, cursors=away.cursors)
        for hall in (MAIN, FOYER):
            texts = [text for where, text in again.told if where == hall]
            assert texts == [f"{hall} {number}" for number in range(3)]
        assert all(where != TRACK for where, _ in again.told)

    def test_who_leaves_a_hall_is_told_nothing_more_of_it(self, server, redis, tab):
        """Joining and leaving are one question: these, and no others."""
        page = tab(server, [MAIN, FOYER])
        del page.cursors[FOYER]
        page.catch_up()
        page.packets.clear()
        say(redis, FOYER, "Said when it had left")
        say(redis, MAIN, "Said in the hall that it follows")
        page.until(MAIN, "Said in the hall that it follows")
        other = tab(server, [FOYER])
        say(redis, FOYER, "The end")
        other.until(FOYER, "The end")
        say(redis, MAIN, "The end")
        page.until(MAIN, "The end")
        page.was_never_told("Said when it had left")

    @pytest.mark.parametrize(
        "cursors",
        ["0-0", None, ["Main hall"], {"No such hall": "0-0"}, {"Main hall": {"a": 1}}, {"": ""}],
        ids=repr,
    )
    def test_a_browser_may_ask_for_anything(self, server, redis, tab, cursors):
        """It follows nothing then, or is told to load the page anew."""
        page = tab(server)
        assert page.ask(cursors) in ("live", "reload")

    def test_a_hall_that_does_not_exist_is_not_posted_to(self, server, tab):
        """Its name is on a list."""
        page = tab(server)
        data = {"author": "Ada", "text": "Nowhere", "hall": "No such hall"}
        page.say(f'42/notices,1["post",{json.dumps(data)}]')
        answer = json.loads(page.wait("43/notices,1").removeprefix("43/notices,1"))[0]
        assert not answer["ok"]
        assert "hall" in answer["errors"]

    def test_manage_py_publishes_in_a_hall(self, server, tab):
        """In the first one, unless it names another."""
        page, other = tab(server), tab(server, [FOYER])
        for arguments in (["By the shell"], ["By the shell", "--hall", FOYER]):
            manage(server.step, "publish", *arguments, **server.extra)
        page.until(MAIN, "By the shell")
        other.until(FOYER, "By the shell")

    @pytest.mark.parametrize("hall", ["", None])
    def test_who_names_no_hall_means_the_first_one(self, server, tab, hall):
        """And is heard there."""
        page = tab(server)
        data = {"author": "Ada", "text": f"Said in {hall!r}", "hall": hall}
        page.say(f'42/notices,1["post",{json.dumps(data)}]')
        page.until(MAIN, f"Said in {hall!r}")

    def test_a_window_that_chooses_quickly_follows_what_is_ticked_at_last(
        self, server, redis, visit
    ):
        """Though the list for the first choice comes late; what is said meanwhile comes once."""
        page = visit(server)
        second = page.locator(f"[value='{TRACK}'] ~ span")
        lists = []

        def hold(route):
            lists.append((route, route.fetch()))
            if len(lists) > 1:
                route.fulfill(response=lists[-1][1])

        page.route("**/?hall=**", hold)
        page.check(f"[value='{FOYER}']")
        wait_until(lambda: page.evaluate("1") and lists, "the first list to be there")
        server.post("Ada", "Said meanwhile")
        page.check(f"[value='{TRACK}']")
        for _ in range(3):
            page.evaluate("ask({})")
        if len(lists) > 1:  # If the second list need not wait for the first, it comes first.
            expect(second).to_have_text("(1)")
        route, response = lists[0]
        route.fulfill(response=response)
        expect(second).to_have_text("(1)")
        for hall in (FOYER, TRACK):
            say(redis, hall, f"Said in {hall}")
            sees(page, f"Said in {hall}")
        sees(page, "Said meanwhile")
        expect(page.locator("#state")).to_have_text("Live, by websocket.")

    def test_a_window_chooses_halls_and_shows_them(self, server, visit):
        """The one that it has chosen, what was said there before, and who is there."""
        first, second = visit(server), visit(server)
        first.check(f"[value='{FOYER}']")
        first.select_option("#post [name=hall]", FOYER)
        fill(first, "Who has lost a badge?")
        sees(first, "Who has lost a badge?")
        fill(second, "In the main hall")
        sees(second, "In the main hall")
        sees(first, "In the main hall")
        expect(second.get_by_text("Who has lost a badge?")).to_have_count(0)
        second.check(f"[value='{FOYER}']")
        sees(second, "Who has lost a badge?")
        expect(second.locator(f"[value='{FOYER}'] ~ span")).to_have_text("(2)")
        first.uncheck(f"[value='{FOYER}']")
        expect(first.get_by_text("Who has lost a badge?")).to_have_count(0)
        expect(second.locator(f"[value='{FOYER}'] ~ span")).to_have_text("(1)")
        second.reload()
        sees(second, "Who has lost a badge?")

    def test_the_form_posts_to_a_hall_that_the_page_follows(self, server, window):
        """Unless somebody chooses another one, which is said then."""
        page = window(f"{server.url}/?hall={FOYER}")
        hall = page.locator("#post [name=hall]")
        expect(hall).to_have_value(FOYER)
        page.check(f"[value='{TRACK}']")
        expect(hall).to_have_value(TRACK)
        page.uncheck(f"[value='{TRACK}']")
        expect(hall).to_have_value(FOYER)
        fill(page, "Where is the coffee?")
        sees(page, "Where is the coffee?")
        hall.select_option(MAIN)
        fill(page, "Nobody here follows that")
        expect(page.locator("#answer")).to_contain_text(f"Said in {MAIN}")

    def test_what_was_missed_in_two_halls_is_shown_with_the_newest_first(self, server, window):
        """Whichever hall is caught up with first; and meanwhile nobody is said to be there."""
        page = window(f"{server.url}/?hall={MAIN}&hall={FOYER}")
        people = page.locator(f"[value='{FOYER}'] ~ span")
        expect(people).to_have_text("(1)")
        page.evaluate("notices.io.reconnection(false); notices.io.engine.close()")
        expect(people).to_have_text("")
        create = "Notice.objects.create(author='We', hall={0!r}, text={0!r})"
        saved = [create.format(hall) for hall in (FOYER, MAIN)]
        shell(server, "\n".join(saved))
        page.evaluate("notices.io.reconnection(true); notices.connect(); presence.connect()")
        for hall in (FOYER, MAIN):
            sees(page, hall)
        assert page.locator("#notices .text").all_inner_texts()[:2] == [MAIN, FOYER]

    def test_what_was_said_is_not_moved_elsewhere(self, server):
        """It would stay on the screens of all who have seen it."""
        lines = """
from django.contrib import admin
organisers = admin.site.get_model_admin(Notice)
print(*organisers.get_readonly_fields(None, Notice()), *organisers.get_readonly_fields(None))
"""
        assert shell(server, lines) == "hall to"

    @pytest.mark.parametrize("halls", [",", "Main hall,person 7", "people"])
    def test_a_hall_is_not_called_as_another_room(self, step, halls):
        """Whoever follows it would be in that room."""
        with pytest.raises(AssertionError, match="ImproperlyConfigured: HALLS: one or more"):
            manage(step, "check", HALLS=halls)


class TestPerson:
    """What is for one person is on all of their tabs, and nobody else's."""

    def test_it_is_on_all_of_their_tabs_and_nobody_elses(self, server, redis, tab, people):
        """Not in what a browser is sent either, whoever asks for it."""
        ada, bob = log_in(server, "ada"), log_in(server, "bob")
        tabs = [tab(server, [MAIN], ada), tab(server, [FOYER], ada)]
        phone = tab(server, [], log_in(server, "ada"))
        others = [tab(server, [MAIN], bob), tab(server)]
        write_to(redis, people["ada"], "Your talk begins at three")
        for each in (*tabs, phone):
            assert each.until(PEOPLE, "Your talk begins at three")
        say(redis, MAIN, "The end")
        for each in others:
            each.until(MAIN, "The end")
            each.was_never_told("Your talk begins at three")

    def test_who_slept_is_told_later_and_nobody_else_is(self, server, redis, tab, people):
        """In nobody else's catch-up; their cursors pass over it."""
        ada, bob = log_in(server, "ada"), log_in(server, "bob")
        asleep, other = tab(server, session=ada), tab(server, session=bob)
        asleep.close()
        other.close()
        user = "User.objects.get(username='ada')"
        shell(server, f"Notice.objects.create(author='We', text='While you slept', to={user})")
        again = tab(server, session=ada, cursors=asleep.cursors)
        assert (PEOPLE, "While you slept") in again.told
        theirs = tab(server, session=bob, cursors=dict(other.cursors))
        write_to(redis, people["bob"], "For bob")
        theirs.until(PEOPLE, "For bob")
        theirs.was_never_told("While you slept")
        assert "While you slept" not in bob.get(server.url).text
        assert "While you slept" in ada.get(server.url).text

    def test_it_is_not_pushed_away_by_what_halls_are_told(self, server, redis, people, tab, window):
        """Nor is it in what others have missed, if that is much: they load the page anew."""
        ada, bob = log_in(server, "ada"), log_in(server, "bob")
        asleep = tab(server, session=bob)
        asleep.close()
        shell(
            server,
            "ada = User.objects.get(username='ada')\n"
            "for number in range(100):\n"
            "    Notice.objects.create(author='We', text=f'Note {number}', to=ada)\n"
            "for number in range(50):\n"
            "    Notice.objects.create(author='We', text='To everybody')\n",
        )
        again = tab(server)
        assert "Note 99" in ada.get(server.url).text
        assert again.ask(again.cursors) == "live"
        late = tab(server, session=bob, cursors=tab(server, session=bob).cursors)
        assert late.ask(asleep.cursors) == "reload"
        late.was_never_told("Note ")

    @pytest.mark.parametrize("name", [None, "bob"])
    def test_a_browser_cannot_name_somebodys_room(self, server, redis, tab, people, name):
        """It names halls; which room that is, the server says."""
        page = tab(server, session=name and log_in(server, name))
        ada = tab(server, session=log_in(server, "ada"))
        room = f"person {people['ada']}"
        for cursors in ({room: "0-0"}, {PEOPLE: "0-0", room: "0-0"}):
            page.ask(page.cursors | cursors)
        for event in ("join", "enter_room", "rooms"):
            page.say(f'42/notices,["{event}","{room}"]')
        page.catch_up()
        write_to(redis, people["ada"], "For Ada alone")
        ada.until(PEOPLE, "For Ada alone")
        say(redis, MAIN, "The end")
        page.until(MAIN, "The end")
        page.was_never_told("For Ada alone")

    def test_a_page_that_was_made_for_somebody_else_is_told_nothing(
        self, server, redis, tab, people
    ):
        """Neither what is for that person, nor anything else, until it is loaded anew."""
        page, bystander = tab(server, session=log_in(server, "ada")), tab(server)
        for who in (people["bob"], None, True, "1", [1]):
            page.who = who
            assert page.ask(page.cursors) == "reconnect"
        write_to(redis, people["ada"], "For Ada's own page")
        say(redis, MAIN, "For those who are there")
        bystander.until(MAIN, "For those who are there")
        page.who = people["ada"]
        page.packets.clear()
        page.ask({})
        page.was_never_told("For")
        page.catch_up()
        assert (PEOPLE, "For Ada's own page") in page.told

    def test_who_may_have_to_leave_by_what_it_missed_loads_the_page_anew(
        self, server, redis, tab, people
    ):
        """Whether it may stay was looked up before that was published, perhaps."""
        ada = log_in(server, "ada")
        asleep, other = tab(server, session=ada), tab(server, session=log_in(server, "bob"))
        asleep.close()
        with redis_py.Redis.from_url(redis.url) as client:
            client.xadd("people", {"ended": f"person {people['ada']}"})
        write_to(redis, people["ada"], "After the change")
        write_to(redis, people["bob"], "The end")
        other.until(PEOPLE, "The end")  # so that a page that is loaded now begins after it
        again = tab(server, session=ada)
        again.packets.clear()
        assert again.ask(asleep.cursors) == "reload"
        again.was_never_told("After the change")

    def test_the_organisers_write_to_a_hall_or_to_one_person(self, server, people):
        """Not to a hall that does not exist."""
        lines = """
for hall in ("Foyer", "No such hall"):
    try:
        Notice(author="We", text="x", hall=hall).full_clean()
        print("taken", hall)
    except Exception as error:
        print("refused", *error.messages)
"""
        taken, refused = shell(server, lines).splitlines()
        assert taken == "taken Foyer"
        assert refused == "refused Value 'No such hall' is not a valid choice."


class TestSession:
    """A session that ends takes its rooms along, at once, on all tabs."""

    @pytest.mark.parametrize("how", ["log-out", "time", "deleted", "password", "inactive"])
    def test_when_it_ends_nothing_more_is_told(self, server, redis, tab, how):
        """What was written before it ended was told before."""
        name = f"{how}-user"
        number = add_users(server, name)[name]
        session = log_in(server, name)
        page = tab(server, session=session)
        write_to(redis, number, "Before the end")
        page.until(PEOPLE, "Before the end")
        page.packets.clear()
        key = session.cookies["sessionid"]
        mine = "from django.contrib.sessions.models import Session\n"
        mine += f"mine = Session.objects.filter(pk='{key}')\n"
        mine += f"user = User.objects.get(id={number})\n"
        if how == "log-out":
            log_out(server, session)
        else:
            ends = {
                "time": "mine.update(expire_date='2000-01-01T00:00:00Z')",
                "deleted": "mine.delete()",
                "password": "user.set_password('another'); user.save()",
                "inactive": "user.is_active = False; user.save()",
            }
            shell(server, mine + ends[how])
        page.wait("41/notices,")
        write_to(redis, number, "After the end")
        page.say("40/notices,")
        page.wait("40/notices,")
        assert page.ask(page.cursors) == "reconnect"
        page.who = None
        if how == "password":  # Now that somebody looks at it, Django deletes the session, too.
            if "41/notices," not in page.packets:  # It may have come before the answer.
                page.wait("41/notices,")
            page.say("40/notices,")
            page.wait("40/notices,")
        del page.cursors[PEOPLE]
        page.catch_up()
        say(redis, MAIN, f"The end of {how}")
        page.until(MAIN, f"The end of {how}")
        page.was_never_told("After the end")

    def test_who_stays_is_told_on(self, server, redis, tab, people):
        """One session of several has ended; a log-in is no change."""
        stays = tab(server, session=log_in(server, "ada"))
        log_out(server, log_in(server, "ada"))
        write_to(redis, people["ada"], "Still here")
        stays.until(PEOPLE, "Still here")
        assert not any(packet.startswith("41") for packet in stays.packets)

    def test_the_other_windows_forget_what_was_for_one_person(
        self, server, redis, people, chromium, stack
    ):
        """And are live again, without a name."""
        context = stack.enter_context(chromium.new_context())
        windows = [context.new_page() for _ in range(2)]
        windows[0].goto(f"{server.url}/login/")
        windows[0].fill("[name=username]", "ada")
        windows[0].fill("[name=password]", "ada")
        windows[0].click("button")
        windows[1].goto(server.url)
        for page in windows:
            expect(page.locator("#state")).to_have_text("Live, by websocket.")
        write_to(redis, people["ada"], "Somebody looks for you")
        for page in windows:
            own = page.locator("#people li").filter(has_text="Somebody looks for you")
            expect(own).to_contain_text("to you")
        windows[0].get_by_text("Log out").click()
        for page in windows:
            expect(page.get_by_text("Somebody looks for you")).to_have_count(0)
            expect(page.locator("#state")).to_have_text("Live, by websocket.")
            expect(page.locator("footer")).to_contain_text("Log in")
        # A tab of before the log-in finds out when it asks next, and connects anew.
        windows[0].goto(f"{server.url}/login/")
        windows[0].fill("[name=username]", "ada")
        windows[0].fill("[name=password]", "ada")
        windows[0].click("button")
        windows[1].check(f"[value='{FOYER}']")
        expect(windows[1].locator("footer")).to_contain_text("You are ada")
        expect(windows[1].locator("#state")).to_have_text("Live, by websocket.")
        write_to(redis, people["ada"], "Found you")
        expect(windows[1].locator("#people")).to_contain_text("Found you")

    def test_a_window_that_was_away_while_somebody_else_logged_in_forgets(
        self, server, redis, people, chromium, stack
    ):
        """It was not there to be hung up on."""
        context = stack.enter_context(chromium.new_context())
        page, away = context.new_page(), context.new_page()

        def enter(name):
            page.goto(f"{server.url}/login/")
            for field in ("username", "password"):
                page.fill(f"[name={field}]", name)
            page.click("button")
            expect(page.locator("footer")).to_contain_text(f"You are {name}")

        enter("ada")
        away.goto(server.url)
        write_to(redis, people["ada"], "For ada, and not for bob")
        expect(away.locator("#people")).to_contain_text("For ada, and not for bob")
        away.evaluate("notices.io.reconnection(false); notices.io.engine.close()")
        page.get_by_text("Log out").click()
        enter("bob")
        away.evaluate("notices.io.reconnection(true); notices.connect(); presence.connect()")
        expect(away.locator("footer")).to_contain_text("You are bob")
        expect(away.get_by_text("For ada, and not for bob")).to_have_count(0)
        write_to(redis, people["bob"], "For bob")
        expect(away.locator("#people")).to_contain_text("For bob")

    def test_a_session_that_ends_while_redis_is_away_ends_before_what_comes_then(
        self, serve, step, tab
    ):
        """It waits in the outbox, in its place."""
        mortal = Redis()
        server = serve(step, REDIS_URL=mortal.url)
        number = add_users(server, "ada")["ada"]
        session = log_in(server, "ada")
        page = tab(server, session=session)
        mortal.stop()
        page.wait('42/notices,["live",false]')
        log_out(server, session)
        to = f"to=User.objects.get(id={number})"
        shell(server, f"Notice.objects.create(author='We', text='After the end', {to})")
        mortal.start()  # It has forgotten all streams: they begin before that entry, or after it.
        if page.wait(("41/notices,", '42/notices,["live",true]')).startswith("42"):
            assert page.ask(page.cursors) == "reconnect"
        page.was_never_told("After the end")
        assert '42/notices,["live",false]' not in page.packets, "told once, not for each hall"
        server.stop()
        mortal.stop()

    def test_old_sessions_end_a_few_at_a_time(self, step, database, redis):
        """Each is an entry of the outbox, in which notices wait, too."""
        lines = """
import notices.sessions as sessions
from django.utils import timezone
S = sessions.Session
S.objects.bulk_create(S(pk=f"old{n}", expire_date=timezone.now()) for n in range(25))
sessions.time.sleep = lambda seconds: 1 / 0
try:
    sessions.end_old()
except ZeroDivisionError:
    print(S.objects.count())
"""
        # Without a server, which would end some as well.
        options = {"DATABASE_URL": database.copy(), "REDIS_URL": redis.url}
        assert manage(step, "shell", "-v0", "-c", lines, **options).strip() == "15"

    def test_a_password_is_checked_while_others_have_a_turn(self, step):
        """It takes long, on purpose."""
        lines = """
from gevent import monkey
monkey.patch_all()
import django
import gevent
django.setup()
from django.contrib.auth.hashers import make_password
turns = []
def take_turns():
    while True:
        gevent.sleep(0.001)
        turns.append(1)
gevent.spawn(take_turns)
make_password("secret")
print(len(turns) > 3)
"""
        settings = environment(DJANGO_SETTINGS_MODULE="board.settings", PYTHONPATH=str(step))
        command = [sys.executable, "-c", lines]
        said = subprocess.check_output(command, cwd=step, env=settings, text=True)
        assert said == "True\n"


@pytest.mark.skipif(not find_nginx(), reason="no nginx")
class TestWhoIsHere:
    """By name and by hall, over all processes."""

    def test_each_hall_hears_who_follows_it_wherever_they_are(self, servers, tab):
        """And when they leave, and nothing of other halls."""
        add_users(servers[0], "ada")
        ada = tab(servers[0], [MAIN, FOYER], log_in(servers[0], "ada"))
        nobody = tab(servers[1], [MAIN])
        nobody.wait('42/notices,["here","Main hall",2,["ada"]]')
        ada.wait('42/notices,["here","Main hall",2,["ada"]]')
        del ada.cursors[MAIN]
        ada.catch_up()
        nobody.wait('42/notices,["here","Main hall",1,[]]')
        ada.close()
        nobody.was_never_told(FOYER)

    def test_what_does_not_say_who_is_where_is_not_counted(self, redis, servers, tab):
        """Anybody may publish anything."""
        page, alone = tab(servers[0]), '42/notices,["here","Main hall",1,[]]'
        if alone not in page.packets:  # It may have been so before, by who has just left.
            page.wait(alone)
        messages = [
            "not JSON",
            "[1, 2]",
            '["x", 1, {"Main hall": "many"}]',
            '["y", 1, {"Main hall": [1]}]',
        ]
        with redis_py.Redis.from_url(redis.url) as client:
            for message in [*messages, '["z", 1, {"Main hall": [1, [["a"], null, "eve"]]}]']:
                client.publish("presence", message)
        servers[0].wait_for_log("Skipped")
        page.wait('42/notices,["here","Main hall",2,')
