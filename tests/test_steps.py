"""What holds for every step: a plain, complete folder, and a page that asks nobody else."""

import ast
import re
import shutil
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from support import PATIENCE, ROOT, STEPS, javascript_error, manage

MADE = shutil.ignore_patterns("secret_key.txt", "*.sqlite3", "__pycache__", ".ruff_cache")


@pytest.fixture(scope="module", params=STEPS, ids=lambda number: f"step{number}")
def folder(request, tmp_path_factory):
    """Each step, copied to an empty folder elsewhere, without what a first run made."""
    step = STEPS[request.param]
    copy = tmp_path_factory.mktemp("elsewhere") / step.name
    shutil.copytree(step, copy, symlinks=True, ignore=MADE)
    return copy


def test_the_steps_are_those_of_the_talk():
    """In their order, without a gap."""
    assert list(STEPS) == list(range(1, len(STEPS) + 1))
    names = ["plain_django", "gevent_server", "namespace", "redis_listener"]
    assert [step.name[3:] for step in STEPS.values()][:4] == names


def test_a_step_holds_plain_small_files(folder):
    """No symbolic links, nothing over 100 kB, no data of anybody's."""
    for path in folder.rglob("*"):
        assert not path.is_symlink(), f"{path} is a symbolic link"
        assert not path.is_file() or path.stat().st_size <= 100_000, f"{path} is large"
    assert not list(folder.rglob("node_modules"))


def test_a_step_imports_nothing_from_elsewhere_in_the_repository(folder):
    """It may be copied anywhere."""
    inside = {path.name for path in folder.iterdir()}
    outside = {path.name for path in ROOT.iterdir() if path.is_dir()} - inside
    for path in folder.rglob("*.py"):
        code = path.read_text()
        for node in ast.walk(ast.parse(code)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            taken = {name.partition(".")[0] for name in names} & outside
            assert not taken, f"{path} imports {taken}"
        assert "sys.path" not in code, f"{path} should not look elsewhere for what it imports"


def test_a_step_has_no_secret(folder):
    """The key is made on the first start."""
    for path in folder.rglob("*.py"):
        assert not re.search(r"SECRET_KEY\s*=\s*[\"']", path.read_text()), path


def test_its_javascript_can_be_parsed(folder):
    """By Node.js, or by a browser."""
    for path in folder.rglob("*.js"):
        assert not javascript_error(path)


def test_its_python_compiles_without_a_warning(folder):
    """Every file, those that no other test imports included."""
    command = [sys.executable, "-W", "error", "-m", "compileall", "-q", "-f", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def elsewhere(serve, folder):
    """The server of the copy, on the database that its own migrations made there."""
    printed = manage(folder, "migrate", SECRET_KEY=None)
    assert "Applying notices.0001_initial... OK" in printed
    server = serve(folder, SECRET_KEY=None, DATABASE_URL=None)
    yield server
    server.stop()


def test_a_copy_elsewhere_migrates_and_serves(elsewhere):
    """With the requirements installed, that is all."""
    assert "Track A is full" in elsewhere.post("Ada", "Track A is full").text
    assert (elsewhere.step / "db.sqlite3").is_file()


def test_its_page_asks_nobody_else_and_has_no_errors(elsewhere, window):
    """Nothing is fetched from elsewhere while a page is shown, and the console is empty."""
    page = window("about:blank")
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda websocket: asked.append(websocket.url.replace("ws", "http", 1)))
    page.on("console", lambda message: said.append(message.text))
    page.on("requestfailed", lambda request: said.append(f"{request.url} failed"))
    page.goto(elsewhere.url)
    page.get_by_label("Your name").fill("Grace")
    page.get_by_label("Notice").fill("Where is room 5?")
    if page.locator("#state").count():
        expect(page.locator("#state")).to_contain_text("by websocket", timeout=PATIENCE * 1000)
    page.get_by_role("button", name="Post").click()
    expect(page.locator("#notices")).to_contain_text("Where is room 5?")
    assert [url for url in asked if not url.startswith((elsewhere.url, "data:"))] == []
    assert said == []
