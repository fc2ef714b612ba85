"""The answers that the READMEs fold away: each is applied to a copy of its step, and does it.

Where "nothing came" has to be shown, something else follows that must come: no test waits in vain.
"""

import json
import re
import shutil
import signal
import socket
import subprocess

import pytest
import test_06_many_servers as many_servers
from playwright.sync_api import expect
from test_03_namespace import sees
from test_04_redis_listener import shell
from test_05_nothing_missed import NETWORK, forget, say

from support import PATIENCE, STEPS, Server, manage, wait_until
from workshop.authoring import listings
from workshop.install.programs import find_nginx

LIVE = "Live, by websocket."


def answers(path):
    """Return the changes that a page shows."""
    return [block.code for block in listings.blocks(path) if block.kind == "change"]


def answered(number, folder, *others):
    """Return a copy of a step with its answer applied, and these changes of a test's own."""
    copy = folder / f"step-{number}"
    made = shutil.ignore_patterns("db.sqlite3*", "secret_key.txt", "__pycache__")
    shutil.copytree(STEPS[number], copy, ignore=made)
    [change] = answers(STEPS[number] / "README.md")
    apply = ["git", "apply", "--whitespace=error-all", "-"]
    done = subprocess.run(apply, cwd=copy, input=f"{change}\n", text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    for file, old, new in others:
        replace(copy / file, old, new)
    return copy


def replace(path, old, new):
    """Replace what is there once."""
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {path}"
    path.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def serve_answer(serve, tmp_path_factory):
    """Serve a step with its answer: serve_answer(4, NAME="value of the environment")."""

    def start(number, *others, **extra):
        folder = answered(number, tmp_path_factory.mktemp("answer"), *others)
        return serve(folder, POSTS_IN_TEN_SECONDS="100000", **extra)

    return start


def test_each_change_in_a_page_is_the_answer_of_a_step():
    """And so one that is tried here; step 2's is text."""
    found = {path: len(some) for path in listings.pages() if (some := answers(path))}
    assert found == {STEPS[number] / "README.md": 1 for number in (1, 3, 4, 5, 6, 7, 8, 9)}


class TestPlainDjango:
    """Step 1: a page that reloads itself."""

    def test_what_is_being_typed_is_lost(self, serve_answer, window):
        """After five seconds."""
        field = window(serve_answer(1).url).get_by_label("Notice")
        field.fill("Who lost a ba")
        expect(field).to_have_value("")


class TestGeventServer:
    """Step 2: the patch, below the imports."""

    def test_it_is_warned_of_and_the_board_does_not_work(self, database, tmp_path):
        """As the README says: MonkeyPatchWarning, and DatabaseError."""
        copy = shutil.copytree(STEPS[2], tmp_path / "step")
        patch = re.search(r"^monkey\.patch_all\(\).*\n\n", (copy / "serve.py").read_text(), re.M)[0]
        replace(copy / "serve.py", patch, "")
        last = "from board.wsgi import application\n"
        replace(copy / "serve.py", last, f"{last}\n{patch}")
        server = Server(copy, DATABASE_URL=database.copy())
        try:
            server.wait_for_log("MonkeyPatchWarning")
            assert "5 seconds on thread" in server.get("/slow/").text
            assert "DatabaseError" in server.get().text
            for path in ("/", "/slow/"):
                assert server.get(path).text == "Internal Server Error"
            server.wait_for_log("GET /slow/ HTTP/1.1. 500")
            assert any("failed with DatabaseError" in line for line in server.log)
        finally:
            server.stop()


def packets_until(browser, start):
    """Return the packets that come, up to one that begins so."""
    packets = []
    while not packets or not packets[-1].startswith(start):
        packets.append(browser.next())
    return packets


class TestNamespace:
    """Step 3: who is typing."""

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, serve_answer):
        """Step 3 with its answer."""
        return serve_answer(3)

    def test_the_other_window_says_so_for_three_seconds(self, server, window):
        """By the clock of its page, which the test winds."""
        here, there = window(server.url), window(server.url)
        for page in (here, there):
            expect(page.locator("#state")).to_have_text("Connected by websocket.")
        there.clock.install(time=0)
        there.clock.pause_at(1000)
        here.get_by_label("Your name").fill("Grace")
        here.get_by_label("Notice").press("W")
        expect(there.locator("#typing")).to_have_text("Grace is typing…")
        there.clock.run_for(2999)
        expect(there.locator("#typing")).to_have_text("Grace is typing…")
        there.clock.run_for(1)
        expect(there.locator("#typing")).to_have_text("")

    def test_who_types_is_not_told(self, server, raw):
        """Everybody else is, and no more than a name, whatever a browser sends."""
        here, there = raw(server), raw(server)
        for author in ["Ada", {"a": ["name"]}, "x" * 1000]:
            here.say(f"42/notices,{json.dumps(['typing', author])}")
        here.say('42/notices,["post",{"author":"Ada","text":"That is all"}]')
        end = '42/notices,["notice",'
        assert not [each for each in packets_until(here, end) if "typing" in each]
        told = [packet for packet in packets_until(there, end) if "typing" in packet]
        names = [json.loads(packet.partition(",")[2])[1] for packet in told]
        assert names == ["Ada", "{'a': ['name']}", "x" * 40]


class TestRedisListener:
    """Step 4: a notice that is deleted goes from every screen."""

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, serve_answer):
        """Step 4 with its answer."""
        return serve_answer(4)

    @pytest.fixture
    def notices(self, server, connect):
        """The numbers of three new notices, by their texts."""
        client = connect(server)
        client.wait("live", lambda live: live)
        texts = ["Lunch at noon", "Lunch at one", "No lunch"]
        for text in texts:
            client.post(text)
        return {text: client.wait_for_notice(text)["id"] for text in texts}

    def in_admin(self, server, path, **data):
        """Press a button in the admin that deletes."""
        session = server.log_in()
        data |= {"post": "yes", "csrfmiddlewaretoken": session.cookies["csrftoken"]}
        page = f"{server.url}/admin/notices/notice/{path}"
        answer = session.post(page, data, allow_redirects=False)
        assert answer.status_code == 302, answer.text

    def goes(self, page, number):
        """Wait until a window no longer shows a notice."""
        expect(page.locator(f"#notice-{number}")).to_have_count(0)

    def test_one_that_is_deleted_in_the_admin(self, server, notices, window):
        """By its own page's button."""
        page = window(server.url)
        expect(page.locator("#state")).to_have_text(LIVE)
        sees(page, "Lunch at noon")
        self.in_admin(server, f"{notices['Lunch at noon']}/delete/")
        self.goes(page, notices["Lunch at noon"])
        sees(page, "No lunch")
        self.in_admin(server, "", action="delete_selected", _selected_action=notices.values())
        for number in notices.values():
            self.goes(page, number)

    def test_what_is_rolled_back_stays(self, server, notices, connect):
        """Nobody is told."""
        client = connect(server)
        code = f"""
from django.db import transaction
from notices.models import Notice
with transaction.atomic():
    Notice.objects.get(id={notices["Lunch at noon"]}).delete()
    transaction.set_rollback(True)
Notice.objects.filter(id={notices["No lunch"]}).delete()
"""
        shell(server, server.step, code)
        assert client.wait("deleted") == notices["No lunch"]


class TestNothingMissed:
    """Step 5: how many came while the page was away."""

    def away(self, server, page, redis, *texts):
        """Say something while a window has lost its server, and wait until it has caught up."""
        server.stop(signal.SIGKILL)
        expect(page.locator("#state")).to_have_text(NETWORK)
        say(redis, *texts)
        server.start()
        sees(page, texts[-1])
        expect(page.locator("#state")).to_have_text(LIVE)

    def test_the_page_says_how_many(self, serve_answer, redis, window):
        """Those, and no others; and nothing where nobody knows."""
        server = serve_answer(5)
        page = window(server.url)
        missed = page.locator("#missed")
        expect(page.locator("#state")).to_have_text(LIVE)
        say(redis, "Before")
        sees(page, "Before")
        expect(missed).to_have_text("")
        self.away(server, page, redis, "One", "Two", "Three")
        expect(missed).to_have_text("3 while you were away.")
        say(redis, "Live again")
        sees(page, "Live again")
        self.away(server, page, redis, "Once more")
        expect(missed).to_have_text("1 while you were away.")
        server.stop(signal.SIGKILL)
        expect(page.locator("#state")).to_have_text(NETWORK)
        say(redis, "Trimmed away", "The last")
        forget(redis)
        server.start()
        expect(page.locator("#notices")).not_to_contain_text("Before")  # The list is a new one.
        expect(page.locator("#state")).to_have_text(LIVE)
        expect(missed).to_have_text("")


# All but two of the servers behind nginx.
TWO = "".join(f"        server 127.0.0.1:{port} max_fails=0;\n" for port in (8003, 8004))


@pytest.mark.skipif(not find_nginx(), reason="no nginx")
class TestManyServers:
    """Step 6: a process lets its browsers go before it ends."""

    def test_who_is_here_goes_by_itself_and_is_told_until_then(
        self, serve_answer, database, redis, window, connect, tmp_path
    ):
        """And nobody new comes in; who never goes is let go."""
        url, ten = database.copy(), "Timeout(10,"
        patient = serve_answer(
            6, ("serve.py", ten, "Timeout(1000,"), ("nginx.conf", TWO, ""), DATABASE_URL=url
        )
        hasty = serve_answer(6, ("serve.py", ten, "Timeout(0.1,"), DATABASE_URL=url)
        nginx = many_servers.Nginx(patient.step, [patient, hasty], tmp_path)
        try:
            pages = {}
            for _ in range(2):
                page = window(nginx.url)
                pages[nginx.serving(page)] = page
            page = pages[patient]
            expect(page.locator("#state")).to_have_text(LIVE)
            stays = connect(patient, transports=["websocket"])
            patient.process.send_signal(signal.SIGTERM)
            stays.wait("drain", lambda: True)
            expect(page.locator("#process")).to_have_text(f"Process {hasty.port}.")
            expect(page.locator("#state")).to_have_text(LIVE)
            say(redis, "Said meanwhile")
            sees(page, "Said meanwhile")
            stays.wait_for_notice("Said meanwhile")
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", patient.port))
            stays.close()
            assert patient.process.wait(PATIENCE) == 0
            connect(hasty, transports=["websocket"])
            assert hasty.stop() == 0
        finally:
            nginx.stop()


# The order in which the server writes is seen on the server alone.
NOTE = """
write = Socket.write


def noted_write(self, data):
    if b'["notices"' in data:
        print("told", self.connection.getpeername()[1], flush=True)
    write(self, data)


Socket.write = noted_write
"""


class TestFastFanOut:
    """Step 7: who has spoken is told first."""

    def test_who_has_spoken_is_told_first(self, serve_answer, redis, connect):
        """The others after that, in the order in which they came."""
        last = "engineio.socket.Socket = Socket\n"
        server = serve_answer(7, ("board/direct.py", last, last + NOTE))
        clients = [connect(server, transports=["websocket"]) for _ in range(3)]
        ports = [client.sio.eio.ws.sock.getsockname()[1] for client in clients]
        names = {f"told {port}": name for port, name in zip(ports, "abc", strict=True)}

        def told(count):
            found = [names[line] for line in server.log if line in names]
            return len(found) == count and "".join(found[-3:])

        say(redis, "Nobody has spoken")
        assert wait_until(lambda: told(3), "three to be told") == "abc"
        clients[2].post("I have")
        assert wait_until(lambda: told(6), "three to be told again") == "cab"


class TestRooms:
    """Step 8: somebody is typing."""

    def test_the_others_in_the_hall_are_told(self, serve_answer, window):
        """Not the one who types; and it goes by itself."""
        server = serve_answer(8)
        pages = [window(server.url) for _ in range(2)]
        for page in pages:
            expect(page.locator("#state")).to_have_text(LIVE)
        pages[0].evaluate("notices.on('typing', () => (window.heard = true))")
        pages[0].get_by_label("Notice").press_sequentially("Who")
        expect(pages[1].locator("#answer")).to_have_text("Somebody in Main hall is typing…")
        pages[0].evaluate("ask(cursors)")  # What was sent before is here before the answer.
        assert not pages[0].evaluate("window.heard")
        expect(pages[1].locator("#answer")).to_have_text("")


class TestManyMachines:
    """Step 9: where each hall is."""

    def test_it_says_where_each_hall_is(self, serve_answer, redis_cluster):
        """On the one node that there is, here."""
        server = serve_answer(9, HALLS="Main hall,Foyer")
        said = manage(server.step, "halls", **server.extra)
        where = f"127.0.0.1:{redis_cluster.port}"
        assert said == f"Main hall: {where}\nFoyer: {where}\n"
