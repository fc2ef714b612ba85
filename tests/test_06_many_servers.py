"""Step 6: several processes behind nginx, any of which may die; telling everybody still costs."""

import contextlib
import itertools
import json
import re
import signal
import socket
import subprocess
import time

import pytest
import redis as redis_py
import requests
import test_01_plain_django as plain
import test_05_nothing_missed as nothing_missed
from playwright.sync_api import expect
from test_03_namespace import fill, sees
from test_05_nothing_missed import say

from support import HungUp, Redis, free_port, read_cursor, wait_until
from workshop.install.programs import find_nginx
from workshop.serving.nginx import command, local, make_certificate

by_stream, raw = nothing_missed.by_stream, nothing_missed.raw

STEP = 6
STATE = "Live, by {}."
FILES = [*nothing_missed.FILES, "nginx.conf", "board/proxy.py", "notices/presence.py"]

pytestmark = pytest.mark.skipif(not find_nginx(), reason="no nginx")


class Nginx:
    """nginx with the step's own configuration, in front of servers that the tests have started."""

    config = "nginx.conf"

    def __init__(self, step, servers, folder, tls=False):
        self.servers, self.port = servers, free_port()
        self.url = f"http{'s' if tls else ''}://localhost:{self.port}"
        if tls:
            (folder / "run").mkdir()
            make_certificate(folder, [])
        ports = [server.port for server in servers]
        config = (step / self.config).read_text()
        self.command = command(folder, config, "127.0.0.1", self.port, local(ports), tls)
        self.start()

    def start(self):
        """Start, and wait until it answers."""
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)
        wait_until(self.answers, "nginx to listen")

    def answers(self):
        """Say whether it accepts a connection; fail when it has ended."""
        assert self.process.poll() is None, "nginx ended"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True

    def serving(self, page):
        """Return the server that a window has come to."""
        expect(page.locator("#process")).to_have_text(re.compile(r"Process \d+"))
        port = int(re.search(r"\d+", page.locator("#process").inner_text())[0])
        return next(server for server in self.servers if server.port == port)

    def connect_from(self, address):
        """Return a connection from one of this machine's many addresses."""
        return socket.create_connection(("127.0.0.1", self.port), source_address=(address, 0))

    def stop(self):
        """Stop."""
        self.process.terminate()
        self.process.wait()


@pytest.fixture(scope="module")
def servers(serve, step, database):
    """Four servers, as nginx.conf has them, on one database."""
    url = database.copy()
    return [serve(step, DATABASE_URL=url) for _ in range(4)]


@pytest.fixture(scope="module")
def nginx(step, servers, tmp_path_factory):
    """nginx in front of them."""
    proxy = Nginx(step, servers, tmp_path_factory.mktemp("nginx"))
    yield proxy
    proxy.stop()


def count(page):
    """Expect a window to say how many are here: count(page).to_have_text("2 are here.")."""
    return expect(page.locator("#count"))


class TestStart(plain.TestStart):
    """As before: a process alone is a whole server."""


class TestFourServers:
    """One address, and behind it any of the four."""

    def test_windows_come_to_different_processes_and_hear_each_other(self, nginx, visit):
        """Each says which it is, and all how many are here, wherever they are."""
        pages = [visit(nginx) for _ in range(3)]
        assert len({nginx.serving(page).port for page in pages}) == 3, "the one with the fewest"
        for page in pages:
            count(page).to_have_text("3 are here.")
        fill(pages[0], "Said to one of them")
        for page in pages:
            sees(page, "Said to one of them")
        pages[0].close()
        for page in pages[1:]:
            count(page).to_have_text("2 are here.")

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda each: each.name)
    def test_when_a_process_dies_its_windows_go_on_with_another(
        self, nginx, redis, visit, connected, number
    ):
        """With nothing missed; and its browsers are not counted twice for long."""
        page, other = visit(nginx), visit(nginx)
        count(page).to_have_text("2 are here.")
        server, died = nginx.serving(page), f"Said when {number.name} had come"
        server.stop(number)
        try:
            say(redis, died)
            sees(page, died)
            connected(page)
            assert nginx.serving(page) is not server
            sees(other, died)
            for each in (page, other):
                count(each).to_have_text("2 are here.")
        finally:
            server.start()

    def test_a_rolling_restart_drops_nobodys_notices(self, nginx, redis, raw, window, connected):
        """What a window posts meanwhile, and what programs say, arrives once and in order."""
        page = window(nginx.url)
        connected(page)
        browser, texts = raw(nginx), []
        for server in nginx.servers:
            texts += [f"Posted before {server.port}", f"Said while {server.port} is away"]
            fill(page, texts[-2])
            server.stop(signal.SIGTERM)
            say(redis, texts[-1])
            server.start()
            read_cursor(server.url)  # Waits until it reads the stream.
        for text in texts:
            sees(page, text)
        with contextlib.suppress(HungUp):  # Its process was ended.
            browser.notices_until("Never said")
        again = raw(nginx, since=browser.cursor)
        say(redis, "The end")
        told = browser.told + again.notices_until("The end")
        assert [text for text in told if text.startswith("Said")] == texts[1::2]
        assert {text for text in told if text.startswith("Posted")} == set(texts[::2])
        assert len(told) == len(texts) + 1, "nothing twice"


class TestWhoItIs:
    """nginx says who the browser is and how it came; nobody else may."""

    def post(self, browser, text):
        """Post, and return the acknowledgement."""
        data = {"author": "Ada", "text": text}
        browser.say(f'42/notices,1["post",{json.dumps(data)}]')
        return json.loads(browser.wait("43/notices,1").removeprefix("43/notices,1"))[0]

    def until_refused(self, browsers):
        """Post by one after the other until it is too much, and return how many were taken."""
        for number, browser in enumerate(itertools.islice(itertools.cycle(browsers), 30)):
            if not self.post(browser, f"number {number}")["ok"]:
                return number
        raise AssertionError("it is never too much")

    def test_the_limit_of_posts_is_one_for_all_processes_and_one_for_each_address(self, nginx, raw):
        """Twelve connections from one address share ten posts; another address has its own."""
        for address in range(20, 30):  # another one, where ten seconds end meanwhile
            same = [raw(nginx, socket=nginx.connect_from(f"127.0.0.{address}")) for _ in range(12)]
            window = time.time() // 10
            taken = self.until_refused(same)
            if time.time() // 10 == window:
                break
        assert taken == 10
        other = raw(nginx, socket=nginx.connect_from("127.0.0.8"))
        assert self.post(other, "From 8")["ok"]

    def test_an_address_that_a_browser_invents_is_not_believed(self, nginx, raw):
        """The limit counts the one that nginx sees."""
        honest = raw(nginx, socket=nginx.connect_from("127.0.0.9"))
        forged = {"X-Real-IP": "192.0.2.1", "X-Forwarded-For": "192.0.2.1"}
        liar = raw(nginx, socket=nginx.connect_from("127.0.0.9"), header=forged)
        for _ in range(3):  # Ten seconds may end between the two.
            self.until_refused([honest])
            if not self.post(liar, "From elsewhere, it says")["ok"]:
                return
        raise AssertionError("whoever invents an address has a limit of its own")

    def test_posts_are_taken_while_redis_is_away(self, serve, step):
        """Nobody counts them then, and they are saved."""
        mortal = Redis()
        server = serve(step, REDIS_URL=mortal.url)
        mortal.stop()
        assert "Saved all the same" in server.post("Ada", "Saved all the same").text
        server.stop()

    def test_https_ends_at_nginx(self, step, servers, redis, tmp_path, window, connected):
        """A page by https is live, its form works, and no other site's page may connect."""
        proxy = Nginx(step, servers, tmp_path, tls=True)
        try:
            page = window(proxy.url, ignore_https_errors=True)
            connected(page)
            fill(page, "Said by https")
            sees(page, "Said by https")
            plain_page = window(proxy.url, ignore_https_errors=True, java_script_enabled=False)
            fill(plain_page, "Posted by https")
            sees(page, "Posted by https")
            path = "/socket.io/?EIO=4&transport=polling"
            verify = str(tmp_path / "run" / "certificate.pem")
            for origin, code in [(proxy.url, 200), (proxy.url.replace("https", "http"), 400)]:
                answer = requests.get(proxy.url + path, headers={"Origin": origin}, verify=verify)
                assert answer.status_code == code
        finally:
            proxy.stop()


class TestPresence:
    """Anybody may publish anything, here too."""

    def test_what_is_no_number_is_not_counted(self, redis, nginx, visit):
        """And counting goes on."""
        page = visit(nginx)
        count(page).to_have_text("You are alone here.")
        with redis_py.Redis.from_url(redis.url) as client:
            for message in ["not JSON", "[1, 2]", '["x", "many"]', "[" * 100_000, b"\xff"]:
                client.publish("presence", message)
        nginx.servers[0].wait_for_log("Skipped")
        other = visit(nginx)
        for each in (page, other):
            count(each).to_have_text("2 are here.")


class TestWebsocketOnly:
    """By polling each request could come to another process."""

    def test_the_page_does_not_try_to_poll(self, nginx, window):
        """Not even if it is asked to."""
        page = window(f"{nginx.url}/?transport=polling")
        expect(page.locator("#state")).to_have_text("Live, by websocket.")

    def test_who_polls_all_the_same_comes_to_processes_that_do_not_know_it(self, nginx):
        """Which is why."""
        address, codes = f"{nginx.url}/socket.io/?EIO=4&transport=polling", set()
        for _ in nginx.servers:
            session = json.loads(requests.get(address).text[1:])["sid"]
            codes.add(requests.post(f"{address}&sid={session}", "40/presence,").status_code)
        assert 400 in codes
