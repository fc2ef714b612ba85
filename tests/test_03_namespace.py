"""Step 3: the page talks to two namespaces over one connection; what it does not hear still hurts.

Where "nothing came" has to be shown, something else follows that must come: no test waits in vain.
"""

import json
import re
import signal
import time

import pytest
import requests
import test_01_plain_django as plain
import test_02_gevent_server as gevent_server
from playwright.sync_api import expect

from support import PATIENCE, manage

STEP = 3
STATE = "Connected by {}."
FILES = [
    *gevent_server.FILES,
    *["board/guard.py", "notices/post_limit.py"],
    *["notices/namespaces.py", "notices/static/notices/board.js"],
]
POST = '42/notices,["post",{"author":"Raw","text":"%s"}]'
NO_CONNECTION = "No connection: trying again."


def fill(page, text, author="Window"):
    """Write a notice in a window, and press its button."""
    page.get_by_label("Your name").fill(author)
    page.get_by_label("Notice").fill(text)
    page.get_by_role("button", name="Post").click()


def sees(page, text):
    """Wait until a window shows a notice, once."""
    expect(page.locator("#notices .text").get_by_text(text, exact=True)).to_have_count(1)


def no_id_is_twice(page):
    """Say whether no two elements of a page have the same id."""
    ids = page.locator("[id]").evaluate_all("all => all.map(each => each.id)")
    return len(ids) == len(set(ids))


class TestStart(plain.TestStart):
    """As before."""


class TestBoard(plain.TestBoard):
    """Everything of step 1, unchanged: HTTP is still there."""


class TestServer(gevent_server.TestServer):
    """Everything of step 2."""


class TestStop(gevent_server.TestStop):
    """With namespaces too."""


class TestSocket:
    """What a client says and hears in /notices and /presence, in any language."""

    @pytest.mark.parametrize("transport", ["websocket", "polling"])
    def test_a_client_connects(self, server, connect, transport):
        """By websocket alone, or by polling alone."""
        client = connect(server, ["/notices", "/presence"], [transport])
        assert client.sio.transport() == transport
        client.wait("count")

    @pytest.mark.parametrize("transport", ["websocket", "polling"])
    def test_a_post_is_acknowledged_with_ok(self, server, connect, transport):
        """Once it is saved."""
        client = connect(server, transports=[transport])
        text = f"Posted by {transport}"
        assert client.post(text) == {"ok": True}, "a post should be acknowledged with ok"
        assert text in server.get("/").text, "a post should be saved"

    @pytest.mark.parametrize("transport", ["websocket", "polling"])
    def test_everybody_is_sent_the_notice(self, server, connect, transport):
        """The one who posted it too."""
        one, other = connect(server, transports=[transport]), connect(server)
        text = f"To all, by {transport}"
        one.post(text, author="Ada")
        for client in (one, other):
            notice = client.wait_for_notice(text)
            assert notice["author"] == "Ada"
            assert notice["official"] is False
            assert isinstance(notice["id"], int)
            assert re.match(r"\d{4}-\d\d-\d\dT", notice["created"])

    def test_a_wrong_post_is_acknowledged_with_the_forms_errors(self, server, connect):
        """The form is Django's, with its rules."""
        answer = connect(server).post("y" * 281, author=" ")
        assert answer["ok"] is False
        messages = {name: errors[0]["message"] for name, errors in answer["errors"].items()}
        assert messages["author"] == "This field is required."
        assert "at most 280 characters" in messages["text"]

    def test_a_wrong_post_is_not_told(self, server, raw):
        """Nor saved."""
        browser = raw(server)
        browser.say('42/notices,1["post",{"author":"","text":"Nobody said this"}]')
        browser.wait("43/notices,1")
        browser.say(POST % "After a wrong one")
        assert browser.notices_until("After a wrong one") == ["After a wrong one"]
        assert "Nobody said this" not in server.get("/").text

    @pytest.mark.parametrize("data", ["null", "[]", '"text"', "7", "{}", '{"author":{},"text":[]}'])
    def test_a_browser_may_send_anything(self, server, raw, data):
        """And is told what is wrong with it."""
        browser = raw(server)
        browser.say(f'42/notices,1["post",{data}]')
        answer = browser.wait("43/notices,1")
        assert json.loads(answer.removeprefix("43/notices,1"))[0]["ok"] is False, answer

    def test_a_visitor_cannot_post_as_official(self, server, connect):
        """Not even by sending more than the form has."""
        client = connect(server)
        data = {"author": "Eve", "text": "Trust me", "official": True}
        client.sio.call("post", data, namespace="/notices", timeout=PATIENCE)
        assert client.wait_for_notice("Trust me")["official"] is False

    def test_presence_counts_in_and_out(self, serve, step, connect):
        """How many are here."""
        server = serve(step)
        one = connect(server, ["/presence"])
        one.wait("count", lambda count: count == 1)
        other = connect(server, ["/presence"])
        one.wait("count", lambda count: count == 2)
        other.wait("count", lambda count: count == 2)
        other.close()
        one.wait("count", lambda count: count == 1)

    def test_presence_is_told_once_a_second_at_most(self, serve, step, raw):
        """However many come at once: N times N packets are an outage."""
        server = serve(step)
        first, browsers = raw(server, "/presence"), [raw(server, None) for _ in range(30)]
        began, told = time.monotonic(), [""]
        for browser in browsers:
            browser.say("40/presence,")
        while not told[-1].endswith("31]"):
            told.append(first.wait("42/presence,"))
        seconds = time.monotonic() - began
        assert len(told) - 1 <= seconds + 2, (
            f"In {seconds:.0f} seconds a page was told {len(told) - 1} times how many are here."
        )


class TestUser:
    """Who somebody is, is asked per event: the connection's request is from long ago."""

    def log_in(self, server, connect):
        """Return a session that is logged in, and a client with its cookie."""
        session = server.log_in()
        cookie = f"sessionid={session.cookies['sessionid']}"
        return session, connect(server, headers={"Cookie": cookie})

    def test_what_the_organisers_post_is_official(self, server, connect):
        """The session's cookie comes with the connection."""
        _, client = self.log_in(server, connect)
        client.post("From the desk, live")
        assert client.wait_for_notice("From the desk, live")["official"] is True

    def test_a_log_out_counts_at_once(self, server, connect):
        """On a socket that stays open."""
        session, client = self.log_in(server, connect)
        client.post("Before the log-out")
        assert client.wait_for_notice("Before the log-out")["official"] is True
        server.log_out(session)
        assert client.post("After the log-out") == {"ok": True}
        assert client.wait_for_notice("After the log-out")["official"] is False, (
            "ask for the user in each event: who logged out should not be official any more"
        )
        page = server.get("/").text
        assert plain.official(page, "Before the log-out"), "it should be saved as it was told"
        assert not plain.official(page, "After the log-out"), "it should be saved as it was told"

    def test_a_right_that_is_taken_away_counts_at_once(self, server, step, connect):
        """And one that is given."""
        _, client = self.log_in(server, connect)
        for staff in (False, True):
            code = "from django.contrib.auth.models import User; User.objects.update(is_staff=%s)"
            manage(step, "shell", "-c", code % staff, **server.extra)
            client.post(f"Staff: {staff}")
            assert client.wait_for_notice(f"Staff: {staff}")["official"] is staff


class TestWindow(plain.TestWindow):
    """What somebody sees and does in a browser."""

    def test_the_page_says_that_it_is_connected_and_how(self, server, visit):
        """And how many are here."""
        page = visit(server)
        expect(page.locator("#count")).to_have_text(re.compile(r"here\.$"))

    def test_the_client_comes_from_the_site_itself(self, server, window, connected):
        """Nothing is fetched from anywhere else while the page is shown."""
        page = window("about:blank")
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(server.url)
        connected(page)
        assert f"{server.url}/static/socket.io/socket.io.min.js" in asked
        elsewhere = [url for url in asked if not url.startswith((server.url, "data:"))]
        assert elsewhere == [], "the page should ask nobody but its own server"

    def test_a_post_is_in_every_window_without_a_reload(self, server, visit):
        """What steps 1 and 2 could not do."""
        one, other = visit(server), visit(server)
        for page in (one, other):
            page.evaluate("window.loaded = 'once'")
        fill(one, "Track B starts late, live", author="Grace")
        for page in (one, other):
            sees(page, "Track B starts late, live")
            expect(page.locator("#notices li").first).to_contain_text("Grace")
            assert page.evaluate("window.loaded") == "once", "no window should be reloaded"

    def test_the_field_is_emptied_once_the_notice_is_saved(self, server, visit):
        """The name stays."""
        page = visit(server)
        fill(page, "And then the next", author="Grace")
        expect(page.get_by_label("Notice")).to_have_value("")
        expect(page.get_by_label("Your name")).to_have_value("Grace")
        expect(page.locator("#answer")).to_have_text("")

    def test_the_forms_errors_are_shown_and_the_text_is_kept(self, server, visit):
        """Nobody types it twice."""
        page = visit(server)
        fill(page, "Who am I?", author=" ")
        expect(page.locator("#answer")).to_have_text("This field is required.")
        expect(page.get_by_label("Notice")).to_have_value("Who am I?")
        fill(page, "Somebody after all", author="Me")
        expect(page.locator("#answer")).to_have_text("")

    def test_text_that_arrives_is_shown_as_text(self, server, visit, connect):
        """It never becomes part of the page's HTML."""
        page = visit(server)
        client = connect(server)
        text = "<img src=x onerror='window.broken = 1'>"
        client.post(text, author="<b>Eve</b>")
        sees(page, text)
        expect(page.locator("#notices .author").first).to_have_text("<b>Eve</b>")
        assert page.locator("#notices img, #notices b").count() == 0
        assert page.evaluate("window.broken") is None

    def test_the_page_keeps_the_last_fifty(self, server, visit, raw):
        """However long it stays open."""
        page = visit(server)
        browser = raw(server)
        for number in range(51):
            browser.say(POST % f"Number {number}")
            browser.notices_until(f"Number {number}")
        sees(page, "Number 50")
        texts = page.locator("#notices .text").all_inner_texts()
        assert texts == [f"Number {number}" for number in range(50, 0, -1)]
        assert no_id_is_twice(page)

    def test_a_screen_reader_is_told(self, server, visit):
        """New notices, the connection's state, and the answer to a post are live regions."""
        page = visit(server)
        expect(page.locator("#notices")).to_have_attribute("aria-live", "polite")
        for where in ("#state", "#answer"):
            expect(page.locator(where)).to_have_attribute("role", "status")

    def test_what_the_organisers_post_is_marked(self, server, visit, window, connected):
        """In the other windows too."""
        other, page = visit(server), window(f"{server.url}/admin/login/?next=/")
        page.get_by_label("Username").fill("admin")
        page.get_by_label("Password").fill("only-for-tests")
        page.get_by_role("button", name="Log in").click()
        connected(page)
        fill(page, "Marked")
        sees(other, "Marked")
        expect(other.locator("#notices li").first.locator(".official")).to_be_visible()

    def test_the_window_that_is_closed_is_counted_out(self, serve, step, visit):
        """How many are here."""
        server = serve(step)
        one, other = visit(server), visit(server)
        expect(one.locator("#count")).to_have_text("2 are here.")
        other.close()
        expect(one.locator("#count")).to_have_text("You are alone here.")


class TestReconnect:
    """The server goes, and comes back."""

    def test_what_comes_afterwards_is_shown_once(self, serve, step, visit, connected):
        """Who listens anew at each connect listens twice."""
        server = serve(step)
        page = visit(server)
        server.stop()
        expect(page.locator("#state")).to_have_text(NO_CONNECTION)
        server.start()
        connected(page)
        fill(page, "Once more")
        expect(page.get_by_label("Notice")).to_have_value("")
        sees(page, "Once more")


class Opened:
    """What a window opens to reach the Socket.IO server."""

    def __init__(self, window, url):
        self.websockets, self.polls = [], []
        self.page = window("about:blank")
        self.page.on("websocket", lambda websocket: self.websockets.append(websocket.url))
        self.page.on("request", self.see)
        self.page.goto(url)

    def see(self, request):
        """Keep a request that polls."""
        if "transport=polling" in request.url:
            self.polls.append(request.url)


class TestTransport:
    """One connection, by websocket where that is possible and by polling where it is not."""

    def test_polling_comes_first_and_is_upgraded(self, server, window, connected):
        """Two namespaces, one websocket."""
        opened = Opened(window, server.url)
        connected(opened.page)
        expect(opened.page.locator("#count")).not_to_be_empty()
        assert opened.polls, "the connection should begin with polling"
        assert len(opened.websockets) == 1, "two namespaces should share one connection"

    def test_polling_can_be_forced(self, server, window, connect, connected):
        """?transport=polling"""
        opened = Opened(window, f"{server.url}/?transport=polling")
        connected(opened.page, "polling")
        fill(opened.page, "By polling alone")
        sees(opened.page, "By polling alone")
        connect(server).post("Heard by polling")
        sees(opened.page, "Heard by polling")
        assert opened.websockets == []

    def test_websocket_can_be_forced(self, server, window, connected):
        """?transport=websocket"""
        opened = Opened(window, f"{server.url}/?transport=websocket")
        connected(opened.page)
        fill(opened.page, "By websocket alone")
        sees(opened.page, "By websocket alone")
        assert opened.polls == []

    def test_another_transport_is_not_taken_from_the_url(self, server, window, connected):
        """It goes into the page."""
        page = window(f"{server.url}/?transport=</script><script>window.broken=1</script>")
        connected(page)
        assert page.evaluate("window.broken") is None

    def test_where_websockets_are_blocked_polling_does(self, server, window, connect, connected):
        """As in many a hotel."""
        blocked = []

        def block(websocket):
            blocked.append(websocket.url)
            websocket.close()

        page = window("about:blank")
        page.route_web_socket(re.compile("/socket.io/"), block)
        page.goto(server.url)
        connected(page, "polling")
        fill(page, "Without a websocket")
        sees(page, "Without a websocket")
        connect(server).post("Heard without a websocket")
        sees(page, "Heard without a websocket")
        assert blocked, "it should have tried"
        connected(page, "polling")


class TestLimit:
    """One browser cannot fill everybody's screen. (The limit here is one post in ten seconds.)"""

    @pytest.fixture(scope="class")
    @classmethod
    def strict(cls, serve, step):
        """A server with a low limit."""
        return serve(step, POSTS_IN_TEN_SECONDS="1")

    def test_too_many_posts_are_refused_with_a_message(self, strict, connect):
        """Over the socket. (The second, or the third where ten seconds end in between.)"""
        client = connect(strict)
        answers = [client.post(f"Number {number}") for number in range(3)]
        refused = [answer for answer in answers if not answer["ok"]]
        assert refused, "one of three posts should be one too many"
        assert "wait ten seconds" in refused[0]["errors"]["__all__"][0]["message"]
        assert strict.get("/").text.count("Number ") == 3 - len(refused)

    def test_the_page_shows_the_message(self, strict, visit):
        """And keeps the text."""
        page = visit(strict)
        answered = """() => document.querySelector("#answer").textContent
            || !document.querySelector("[name=text]").value"""
        for _ in range(3):
            fill(page, "Again and again")
            page.wait_for_function(answered)
            if page.locator("#answer").text_content():
                break
        expect(page.locator("#answer")).to_contain_text("wait ten seconds")
        expect(page.get_by_label("Notice")).to_have_value("Again and again")

    def test_the_form_shares_the_limit(self, strict, connect):
        """Over HTTP it would be no limit; a browser is known by its cookie."""
        session = requests.Session()
        session.get(strict.url)
        cookie = f"browser={session.cookies['browser']}"
        client = connect(strict, headers={"Cookie": cookie})
        pages = []
        for number in range(2):
            client.post("Over the socket")
            pages.append(strict.post("Somebody", f"By the form at once, {number}", session).text)
        assert "wait ten seconds" in "".join(pages), "the page should show the form's error"


class TestLost:
    """Connections that are lost say so and come back."""

    @pytest.fixture(scope="class")
    @classmethod
    def mortal(cls, serve, step):
        """A server that is killed."""
        return serve(step, POSTS_IN_TEN_SECONDS="100000")

    def test_the_page_says_that_it_has_no_connection(self, mortal, visit, connected):
        """And comes back by itself when the server does; posts work again."""
        page = visit(mortal)
        page.evaluate("window.loaded = 'once'")
        mortal.stop(signal.SIGKILL)
        try:
            expect(page.locator("#state")).to_have_text(NO_CONNECTION)
            expect(page.locator("#count")).to_have_text("")
            fill(page, "Said to nobody")
            expect(page.locator("#answer")).to_contain_text("Not sent")
            expect(page.get_by_label("Notice")).to_have_value("Said to nobody")
        finally:
            mortal.start()
        connected(page)
        page.get_by_role("button", name="Post").click()
        sees(page, "Said to nobody")
        assert page.evaluate("window.loaded") == "once"

    def test_no_answer_is_said_too(self, mortal, window, connected):
        """A server that hangs does not leave one waiting for ever."""
        page = window("about:blank")
        page.clock.install()
        page.goto(mortal.url)
        connected(page)
        mortal.process.send_signal(signal.SIGSTOP)
        try:
            fill(page, "Is anybody there?")
            page.clock.fast_forward(6000)
            expect(page.locator("#answer")).to_contain_text("No answer")
        finally:
            mortal.process.send_signal(signal.SIGCONT)
        expect(page.get_by_label("Notice")).to_have_value("Is anybody there?")


class TestStillHurts:
    """Only what came in over a socket of this very process is told to anybody."""

    def test_a_notice_from_the_form_is_not_told(self, server, raw):
        """It is saved, and on no screen."""
        browser = raw(server)
        server.post("Ada", "Said by the form")
        browser.say(POST % "Said after the form")
        assert browser.notices_until("Said after the form") == ["Said after the form"]

    def test_a_notice_from_the_admin_is_not_told(self, server, raw):
        """Neither."""
        browser = raw(server)
        server.save_in_admin(server.log_in(), "Said in the admin")
        browser.say(POST % "Said after the admin")
        assert browser.notices_until("Said after the admin") == ["Said after the admin"]

    def test_a_notice_from_another_process_is_not_told(self, serve, step, server, raw):
        """Not even from another server of this step on the same database."""
        other = serve(step, DATABASE_URL=server.extra["DATABASE_URL"])
        here, there = raw(server), raw(other)
        there.say(POST % "Said over there")
        there.notices_until("Said over there")
        here.say(POST % "Said here")
        assert here.notices_until("Said here") == ["Said here"]
        assert "Said over there" in server.get("/").text

    def test_the_other_window_has_to_be_reloaded(self, server, visit, raw):
        """And the page says so."""
        page = visit(server)
        server.post("Ada", "On paper")
        raw(server).say(POST % "On the air")
        sees(page, "On the air")
        expect(page.locator("#notices")).not_to_contain_text("On paper")
        page.get_by_role("link", name="reload").click()
        sees(page, "On paper")
