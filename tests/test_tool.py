"""The tool, from outside: python3 -m workshop in a copy of this repository, from empty on."""

import argparse
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
import redis as redis_py

from support import free_port, listening, wait_until
from workshop.base.paths import ROOT, STEPS
from workshop.base.problem import Problem
from workshop.base.steps import Step
from workshop.install.programs import find_nginx
from workshop.serving import watching
from workshop.serving.cluster import free_ports
from workshop.serving.nginx import make_certificate, missing
from workshop.serving.ports import choose_port
from workshop.serving.site import Site
from workshop.show import publish

pytestmark = pytest.mark.skipif(os.name == "nt", reason="written with POSIX signals")
PATIENCE = 600  # a deadline for what should happen at once, or after an install; no measurement
MADE = shutil.ignore_patterns(
    ".git", ".venv", "node_modules", ".workshop", "db.sqlite3*", "secret_key.txt", "__pycache__"
)
# The Python that a person would type, not this environment's own.
PYTHON = getattr(sys, "_base_executable", None) or sys.executable


def plain_environment(**extra: str) -> dict[str, str]:
    """Return PATH and HOME, and how this machine's pip and npm reach their registries."""
    kept = re.compile(r"PATH|HOME|(PIP|UV|NPM_CONFIG|SSL|REQUESTS)_.*|.*_proxy|SYSTEMROOT", re.I)
    return {name: value for name, value in os.environ.items() if kept.fullmatch(name)} | extra


def with_python_alone(folder: Path) -> dict[str, str]:
    """Return an environment whose PATH has nothing in it: no npm, no Node.js, no uv."""
    folder.mkdir(exist_ok=True)
    return plain_environment(PATH=str(folder))


def get(url: str, host: str | None = None) -> tuple[int, str]:
    """Return status and text of a page."""
    place, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(place, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", "/" + path, headers={"Host": host} if host else {})
        response = connection.getresponse()
        return response.status, response.read().decode()


class Call:
    """A call of the tool that goes on, in a session of its own, as in a terminal of its own."""

    def __init__(self, folder: Path, *arguments: str, env: dict[str, str] | None = None):
        self.process = subprocess.Popen(
            [PYTHON, "-m", "workshop", *arguments],
            cwd=folder,
            env=env or plain_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.output = ""
        self.changed = threading.Condition()
        self.ended = False
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        """Collect the output."""
        with self.process.stdout as stdout:
            while some := os.read(stdout.fileno(), 65536):
                with self.changed:
                    self.output += some.decode(errors="replace")
                    self.changed.notify_all()
        self.process.wait()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def wait(self, patience: float) -> int:
        """Wait for its end and for all that it has said, and return the exit code."""
        code = self.process.wait(patience)
        self.reader.join(60)
        return code

    def wait_for(self, pattern: str, start: int = 0) -> re.Match:
        """Wait until the output has this."""

        def found():
            return re.search(pattern, self.output[start:])

        with self.changed:
            self.changed.wait_for(lambda: found() or self.ended, timeout=PATIENCE)
            assert found(), f"{pattern!r} is not in:\n{self.output}"
            return found()

    def url(self) -> str:
        """Wait until the page is served, and return its address."""
        url = self.wait_for(r"Page +(http://\S+)")[1]
        self.wait_for("Ctrl-C ends it")
        return url

    def type(self, line: str) -> None:
        """Type a line."""
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def family(self) -> list[psutil.Process]:
        """Return all processes that this call has started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def command_lines(self) -> list[str]:
        """Return the command lines of these processes."""
        lines = []
        for process in self.family():
            with contextlib.suppress(psutil.Error):  # It has ended meanwhile.
                lines.append(" ".join(process.cmdline()))
        return lines

    def listening(self) -> set[str]:
        """Return the addresses on which these processes listen."""
        return {address.ip for address in listening(self.family())}

    def ctrl_c(self) -> None:
        """Do what a terminal does on Ctrl-C; all must end, in order."""
        family = self.family()
        os.killpg(self.process.pid, signal.SIGINT)
        assert self.wait(PATIENCE) == 0, self.output
        assert not gone(family), "processes were left"
        assert "Traceback" not in self.output

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait(PATIENCE)


def gone(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Wait for processes to end; return those that did not."""
    return psutil.wait_procs(processes, timeout=PATIENCE)[1]


def call(folder: Path, *arguments: str, env: dict[str, str] | None = None):
    """Call the tool and wait for its end."""
    return subprocess.run(
        [PYTHON, "-m", "workshop", *arguments],
        cwd=folder,
        env=env or plain_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.fixture(scope="session")
def empty_clone(tmp_path_factory) -> Path:
    """Return a copy of this repository with nothing installed."""
    folder = tmp_path_factory.mktemp("clone") / "workshop"
    shutil.copytree(ROOT, folder, ignore=MADE, symlinks=True)
    return folder


@pytest.fixture(scope="session")
def first_calls(empty_clone) -> list[str]:
    """Serve two steps from an empty clone at the same time, without npm; return what was said."""
    env = with_python_alone(empty_clone.parent / "nothing")
    with (
        Call(empty_clone, "run", "1", "--no-browser", env=env) as one,
        Call(empty_clone, "run", "2", "--no-browser", f"--port={free_port()}", env=env) as two,
    ):
        for running in (one, two):
            status, page = get(running.url())
            assert status == 200
            assert "<form" in page
            running.ctrl_c()
        return [one.output, two.output]


@pytest.fixture
def clone(empty_clone, first_calls) -> Path:
    """Return the copy of this repository, with the Python packages installed."""
    return empty_clone


# In an empty clone


def test_the_map_and_help_install_nothing(tmp_path):
    folder = tmp_path / "workshop"
    shutil.copytree(ROOT, folder, ignore=MADE, symlinks=True)
    for arguments in ([], ["--help"], ["run", "--help"], ["publish", "--help"], ["test", "--help"]):
        result = call(folder, *arguments)
        assert result.returncode == 0, result.stderr
        assert not (folder / ".venv").exists()
    assert "01_plain_django" in call(folder, "run").stderr


def test_two_first_calls_at_the_same_time_install_once(first_calls):
    together = "".join(first_calls)
    assert together.count("Installing the Python packages") == 1
    assert together.count("Waiting for another call") == 1


def test_a_step_without_javascript_fetches_none(first_calls):
    assert not any("JavaScript" in output for output in first_calls)


def test_the_second_call_installs_nothing(clone):
    """From Python alone: the JavaScript, too."""
    env = with_python_alone(clone.parent / "nothing")
    for number in ("first", "second"):
        options = ("--no-browser", f"--port={free_port()}")
        with Call(clone, "run", "namespace", *options, env=env) as running:
            assert get(running.url())[0] == 200
            assert get(f"{running.url()}/static/socket.io/socket.io.min.js")[0] == 200
            running.ctrl_c()
            assert ("Installing" in running.output) == (number == "first")


# What is wrong is said in a sentence


def test_an_unknown_step_is_answered_with_the_list(clone):
    result = call(clone, "run", "99")
    assert result.returncode != 0
    assert "'99'" in result.stderr
    assert "01_plain_django" in result.stderr


def test_a_folder_that_is_no_step_is_said(clone):
    result = call(clone, "run", "--dir", "tests")
    assert result.returncode != 0
    assert "no manage.py" in result.stderr


def test_a_taken_port_is_said_with_its_holder(clone):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        result = call(clone, "run", "1", f"--port={holder.getsockname()[1]}")
    assert result.returncode != 0
    assert f"{psutil.Process().name()} (process {os.getpid()})" in result.stderr
    assert "--port" in result.stderr


def test_without_port_the_next_free_one_is_taken(clone):
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # somebody has it already: just as well
            stack.enter_context(socket.create_server(("127.0.0.1", 8000)))
        with Call(clone, "run", "1", "--no-browser") as running:
            url = running.url()
            assert "Port 8000 is taken by" in running.output
            assert not url.endswith(":8000")
            assert get(url)[0] == 200
            running.ctrl_c()


def test_a_redis_that_does_not_answer_is_said(clone):
    env = plain_environment(REDIS_URL=f"redis://somebody:secret@127.0.0.1:{free_port()}/0")
    for arguments in (["run", "4", "--no-browser"], ["publish", "Hello"]):
        result = call(clone, *arguments, env=env)
        assert result.returncode == 1
        assert "127.0.0.1" in result.stderr
        assert "REDIS_URL" in result.stderr
        assert "secret" not in result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["publish", "x" * 281], "281 characters"),
        (["publish", "  "], "empty"),
        (["publish", "Hello", "--author", "x" * 41], "41 characters"),
        (["publish", "Hello", "--every", "soon"], "write 200ms, 1s or 2m"),
        (["publish", "Hello", "--count", "0"], "1 or more"),
        (["run", "1", "--port", "70000"], "1 to 65535"),
        (["test", "nothing-like-this"], "tool"),
    ],
)
def test_a_mistyped_argument_is_a_sentence(clone, arguments, said):
    if arguments[0] == "test":
        arguments = ["-c", f"import sys; sys.argv[1:] = {arguments}; from workshop.cli import main"]
        arguments[1] += (
            "\nfrom workshop.authoring import testing; testing.needs = lambda args: {'python'}"
        )
        arguments[1] += "\nsys.exit(main())"
        venv = clone / ".venv" / "bin" / "python"
        result = subprocess.run([venv, *arguments], cwd=clone, capture_output=True, text=True)
    else:
        result = call(clone, *arguments)
    assert result.returncode != 0
    assert said in result.stderr
    assert "Traceback" not in result.stderr


# A step that runs


def test_a_process_does_not_get_the_port_that_nginx_is_to_have():
    """Where 8000 is taken, nginx has 8001, which the first process wants."""
    first = free_port()
    for taken_soon in range(first, first + 4):
        found = free_ports([first, first + 1, first + 2], taken_soon)
        assert taken_soon not in found
        assert len(set(found)) == 3


def test_a_folder_that_cannot_be_written_gets_a_sentence(tmp_path):
    """Not a traceback."""
    (tmp_path / "file").touch()
    said = call(ROOT, "start", "3", "--dir", str(tmp_path / "file" / "folder"))
    assert said.returncode == 1
    assert "Traceback" not in said.stderr
    assert re.search("file.*: Not a directory", said.stderr)


def test_a_certificate_is_for_a_name_that_begins_with_a_digit(tmp_path):
    """As a container's may."""
    (tmp_path / "run").mkdir()
    make_certificate(tmp_path, ["192.0.2.1", "3f2ab", "3f2ab.local"])
    command = ["openssl", "x509", "-noout", "-text", "-in", tmp_path / "run" / "certificate.pem"]
    said = subprocess.check_output(command, text=True)
    assert "DNS:3f2ab, DNS:3f2ab.local" in said
    assert "IP Address:192.0.2.1" in said


def test_the_last_port_of_all_may_be_taken():
    """There is none after it to propose."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # Somebody has it already.
            stack.enter_context(socket.create_server(("127.0.0.1", 65535)))
        with pytest.raises(Problem, match=r"65535 is taken by .* --port \d+"):
            choose_port("127.0.0.1", 65535)


def test_a_pause_of_years_is_refused():
    """No system sleeps so long."""
    with pytest.raises(argparse.ArgumentTypeError, match="more than a day"):
        publish.duration("200000000m")


def test_a_redis_that_may_not_be_asked_for_its_streams_gets_a_sentence(redis):
    """Its administrator may have forbidden that."""
    with redis_py.Redis.from_url(redis.url) as client:
        client.execute_command("ACL SETUSER", "guest", "on", ">pass", "~*", "&*", "+@all", "-scan")
    with pytest.raises(Problem, match="did not say which streams"):
        publish.streams(redis.url.replace("//", "//guest:pass@"))


def test_what_is_published_goes_where_redis_url_says(monkeypatch):
    """Though a step runs, which has a Redis of its own."""
    step = {"redis": "redis://localhost:1", "step": "05_nothing_missed"}
    monkeypatch.setattr(publish.running, "everything", lambda: [step])
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert publish.which_redis()[0] == "redis://localhost:1"
    monkeypatch.setenv("REDIS_URL", "redis://localhost:2")
    assert publish.which_redis() == ("redis://localhost:2", "from REDIS_URL")


def test_a_copy_may_have_files_that_are_not_utf_8(tmp_path):
    """As PowerShell writes them."""
    (tmp_path / "requirements.txt").write_text("Django", "utf-16")
    (tmp_path / "board").mkdir()
    (tmp_path / "board" / "settings.py").write_text("REDIS_URL = 'é'", "latin-1")
    step = Step(tmp_path)
    assert not step.is_classic
    assert step.mentions("REDIS_URL")


def test_an_empty_database_is_a_new_one(tmp_path):
    """Else the server would look for its tables before they are there."""
    site = Site(Step(tmp_path), "127.0.0.1", 8000, threading.Event())
    assert site.database_is_new()
    (tmp_path / "db.sqlite3").touch()
    assert site.database_is_new()
    (tmp_path / "db.sqlite3").write_bytes(b"SQLite format 3")
    assert not site.database_is_new()


@pytest.mark.parametrize("ending", ["os._exit(9)", "os.kill(os.getpid(), signal.SIGTERM)"])
def test_a_first_start_that_is_cut_off_leaves_no_half_a_database(tmp_path, ending):
    """SQLite could not be migrated any more: a table would be there already."""
    step = shutil.copytree(STEPS / "04_redis_listener", tmp_path / "step", ignore=MADE)
    script, database = ROOT / "workshop/serving/prepare.py", step / "db.sqlite3"
    code = f"""
import os, runpy, signal
from django.db.migrations.recorder import MigrationRecorder
def record_applied(*_):
    {ending}
MigrationRecorder.record_applied = record_applied
runpy.run_path({str(script)!r}, run_name="__main__")
"""
    first = subprocess.run([sys.executable, "-c", code], cwd=step, env=plain_environment())
    assert first.returncode != 0
    assert not database.exists()
    assert [*step.glob("db.sqlite3*")] == [] or "_exit" in ending
    again = subprocess.run([sys.executable, script], cwd=step, env=plain_environment())
    assert again.returncode == 0
    with contextlib.closing(sqlite3.connect(database)) as rows:
        assert rows.execute("SELECT count(*) FROM notices_notice").fetchone() == (3,)


def test_publish_is_heard_by_the_running_step_and_nothing_outlives_it(clone):
    redis_was_there = something_answers(6379)
    with Call(clone, "run", "4", "--no-browser", f"--port={free_port()}") as running:
        url = running.url()
        assert running.listening() <= {"127.0.0.1", "::1"}
        assert url in call(clone).stdout, "the map does not show what runs"

        assert "that one is killed" not in running.output, "there is only one server"
        password = re.search(r"password +(\S+)", running.output)[1]
        assert password not in get(url)[1]
        for arguments in ([], ["--count", "3", "--every", "10ms"]):
            result = call(clone, "publish", "Hello", *arguments)
            assert result.returncode == 0, result.stdout + result.stderr
            assert "1 server heard it" in result.stdout
            assert "A channel keeps nothing" in result.stdout

        family = running.family()
        names = {process.name() for process in family}
        assert redis_was_there or any("valkey" in name for name in names)
        folders = [p.cwd() for p in family if "valkey" in p.name() and p.cwd() != str(clone)]
        os.kill(running.process.pid, signal.SIGKILL)
        assert not gone(family), "kill -9 of the tool left processes"
        assert not any(Path(folder).exists() for folder in folders)
    assert url not in call(clone).stdout, "the map shows what is gone"


def test_two_boards_do_not_hear_what_is_published_to_the_other(clone):
    shutil.copytree(clone / "steps" / "04_redis_listener", clone / "my-other", ignore=MADE)
    runs = (["run", *which, "--no-browser"] for which in (["4"], ["--dir", "my-other"]))
    with Call(clone, *next(runs)) as first:
        urls = {first.url()}
        with Call(clone, *next(runs)) as second:
            urls.add(second.url())
            result = call(clone, "publish", "To the latest")
            assert "1 server heard it" in result.stdout, result.stdout + second.output
            told = [json.loads(path.read_text()) for path in clone.glob(".workshop/running/*")]
            assert {what["url"] for what in told} == urls
            assert len({what["redis"] for what in told}) == 2


def test_stacks_shows_the_steps_own_lines(clone):
    mine = clone / "my-stacks"
    shutil.copytree(clone / "steps" / "02_gevent_server", mine, ignore=MADE)
    views = mine / "notices" / "views.py"
    views.write_text(views.read_text().replace("sleep(5)", "sleep(5000)"))
    with (
        Call(
            clone, "run", "--dir", "my-stacks", "--no-browser", f"--port={free_port()}"
        ) as running,
        contextlib.ExitStack() as stack,
    ):
        url = running.url()
        for _ in range(3):
            port = int(url.rpartition(":")[2])
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            slow.sendall(b"GET /slow/ HTTP/1.0\r\n\r\n")
        said = call(clone, "stacks").stdout
        sleeping = r"^3 ×\n    notices/views.py:\d+ in slow\n +time.sleep\(5000\)$"
        assert re.search(sleeping, said, re.M), said
        assert "server.serve_forever()" in said
        assert "django" not in said
        assert len(said.splitlines()) < 24, said
        assert "Notice board" in get(url)[1], "who has no token is shown the page"
        running.ctrl_c()
    result = call(clone, "stacks")
    assert result.returncode == 1
    assert "No step is running" in result.stderr


def test_stacks_of_a_step_without_gevent_says_so(clone):
    with Call(clone, "run", "1", "--no-browser", f"--port={free_port()}") as running:
        running.url()
        assert "There are no greenlets" in call(clone, "stacks").stdout
        running.ctrl_c()


def test_publish_that_nobody_hears_says_what_to_check(clone):
    port = free_port()
    binary = next((clone / ".venv").rglob("valkey-server"))
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as valkey:
        next(line for line in valkey.stdout if "Ready to accept" in line)
        env = plain_environment(REDIS_URL=f"redis://127.0.0.1:{port}/0")
        result = call(clone, "publish", "Hello", env=env)
        valkey.terminate()
    assert result.returncode == 1
    assert "nobody heard it" in result.stdout
    assert f"127.0.0.1:{port}" in result.stdout
    assert "run 4" in result.stdout


def test_a_folder_with_a_todo_is_started_when_it_is_filled(clone):
    mine = clone / "my-todo"
    shutil.copytree(clone / "steps" / "01_plain_django", mine, ignore=MADE)
    views = mine / "notices" / "views.py"
    good = views.read_text()
    views.write_text("# TODO: board, as README.md shows it\n")
    with Call(clone, "run", "--dir", "my-todo", "--no-browser", f"--port={free_port()}") as running:
        running.wait_for("notices/views.py, line 1, says TODO: board\n1 place to fill")
        views.write_text(good)
        assert get(running.url())[0] == 200


def test_an_nginx_conf_with_a_todo_is_started_when_it_is_filled(clone):
    mine = clone / "my-nginx"
    shutil.copytree(clone / "steps" / "06_many_servers", mine, ignore=MADE)
    config = mine / "nginx.conf"
    good = config.read_text()
    config.write_text("# TODO: upstream, as README.md shows it\n")
    with Call(
        clone, "run", "--dir", "my-nginx", "--no-browser", f"--port={free_port()}"
    ) as running:
        running.wait_for("nginx.conf, line 1, says TODO: upstream\n1 place to fill")
        config.write_text(good)
        url = running.url()
        assert get(url)[0] == 200

        said = len(running.output)
        config.write_text(good.replace("least_conn;", "ip_hash;"))
        running.wait_for("nginx.conf changed: restarted", said)
        assert get(url)[0] == 200


def test_a_mistake_is_shown_and_mended_without_a_new_call(clone):
    mine = clone / "my"
    shutil.copytree(clone / "steps" / "01_plain_django", mine, ignore=MADE)
    views = mine / "notices" / "views.py"
    good = views.read_text()
    with Call(clone, "run", "--dir", "my", "--no-browser", f"--port={free_port()}") as running:
        url = running.url()

        said = len(running.output)
        views.write_text(good + "\ndef broken(:\n    pass\n")
        running.wait_for(r"views.py:\d+: .+\n +def broken\(:\n +\^\n.*goes on", said)
        assert "Traceback" not in running.output
        assert get(url)[0] == 200

        said = len(running.output)
        views.write_text(good + "\n# mended\n")
        running.wait_for(r"notices/views.py changed: restarted", said)
        assert get(url)[0] == 200

        said = len(running.output)
        views.write_text("import nothing_like_this\n" + good)
        running.wait_for("did not start: the reason is above", said)
        assert "nothing_like_this" in running.output

        said = len(running.output)
        views.write_text(good)
        running.wait_for(r"notices/views.py changed: restarted", said)
        assert get(url)[0] == 200
        running.output = ""  # with the step's own traceback
        running.ctrl_c()


def test_share_listens_on_the_network_without_debug_pages(clone):
    port = free_port()
    with Call(clone, "run", "5", "--share", "--no-browser", f"--port={port}") as running:
        url = running.url()
        shared = running.wait_for(r"On this network: (http://\S+)")[1]
        assert "plain HTTP" in running.output
        assert re.search("[▀▄█]", running.output), "no QR code"
        redis_on = {"127.0.0.1", "::1"}
        assert running.listening() - redis_on == {"0.0.0.0"}
        assert get(url)[0] == 200
        assert get(url, host=shared.removeprefix("http://"))[0] == 200
        assert get(url, host="evil.example")[0] == 400
        status, page = get(url + "/nothing-like-this")
        assert status == 404
        assert "DEBUG" not in page
        assert get(url + "/static/notices/board.css")[0] == 200
        assert "in the stream" in call(clone, "publish", "Hello").stdout

        # As `pkill -USR1 -f serve.py` does: the server must survive it, and its guardian too.
        said = len(running.output)
        for process in running.family():
            if "serve.py" in process.cmdline():
                process.send_signal(signal.SIGUSR1)
        running.wait_for("(?i)greenlet", said)
        assert get(url)[0] == 200
        running.ctrl_c()


@pytest.mark.skipif(not find_nginx(), reason="no nginx")
def test_a_process_behind_nginx_is_killed_by_its_number_and_comes_back(clone):
    with Call(clone, "run", "6", "--no-browser", f"--port={free_port()}") as running:
        url = running.url()
        assert running.listening() <= {"127.0.0.1", "::1"}
        number = running.wait_for(r"Servers +(\d+), \d+, \d+, \d+ ")[1]
        said = call(clone, "stacks").stdout
        assert said.count("06_many_servers, at port ") == 4
        assert said.count(" in count_all\n") == 4, said
        running.type("1")
        running.wait_for("The processes are ")
        running.type(number)
        running.wait_for(f"Process {number} has died")
        assert get(url)[0] == 200
        running.wait_for(f"Process {number} is started again")
        said = len(running.output)
        views = clone / "steps" / "06_many_servers" / "notices" / "views.py"
        views.write_text(views.read_text() + "\n")
        running.wait_for("Restarted one by one", said)
        assert get(url)[0] == 200
        running.ctrl_c()


def test_the_users_of_a_database_of_ones_own_stay_as_they_are(clone, tmp_path):
    """Whoever has DATABASE_URL in the shell would not expect another password of the admin."""
    path = tmp_path / "own.sqlite3"
    env = plain_environment(DATABASE_URL=f"sqlite:///{path}")
    with Call(clone, "run", "1", "--no-browser", f"--port={free_port()}", env=env) as running:
        running.url()
        running.wait_for(r"with\s+the\s+users\s+of\s+that\s+DATABASE_URL")
        with contextlib.closing(sqlite3.connect(path)) as database:
            assert database.execute("SELECT count(*) FROM auth_user").fetchone() == (0,)
        running.ctrl_c()


@pytest.mark.skipif(not find_nginx(), reason="no nginx")
def test_a_machine_is_killed_by_its_number_and_comes_back(clone):
    port = free_port()
    # As a `run` leaves it that was killed: its nodes were a cluster, on other ports.
    (clone / ".workshop" / f"nginx-{port}" / "redis" / "redis-1").mkdir(parents=True)
    with Call(clone, "run", "9", "--no-browser", f"--port={port}") as running:
        url = running.url()
        running.wait_for("Servers +machines 1, 2, 3 ")
        assert running.listening() <= {"127.0.0.1", "::1", "127.0.0.11", "127.0.0.12", "127.0.0.13"}
        assert "it is in the stream" in call(clone, "publish", "Before").stdout
        running.type("")
        running.wait_for(r"1 +127\.0\.0\.11:\d+ +\d+ \(\d\), \d+ \(\d\) +primary of Foyer; replica")
        running.type("1")
        running.wait_for("Machine 1 has died")
        assert get(url)[0] == 200
        said = len(running.output)
        running.type("")
        running.wait_for("1 +dead", said)
        views = clone / "steps" / "09_many_machines" / "notices" / "views.py"
        views.write_text(views.read_text() + "\n")
        running.wait_for("Restarted one by one")  # without those of the machine that is dead
        running.wait_for("Machine 1 is started again")

        def is_primary_again():
            said = len(running.output)
            running.type("")
            running.wait_for(r" 3 +127\.0\.0\.13:\d+ .*\n", said)
            return re.search(r"1 +127\.0\.0\.11.* primary of Foyer; replica", running.output[said:])

        wait_until(is_primary_again, "machine 1 to have its part back")
        assert not re.search(r"Process \d", running.output), "each came with its machine, once"
        assert "it is in the stream" in call(clone, "publish", "After").stdout
        assert get(url)[0] == 200
        running.ctrl_c()


def test_a_folder_that_cannot_be_watched_is_said(tmp_path, monkeypatch, capsys):
    """A system watches only so many files."""

    def watch(*_, **__):
        raise OSError("no more watches")

    monkeypatch.setattr("watchfiles.watch", watch)
    watching.changes(tmp_path, threading.Event())  # It goes on without.
    assert "Changes are not noticed (no more watches)" in capsys.readouterr().out


def test_a_system_without_nginx_is_told_how_to_get_it():
    with pytest.raises(Problem, match="apt install nginx-light"):
        missing("nginx", "apt install nginx-light", "brew install nginx")


def something_answers(port: int) -> bool:
    """Tell whether somebody listens on a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


# An environment that broke (these come last: they break the clone's)


def test_doctor_finds_a_file_that_is_gone(clone):
    assert "FIX " not in call(clone, "doctor").stdout
    victim = next((clone / ".venv").rglob("segno/encoder.py"))
    text = victim.read_text()
    victim.unlink()
    result = call(clone, "doctor")
    victim.write_text(text)
    assert result.returncode == 1
    assert re.search(r"FIX +packages +.*segno.*doctor --repair", result.stdout)


def test_an_install_that_fails_or_is_cut_off_is_repaired(clone):
    lock = clone / "requirements.lock"
    good = lock.read_text()
    lock.write_text("nothing-like-this==1.0 --hash=sha256:" + "0" * 64 + "\n")
    env = plain_environment(PIP_NO_INDEX="1")
    result = call(clone, "run", "1", env=env)
    assert result.returncode == 1
    assert "did not work. The last lines of .workshop/logs/pip.log" in result.stderr
    assert "nothing-like-this" in result.stderr
    assert "Traceback" not in result.stderr
    lock.write_text(good)

    with Call(clone, "run", "1", "--no-browser") as cut_off:
        cut_off.wait_for("Installing the Python packages")
        # On leaving, the tool and its pip are killed.
    # What was cut off is not gone on with. That an install from the start works is seen above.
    with Call(clone, "run", "1", "--no-browser") as again:
        again.wait_for("Making .venv")


@pytest.mark.parametrize("uv", ["a uv that fails", "no uv, and none to fetch"])
def test_without_uv_pip_does_it(tmp_path, uv):
    """In an empty clone whose lock file has one small package."""
    folder, programs = tmp_path / "workshop", tmp_path / "programs"
    shutil.copytree(ROOT, folder, ignore=MADE, symlinks=True)
    locked = (ROOT / "tests" / "requirements.lock").read_text()
    (folder / "requirements.lock").write_text(
        re.search(r"^iniconfig==.*\n( .*\n)+", locked, re.M)[0]
    )
    programs.mkdir()
    if uv == "a uv that fails":
        (programs / "uv").write_text("#!/bin/sh\necho no such network >&2; exit 1\n")
        (programs / "uv").chmod(0o755)
    else:
        (folder / "workshop" / "install" / "uv.lock").write_text("no-such-uv==1.0\n")
    code = "from workshop.install import environment; environment.ensure({'python'})"
    path = os.pathsep.join([str(programs), os.path.dirname(PYTHON), "/usr/bin", "/bin"])
    done = subprocess.run(
        [PYTHON, "-c", code],
        cwd=folder,
        env=plain_environment(PATH=path),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = "no such network[^$]+So pip tries it" if uv == "a uv that fails" else "There is no uv"
    assert re.search(said, done.stdout), done.stdout
    assert list(folder.glob(".venv/lib/*/site-packages/iniconfig"))


# Tests that were not run


def run_tests(folder, rest, everything=False, **extra):
    """Run the tests in a folder as `workshop test` does."""
    program = (
        "import sys, pathlib; from workshop.base import paths\n"
        f"paths.TESTS = paths.ROOT = pathlib.Path({str(folder)!r})\n"
        "from workshop.authoring import testing\n"
        f"args = type('Args', (), {{'names': [], 'all': {everything}, 'rest': {rest}}})\n"
        "sys.exit(testing.main(args))\n"
    )
    env = plain_environment(PYTHONPATH=str(ROOT), **extra)
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def test_those_of_the_tool_are_run_with_all(tmp_path):
    for name in ("test_03_namespace.py", "test_fire.py"):
        (tmp_path / name).write_text("def test_a(): pass\n")
    result = run_tests(tmp_path, ["-n0"])
    assert "1 passed" in result.stdout, result.stdout + result.stderr
    assert re.search("Not among them: .*fire.*test --all", result.stdout)
    result = run_tests(tmp_path, ["-n0"], everything=True)
    assert "2 passed" in result.stdout, result.stdout + result.stderr
    assert "Not among them" not in result.stdout


# In four processes, as all tests are, and in one.
@pytest.mark.parametrize(("ci", "rest", "code"), [("", [], 0), ("true", ["-n0"], 1)])
def test_a_skipped_test_is_counted_and_fails_in_ci(tmp_path, ci, rest, code):
    (tmp_path / "test_some.py").write_text(
        "import pytest\ndef test_a(): pass\ndef test_b(): pytest.skip('no browser here')\n"
    )
    result = run_tests(tmp_path, rest, **({"CI": ci} if ci else {}))
    assert result.returncode == code, result.stdout + result.stderr
    assert "1 passed, 1 skipped" in result.stdout
    assert "1 test was not run" in result.stdout
    assert "no browser here" in result.stdout
