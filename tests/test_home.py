"""The lesson in the browser: its pages, and what is live in them, each from one's own machine."""

import html.parser
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace

import psutil
import pytest
import requests
import socketio
from playwright.sync_api import expect
from test_follow import AXE, PHONE, open_page, violations

from support import (
    ANSWER,
    PATIENCE,
    ROOT,
    STEPS,
    Client,
    Server,
    environment,
    free_port,
    javascript_error,
    wait_until,
)
from workshop.base import steptree
from workshop.base.differences import Line
from workshop.base.steps import Step, find
from workshop.base.todo import TODO
from workshop.learn import events
from workshop.room import lessons
from workshop.room.changes import changes, side_by_side
from workshop.room.home import token_of

TOKEN = "only-for-tests"
SCREEN = {"viewport": {"width": 1280, "height": 720}}
LESSON = "steps/{}/README.md"
ODD = "<b>my"  # the name of a folder

__all__ = ["open_page"]  # a fixture


class Home(Server):
    """The lessons' server, for a folder."""

    def command(self):
        """Return what Python is to run, with the address after it."""
        return ["-m", "workshop.room.home_server"]

    def lesson(self, number, token=TOKEN):
        """Return the address of a lesson, as the command opens it."""
        return f"{self.url}/{LESSON.format(STEPS[number].name)}" + (
            f"?token={token}" if token else ""
        )


@pytest.fixture(scope="module")
def start_home():
    """Start servers that end with the module: start_home(folder). A traceback fails the last."""
    servers = []

    def start(folder):
        file = str(folder.parent / "home.json")
        own = {"HOME_TOKEN": TOKEN, "HOME_FOLDER": str(folder), "HOME_FILE": file}
        servers.append(Home(ROOT, PYTHONPATH=None, **own))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
    assert [server.log for server in servers if server.tracebacks()] == []


@pytest.fixture(scope="module")
def home(start_home, tmp_path_factory):
    """A server for a folder that is not there yet."""
    return start_home(tmp_path_factory.mktemp("home") / "my")


@pytest.fixture(scope="module")
def page(open_page, home):
    """A window without the token."""
    return open_page(home.lesson(1, token=""), **SCREEN)


@pytest.fixture
def client():
    """Connect clients to /home: client(home, since=0) → what each is told, by event."""
    clients = []

    def connect(home, **auth):
        made = Client(home.url, ("/home",), auth={"token": TOKEN, "step": 3, "since": 0} | auth)
        clients.append(made)
        return made

    yield connect
    for each in clients:
        each.close()


def live(page):
    """Wait until a page is connected, and return it."""
    expect(page.get_by_role("button", name="Board")).to_be_visible()
    return page


def tab(page, name):
    """Show what a tab has."""
    page.locator("nav.tabs").get_by_role("button", name=name).click()


# The pages


def test_our_scripts_can_be_read():
    for path in lessons.PAGES.glob("*.js"):
        assert not javascript_error(path)


@pytest.mark.parametrize("number", STEPS)
def test_a_lesson_fits_with_all_its_pictures(page, home, number):
    page.set_viewport_size(SCREEN["viewport"])
    page.goto(home.lesson(number, token=""))
    pictures = page.locator("#lesson img")
    assert pictures.count() >= 1
    for picture in pictures.all():
        page.wait_for_function("picture => picture.complete", arg=picture.element_handle())
        assert picture.evaluate("picture => picture.naturalWidth") > 0
    for size in (SCREEN, PHONE):
        page.set_viewport_size(size["viewport"])
        for way in ("unified", "split"):
            page.evaluate("way => showDiff(way)", way)
            for name in ("lesson", "diff"):
                page.evaluate("name => showTab(name)", name)
                assert too_wide(page) == []
        if size is PHONE:
            assert too_small(page) == []


def too_wide(page):
    """Return what makes a page wider than the window, or a column wider than its place."""
    return page.evaluate("""() => [document.documentElement, ...$$(".panel")]
        .filter((each) => each.scrollWidth > each.clientWidth + 1)
        .map((each) => each.id || each.tagName)""")


def too_small(page):
    """Return what can hardly be read on a phone."""
    return page.evaluate("""() => [...$$("body *")].filter(
        (each) => each.checkVisibility()
          && [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim())
          && parseFloat(getComputedStyle(each).fontSize) < 16,
    ).map((each) => each.outerHTML.slice(0, 80))""")


class Links(html.parser.HTMLParser):
    """The links and the names of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.names = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        """Keep where it leads, and how it is called."""
        about = dict(attributes)
        self.links += [about[name] for name in ("href", "src") if about.get(name)]
        self.names.add(about.get("id"))


def test_no_link_is_broken(home):
    """From the contents to all that is led to: other lessons, the glossary, files, pictures."""
    session, pages, wrong = requests.Session(), {}, []
    waiting = [(f"{home.url}/", "", "the beginning")]
    while waiting:
        url, name, by = waiting.pop()
        if url not in pages:
            answer = session.get(url, timeout=ANSWER)
            if answer.status_code != 200:
                wrong.append(f"{by}: {url} is {answer.status_code}")
            pages[url] = Links(answer.text if "html" in answer.headers["Content-Type"] else "")
            found = [requests.compat.urljoin(url, link) for link in pages[url].links]
            own = [link for link in found if link.startswith(f"{home.url}/")]
            waiting += [(*link.partition("#")[::2], url) for link in own]
        if name and name not in pages[url].names:
            wrong.append(f"{by}: there is no #{name} in {url}")
    assert wrong == []
    assert {f"{home.url}/{LESSON.format(step.name)}" for step in STEPS.values()} <= pages.keys()
    assert f"{home.url}/steps/04_redis_listener/from_03.diff" in pages


LINES = """() => [...$$("#diff .file")].map((file) => [
  file.dataset.path,
  [...file.querySelectorAll("ins, del, .whole")].flatMap((each) => {
    const sign = each.tagName === "DEL" ? "-" : "+";
    return each.textContent.replace(/\\n$/, "").split("\\n").map((line) => sign + line);
  }),
])"""


@pytest.mark.parametrize("number", [3, 5])
def test_the_diff_has_the_lines_of_the_command(page, home, number):
    """File by file, in the same order; what only moved is dimmed in step 5."""
    command = [sys.executable, "-m", "workshop", "diff", str(number)]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    expected = defaultdict(list)
    for line in printed.splitlines():
        if line.startswith("diff --git "):
            file = line.rpartition(" b/")[2]
            inside = False
        elif line.startswith("@@ "):
            inside = True
        elif inside and line[:1] in ("+", "-"):
            expected[file].append(line)
    del expected["README.md"]
    page.goto(home.lesson(number, token=""))
    shown = page.evaluate(LINES)
    assert [(path, lines) for path, lines in shown if lines] == list(expected.items())
    assert (page.locator("#diff .moved").count() > 0) == (number == 5)
    assert page.locator("#diff mark").count() > 0
    assert page.locator("#diff .why").first.inner_text()


def test_step_1_shows_its_files(page, home):
    page.goto(home.lesson(1, token=""))
    views = page.locator('#diff .file[data-path="notices/views.py"] .whole')
    assert views.text_content() == (STEPS[1] / "notices/views.py").read_text()


def test_the_way_of_the_diff_is_remembered(page, home):
    page.set_viewport_size(SCREEN["viewport"])
    page.goto(home.lesson(4, token=""))
    tab(page, "Diff")
    block = page.locator("#diff .block:has(del mark):has(ins mark)").first
    old, new = (block.locator(f"{tag}:has(mark)").first for tag in ("del", "ins"))
    page.get_by_role("button", name="One below the other").click()
    assert old.bounding_box()["y"] < new.bounding_box()["y"]
    page.get_by_role("button", name="Side by side").click()
    page.reload()
    assert old.bounding_box()["y"] == new.bounding_box()["y"]
    assert old.bounding_box()["x"] < new.bounding_box()["x"]
    page.get_by_role("button", name="One below the other").click()


@pytest.mark.parametrize(
    "address",
    [
        ".workshop/secret_key",
        "my/notices/views.py",
        "workshop/cli.py",
        "steps/01_plain_django/db.sqlite3",
        "steps/01_plain_django/secret_key.txt",
        "steps/.env",
        "steps/%2e%2e/package.json",
        "steps/%00",
        f"steps/{'x' * 3000}",
        "assets/../lessons.py",
        "assets/page.html",
        "assets/socket.io-client/dist/../package.json",
    ],
)
def test_what_is_nobodys_business_is_not_there(home, address):
    request = requests.Request("GET", home.url).prepare()
    request.url = f"{home.url}/{address}"
    assert requests.Session().send(request, timeout=ANSWER).status_code == 404


def test_what_a_run_leaves_in_a_step_is_not_there_either(tmp_path, monkeypatch):
    monkeypatch.setattr(lessons, "ROOT", tmp_path)
    left = ["db.sqlite3", "secret_key.txt", ".env", "run/nginx.conf", "server.log", "key.pem"]
    for name in ("steps/01/serve.py", "my/serve.py", *(f"steps/01/{each}" for each in left)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "steps/01/out.py").symlink_to(tmp_path / "my/serve.py")
    assert lessons.readable("steps/01/serve.py")
    for address in ("my/serve.py", "steps/01/out.py", *(f"steps/01/{each}" for each in left)):
        assert lessons.readable(address) is None


def test_lines_that_became_others_stand_beside_them():
    lines = [Line(sign, "") for sign in "---++++"]
    rows = side_by_side(lines, list(range(7)), {1: 4, 2: 6})
    assert rows == {0: 1, 3: 1, 1: 2, 4: 2, 2: 4, 5: 3, 6: 4}


def test_the_room_gets_the_lessons_without_buttons():
    text, suffix = lessons.find(LESSON.format(STEPS[3].name))
    assert suffix == ".html"
    assert b"data-do" not in text
    assert b"assets/home.js" not in text
    assert b"assets/socket.io" not in text


# Who may do what


def test_without_the_token_there_are_only_pages(open_page, home):
    for token in ("", "wrong"):
        page = open_page(home.lesson(3, token), **SCREEN)
        if token:
            expect(page.locator("#state")).to_contain_text("not the page")
        expect(page.get_by_role("button", name="Diff")).to_be_visible()
        expect(page.get_by_role("button", name="Board")).to_be_hidden()
        page.context.close()


@pytest.mark.parametrize("auth", [None, "x", {}, {"token": "wrong"}, {"token": ["x"]}])
def test_a_client_without_the_token_is_refused(home, auth):
    with pytest.raises(socketio.exceptions.ConnectionError, match="/home"):
        Client(home.url, ("/home",), auth=auth)


def test_a_page_of_another_site_is_refused(home):
    address = f"{home.url}/socket.io/?EIO=4&transport=polling"
    assert requests.get(address, timeout=ANSWER).status_code == 200
    for headers in ({"Origin": "http://localhost:8000"}, {"Host": "evil.example"}):
        assert requests.get(address, headers=headers, timeout=ANSWER).status_code == 400
    assert home.get("/", headers={"Host": "evil.example"}).status_code == 400
    assert home.get("/").headers["X-Frame-Options"] == "DENY"


def test_the_token_is_not_in_the_address_nor_in_the_page(open_page, home):
    page = live(open_page(home.lesson(3), **SCREEN))
    assert TOKEN not in page.url
    assert TOKEN not in page.content()
    page.context.close()


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("do", ("rm", 3)),
        ("do", ("start", "3; ls")),
        ("do", ("start", 99)),
        ("do", (["start"], 3)),
        ("do", ("start", True)),
        ("stop", ("run",)),
        ("stop", ({},)),
    ],
)
def test_whatever_is_asked_for_is_answered_with_a_sentence(home, client, event, data):
    answer = client(home).sio.call(event, data, namespace="/home", timeout=PATIENCE)
    assert answer.endswith(".")


# Live


def test_a_lesson_is_built_from_its_page(open_page, start_home, tmp_path):
    """Start, a hint for each TODO, more of the hint, and all ticks once it is written."""
    folder = tmp_path / "my"
    home = start_home(folder)
    page = live(open_page(home.lesson(2), **SCREEN))
    expect(page.locator("#state")).to_contain_text("There is no")
    tab(page, "Check")
    start = page.locator('[data-command="start"]')
    expect(start.locator("code")).to_have_text(f"python3 -m workshop start 2 --dir {folder}")
    start.get_by_role("button").click()
    expect(page.locator('[data-ended="begin"]')).to_have_text("Done.")
    expect(page.locator('[data-output="begin"]')).to_contain_text("is to become step 2")
    expect(page.locator("#state")).to_contain_text("is to be this step")

    check = page.locator('[data-command="check"]').get_by_role("button")
    check.click()
    hint = page.locator("#hint")
    expect(hint.locator("h2")).to_contain_text("to do")
    expect(check).to_have_text("Stop")
    expect(hint).not_to_contain_text("in place of the TODO")
    page.get_by_role("button", name="A better hint").click()
    expect(hint).to_contain_text("in place of the TODO")
    page.get_by_role("button", name="The lines").click()
    expect(hint.locator("#difference .plus").first).to_be_visible()

    shutil.copytree(STEPS[2], folder, dirs_exist_ok=True)
    expect(page.locator("#done")).to_have_text("All done: step 2 works.", timeout=PATIENCE * 3000)
    assert page.locator("#points li").count() == page.locator("#points .works").count()
    expect(hint).to_be_hidden()
    check.click()
    expect(page.locator('[data-ended="check"]')).to_have_text("Stopped.")
    expect(check).to_have_text("Check")

    start.get_by_role("button").click()
    expect(page.locator('[data-output="begin"]')).to_contain_text("is kept in")
    assert len(list(tmp_path.glob("my-*"))) == 1
    events.file_of(folder).unlink()
    page.context.close()


def test_the_running_step_is_beside_its_log(open_page, start_home, tmp_path):
    """In a folder whose name is HTML; what it prints is no HTML either."""
    folder = tmp_path / ODD
    shutil.copytree(STEPS[3], folder)
    serve = folder / "serve.py"
    serve.write_text(serve.read_text() + '\nprint("<i>never</i> \\x1b[31mred\\x1b[0m")\n')
    home = start_home(folder)
    page = live(open_page(home.lesson(3), **SCREEN))
    tab(page, "Board")
    run = page.locator('[data-command="run"]')
    expect(run.locator("code")).to_contain_text(f"run --dir '{folder}' --no-browser")
    run.get_by_role("button").click()
    board = page.frame_locator("#frame iframe")
    expect(board.locator("#state")).to_contain_text("Connected by")
    board.locator('[name="author"]').fill("Ada")
    board.locator('[name="text"]').fill("From the frame")
    board.get_by_role("button", name="Post").click()
    expect(board.locator("#notices")).to_contain_text("From the frame")
    expect(page.locator('[data-output="run"]')).to_contain_text(ODD)
    expect(run.get_by_role("button")).to_have_text("Stop")

    # Killed, with all that it has started, it is said; the board is gone, and can be run again.
    (child,) = [
        each
        for each in psutil.Process(home.process.pid).children(recursive=True)
        if "run" in each.cmdline() and "workshop" in each.cmdline() and "-I" not in each.cmdline()
    ]
    assert "HOME_TOKEN" not in child.environ()
    child.kill()
    expect(page.locator('[data-ended="run"]')).to_have_text("It was killed.")
    expect(page.locator("#nothing")).to_be_visible()
    run.get_by_role("button").click()
    expect(board.locator("#state")).to_contain_text("Connected by")
    run.get_by_role("button").click()
    expect(page.locator('[data-ended="run"]')).to_have_text("Stopped.")
    expect(page.locator('[data-output="run"]')).to_contain_text("<i>never</i> red")
    assert page.locator("#board i, #board b, header b").count() == 0
    page.context.close()


def find_things(folder, hint=None, passed=0, step=3):
    """Say what a check would, without one."""
    told = events.Events(folder, Step(STEPS[step]))
    names = [point.works for point in lessons.lesson(step)]
    for name in names[:passed]:
        told.tell("tick", mark="✓", what=name)
    told.tell(
        "outcome",
        total=len(names),
        passed=names[:passed],
        skipped=[],
        hint=hint,
        tried=True,
        level=1,
    )


def made_up(name, happened="It is <b>not</b> there."):
    """Return a hint."""
    about = {"step": 3, "name": STEPS[3].name, "section": "The server's side"}
    return {
        "name": name,
        "expected": "<img src=x onerror=alert(1)>",
        "happened": happened,
        "code": "",
        "more": "Do it.\n$ cp a b",
        "place": "my/<u>views.py",
        "levels": 3,
        "symptom": "workshop why <b>",
        "lesson": about,
        "difference": {"title": "<s>", "lines": ["+ <script>", "  same"]},
    }


@pytest.fixture
def told(home, request):
    """The folder of `home`, of which no check has told anything."""
    folder = home_folder(home)
    yield folder
    events.file_of(folder).unlink(missing_ok=True)


def home_folder(home):
    """Return the folder of a server."""
    return lessons.Path(home.extra["HOME_FOLDER"])


def test_what_a_check_in_a_terminal_finds_is_in_the_page(open_page, home, told):
    """And what it says is shown as text."""
    page = live(open_page(home.lesson(3), **SCREEN))
    tab(page, "Check")
    find_things(told, made_up("<b>hint</b>"), passed=4)
    expect(page.locator("#hint h2")).to_have_text("<b>hint</b>")
    assert page.locator("#points .works").count() == 4
    expect(page.locator("#bar")).to_contain_text(f"4 of {len(lessons.lesson(3))}")
    expect(page.locator("#hint dl")).to_contain_text("Whyworkshop why <b>")
    page.keyboard.press("l")
    expect(page.locator("#difference")).to_contain_text("<script>")
    assert page.locator("#hint :is(b, img, u, s, script)").count() == 0
    link = page.locator("#hint a")
    expect(link).to_have_attribute("href", "#the-servers-side")
    find_things(told, passed=19)
    expect(page.locator("#done")).to_contain_text("All done")
    page.context.close()


def test_who_was_away_is_told_what_it_missed_and_nothing_twice(home, client, told):
    first = client(home)
    check = events.Events(told, Step(STEPS[3]))
    (began,) = first.wait("entries")
    check.tell("tick", mark="", what="reading your files")
    (tick,) = first.wait("entries")
    assert [began[2], tick[2]] == ["began", "tick"]
    first.close()
    find_things(told, made_up("one"))
    second = client(home)
    wait_for_outcome(second, "one")
    find_things(told, made_up("two"))
    wait_for_outcome(second, "two")
    later = client(home, since=tick[0]).wait("past")
    numbers = [entry[0] for entry in later]
    assert numbers == sorted(set(numbers))
    assert min(numbers) > tick[0]
    assert [entry[2] for entry in later] == ["began", "outcome"]
    assert later[-1][3]["hint"]["name"] == "two"
    assert client(home, since=numbers[-1]).wait("past") == []


def wait_for_outcome(client, name):
    """Wait until a client has been told of a hint, at once or later."""
    for event, entries in iter(lambda: client.heard.get(timeout=PATIENCE), None):
        if event in ("past", "entries") and is_outcome(entries, name):
            return


def is_outcome(entries, name):
    """Tell whether the last of some entries is the outcome with this hint."""
    *_, (_, _, kind, data) = entries or [[None] * 4]
    return kind == "outcome" and (data["hint"] or {}).get("name") == name


def test_what_has_ended_can_be_begun_again(start_home, client, tmp_path):
    """Start ends what runs in the folder; once an end is told, nobody is said to be busy."""
    folder = tmp_path / "my"
    shutil.copytree(STEPS[1], folder)
    wait_for_a_todo(folder)
    home = start_home(folder)
    person = client(home)
    assert person.sio.call("do", ("run", 1), namespace="/home", timeout=PATIENCE) == ""
    answer = person.sio.call("do", ("run", 1), namespace="/home", timeout=PATIENCE)
    assert answer == "It is not over yet."
    assert person.sio.call("do", ("start", 1), namespace="/home", timeout=PATIENCE) == ""
    ended, doing = {}, None
    while "begin" not in ended:
        event, data = person.heard.get(timeout=PATIENCE)
        if event == "state":
            doing = data["doing"]
        for _, topic, kind, about in data if event == "entries" else ():
            if kind == "ended":
                ended[topic] = about["text"]
                assert topic not in doing
    assert ended == {"run": "Stopped.", "begin": "Done."}


def wait_for_a_todo(folder):
    """Have `run` wait in a folder: it takes no port then."""
    with (folder / "manage.py").open("a") as manage:
        manage.write(f"# {TODO.format('all')}\n")


def test_a_killed_server_comes_back_and_the_page_catches_up(open_page, start_home, tmp_path):
    """Its children have ended with it, and what happened meanwhile is shown, once."""
    folder = tmp_path / "my"
    shutil.copytree(STEPS[1], folder)
    wait_for_a_todo(folder)
    home = start_home(folder)
    page = live(open_page(home.lesson(3), **SCREEN))
    tab(page, "Board")
    run = page.locator('[data-command="run"]').get_by_role("button")
    run.click()
    log = page.locator('[data-output="run"]')
    expect(log).to_contain_text("1 place to fill.")
    find_things(folder, made_up("before"), passed=2)
    expect(page.locator("#hint h2")).to_have_text("before")
    children = psutil.Process(home.process.pid).children(recursive=True)
    assert children
    home.stop(signal.SIGKILL)
    expect(page.locator("#state")).to_contain_text("No connection")
    wait_until(lambda: not any(each.is_running() for each in children), "the end of what it ran")
    find_things(folder, made_up("meanwhile"), passed=5)
    home.start()
    expect(page.locator("#hint h2")).to_have_text("meanwhile")
    assert page.locator("#points .works").count() == 5
    expect(page.locator('[data-ended="run"]')).to_have_text(
        "It ended with the server of this page."
    )
    assert log.text_content().count("1 place to fill.") == 1
    expect(run).to_have_text("Run")
    expect(run).to_be_enabled()
    events.file_of(folder).unlink()
    page.context.close()


def test_axe_finds_nothing_wrong(open_page, home, told):
    """Contrast, names, roles: WCAG 2.2 AA, with a hint and its lines."""
    find_things(told, made_up("hint"), passed=3, step=2)
    page = live(open_page(home.lesson(2), **SCREEN))
    found = {}
    for address, names in ((home.lesson(2), ("diff", "board", "check")), (f"{home.url}/", ())):
        page.goto(address)
        page.evaluate(AXE.read_text())
        for size, scheme in ((SCREEN, "light"), (PHONE, "dark")):
            page.set_viewport_size(size["viewport"])
            page.emulate_media(color_scheme=scheme)
            for name in names or ("",):
                page.evaluate("name => name && (showTab(name), show(3))", name)
                found[address, scheme, name] = violations(page, "body")
    assert {place: wrong for place, wrong in found.items() if wrong} == {}
    page.context.close()


# The command


# What the page says of a lost connection is there for a second or two: it is seen from within.
LOST = """() => {
  const state = document.querySelector("#state");
  window.lost = new Promise((done) => new MutationObserver(() => {
    if (state.textContent.includes("No connection")) done();
  }).observe(state, { childList: true, characterData: true, subtree: true }));
}"""


def test_the_command_opens_the_lessons_and_keeps_them_open(tmp_path, open_page):
    port, folder = free_port(), tmp_path / "my"
    command = [sys.executable, "-m", "workshop", "home", "--no-browser", "--dir", str(folder)]
    command += ["--port", str(port)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        address = next(filter(None, (re.search(r"http://\S+", line) for line in process.stdout)))[0]
        page = live_contents(open_page(address, **SCREEN))
        again = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
        assert again.returncode == 0
        assert "It runs already" in again.stdout
        assert address in again.stdout
        server = server_of(process)
        page.evaluate(LOST)
        server.kill()
        page.evaluate("() => lost")
        live_contents(page)
        mode = os.stat(ROOT / ".workshop" / "home" / "token").st_mode & 0o777
        assert mode == 0o600 or os.name == "nt"
        left = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        wait_until(lambda: not any(each.is_running() for each in left), "the end of its server")
        page.context.close()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        kept = ROOT / ".workshop" / "home" / f"{events.file_of(folder).stem}.json"
        kept.unlink(missing_ok=True)


def live_contents(page):
    """Wait until the contents are connected, and return the page."""
    expect(page.locator("#state")).to_contain_text("There is no")
    return page


def server_of(process):
    """Return the server that a command has started."""

    def find():
        children = psutil.Process(process.pid).children(recursive=True)
        return [each for each in children if is_server(each)]

    return wait_until(find, "the server of the lessons")[0]


def is_server(process):
    """Tell whether a process is a server of the lessons, and not its guardian."""
    line = process.cmdline()
    return "workshop.room.home_server" in line and "-I" not in line


def test_a_token_that_was_cut_off_lets_nobody_in(tmp_path):
    file = tmp_path / "token"
    for cut_off in ("", "short"):
        file.write_text(cut_off)
        token = token_of(file)
        assert len(token) >= 20
    assert token_of(file) == token == file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    done = subprocess.run(
        [sys.executable, "-m", "workshop.room.home_server", "127.0.0.1:1"],
        cwd=ROOT,
        env=environment(HOME_TOKEN="", HOME_FILE="x"),
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "python3 -m workshop home" in done.stderr


def test_a_file_has_one_name_also_where_letters_have_no_case(monkeypatch):
    """As on a Mac, or on Windows: there this is the database."""
    address = f"steps/{STEPS[4].name}/serve.py"
    assert lessons.readable(address)
    monkeypatch.setattr(lessons, "isfile", lambda path: True)
    for name in ("DB.SQLITE3", "SERVE.PY", "serve.py."):
        assert lessons.readable(f"steps/{STEPS[4].name}/{name}") is None, name


def test_a_file_is_coloured_once(monkeypatch):
    """However often it is asked for: it takes a tenth of a second of the room's server."""
    made = []
    monkeypatch.setattr(lessons, "file_in_colour", lambda text, name: made.append(name) or "")
    lessons.make_file_page.cache_clear()
    for _ in range(3):
        lessons.find("slides/slides.js")
    lessons.make_file_page.cache_clear()
    assert made == ["slides.js"]


def test_a_picture_among_the_first_step_s_files_is_no_error(monkeypatch):
    step = find("1")
    tree = steptree.read(step.folder)
    picture = replace(next(iter(tree.values())), content=b"\x89PNG\xff")
    monkeypatch.setattr(steptree, "read", lambda folder: tree | {"notices/a.png": picture})
    assert "notices/a.png" in changes(step)
