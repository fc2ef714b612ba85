"""deploy/: what goes live. Its servers are run; the rest is checked by what can check it here."""

import ast
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
import yaml
from playwright.sync_api import expect
from test_08_rooms import MAIN, Tab, say
from test_tool import Call

from support import (
    PATIENCE,
    ROOT,
    STEPS,
    HungUp,
    Raw,
    Server,
    environment,
    free_port,
    manage,
    wait_until,
)
from workshop.fire import deployed, image, pages
from workshop.install.programs import find_nginx
from workshop.serving import nginx as serving
from workshop.serving.ports import answers
from workshop.serving.proxy import Proxy

pytestmark = pytest.mark.skipif(os.name == "nt", reason="written with POSIX signals")

DEPLOY = ROOT / "deploy"
README = DEPLOY / "README.md"
STEP = STEPS[8]
SECRET = "only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJ"
OWN = deployed.LIVE | {
    "SECRET_KEY": SECRET,
    "ALLOWED_HOSTS": "127.0.0.1",
    "POSTS_IN_TEN_SECONDS": "100000",
}
HTTPS = {"X-Forwarded-Proto": "https"}  # as nginx says it


def two_ports():
    """Return a free port for a process, with that of its monitor: below those of clients, too."""
    while True:
        with contextlib.suppress(OSError):
            socket.create_server(("127.0.0.1", port := free_port() - 10_000)).close()
            return port


class Live(Server):
    """A process of deploy/, which hears Redis."""

    choose_port = staticmethod(two_ports)

    def command(self):
        """Return what Python is to run, with the address after it."""
        return ["-m", "live.serve"]

    def start(self):
        """Start, and wait until it is well."""
        super().start()
        try:
            wait_until(self.is_well, "the process to be well")
        except AssertionError:
            self.stop(signal.SIGKILL)
            raise

    def is_well(self):
        """Tell whether it hears Redis; it takes connections a moment before the monitor does."""
        with contextlib.suppress(ConnectionRefusedError):
            return self.ask("/healthz")[0] == 200

    def ask(self, path):
        """Ask the monitor, and return the status and what it says."""
        it = http.client.HTTPConnection("127.0.0.1", self.port + 10_000, timeout=PATIENCE)
        with contextlib.closing(it):
            it.request("GET", path)
            answer = it.getresponse()
            return answer.status, answer.read().decode()

    def metric(self, name):
        """Return what Prometheus would read."""
        return float(re.search(rf"^{re.escape(name)} (\S+)$", self.ask("/metrics")[1], re.M)[1])

    def get(self, path="/", **options):
        """GET a page of the site as nginx does."""
        return super().get(path, headers=HTTPS, allow_redirects=False, **options)

    def refuses(self):
        """Tell whether nobody new is taken."""
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except ConnectionRefusedError:
            return True


class Gunicorn(Live):
    """The same by gunicorn."""

    def command(self):
        """Return what Python is to run, with the address after it."""
        return ["-m", "gunicorn", "--bind"]


BOTH = pytest.mark.parametrize("kind", [Live, Gunicorn])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as the image has it."""
    return deployed.site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def live(serve, site):
    """Start processes: live(kind, NAME="value")."""
    return lambda kind=Live, **extra: serve(site, kind=kind, **OWN | extra)


@pytest.fixture(scope="module")
def server(live):
    """One that goes on."""
    return live()


class Page(Tab):
    """A page of the board, by its process's own address."""

    def __init__(self, server, **options):
        session = requests.Session()
        session.headers.update(HTTPS)
        super().__init__(server, session=session, **options)


@pytest.fixture
def page():
    """Open pages that end with the test: page(server, cursors=…)."""
    with contextlib.ExitStack() as stack:

        def start(server, **options):
            result = Page(server, **options)
            stack.callback(result.close)
            return result

        yield start


# The settings


def test_django_finds_nothing_to_warn_of(site):
    said = manage(site, "check", "--deploy", "--fail-level", "WARNING", **OWN,
                  DATABASE_URL="sqlite:///-", REDIS_URL="redis://-")  # fmt: skip
    assert "no issues" in said


MUST = "SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL"
COMMANDS = [["-m", "live.serve", "8001"], ["manage.py", "migrate"], ["-m", "gunicorn"]]
COMMANDS += [["-m", "live.environment"]]


def refusal(site, command, *missing):
    """Return what a command says where something is missing in the environment."""
    given = OWN | {"DATABASE_URL": "sqlite:///-", "REDIS_URL": "redis://-"} | dict.fromkeys(missing)
    done = subprocess.run(
        [sys.executable, *command],
        cwd=site,
        env=environment(**given),
        timeout=PATIENCE,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    return done.stdout + done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[-1])
def test_what_is_missing_is_one_sentence(site, command):
    said = refusal(site, command, *MUST)
    assert re.fullmatch(f"{', '.join(MUST)} must be set .*\n", said)
    assert not (site / "secret_key.txt").exists()


@pytest.mark.parametrize("name", MUST)
def test_each_of_them_must_be_there(site, name):
    assert refusal(site, COMMANDS[-1], name).startswith(f"{name} must be set ")


def test_a_browser_is_kept_to_https(server):
    plain = requests.get(server.url, allow_redirects=False, timeout=PATIENCE)
    assert (plain.status_code, plain.headers["Location"][:8]) == (301, "https://")
    page = server.get()
    assert page.status_code == 200
    assert page.headers["Strict-Transport-Security"] == "max-age=3600"
    login = server.get("/login/")
    assert "Secure" in login.headers["Set-Cookie"]


def test_a_mistake_shows_a_stranger_nothing(server):
    answer = server.get("/nothing-here")
    assert answer.status_code == 404
    assert "urlconf" not in answer.text.lower()


def test_a_file_has_a_name_for_good_and_is_served(server):
    names = re.findall(r'(?:src|href)="(/static/[^"]+)"', server.get().text)
    assert len(names) == 3
    for name in names:
        assert re.search(r"\.[0-9a-f]{12}\.(js|css)$", name)
        answer = server.get(name)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
    assert server.get("/static/../live/settings.py").status_code == 404
    assert server.get("/static/admin").status_code == 404
    assert server.get(f"/static/{'a' * 300}").status_code == 404


def test_a_line_has_time_and_level_and_a_traceback_is_one(site):
    code = "import logging\ntry: 1 / 0\nexcept ArithmeticError: logging.exception('So it is')"
    given = OWN | {"DATABASE_URL": "sqlite:///-", "REDIS_URL": "redis://-"}
    (line,) = manage(site, "shell", "-v0", "-c", code, **given).splitlines()
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ERROR root: So it is\\nTraceback", line)


def test_it_starts_what_the_step_starts():
    """serve.py says which greenlets; live/serve.py says so again."""

    def spawned(path, function):
        tree = ast.parse(path.read_text())
        found = next(node for node in ast.walk(tree) if getattr(node, "name", "") == function)
        calls = [ast.unparse(node) for node in ast.walk(found) if isinstance(node, ast.Call)]
        mine = [each.replace("step.", "") for each in calls]
        return {each for each in mine if each.startswith(("gevent.spawn(", "gc."))}

    assert spawned(DEPLOY / "live" / "serve.py", "start") == spawned(STEP / "serve.py", "serve")


def inside(site, code, **extra):
    """Run a script with all of live.serve in it, and return what it prints."""
    given = OWN | {"DATABASE_URL": "sqlite:///-", "REDIS_URL": "redis://127.0.0.1:1"} | extra
    head = "from live import serve\nfrom live import metrics\nimport gevent, urllib.request\n"
    done = subprocess.run(
        [sys.executable, "-c", head + code],
        cwd=site,
        env=environment(**given),
        timeout=PATIENCE,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_greenlet_that_dies_is_seen(site):
    port = two_ports()
    code = f"""
serve.step.keep_empty = lambda: 1 / 0
serve.start(("127.0.0.1", {port}))
gevent.sleep(0.1)
try:
    urllib.request.urlopen("http://127.0.0.1:{port + 10_000}/healthz")
except OSError as error:
    print(error.code, error.read().decode())
print(urllib.request.urlopen("http://127.0.0.1:{port + 10_000}/metrics").read().decode())
"""
    said = inside(site, code)
    assert re.search(r"ERROR live.serve: A greenlet has died.*\\nZeroDivisionError", said)
    assert "503 a greenlet has died" in said
    assert 'board_errors_total{logger="live.serve"} 1.0' in said


def test_where_its_monitor_can_not_listen_it_ends(site):
    with socket.create_server(("127.0.0.1", two_ports() + 10_000)) as taken:
        port = taken.getsockname()[1] - 10_000
        given = OWN | {"DATABASE_URL": "sqlite:///-", "REDIS_URL": "redis://127.0.0.1:1"}
        command = [sys.executable, "-m", "live.serve", str(port)]
        done = subprocess.run(command, cwd=site, env=environment(**given), timeout=PATIENCE,
                              capture_output=True, text=True)  # fmt: skip
    assert (done.returncode, done.stderr[:26]) == (1, "Nothing can listen there: ")
    assert str(port + 10_000) in done.stderr


# Metrics


def test_the_monitor_is_not_on_the_public_port(server):
    for path in ("/metrics", "/healthz", "/livez"):
        assert server.ask(path)[0] == 200
        assert server.get(path).status_code == 404
    assert server.ask("/")[0] == 404


def test_browsers_and_what_they_are_told_are_counted(server, redis, page):
    browsers, told = 'board_browsers{namespace="/notices"}', "board_notices_told_total"
    assert server.metric(browsers) == 0
    pages, before = [page(server), page(server)], server.metric(told)
    assert server.metric(browsers) == 2
    say(redis, MAIN, "Told to two")
    for each in pages:
        each.until(MAIN, "Told to two")
    assert server.metric(told) == before + 2
    pages[0].close()
    wait_until(lambda: server.metric(browsers) == 1, "one to be gone")


def test_who_is_refused_and_let_go_is_counted(server):
    refused, let_go = (server.metric(f"board_{name}_total") for name in ("refused", "let_go"))
    browser = Raw(server)
    for _ in range(100):  # MAX_REFUSED of board/guard.py
        browser.say("4nonsense")
    assert browser.closed()
    wait_until(lambda: server.metric("board_let_go_total") == let_go + 1, "it to be let go")
    assert server.metric("board_refused_total") == refused + 100
    requests.get(f"{server.url}/socket.io/", headers={"Origin": "http://x"}, timeout=PATIENCE)
    assert server.metric("board_refused_total") == refused + 101


def test_each_warning_of_the_guard_is_one_or_the_other():
    for name in ("guard.py", "direct.py"):
        text = (STEP / "board" / name).read_text()
        for warning in re.findall(r'logger\.warning\("([^"]+)"', text):
            assert ("refused" in warning) or ("let go" in warning), warning


def test_what_the_guard_logs_as_an_error_is_no_refusal(site):
    code = """
import logging
logging.getLogger("board.guard").error("/notices post")
for name, labels in ("board_refused_total", {}), ("board_errors_total", {"logger": "board.guard"}):
    print(metrics.REGISTRY.get_sample_value(name, labels))
"""
    assert inside(site, code).split()[-2:] == ["0.0", "1.0"]


def test_a_database_that_is_not_migrated_is_no_number(site):
    code = """
from django.db import ProgrammingError
def no_table():
    raise ProgrammingError("no such table")
metrics.Outbox = type("Outbox", (), {"objects": type("", (), {"count": staticmethod(no_table)})})
server = serve.Server(("127.0.0.1", 1), serve.step.sio, serve.application)
print([each.name for each in metrics.Metrics(server, []).collect()])
"""
    assert "'board_draining']" in inside(site, code)


def test_who_asks_for_metrics_waits_for_nobody(live, redis):
    """Neither for a Redis nor for a database that takes a connection and says nothing."""
    address = redis.url.rpartition("/")[0].rpartition(":")
    with (
        Proxy(free_port(), int(address[2])) as way,
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        database = f"postgresql://board@127.0.0.1:{silent.getsockname()[1]}/board"
        server = live(REDIS_URL=f"redis://127.0.0.1:{way.port}/0", DATABASE_URL=database)
        way.swallow()
        took = []
        for _ in range(3):  # This machine may stand still once.
            began = time.monotonic()
            said = server.ask("/metrics")[1]
            took.append(time.monotonic() - began)
            if took[-1] < 8:
                break
        assert min(took) < 8
        assert "board_browsers" in said
        assert "board_stream_lag_seconds" not in said
        assert "board_outbox_length" not in said
        way.flow()
        no_lag(server)
        server.stop()


def test_an_outage_is_seen(live, redis):
    server = live()
    errors = 'board_errors_total{logger="notices.live"}'
    redis.stop()
    try:
        wait_until(lambda: server.ask("/healthz")[0] == 503, "Redis not to be heard")
        assert server.ask("/healthz")[1] == "Redis is not heard\n"
        assert server.ask("/livez")[0] == 200
        assert server.metric("board_hears_redis") == 0
        assert server.metric(errors) > 0
        assert "board_stream_lag_seconds" not in server.ask("/metrics")[1]
        manage(server.step, "publish", "It waits", **server.extra)
        assert server.metric("board_outbox_length") == 1
    finally:
        redis.start()
    wait_until(lambda: server.ask("/healthz")[0] == 200, "Redis to be heard again")
    wait_until(lambda: server.metric("board_outbox_length") == 0, "it to be published")
    no_lag(server)


def no_lag(server):
    """Wait until a process has told all; what Redis does not say in time is left out."""
    line = 'board_stream_lag_seconds{hall="Main hall"} 0.0'
    wait_until(lambda: line in server.ask("/metrics")[1], "it to have told all")


def test_the_lag_is_the_age_of_what_has_not_been_told(server, redis):
    first = say(redis, MAIN, "Told")
    last = say(redis, MAIN, "Not told", "Nor this")
    code = f"""
from types import SimpleNamespace as Hall
from live.metrics import age_of_next
print(age_of_next(Hall(stream="notices:{MAIN}", cursor="{first}")) > 0)
print(age_of_next(Hall(stream="notices:{MAIN}", cursor="{last}")))
"""
    said = manage(server.step, "shell", "-v0", "-c", code, **server.extra)
    assert said.split() == ["True", "0"]


# Draining


@BOTH
def test_who_is_here_comes_back_elsewhere_and_misses_nothing(live, redis, page, kind):
    url = live(kind).extra["DATABASE_URL"]
    leaving, staying = live(kind, DRAIN_SECONDS="1", DATABASE_URL=url), live(kind, DATABASE_URL=url)
    pages = [page(leaving) for _ in range(4)]
    leaving.process.send_signal(signal.SIGTERM)
    wait_until(leaving.refuses, "nobody new to be taken")
    say(redis, MAIN, "Said meanwhile")
    told = [[] for _ in pages]
    for each, texts in zip(pages, told, strict=True):
        with contextlib.suppress(HungUp):  # It had gone: it is told later.
            texts += each.until(MAIN, "Said meanwhile")
        assert each.closed()
    assert leaving.process.wait(PATIENCE) == 0
    leaving.wait_for_log("Drained: the last has gone")
    say(redis, MAIN, "Said afterwards")
    for each, texts in zip(pages, told, strict=True):
        texts += each.told + page(staying, cursors=each.cursors).told
        assert texts == [(MAIN, "Said meanwhile"), (MAIN, "Said afterwards")]


def test_nobody_is_asked_to_go_before_its_turn_and_a_second_signal_ends_it(live, redis, page):
    server = live(DRAIN_SECONDS="1000")
    pages = [page(server) for _ in range(3)]
    server.process.send_signal(signal.SIGTERM)
    assert pages[0].closed()
    assert server.refuses()
    assert server.ask("/healthz") == (503, "draining\n")
    assert server.ask("/livez")[0] == 200
    assert server.metric("board_draining") == 1
    say(redis, MAIN, "To who is here still")
    for each in pages[1:]:
        each.until(MAIN, "To who is here still")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE) == 0
    assert pages[1].closed()


@pytest.mark.skipif(not find_nginx(), reason="no nginx")
def test_a_window_comes_back_by_itself(live, redis, window, tmp_path):
    """In a real browser, through the real nginx: it is live from the other process."""
    port = two_ports()
    extra = {"CSRF_TRUSTED_ORIGINS": f"http://127.0.0.1:{port}"}  # as there is no TLS here
    first = live(**extra)
    extra |= {"DATABASE_URL": first.extra["DATABASE_URL"]}
    servers = {each.port: each for each in (first, live(**extra))}
    config = deployed.plain((DEPLOY / "nginx.conf").read_text(), str(first.step))
    config = re.sub(r" *server 127.0.0.1:800[34].*\n", "", config)
    if os.geteuid() == 0:
        config = f"user root;\n{config}"  # The site is in a folder that only we can read.
    ports = serving.local(list(servers))
    command = serving.command(tmp_path, config, "127.0.0.1", port, ports)
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as nginx:
        try:
            wait_until(lambda: answers(port), "nginx")
            page = window(f"http://127.0.0.1:{port}/")
            expect(page.locator("#state")).to_have_text("Live, by websocket.")
            here = servers.pop(int(re.search(r"\d+", page.locator("#process").inner_text())[0]))
            here.process.send_signal(signal.SIGTERM)
            wait_until(here.refuses, "nobody new to be taken")
            say(redis, MAIN, "Said meanwhile")
            (other,) = servers
            expect(page.locator("#process")).to_have_text(f"Process {other}.")
            expect(page.locator("#state")).to_have_text("Live, by websocket.")
            expect(page.get_by_text("Said meanwhile")).to_have_count(1)
            assert here.process.wait(PATIENCE) == 0
        finally:
            nginx.terminate()


@BOTH
def test_a_script_that_polls_is_told_that_it_is_over(live, kind):
    server = live(kind, DRAIN_SECONDS="4")
    address = f"{server.url}/socket.io/?EIO=4&transport=polling"
    # The first is asked to go at once; by the turn of the second its poll is there.
    sids = [json.loads(requests.get(address, timeout=PATIENCE).text[1:])["sid"] for _ in range(2)]
    said = []
    url = f"{address}&sid={sids[1]}"

    def listen():
        while (text := requests.get(url, timeout=PATIENCE).text) == "2":  # a ping
            requests.post(url, "3", timeout=PATIENCE)
        said.append(text)

    poll = threading.Thread(target=listen)
    poll.start()
    wait_until(lambda: established(server), "the poll")
    server.process.send_signal(signal.SIGTERM)
    poll.join(PATIENCE)
    assert said == ["1"]  # Engine.IO's close
    assert server.process.wait(PATIENCE) == 0


@BOTH
def test_what_is_being_answered_is_answered(live, kind):
    server = live(kind)
    slow = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    slow.request("GET", "/slow/", headers=HTTPS)
    server.process.send_signal(signal.SIGTERM)
    assert b"5 seconds" in slow.getresponse().read()
    assert server.process.wait(PATIENCE) == 0


def test_who_waits_to_be_let_in_is_answered(live):
    server, asked = live(), []
    server.process.send_signal(signal.SIGSTOP)  # Nobody is let in while it looks away.
    for _ in range(500):
        asked.append(socket.create_connection(("127.0.0.1", server.port), PATIENCE))
        asked[-1].sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n")
    server.process.send_signal(signal.SIGTERM)
    server.process.send_signal(signal.SIGCONT)
    for each in asked:
        assert each.recv(12) == b"HTTP/1.1 301"
        each.close()
    assert server.process.wait(PATIENCE) == 0


DRAINED = """
asked = []

class Browser:
    def close(self, **options):
        asked.append(self)
        print("asked", flush=True)
        with sio.turns:
            sio.eio.sockets.clear()

sio = serve.step.sio
for _ in range(20):
    sio.turns.acquire()  # The database holds them up.
server = serve.Server(("127.0.0.1", 0), sio, serve.application)
server.start()
sio.eio.sockets = {number: Browser() for number in "12"}
drain = gevent.spawn(server.drain, 0)
while len(asked) < 2:
    gevent.sleep(0.01)
print("held up", drain.dead)
for _ in range(20):
    sio.turns.release()
drain.join()
"""


TAKEN = """
server = serve.Server(("127.0.0.1", 0), serve.step.sio, serve.application)
server.init_socket()
browser = gevent.socket.create_connection(server.address)
server.do_handle(*server.do_read())
print("taken", server.left())
browser.close()
while any(server.left()):
    gevent.sleep(0.01)
print("gone", server.left())
"""


def test_who_is_taken_counts_before_it_has_said_anything(site):
    """Where many come at once, their greenlets begin late: it would end before they do."""
    said = inside(site, TAKEN).splitlines()
    assert said[:1] + said[-1:] == ["taken (0, 1, 0)", "gone (0, 0, 0)"]


def test_who_can_not_go_yet_holds_up_nobody(site):
    said = inside(site, DRAINED).splitlines()
    assert [line for line in said if line[0].isalpha()] == ["asked", "asked", "held up False"]
    assert "Drained: the last has gone" in said[-1]


def test_what_was_sent_just_before_is_saved(serve, site, page, tmp_path):
    """Who is asked to go while their notice is being saved is waited for."""
    copy = shutil.copytree(site, tmp_path / "site")
    file = copy / "notices" / "namespaces.py"
    save = "        form.save()"
    file.write_text(file.read_text().replace(save, f"        gevent.sleep(2)\n{save}"))
    server = serve(copy, kind=Live, **OWN | {"DRAIN_SECONDS": "0"})
    here = page(server)
    data = {"author": "Ada", "text": "Just before", "hall": MAIN, "key": "a" * 32}
    here.say(f"42/notices,1{json.dumps(['post', data])}")
    wait_until(lambda: server.ask("/livez")[0] == 200, "a turn")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE) == 0
    server.wait_for_log("Drained: the last has gone")
    code = "from notices.models import Notice; print(*Notice.objects.values_list('text'))"
    assert "Just before" in manage(copy, "shell", "-v0", "-c", code, **server.extra)


def established(server):
    """Return how many connections a server has, as Linux sees it."""
    import psutil

    everything = psutil.net_connections("tcp")
    return sum(
        each.status == "ESTABLISHED" and each.laddr.port == server.port for each in everything
    )


def test_no_connection_is_kept_and_no_browser_begins(live, page):
    server = live(DRAIN_SECONDS="1000")
    answer = server.get("/login/")
    assert (answer.status_code, answer.headers["Connection"]) == (200, "close")
    pages = [page(server), page(server)]  # The second one is there until the end.
    late = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    late.connect()
    server.process.send_signal(signal.SIGTERM)
    assert pages[0].closed()
    late.request("GET", "/socket.io/?EIO=4&transport=polling")
    assert late.getresponse().status == 503


def test_it_does_not_wait_for_ever_and_says_for_whom(serve, site, tmp_path):
    copy = shutil.copytree(site, tmp_path / "site")
    file = copy / "live" / "draining.py"
    file.write_text(re.sub(r"^PATIENCE = \d+", "PATIENCE = 0", file.read_text(), flags=re.M))
    server = serve(copy, kind=Live, **OWN | {"DRAIN_SECONDS": "0"})
    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(b"GET /slow/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-Proto: https\r\n\r\n")
        wait_until(lambda: established(server) > 0, "the request")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0
    server.wait_for_log("Ended with 0 browsers, 1 requests and 0 events left")


# The container


def test_the_image_is_built_and_answers_in_a_bare_environment(redis, tmp_path_factory):
    """Each line of the Dockerfile, with a new Python environment in the place of the system's."""
    done = image.read()
    assert {word for word, _ in done.lines} == {
        "ENV", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "HEALTHCHECK", "CMD",
    }  # fmt: skip
    assert f"python:3.{sys.version_info.minor}-slim" == done.base
    shared_memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=shared_memory, prefix="workshop-image-") as folder:
        build(done, Path(folder), redis)


def build(done, folder, redis):
    """Build an image in a folder, start it, ask its health check, and end it."""
    folder.chmod(0o755)
    place, venv = folder / "srv" / "board", folder / "venv"
    place.mkdir(parents=True)
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    # What a person has told pip of the network is all that is not the image's own.
    bare = {"PATH": f"{venv / 'bin'}:/usr/bin:/bin", "HOME": str(Path.home())}
    pages = folder / "pages"
    pages.mkdir()
    user = "0"
    port = two_ports()
    own = OWN | {"DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}", "REDIS_URL": redis.url}
    for word, rest in done.lines:
        if word == "ENV":
            bare |= [rest.split("=", 1)]
        elif word == "WORKDIR":
            assert rest == "/srv/board"
        elif word == "COPY":
            stages = {"pages": build_pages(done, pages)} if "--from" in rest else {}
            image.copy(rest, place, stages)
        elif word == "RUN":
            rest = rest if os.geteuid() == 0 else rest.replace("10001", str(os.geteuid()))
            subprocess.run(["sh", "-c", rest], cwd=place, env=bare, check=True)
        elif word == "USER":
            user = rest
    assert user.isdecimal()
    assert user != "0"
    assert not [path for path in place.rglob("*") if re.search(r"sqlite3|secret|\.log$", path.name)]
    settings = bare | own
    subprocess.run([venv / "bin" / "python", "manage.py", "migrate", "-v0"], cwd=place,
                   env=settings, check=True)  # fmt: skip
    # The other way to serve needs something of its own.
    subprocess.run([venv / "bin" / "python", "-c", "import live.worker"], cwd=place, env=settings,
                   check=True)  # fmt: skip
    (folder / "db.sqlite3").chmod(0o644)
    command = image.command(done.all("CMD")[0])
    assert command[-1] == "0.0.0.0:8000"
    command[-1] = f"127.0.0.1:{port}"
    # As somebody who may write nowhere, unless this Python is in a folder that is root's alone.
    as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--inh-caps=-all"]
    can = subprocess.run([*as_user, "python", "-c", "import gevent"], env=bare)
    as_user = as_user if can.returncode == 0 else []
    with subprocess.Popen([*as_user, *command], cwd=place, env=settings) as process:
        try:
            check = image.command(done.all("HEALTHCHECK")[0])
            assert check[-1] == "8000"
            check[-1] = str(port)
            asking = {"cwd": place, "env": bare, "capture_output": True}
            ask = lambda: subprocess.run(check, **asking).returncode  # noqa: E731
            wait_until(lambda: process.poll() is not None or ask() == 0, "the health check")
            assert process.poll() is None
            page = requests.get(f"http://127.0.0.1:{port}/", headers=HTTPS, timeout=PATIENCE)
            assert page.status_code == 200
            script = re.search(r'src="(/static/socket.io/[^"]+)"', page.text)[1]
            address = f"http://127.0.0.1:{port}{script}"
            answer = requests.get(address, headers=HTTPS, timeout=PATIENCE)
            assert "Socket.IO v4" in answer.text
            process.terminate()
            assert process.wait(PATIENCE) == 0
            assert ask() != 0
        finally:
            process.kill()


def build_pages(done, folder):
    """Make the stage of the JavaScript: by npm's own rules, where there is no npm."""
    assert done.stages["pages"] == [
        ("WORKDIR", "/pages"),
        ("COPY", "package.json package-lock.json ./"),
        ("RUN", "npm ci --ignore-scripts --no-audit --omit=dev"),
    ]
    image.copy(done.stages["pages"][1][1], folder)
    if npm := shutil.which("npm"):
        subprocess.run([npm, *["ci", "--ignore-scripts", "--no-audit", "--omit=dev"]], cwd=folder,
                       check=True, capture_output=True)  # fmt: skip
    else:
        fetch = ROOT / "workshop" / "install" / "npm.py"
        subprocess.run([sys.executable, fetch, folder, folder], check=True)
    return folder


def test_what_is_copied_is_sent_to_the_build_and_nothing_of_ours():
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    sent = {line[1:] for line in lines if line.startswith("!")}
    copied = set()
    for stage in image.read().stages.values():
        for word, rest in stage:
            if word == "COPY" and not rest.startswith("--from"):
                copied |= set(rest.split()[:-1])
    assert sent == copied
    assert lines[[not line.startswith("#") for line in lines].index(True)] == "*"


def test_the_lock_has_what_the_steps_have():
    """The versions of requirements.lock, and nothing that is not in it but three."""

    def versions(path):
        return dict(re.findall(r"^([\w.-]+)(?:\[\w+\])?==([\w.]+)", path.read_text(), re.M))

    ours, theirs = versions(DEPLOY / "requirements.lock"), versions(ROOT / "requirements.lock")
    assert {name: version for name, version in ours.items() if theirs.get(name) != version}.keys() \
        == {"gunicorn", "packaging", "prometheus-client"}  # fmt: skip
    asked = versions(DEPLOY / "requirements.txt")
    assert {name.lower(): version for name, version in asked.items()}.items() <= ours.items()


# Compose, Kubernetes, systemd, nginx


def drain_and_patience():
    """Return how long a process takes to end, at most, with what it comes with."""
    texts = [(DEPLOY / "live" / name).read_text() for name in ("environment.py", "draining.py")]
    drain = re.search(r'"DRAIN_SECONDS", (\d+)', texts[0])[1]
    return int(drain) + int(re.search(r"^PATIENCE = (\d+)", texts[1], re.M)[1])


def test_compose_fits_its_schema():
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, DEPLOY / "compose.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_is_of_one_piece():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    apps = {name: each for name, each in compose["services"].items() if name.startswith("app-")}
    assert len(apps) > 1
    addresses = {each["networks"]["inside"]["ipv4_address"] for each in apps.values()}
    upstream = compose["configs"]["processes"]["content"]
    assert set(re.findall(r"server ([\d.]+):8000 max_fails=0;", upstream)) == addresses
    builds = {name for name, each in compose["services"].items() if "build" in each}
    assert builds == {"release"}  # Two that make the same at the same time fail.
    for each in compose["services"].values():
        assert each["logging"]["driver"] == "local"
        assert all(port.startswith("0.0.0.0:") for port in each.get("ports", ()))
    for each in apps.values():
        assert (each["image"], each["pull_policy"]) == ("board", "never")
        assert int(each["stop_grace_period"].rstrip("s")) > drain_and_patience()
        assert "ports" not in each  # It believes whoever reaches it.
        assert each["read_only"]
        assert each["cap_drop"] == ["ALL"]
    redis = compose["services"]["redis"]["command"]
    assert redis[1:] == ["--appendonly", "yes", "--appendfsync", "everysec"]
    # Each file that is mounted is here, or the README says to make it.
    for mount in compose["services"]["nginx"]["volumes"][:-1]:
        file = mount.split(":")[0]
        assert (DEPLOY / file).exists() or f"deploy/{file[2:]}/" in (
            DEPLOY / "README.md"
        ).read_text()
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    given = set(re.findall(r"^(\w+)=", (DEPLOY / "env.example").read_text(), re.M))
    assert asked <= given
    assert given - {"POSTGRES_PASSWORD"} <= {*rows("Settings")}


def test_the_manifests_fit_kubernetes():
    command = [Path(sys.executable).with_name("kubernetes-validate"), "--strict"]
    done = subprocess.run([*command, DEPLOY / "kubernetes.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count(" passed ") == 7


def test_the_manifests_are_of_one_piece():
    documents = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    kinds = {each["kind"]: each for each in documents}
    pod = kinds["Deployment"]["spec"]["template"]["spec"]
    (box,) = pod["containers"]
    pause = int(box["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > pause + drain_and_patience()
    assert pod["securityContext"]["runAsUser"] == int(image.read().all("USER")[0])
    ports = {each["name"]: each["containerPort"] for each in box["ports"]}
    assert ports["monitor"] == ports["http"] + 10_000
    assert kinds["ConfigMap"]["data"]["MONITOR"] == "0.0.0.0"
    (before,) = pod["initContainers"]
    assert "migrate --check" in before["command"][-1]
    assert before["image"] == box["image"]
    assert image.command(image.read().all("CMD")[0])[-1] == f"0.0.0.0:{ports['http']}"
    given = {*kinds["ConfigMap"]["data"], "SECRET_KEY", "DATABASE_URL"}
    assert given >= {"SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL"}
    assert kinds["Deployment"]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    names = {"Service", "PodDisruptionBudget", "NetworkPolicy"}
    for name in names:
        spec = kinds[name]["spec"]
        chosen = spec.get("podSelector") or spec["selector"]
        assert chosen.get("matchLabels", chosen) == {"app": "board"}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
def test_systemd_understands_the_units(site, tmp_path):
    """With what they name in its place: a program that is not there is an error."""
    (tmp_path / "venv").symlink_to(Path(sys.prefix))
    for path in sorted((DEPLOY / "systemd").iterdir()):
        text = path.read_text().replace("/srv/board/venv", str(tmp_path / "venv"))
        (tmp_path / path.name).write_text(text.replace("/srv/board", str(site)))
    units = [
        tmp_path / "board@.service",
        tmp_path / "board.target",
        tmp_path / "board-migrate.service",
    ]
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True,
                          text=True)  # fmt: skip
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_units_are_of_one_piece():
    text = (DEPLOY / "systemd" / "board@.service").read_text()
    assert int(re.search(r"TimeoutStopSec=(\d+)", text)[1]) > drain_and_patience()
    wanted = re.findall(r"board@(\d+)", (DEPLOY / "systemd" / "board.target").read_text())
    named = serving.wanted_ports((DEPLOY / "processes.conf").read_text())
    assert list(map(int, wanted)) == named
    assert re.search(r"^ExecStartPre=.* migrate --check$", text, re.M)


def test_well_waits_until_it_is(server, site):
    command = [sys.executable, "-m", "live.well"]
    port = two_ports()
    for arguments, code in (([server.port, PATIENCE], 0), ([port], 1), ([port, 1], 1)):
        done = subprocess.run([*command, *map(str, arguments)], cwd=site, capture_output=True)
        assert done.returncode == code


@pytest.fixture
def nginx(tmp_path):
    """The folder of nginx with all of its configuration, on ports of ours: 443 and the other."""
    ports = {"443": free_port(), "80": free_port()}

    def own_port(match):
        return f"listen {match[1] or ''}{ports[match[2]]}"

    for name in ("nginx.conf", "proxy.conf", "processes.conf"):
        text = (DEPLOY / name).read_text()
        for old in ("/run/", "/var/log/nginx/"):
            text = text.replace(f" {old}", f" {tmp_path}/run/")
        (tmp_path / name).write_text(re.sub(r"listen (\[::\]:)?(80|443)", own_port, text))
    (tmp_path / "mime.types").write_text("types { text/css css; }")
    (tmp_path / "run").mkdir()
    serving.make_certificate(tmp_path, [])
    (tmp_path / "run").rename(tmp_path / "tls")
    (tmp_path / "run").mkdir()
    for name in ("client_body_temp", "proxy_temp", "fastcgi_temp", "uwsgi_temp", "scgi_temp"):
        (tmp_path / name).mkdir()
    command = [find_nginx(), "-p", tmp_path, "-c", "nginx.conf"]
    return SimpleNamespace(command=command, port=ports["443"])


@pytest.mark.skipif(not find_nginx(), reason="no nginx")
def test_nginx_takes_its_configuration(nginx):
    """All of it, with TLS; only where things are is another place."""
    done = subprocess.run([*nginx.command, "-t"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


@pytest.mark.skipif(not find_nginx(), reason="no nginx")
def test_nginx_serves_one_name_and_counts_passwords(nginx):
    """No process is there, so what is let through is a 502."""

    def ask(method="GET", path="/login/", host="board.example.org", name="board.example.org"):
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
        with (
            socket.create_connection(("127.0.0.1", nginx.port), PATIENCE) as plain,
            anybody.wrap_socket(plain, server_hostname=name) as connection,
        ):
            connection.sendall(f"{head}Content-Length: 0\r\n\r\n".encode())
            return connection.recv(12)[9:].decode()

    anybody = ssl._create_unverified_context()  # The certificate is nobody's.
    with subprocess.Popen([*nginx.command, "-g", "daemon off;"], stderr=subprocess.DEVNULL) as it:
        try:
            wait_until(lambda: answers(nginx.port), "nginx")
            with pytest.raises(ssl.SSLError):
                ask(name="other.example.org", host="other.example.org")
            assert ask(host="other.example.org") == ""
            assert {ask() for _ in range(100)} == {"502"}
            tries = [ask("POST") for _ in range(200)]
            assert tries == ["502"] * 200
            # While it asks on, five are let through each second.
            assert "429" in (ask("POST") for _ in range(1000))
            assert ask() == ask("POST", "/") == "502"
        finally:
            it.terminate()


# What the README says


def rows(heading):
    """Return the first cells of a table of the README, without their quotation."""
    section = README.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)`", section, re.M)


def test_each_setting_is_in_the_readme_and_is_one():
    files = [*(DEPLOY / "live").glob("*.py"), STEP / "board" / "settings.py"]
    files.append(DEPLOY / "gunicorn.conf.py")
    code = "\n".join(path.read_text() for path in files)
    read = set(re.findall(r'os\.environ(?:\.get\(|\.setdefault\(|\[)"(\w+)"', code)) | {*MUST}
    assert set(rows("Settings")) == read - {
        "DEBUG",
        "NODE_PATH",
    }  # the first is off, whatever it is


def test_each_metric_is_in_the_readme_and_is_one(server):
    said = server.ask("/metrics")[1]
    there = set(re.findall(r"^# HELP (board_\w+)", said, re.M))
    there = {name.removesuffix("_total") for name in there if not name.endswith("_created")}
    assert set(rows("Metrics")) == there


# Under fire


@pytest.mark.skipif(not find_nginx(), reason="no nginx")
def test_all_is_restarted_and_nothing_is_lost():
    with Call(ROOT, "fire", "deploy", "--quick", env=dict(os.environ)) as call:
        assert call.wait(400) == 0, call.output
        call.wait_for(r"0 lost, 0 twice, 0 out of\s+order")
    for name in ("process 4", "nginx, reload", "nginx, upgrade", "PostgreSQL", "Redis"):
        assert re.search(rf"^{name} ", call.output, re.M), call.output
    assert "Traceback" not in call.output


def test_a_page_that_is_loaded_anew_may_have_no_notice():
    async def load():
        return b'id="cursors" type="application/json">{"Main hall": "1-0"}<'

    page = pages.Page(SimpleNamespace(load=load))
    page.say = lambda text: None
    with pytest.raises(StopIteration):  # It is done: nothing in it had to wait.
        page.load_anew().send(None)
    assert (page.cursors, page.last) == ({"Main hall": "1-0"}, 0)


def test_what_it_does_not_take_gets_a_sentence():
    with Call(ROOT, "fire", "deploy", "--only=none", env=dict(os.environ)) as call:
        assert call.wait(PATIENCE) == 2
        call.wait_for("takes --quick, and nothing else")
