"""The commands that the READMEs show, run as a reader does, in the order of the page.

Each page has a clean copy of the repository. `python3 -m workshop …` is typed in the repository's
folder and all else in the page's own, with the programs of .venv first. A server runs until the
next one is started or the page ends; Ctrl-C must then end it in order. As this machine may be in
use for something else too, this much is not what a reader types:

- a server gets a free port as its last argument, and `localhost:8000` becomes that port;
- REDIS_URL names a Redis of the test's own, and `redis-cli` gets its port with `-p`,
  `redis.Redis()` with `port=`;
- BROWSER is a program that opens nothing.
"""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests

from support import PATIENCE, ROOT, environment, free_port, wait_until
from workshop import cli
from workshop.authoring import listings, testing

pytestmark = pytest.mark.skipif(os.name == "nt", reason="written with POSIX signals")

PAGES = ["README.md", "slides/README.md", "notebooks/README.md", "classic/README.md"]
PAGES += ["benchmarks/README.md", "docs/systems.md"]
PAGES += sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("steps/*/README.md"))
TOOL = "python3 -m workshop "
REDIS_CLI = Path(__file__).with_name("redis_cli.py")
SERVERS = (f"{TOOL}run ", f"{TOOL}slides", "python manage.py runserver", "python serve.py")
MADE = shutil.ignore_patterns(
    ".git", ".venv", "node_modules", ".workshop", ".*_cache", "__pycache__",
    "db.sqlite3*", "secret_key.txt", "my", "my-*",
)  # fmt: skip


@pytest.fixture
def clone(tmp_path):
    """A copy of the repository in which everything is installed and nothing was run."""
    folder = tmp_path / "workshop"
    shutil.copytree(ROOT, folder, ignore=MADE)
    # npm may write here.
    shutil.copytree(ROOT / "node_modules", folder / "node_modules", symlinks=True)
    (folder / ".venv").mkdir()
    for path in (ROOT / ".venv").iterdir():
        if not path.name.startswith("workshop-"):
            (folder / ".venv" / path.name).symlink_to(path)
    # The tool's own stamps name the folder; without them it would install everything again.
    stamp = "from workshop.install.environment import *; [write_stamp(part) for part in PARTS]"
    subprocess.run([sys.executable, "-c", stamp], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_each_command_of_a_page_works(page, clone, redis):
    with Reader(clone, redis.port) as reader:
        reader.follow(clone / page)


INLINE = {
    (page, command)
    for page in [*PAGES, "CONTRIBUTING.md", "SECURITY.md"]
    for command in re.findall(rf"`{TOOL}([^`]+)`", (ROOT / page).read_text(encoding="utf-8"))
    if not re.search(r"\b[A-Z]+\b", command)  # N, COMMAND: for the reader to fill in
}


@pytest.mark.parametrize(("page", "command"), sorted(INLINE))
def test_a_command_in_a_sentence_is_one_and_finds_what_it_names(page, command):
    """Without running it; a choice of tests finds some."""
    arguments = shlex.split(command)
    args = cli.parse(arguments)
    files = []
    if arguments[0] == "test":
        files = [file for name in args.names for file in testing.test_files(name)]
    if files and args.rest:
        collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", *files, *args.rest]
        assert subprocess.run(collect, cwd=ROOT, capture_output=True).returncode == 0


class Reader:
    """Somebody who types what a page shows."""

    def __init__(self, root, redis_port=0, patience=PATIENCE):
        self.root = root
        self.patience = patience  # with what a server leaves behind
        self.redis_port = redis_port
        self.port = None
        self.server = None
        self.log = root / "server.log"
        self.environment = environment(
            PATH=f"{root / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
            REDIS_URL=f"redis://127.0.0.1:{redis_port}/0",
            BROWSER="true",
            # What support sets for quick tests, and a reader has not.
            **dict.fromkeys(["NODE_PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "SECRET_KEY"]),
        )

    def follow(self, page):
        """Type the commands of a page, and compare what they print with what the page shows."""
        printed = ""
        for block in listings.blocks(page):
            if block.kind == "command" and not block.marker:
                printed = "".join(self.type(command, page) for command in commands(block.code))
            if block.kind == "output" and not block.marker:
                assert agrees(block.code, printed), f"{block.place} shows, for\n{printed}"
        self.ctrl_c()

    def type(self, command, page):
        """Run a command, which must work, or start a server; return what was printed so far."""
        # It would run this test, which would type it again.
        assert command != f"{TOOL}test", "<!-- not run: … -->"
        folder = self.root if command.startswith(TOOL) else page.parent
        if command.startswith(SERVERS):
            self.ctrl_c()
            self.start(command, folder)
            return self.log.read_text()
        done = self.shell(self.adapted(command), folder, stdout=subprocess.PIPE)
        try:
            printed, _ = done.communicate(timeout=3 * PATIENCE)
        except subprocess.TimeoutExpired:
            end(done)
            raise
        assert done.returncode == 0, f"{command}\n{printed}"
        return printed

    def adapted(self, command):
        """Return a command as it may be run on this machine."""
        command = command.replace("localhost:8000", f"localhost:{self.port}")
        redis_cli = "redis-cli" if shutil.which("redis-cli") else f"{sys.executable} {REDIS_CLI}"
        command = re.sub("^redis-cli ", f"{redis_cli} -p {self.redis_port} ", command)
        command = command.replace("redis.Redis()", f"redis.Redis(port={self.redis_port})")
        return command

    def shell(self, command, folder, **options):
        """Start a command in a shell, in a process group of its own as a terminal does it."""
        return subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            **options,
        )

    def start(self, command, folder):
        """Start a server, and wait until it answers."""
        self.port = free_port()
        tool = command.startswith(TOOL)
        option = "--port=" if tool else ""
        with self.log.open("w") as log:
            self.server = self.shell(f"exec {command} {option}{self.port}", folder, stdout=log)
        # The tool prepares the database while its server starts, and then says so.
        wait_until(lambda: self.answers() and (not tool or self.said("Ctrl-C ends it")), command)

    def answers(self):
        """Say whether the server shows its page; fail when it has ended, or shows an error."""
        assert self.server.poll() is None, f"the server has ended:\n{self.log.read_text()}"
        with contextlib.suppress(requests.ConnectionError):
            answer = requests.get(f"http://localhost:{self.port}/", timeout=PATIENCE)
            assert answer.ok, f"the server answers {answer.status_code}:\n{self.log.read_text()}"
            return True

    def said(self, text):
        """Say whether the server has printed this."""
        return text in self.log.read_text()

    def ctrl_c(self):
        """Do what a terminal does on Ctrl-C; the server must end in order, with all of its own."""
        if self.server is None:
            return
        server, processes = self.server, family(self.server)
        os.killpg(server.pid, signal.SIGINT)
        if "manage.py runserver" in server.args[-1]:
            # Django's own reloader has gone on after it, twice, on a busy machine, once though it
            # was pressed again (and in none of 130 tries since). That is Django's affair: a person
            # closes the window.
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(PATIENCE / 4)
            if server.poll() is None:
                end(server)
                self.server = None
                return
        code = server.wait(PATIENCE)
        assert code == 0, f"the server ended with {code}:\n{self.log.read_text()}"
        self.server = None
        left = psutil.wait_procs(processes, self.patience)[1]
        for process in left:
            process.kill()
        assert not left, "processes were left"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.server:
            end(self.server)


def commands(code):
    """Yield the commands of a block; one may go on over several lines."""
    command = ""
    for line in code.split("\n"):
        command += line + "\n"
        try:
            words = shlex.split(command, comments=True)
        except ValueError:  # an open quotation
            continue
        if line.endswith("\\"):
            continue
        if words:
            yield command.strip()
        command = ""
    assert not command, f"this command has no end: {command}"


def agrees(shown, printed):
    """Tell whether this was printed; a line with … alone stands for any lines."""
    parts = re.split(r"^[ \t]*…[ \t]*\n?", shown.strip() + "\n", flags=re.MULTILINE)
    pattern = "(.*\n)*".join(re.escape(part) for part in parts)
    return re.fullmatch(pattern, printed.strip() + "\n") is not None


def family(process):
    """Return a process, and all that it has started."""
    try:
        root = psutil.Process(process.pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def end(process):
    """End a process at once, with all that it has started."""
    for one in family(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait()


# What is wrong is noticed


def test_a_planted_command_that_fails_is_caught(clone):
    page = clone / "steps" / "01_plain_django" / "README.md"
    text = page.read_text()
    assert text.count("python manage.py migrate\n") == 1
    page.write_text(text.replace("manage.py migrate\n", "manage.py migrat\n"))
    with (
        pytest.raises(AssertionError, match=r"manage.py migrat\n[^$]*Unknown command: 'migrat'"),
        Reader(clone) as reader,
    ):
        reader.follow(page)
    assert reader.server.poll() is not None


SERVE = """
import http.server, signal, subprocess, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(code))
code = %s
handler = http.server.SimpleHTTPRequestHandler
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), handler).serve_forever()
"""
LEAVES_ONE = "subprocess.Popen(['sleep', '60'], start_new_session=True) and 0"


@pytest.mark.parametrize(
    ("shown", "wrong"),
    [
        ("```sh\necho a; echo b; echo c; echo d\n```\n```text\na\n…\nd\n```", None),
        ("```sh\necho a; echo b; echo c; echo d\n```\n```text\na\n…\nc\n```", "page.md:4 shows"),
        ("```sh\necho b\n```\n\n<!-- output: varies -->\n```text\na\n```", None),
        ("```sh\ntrue \\\n  && echo 'a\nb' # it's two lines\n```\n```text\na\nb\n```", None),
        ("```sh\necho a >&2\nfalse | cat\n```", "false | cat"),
        ("<!-- not run: it fails -->\n```sh\nfalse\n```", None),
        ("```sh\npython3 -m workshop test\n```", "not run"),
        ("```sh\npython serve.py\ncurl -fsS http://localhost:8000/page.md\n```", None),
        ("```sh\npython serve.py\npython gone.py\n```", "gone.py"),
        ("```sh\npython serve.py nonsense\n```", "the server has ended"),
        ("```sh\npython serve.py\ncurl -s http://localhost:8000/ | grep gone.md\n```", "grep gone"),
        ("```sh\npython serve.py\n```", "the server ended with 3"),
        ("```sh\npython serve.py\n```", "processes were left"),
    ],
)
def test_a_page_that_is_wrong_is_caught(tmp_path, shown, wrong):
    codes = {"the server ended with 3": "3", "processes were left": LEAVES_ONE}
    (tmp_path / "serve.py").write_text(SERVE % codes.get(wrong, "0"))
    page = tmp_path / "page.md"
    page.write_text(shown)
    raises = pytest.raises(AssertionError, match=re.escape(wrong)) if wrong else None
    with raises or contextlib.nullcontext(), Reader(tmp_path, patience=0.1) as reader:
        reader.follow(page)
    assert reader.server is None or reader.server.poll() is not None
