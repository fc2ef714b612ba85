"""The notebooks: run against a real board and a real Redis, twice in a row, and seen in Chromium.

How JupyterLab shows them, and the command that opens it, come last.

nbformat and nbclient are imported where they are used: that takes more than a second, in each
process of pytest, and only one of them runs this file.
"""

import base64
import contextlib
import io
import itertools
import json
import os
import re
import selectors
import shutil
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest
import requests
from PIL import Image, ImageChops
from playwright.sync_api import expect
from test_tool import MADE, Call, plain_environment

from support import FRAMED, PATIENCE, ROOT, STEPS, environment, free_port, wait_until
from workshop.serving import running

pytestmark = pytest.mark.skipif(os.name == "nt", reason="written with POSIX signals")

STEP = 4
STATE = "Live, by {}."
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))


class Notebook:
    """A notebook with a kernel of its own, as somebody runs it."""

    def __init__(self, name, folder=ROOT / "notebooks", **settings):
        import nbformat
        from nbclient import NotebookClient

        self.cells = nbformat.read(folder / f"{name}.ipynb", as_version=4).cells
        self.client = NotebookClient(
            nbformat.v4.new_notebook(cells=self.cells),
            timeout=6 * PATIENCE,
            resources={"metadata": {"path": str(folder)}},
        )
        self.settings = settings

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            settings = environment(**self.settings)
            stack.enter_context(self.client.setup_kernel(env=settings))
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *exception):
        self.stack.__exit__(*exception)

    def run(self, cell):
        """Run a cell, or code that somebody types into a new one; return what it shows."""
        if isinstance(cell, str):
            import nbformat

            cell = nbformat.v4.new_code_cell(cell)
            self.client.nb.cells.append(cell)
        self.client.execute_cell(cell, self.client.nb.cells.index(cell))
        return Output(cell.outputs)

    def run_all(self):
        """Run all cells from top to bottom; return what each shows, by the cell's name."""
        return {cell.id: self.run(cell) for cell in self.cells if cell.cell_type == "code"}

    def processes(self):
        """Return the processes that the kernel has started."""
        return psutil.Process(self.client.km.provisioner.pid).children(recursive=True)


class Output:
    """What a cell shows."""

    def __init__(self, outputs):
        self.text = "".join(
            output.text if output.output_type == "stream" else output.data.get("text/plain", "")
            for output in outputs
        )
        data = [output.get("data", {}).get("image/png") for output in outputs]
        self.pictures = [Image.open(io.BytesIO(base64.b64decode(png))) for png in data if png]

    def numbers(self):
        """Return the numbers in it."""
        return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", self.text)]

    def is_drawn(self):
        """Tell whether it is one picture with something in it: empty axes have no colour."""
        (picture,) = self.pictures
        red, green, _ = picture.convert("RGB").split()
        _, *different = ImageChops.difference(red, green).histogram()
        return sum(different) > 100


@pytest.fixture(scope="module")
def board(serve):
    """A running board; ten notices in ten seconds are its limit, as everywhere."""
    return serve(STEPS[STEP], **FRAMED)


@pytest.fixture
def start(board, redis):
    """Start a kernel for a notebook, which finds this board and its Redis: start("01_publish")."""
    with contextlib.ExitStack() as stack:

        def start_kernel(name, folder=ROOT / "notebooks", **settings):
            here = {"BOARD_URL": board.url, "REDIS_URL": redis.url}
            return stack.enter_context(Notebook(name, folder, **here | settings))

        yield start_kernel


# As they are committed


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_as_jupyter_saves_it_without_outputs(path):
    import nbformat

    text = path.read_text()
    notebook = json.loads(text)
    nbformat.validate(notebook)
    how = f"Clear all outputs of {path.name}: jupyter nbconvert --clear-output --inplace"
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None), how
    assert "widgets" not in notebook["metadata"], how
    assert text == json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    # Else each save would change it.
    assert notebook["metadata"]["language_info"] == {"name": "python"}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_is_a_lesson(path):
    """It begins with what one will see, says so after each cell, and ends with things to try."""
    cells = json.loads(path.read_text())["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    assert "**What you will see:**" in texts[0]
    tries = [text for cell, text in zip(cells, texts, strict=True) if cell["id"][:4] == "try-"]
    assert len(tries) == 3
    for text in tries:
        assert re.fullmatch(r"\*\*\d\. .+<details>.+\n\n.+\n\n</details>", text, re.DOTALL)
    for link in re.findall(r"\]\((\w+\.ipynb)\)", "".join(texts)):
        assert (path.parent / link).exists()


# Run, twice in a row


def test_01_what_a_cell_publishes_is_on_every_screen(start, board, visit, connect):
    page, other = visit(board), connect(board)
    notebook = start("01_publish")
    for _ in range(2):
        shown = notebook.run_all()
        assert "'type': 'subscribe'" in shown["subscribe"].text
        assert shown["publish"].text == "1"
        assert "'data': 'Is anybody there?'" in shown["receive"].text
        assert shown["receive"].text.endswith("None\n")
        assert shown["nobody"].text.startswith("Heard by 0\n")
        assert shown["nobody"].text.endswith("None\n")
        assert shown["notices"].text == "1"
        assert other.wait_for_notice("Coffee is ready")["author"] == "Notebook 1"
    expect(page.get_by_text("Coffee is ready")).to_have_count(2)

    notebook.run("text.value = 'From the form'; button.click()")
    expect(page.get_by_text("From the form")).to_have_count(1)
    assert notebook.run("answer.value").text == "'Heard by 1.'"

    notebook.run("progress.max = 5000; start.click()")
    other.wait_for_notice("Drop 2")
    notebook.run("stop.click()")  # while it streams: else this would run when all is over
    stopped = "await asyncio.wait([task]); task.cancelled(), progress.value < progress.max"
    assert notebook.run(stopped).text == "(True, True)"
    assert notebook.run("publish('After the stop')").text == "1"
    expect(page.get_by_text("After the stop")).to_have_count(1)
    expect(page.get_by_text("Drop 5000")).to_have_count(0)


def test_02_the_packets_and_a_cable(start, board, visit, connect):
    page, other = visit(board), connect(board, ["/presence"])
    here = other.wait("count", lambda count: count == 2)
    notebook = start("02_socketio_client")
    for _ in range(2):
        shown = notebook.run_all()
        assert "Engine.IO open" in shown["decoder"].text
        assert re.search(r'"pingInterval": \d+', shown["decoder"].text)
        assert 'The server says 42/notices,["live",true]\n' in shown["join"].text
        assert 'The server says 43/notices,7[{"ok":true}]\n' in shown["event"].text
        assert re.search(r" +7 +the number .*\n +data +\[\{\"ok\": true\}\]", shown["event"].text)
        assert shown["client"].text == "('live', True)"
        ok, notice, refused = shown["call"].text.splitlines()
        assert ok == "{'ok': True}"
        assert "'text': 'By a library'" in notice
        assert "This field is required" in refused
        names = re.findall(r": (\S{20})\n", shown["both"].text)
        assert len(set(names)) == 3
        assert f"Here: {here + 1}" in shown["both"].text
        assert "4/notices" not in shown["polling"].text  # the \x1e between two packets
        assert "40/notices," in shown["polling"].text
        assert "The server says 3probe" in shown["upgrade"].text
        assert "The server says 40/presence," in shown["upgrade"].text
        assert shown["cable"].text == "connected\ndisconnected: transport error\n"
        assert shown["back"].text.splitlines()[1:] == ["connected", "heard: Are you back?"]
        other.wait("count", lambda count: count == here)
    for text in ("Typed by hand", "By a library", "While you were away", "Are you back?"):
        expect(page.get_by_text(text)).to_have_count(2)

    # What it asks the reader to try.
    notebook.run(next(cell for cell in notebook.cells if cell.id == "hello"))
    assert (
        '44/nowhere,"Unable to connect"'
        in notebook.run(
            'say("40/notices,"); hear_until("40"); say("40/nowhere,"); hear_until("44")'
        ).text
    )
    forged = """say('42/notices,["connect", {"REMOTE_USER": "admin"}, null]'); ws.close()"""
    notebook.run(forged)
    board.wait_for_log("forged event 'connect'")


def test_03_greenlets_and_what_stops_them(start):
    notebook = start("03_greenlets", BOARD_URL=None, REDIS_URL=None)
    for _ in range(2):
        shown = notebook.run_all()
        assert shown["spawn"].text.split("\n") == ["A 1", "B 1", "A 2", "B 2", "A 3", "B 3", ""]
        yielding, blocking = shown["yield"].numbers()
        assert yielding >= 0.2
        assert blocking >= 0.6
        assert shown["slow"].numbers()[0] >= 300
        assert shown["draw"].is_drawn()
        patched_first, patched_late = shown["patch"].numbers()
        assert patched_first >= 0.2
        assert patched_late >= 0.6
        assert re.search(r"in serve_coffee\n.*beans.wait\(\)", shown["stuck"].text)
        assert "Spawned at" in shown["stuck"].text
        assert "report> appears to be blocked" in shown["monitor"].text
        assert "time.sleep(0.4)  # it was me" in shown["monitor"].text
    # What should be quick is so in the end, whatever else this machine has to do.
    cells = {cell.id: cell for cell in notebook.cells}
    for name, limit in [("yield", 0.6), ("patch", 0.6), ("pool", 300)]:
        outputs = itertools.chain([shown[name]], map(notebook.run, itertools.repeat(cells[name])))
        wait_until(lambda o=outputs, most=limit: next(o).numbers()[0] < most, f"a quick {name}")
    assert notebook.run("from gevent import monkey; monkey.saved").text == "{}"
    assert notebook.processes() == []


def test_04_how_fast(start, board, visit, connect):
    page, other = visit(board), connect(board)
    notebook = start("04_how_fast")
    (sizes,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    sizes.source = "CLIENTS = 20\nROUNDS = 3\nSIZES = [5]"
    for _ in range(2):
        shown = notebook.run_all()
        clients, latencies, *rest = shown["measure"].numbers()
        assert (clients, latencies) == (20, 60)
        percents, within = rest[::2], rest[1::2]
        assert percents == [50, 90, 99, 100]
        assert within == sorted(within)
        assert within[0] > 0
        assert shown["slope"].numbers()[-1] > 0
        _, *rows = shown["compare"].text.splitlines()
        rows = [[float(number) for number in re.findall(r"[\d.]+", row)] for row in rows]
        assert [row[0] for row in rows] == [5, 5]
        for _, milliseconds, megabytes, _ in rows:
            assert milliseconds > 0
            assert 10 < megabytes < 1000
        one, each = [row[-1] for row in rows]
        assert each - one == 5 - 1  # connections to Redis
        for figure in ("histogram", "compare-figure", "honest"):
            assert shown[figure].is_drawn()
        for number in range(1, 4):
            other.wait_for_notice(f"Round {number}.")
    # The comparison has a channel of its own.
    expect(page.get_by_text("Round 3.")).to_have_count(2)
    assert notebook.run("np.median(here['latencies'], axis=0).shape").text == "(20,)"
    assert notebook.processes() == []
    from nbclient.exceptions import CellExecutionError

    with pytest.raises(CellExecutionError, match="Nobody could connect") as failed:
        notebook.run("measure('http://127.0.0.1:1', 1)")
    assert "Traceback" not in str(failed.value)


def test_02_leaves_time_to_read(serve, start, tmp_path):
    """The server's pings are answered between two cells."""
    step = shutil.copytree(STEPS[STEP], tmp_path / "step", ignore=MADE)
    guard = step / "board" / "guard.py"
    text = guard.read_text()
    sooner = re.sub("PING_EVERY, MAX_PONG = .*", "PING_EVERY, MAX_PONG = 1, 2", text)
    assert sooner != text
    guard.write_text(sooner)
    notebook = start("02_socketio_client", BOARD_URL=serve(step).url)
    shown = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            shown[cell.id] = notebook.run(cell).text
        if cell.id in ("hello", "polling"):
            time.sleep(6)  # Who does not answer is gone after five seconds at the latest.
    assert "43/notices,7[" in shown["event"]
    assert "40/presence," in shown["upgrade"]


def test_the_crowd_of_04_answers_pings(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "notebooks")
    import crowd

    answers = []
    here, there = socket.socketpair()
    with here, there, selectors.DefaultSelector() as selector:
        selector.register(here, selectors.EVENT_READ, SimpleNamespace(send=answers.append))
        for frame in (b"\x81\x012", b"\x81\x022x"):  # "2", and a text that begins with it
            there.sendall(frame)
            assert list(crowd.receive(selector)) == [frame]
    assert answers == ["3"]


# Without a board


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A copy of the notebooks in which nothing is known to run."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for name in ("notebooks", "workshop", "steps"):
        shutil.copytree(ROOT / name, folder / name, ignore=MADE)
    return folder / "notebooks"


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:1"])
def test_without_a_board_a_notebook_says_what_to_start(elsewhere, url):
    import nbformat

    # One kernel for all: nothing is left in it.
    with Notebook("01_publish", elsewhere, BOARD_URL=url, REDIS_URL=None) as kernel:
        for path in elsewhere.glob("*.ipynb"):
            cells = nbformat.read(path, as_version=4).cells
            if "03" in path.name:
                continue  # needs none
            said = says_instead(kernel, [cell.source for cell in cells if cell.cell_type == "code"])
            assert said.startswith("There is no notice board. Start it in a terminal with")
            assert "python3 -m workshop run 4" in said
        gone = "redis_server.DEFAULT_URL = 'redis://127.0.0.1:1/0'"
        said = says_instead(kernel, [f"from notice_board import *; {gone}", "redis_url()"])
        assert said.startswith("There is no Redis; step 4 brings one.")


def says_instead(notebook, sources):
    """Run cells up to the first that fails; return what it says."""
    from nbclient.exceptions import CellExecutionError

    with contextlib.suppress(CellExecutionError):
        for source in sources:
            notebook.run(source)
    (output,) = notebook.client.nb.cells[-1].outputs
    assert output.output_type == "error"
    text = "\n".join(output.traceback)
    assert "Traceback" not in text
    return text


def test_a_board_that_goes_away_is_said_in_a_sentence(serve, start):
    board = serve(STEPS[STEP])
    notebook = start("02_socketio_client", BOARD_URL=board.url)
    for cell in notebook.cells:
        if cell.id == "call":
            break
        if cell.cell_type == "code":
            notebook.run(cell)
    board.stop()
    post = "sio.call('post', {}, namespace='/notices', timeout=1)"
    assert "Is the board gone? Start it" in says_instead(notebook, [post])
    assert "Is the board gone? Start it" in says_instead(notebook, ["queue.Queue().get_nowait()"])


def test_only_a_step_that_listens_to_redis_is_a_board(monkeypatch):
    runs = [(1, None), (2, "redis://one"), (4, "redis://two"), (4, "redis://three")]
    records = [{"folder": str(STEPS[number]), "redis": redis} for number, redis in runs]
    others = [{"folder": str(ROOT / name), "redis": "redis://"} for name in ("slides", "classic")]
    monkeypatch.setattr(running, "everything", lambda: [*records, *others])
    assert [what["redis"] for what in running.boards()] == [redis for _, redis in runs[1:]]


# In JupyterLab, by the command


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the repository in which everything is installed and nothing was run."""
    folder = tmp_path_factory.mktemp("clone") / "workshop"
    shutil.copytree(ROOT, folder, ignore=MADE)
    shutil.copytree(ROOT / "node_modules", folder / "node_modules", symlinks=True)
    (folder / ".venv").mkdir()
    for path in (ROOT / ".venv").iterdir():
        if not path.name.startswith("workshop-"):
            (folder / ".venv" / path.name).symlink_to(path)
    stamp = "from workshop.install.environment import *; [write_stamp(part) for part in PARTS]"
    subprocess.run([sys.executable, "-c", stamp], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home whose own Jupyter doesn't start, and a browser that notes what it opens."""
    folder = tmp_path_factory.mktemp("home")
    (folder / ".jupyter").mkdir()
    (folder / ".jupyter" / "jupyter_server_config.py").write_text("raise SystemExit('mine')")
    kernel = folder / ".local" / "share" / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    kernel.joinpath("kernel.json").write_text('{"argv": ["false"], "display_name": "Mine"}')
    browser = folder / "browser"
    browser.write_text('#!/bin/sh\necho "$1" >> "$HOME/opened"\n')
    browser.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def lab(clone, home, redis):
    """The command, as it was typed; JupyterLab and a board are up."""
    settings = {"HOME": str(home), "BROWSER": str(home / "browser"), "REDIS_URL": redis.url}
    arguments = ["notebook", "publish", f"--port={free_port()}"]
    with Call(clone, *arguments, env=plain_environment(**settings)) as call:
        call.settings = settings
        call.address = call.wait_for(r"Notebook +(http://\S+)")[1]
        call.board = call.wait_for(r"Board +(http://\S+)")[1]
        call.wait_for("Ctrl-C ends it")
        yield call


def test_the_command_opens_a_browser_and_serves_this_machine_alone(lab, home):
    opened = home / "opened"
    wait_until(lambda: opened.exists() and opened.read_text().endswith("\n"), "the browser")
    assert opened.read_text() == f"{lab.address}\n"
    assert re.search(r"/01_publish\?token=\S{20}", lab.address)
    assert lab.listening() <= {"127.0.0.1", "::1"}
    assert not any(lab.address.partition("token=")[2] in line for line in lab.command_lines())


def test_jupyterlab_wants_the_token(lab):
    place, _, token = lab.address.partition("?token=")
    place = place.partition("/lab/")[0]
    refused = requests.get(f"{place}/api/contents", timeout=PATIENCE)
    assert refused.status_code == 403
    page = requests.get(f"{place}/lab", timeout=PATIENCE, allow_redirects=False)
    assert page.status_code == 302
    assert "/login" in page.headers["Location"]
    headers = {"Authorization": f"token {token}"}
    kernels = requests.get(f"{place}/api/kernelspecs", headers=headers, timeout=PATIENCE).json()
    assert list(kernels["kernelspecs"]) == ["python3"]
    assert kernels["kernelspecs"]["python3"]["spec"]["display_name"] == "Python 3 (ipykernel)"


def test_in_jupyterlab_the_board_is_beside_the_cell_and_the_form_works(lab, clone, chromium):
    path = clone / "notebooks" / "01_publish.ipynb"
    committed = path.read_bytes()
    asked = []
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    with contextlib.closing(context):
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.goto(lab.address)
        expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
        page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
        page.keyboard.press("Shift+Enter")

        board = page.frame_locator(".jp-LinkedOutputView iframe.board")
        expect(board.locator("#state")).to_have_text("Live, by websocket.")
        expect(board.locator("#count")).to_have_text("You are alone here.")
        notebook = page.locator(".jp-NotebookPanel").bounding_box()
        frame = page.locator(".jp-LinkedOutputView iframe.board").bounding_box()
        assert frame["x"] >= notebook["x"] + notebook["width"], "not beside"
        assert frame["width"] > 400
        assert frame["height"] > 600

        choose(page, "Run", "Run Selected Cell and All Below")
        expect(board.get_by_text("Coffee is ready")).to_be_visible()
        page.get_by_placeholder("What should the hallway know?").fill("From a click")
        page.locator(".jupyter-button", has_text="Publish").click()
        expect(board.get_by_text("From a click")).to_be_visible()
        expect(page.get_by_text("Heard by 1.", exact=True).last).to_be_visible()

        page.locator(".jupyter-button", has_text="Start").click()
        expect(board.get_by_text("Drop 2", exact=True)).to_be_visible()
        page.locator(".jupyter-button", has_text="Stop").click()
        page.get_by_placeholder("What should the hallway know?").fill("After the stop")
        page.locator(".jupyter-button", has_text="Publish").click()
        expect(board.get_by_text("After the stop")).to_be_visible()
        expect(board.get_by_text("Drop 50")).to_have_count(0)
        expect(page.locator(".Toastify__toast")).to_have_count(0)

        with page.expect_response(
            lambda answer: answer.request.method == "PUT" and path.name in answer.url
        ):
            choose(page, "File", "Save Notebook")
        assert path.read_bytes() == committed, "saved with more than what a person wrote"

        # The other face of Jupyter has it below the cell.
        place, _, rest = lab.address.partition("/lab/")
        page.goto(f"{place}/notebooks/notebooks/{path.name}?{rest.partition('?')[2]}")
        page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        board = page.frame_locator(".jp-OutputArea iframe.board")
        expect(board.locator("#state")).to_have_text("Live, by websocket.")
    elsewhere = [url for url in asked if not re.match(r"(http|ws)://localhost:|data:|blob:", url)]
    assert elsewhere == []


def choose(page, menu, item):
    """Choose from the menu."""
    page.get_by_role("menuitem", name=menu, exact=True).click()
    page.get_by_role("menuitem", name=item).first.click()


def test_a_second_call_uses_the_board_that_runs_and_leaves_it(lab, clone):
    settings = plain_environment(**lab.settings)
    with Call(clone, "notebook", "3", "--no-browser", env=settings) as second:
        assert second.wait_for(r"Board +(http://\S+)")[1] == lab.board
        second.wait_for("Ctrl-C ends it")
        assert not any("serve.py" in line for line in second.command_lines())
        second.ctrl_c()
    assert requests.get(lab.board, timeout=PATIENCE).ok


def test_ctrl_c_ends_all_of_it_without_a_question(lab, clone, home):
    kernels = [line for line in lab.command_lines() if "ipykernel_launcher" in line]
    assert kernels, "no kernel was left to end"
    assert all(line.startswith(str(clone / ".venv")) for line in kernels)
    lab.ctrl_c()
    assert lab.output.endswith("Stopped.\n")
    assert "y/[n]" not in lab.output
    assert sorted(path.name for path in (home / ".jupyter").iterdir()) == [
        "jupyter_server_config.py"
    ]
    assert not (home / ".ipython").exists()


def test_an_unknown_notebook_is_answered_with_the_list(clone):
    broken = clone / "notebooks" / "05_broken.ipynb"
    broken.write_text("<<<<<<< HEAD")
    for name, said in [("nothing", r"no notebook 'nothing'[^$]+04_how_fast"), ("5", "no notebook")]:
        with Call(clone, "notebook", name, env=plain_environment()) as call:
            call.wait_for(said)
        assert "Traceback" not in call.output
