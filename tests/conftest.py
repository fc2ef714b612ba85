"""Fixtures: a database, a Redis, the steps' servers, and Chromium."""

import contextlib
import gc
import os
import sys
import tempfile
from pathlib import Path

import pytest
from engines import ENGINES, tried

from support import LAST, PATIENCE, STEPS, Client, Database, Raw, Redis, RedisCluster, Server
from workshop.base.steps import Step
from workshop.install.programs import find_chromium, find_postgresql
from workshop.serving.postgresql import PostgreSQL

# Where it is set, each of some hundred calls of the tool would compile the tool anew, and each
# process of pytest all tests. The steps' own folders stay without: see support.environment().
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_addoption(parser):
    """Let an attendee's folder stand for the step that it is."""
    parser.addoption("--dir", help="test this folder in place of the repository's step")


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest, so that at the end no worker waits for another."""
    longest = ["test_check", "test_fire", "test_notebooks", "test_tool", "test_commands"]
    longest += ["test_09_many_machines", "test_05_nothing_missed", "test_08_rooms"]
    longest += ["test_04_redis_listener", "test_07_fast_fan_out"]
    longest += ["test_guard", "test_follow", "test_03_namespace", "test_06_many_servers"]
    longest += ["test_classic", "test_carry", "test_symptoms", "test_deploy", "test_engines"]
    longest += ["test_own_tests"]
    rank = {name: number for number, name in enumerate(longest)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


def pytest_collection_finish():
    """Let the collector of garbage pass over all that was imported: it is there until the end."""
    gc.freeze()


def pytest_terminal_summary(terminalreporter, config):
    """Say which of a room's browsers were not tried, and how to get them."""
    file = Path(__file__).with_name("test_engines.py")
    asked = [Path(each.partition("::")[0]).resolve() for each in config.args]
    if any(file.is_relative_to(path) for path in asked):
        for name in sorted(ENGINES.keys() - tried()):
            how = f"apt install {ENGINES[name].package}"
            terminalreporter.write_line(f"Not tried in {ENGINES[name].__name__}: {how}")


@pytest.fixture(scope="session")
def database(request):
    """A database to copy, in memory where the system has a folder for that: a commit is quicker."""
    step = Path(request.config.getoption("--dir") or LAST)
    shared_memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=shared_memory) as folder:
        yield Database(Path(folder), step)


@pytest.fixture(scope="module")
def redis(request):
    """A Redis of the module's own; Redis of the module says of which kind."""
    server = getattr(request.module, "Redis", Redis)()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def redis_cluster():
    """A cluster of the module's own, for the steps that need one."""
    server = RedisCluster()
    yield server
    server.stop()


@pytest.fixture
def postgresql():
    """The URL of an empty PostgreSQL database."""
    if find_postgresql("initdb") is None:
        pytest.skip("no PostgreSQL: apt install postgresql")
    server = PostgreSQL()
    server.start()
    yield server.url
    server.end()


@pytest.fixture(scope="module")
def step(request):
    """The folder under test: STEP of the module, or what --dir says."""
    return Path(request.config.getoption("--dir") or STEPS[request.module.STEP])


@pytest.fixture(scope="module")
def serve(database, redis, request):
    """Start servers that end with the module: serve(step, NAME="value of the environment").

    kind is a class of servers: support.Server.

    A traceback in a server's log fails the module's last test.
    """
    servers = []
    with contextlib.ExitStack() as stack:

        def start(step, kind=Server, **extra):
            own = redis
            if Step(Path(step)).has_machines and not isinstance(redis, RedisCluster):
                own = request.getfixturevalue("redis_cluster")
            settings = {"DATABASE_URL": database.copy(), "REDIS_URL": own.url} | extra
            server = kind(step, **settings)
            stack.callback(server.stop)
            servers.append(server)
            return server

        start.servers = servers
        yield start
    assert [server.log for server in servers if server.tracebacks()] == []
    hung = [server.step.name for server in servers if server.hung]
    assert not hung, f"a server did not end when it was told to: {hung}"


@pytest.fixture(scope="module")
def server(serve, step):
    """The server of the step under test, for tests that leave it running; posts are not limited."""
    return serve(step, POSTS_IN_TEN_SECONDS="100000")


@pytest.fixture
def connect():
    """Connect clients that end with the test: connect(server, …) → support.Client."""
    with contextlib.ExitStack() as stack:

        def start(server, *arguments, **options):
            client = Client(server.url, *arguments, **options)
            stack.callback(client.close)
            return client

        yield start


@pytest.fixture
def raw():
    """Open websockets that end with the test: raw(server, …) → support.Raw."""
    with contextlib.ExitStack() as stack:

        def start(server, *arguments, **options):
            browser = Raw(server, *arguments, **options)
            stack.callback(browser.close)
            return browser

        yield start


@pytest.fixture(scope="session")
def chromium():
    """A real Chromium, started once."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium: python3 -m workshop doctor says how to get one")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()


@pytest.fixture
def window(chromium, request):
    """Open windows, each as of a person of its own: window(url, **options) → a page.

    An error in a page's JavaScript fails the test.
    """
    errors = request.node.page_errors = []
    with contextlib.ExitStack() as stack:

        def open_window(url, **options):
            context = chromium.new_context(**options)
            context.set_default_timeout(PATIENCE * 1000)
            stack.callback(context.close)
            page = context.new_page()
            page.on("pageerror", lambda error: errors.append(error))
            page.goto(url)
            return page

        yield open_window
    assert errors == []


@pytest.fixture
def connected(request):
    """Wait until a page says that it is connected: connected(page, transport="websocket").

    STATE of the module is what it says; steps 1 and 2 have none.
    """
    from playwright.sync_api import expect

    def wait(page, transport="websocket"):
        if state := getattr(request.module, "STATE", None):
            expect(page.locator("#state")).to_have_text(state.format(transport))

    return wait


@pytest.fixture
def visit(window, connected):
    """Open windows on the board, and wait until each is connected: visit(server, **options)."""

    def open_window(server, **options):
        page = window(server.url, **options)
        connected(page)
        return page

    return open_window
