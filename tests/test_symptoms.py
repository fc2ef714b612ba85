"""Each symptom of symptoms/README.md appears for real, its cure ends it, and `why` finds it."""

import argparse
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import SimpleNamespace

import psutil
import pytest

from support import PATIENCE, ROOT, STEPS, wait_until
from workshop import cli
from workshop.base import symptoms
from workshop.base.problem import Problem
from workshop.base.steps import find
from workshop.learn import by_importing, diagnose, why
from workshop.serving import site

MADE = shutil.ignore_patterns("db.sqlite3", "secret_key.txt", "__pycache__")
ALL = {each.name: each for each in symptoms.everything()}
# What is printed where it works, and not where it does not. What a real client, browser, database
# or server has said is in it.
WORKS = {
    "io_is_not_defined": "Console: Connected.",
    "xhr_poll_error": "Console: Connected.",
    "runserver_404": 'The client is answered 200: 0{"sid":',
    "unsupported_protocol": 'The client is answered 200: 0{"sid":',
    "invalid_session": "Connected, by websocket.",
    "not_accepted_origin": 'The client is answered 200: 0{"sid":',
    "cors_policy": "Console: Connected.",
    "upgrade_400": "Console: Connected.",
    "no_websocket_handler": "Connected, by websocket.",
    "namespaces_failed": "The server says: posted: Coffee is ready",
    "bad_namespace": "The server says: posted: Coffee is ready",
    "event_twice": "Console: heard: Coffee is ready\n",
    "missing_argument": "The server says: nothing to post",
    "not_json": "The browser heard: notice {'text': 'Coffee is ready', 'posted': '2",
    "too_many_packets": "The server drew 50 of 50 points.",
    "late_patch": "TLS is set up, by gevent.ssl",
    "database_wrapper": "is answered 200: The board\nA browser is answered 200: The board",
    "one_computes": "200: The board\nThe client is answered 200: The report",
    "packet_queue_empty": "The server says: Hello",
    "loop_exit": "Heard: Coffee is ready",
    "asyncio_run": "Answered: 3 of 3",
    "apps_not_ready": "Hello from a model",
    "csrf_origin": "The client is answered 200: Posted",
    "disallowed_host": "The client is answered 200: The board of board.example",
    "database_locked": "Saved: 5 of 5",
    "too_many_clients": "Answered: 205 of 205",
    "one_worker": "browser heard: notice Coffee is ready",
    "emit_from_script": "The browser heard: notice The backup is done",
    "dead_listener": "The listener heard: Coffee is ready",
    "redis_timeout": "In this time came: nothing",
    "crossslot": "Set: 2 keys",
    "address_in_use": "The client is answered 200: The board",
    "too_many_files": "Answered: 100 of 100",
    "memory_grows": re.compile(r"Packets in memory: \d\d?\n"),
    "named_socketio": "A server: socketio.server",
    "async_mode": 'The client is answered 200: 0{"sid":',
}
# What no error says, and how it is seen.
SILENT = {
    "event_twice": "heard: Coffee is ready\nConsole: heard: Coffee is ready",
    "one_computes": "200: The report\nThe client is answered 200: The board",
    "one_worker": "The other worker's browser heard nothing.",
    "emit_from_script": "ended without an error, and the browser heard nothing.",
    "memory_grows": r"\d{3} packets wait for it",
}
# What stands on the page though this program is not where it is seen.
ELSEWHERE = {
    "ReferenceError: Can't find variable: io": "Safari says it",
    "connect_error: websocket error": "without polling",
    "ConnectionError: Connection closed by server": "said by who has asked before Redis ended",
    "Unsupported protocol version": "Node's server says it",
    "not a page of this site: see CSRF_TRUSTED_ORIGINS": "the steps' guard: tests/test_guard.py",
    "not a host of this site: see ALLOWED_HOSTS": "the steps' guard: tests/test_guard.py",
    "CROSSSLOT": "of which redis-py makes a class of its own",
    "… - all keys must map to the same key slot": "redis-py's client for clusters says it",
}


@pytest.fixture(scope="module")
def runs(request):
    """Each chosen program as it is and with its cure, four side by side: most of it is waiting."""
    ours = [item for item in request.session.items if item.path == request.path]
    chosen = {item.callspec.params.get("name") for item in ours if hasattr(item, "callspec")}
    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        # The slowest of them first.
        names = sorted(chosen & set(ALL), key=lambda name: name != "packet_queue_empty")
        yield {name: pool.submit(both, ALL[name], stack) for name in names}


def both(symptom, stack):
    """Run a program as it is, then with its cure; return what it printed each time."""
    try:
        env = why.surroundings(symptom, stack)
    except Problem as problem:
        return str(problem)
    command = [sys.executable, "-u", symptom.script]
    return run(command, env), run([*command, "--cured"], env)


def run(command, env=None, said=None, patience=3 * PATIENCE, **options):
    """Run a program to its end; return the exit code and what it printed."""
    options = {"cwd": ROOT, "text": True, "env": env, "start_new_session": True} | options
    options |= {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    options["stdin"] = subprocess.DEVNULL if said is None else subprocess.PIPE
    with subprocess.Popen([str(part) for part in command], **options) as process:
        try:
            printed, _ = process.communicate(said, patience)
        except BaseException:
            end_all(process)
            raise
    return process.returncode, printed


def end_all(process):
    """End a process with all that it has started, which would keep its pipe and its ports."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


WHY = [sys.executable, "-m", "workshop", "why"]


def workshop(*arguments, said=None, **options):
    """Run the tool in a terminal of 80 columns; return the exit code and what it printed."""
    env = os.environ | {"COLUMNS": "80"}
    return run([sys.executable, "-m", "workshop", *arguments], env, said, **options)


@pytest.mark.parametrize("name", ALL)
def test_a_symptom_appears_and_its_cure_ends_it(name, runs):
    """As the library, the browser or the database says it: no program has the text in it."""
    ran = runs[name].result()
    if isinstance(ran, str):
        pytest.skip(ran)
    (_, said), (code, cured) = ran
    seen = [symptoms.pattern(text) for text in ALL[name].texts if text not in ELSEWHERE]
    assert seen or name in SILENT
    for pattern in seen:
        assert pattern.search(symptoms.plain(said)), said
        assert not pattern.search(symptoms.plain(cured)), cured
    if name in SILENT:
        assert re.search(SILENT[name], said), said
        assert not re.search(SILENT[name], cured), cured
    works = WORKS[name]
    works = re.compile(re.escape(works)) if isinstance(works, str) else works
    assert works.search(cured), cured
    if name != "event_twice":  # It is heard there as well: once more.
        assert not works.search(said), said
    assert code == 0, cured
    assert "Traceback" not in cured, cured


@pytest.mark.parametrize("name", ALL)
def test_no_program_prints_its_error_by_itself(name):
    """What is looked for is not in its text, but for a line of JavaScript that is named so."""
    code = symptoms.plain(ALL[name].script.read_text())
    texts = [text for text in ALL[name].texts if text not in ELSEWHERE]
    assert [text for text in texts if symptoms.pattern(text).search(code)] == []


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no groups of processes here")
def test_what_a_program_has_started_ends_with_it(tmp_path):
    """Here, when it hangs: what is left would have its ports."""
    code = "import os, time; print(os.getpid(), file=open('pid', 'w'), flush=True); time.sleep(99)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    with pytest.raises(subprocess.TimeoutExpired):
        run([sys.executable, "-c", parent], patience=20, cwd=tmp_path)
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not psutil.pid_exists(pid), "it has ended")


@pytest.mark.parametrize("soft", [64, 100_000])
def test_the_limit_of_files_is_raised_and_never_lowered(soft):
    cure = re.search(r"(?s)```python\nif CURED:\n(.*?)```", ALL["too_many_files"].body)[1]
    resource = SimpleNamespace(RLIMIT_NOFILE=7, getrlimit=lambda _: (soft, 200_000), asked=[])
    resource.setrlimit = lambda _, limits: resource.asked.append(limits)
    exec(textwrap.dedent(cure), {"resource": resource})
    assert resource.asked == [(max(soft, 65536), 200_000)]


# The page


def test_each_symptom_is_a_program_and_each_program_one():
    programs = {path.stem for path in symptoms.FOLDER.glob("*.py")} - {"together"}
    assert programs == set(ALL)
    assert list(WORKS) == list(ALL), "in the order of the page"
    assert len(ALL) >= 20


def test_the_index_has_each_symptom_in_its_order():
    rows = re.findall(r"^\| \[(.+)\]\(#(\w+)\) \|", symptoms.PAGE.read_text(), re.MULTILINE)
    assert rows == [(each.heading, each.name) for each in ALL.values()]


@pytest.mark.parametrize("name", ALL)
def test_an_entry_has_all_its_parts(name):
    """That its links lead somewhere is tests/test_pages.py's."""
    body = ALL[name].body
    assert ALL[name].seen
    assert f"`python3 -m workshop why {name} --try`" in body
    assert "\n**Cure.** " in body
    assert f"<!-- listing: {name}.py " in body
    assert re.search(r"^Taught in \[step \d.*\]\(\.\./steps/.+#.+\)\.$", body, re.MULTILINE)


# why


def varied(text):
    """Return a text as somebody else would have it: other numbers, addresses and quotes."""
    text = text.replace("…", "notices.xyz").replace("'", "’").upper()
    return re.sub(r"\b(?![45]\d\d\b)\d+", "77", text)


TEXTS = [(name, text) for name in ALL for text in ALL[name].texts]


@pytest.mark.parametrize(("name", "text"), TEXTS, ids=[text for _, text in TEXTS])
def test_a_text_is_found_however_it_is_pasted(name, text):
    """In its own words, with other numbers, in the midst of a log, or a part of it."""
    log = f'  File "x.py", line 5, in f\n{varied(text)}\n2026-11-30T12:00:00Z <Greenlet at 0x7f>'
    red, link = f"\x1b[1;31m{text}\x1b[0m", f"\x1b]8;;http://x\x07{text}\x1b]8;;\x07"
    each_word = red.replace(" ", "\x1b[0m \x1b[38;5;9m")
    for asked in (text, varied(text), log, log.replace(" ", "\n "), red, link, each_word):
        assert symptoms.ranked(asked)[0][1].name == name, asked
        assert symptoms.known(asked).name == name, asked
    part = max(text.split("…"), key=len)
    assert name in [each.name for score, each in symptoms.ranked(part) if score >= symptoms.ENOUGH]


@pytest.mark.parametrize("name", ALL)
def test_what_a_program_printed_is_found(name, runs):
    """The whole of it, with its traceback, is its own symptom, or the one that it is found by."""
    ran = runs[name].result()
    if isinstance(ran, str):
        pytest.skip(ran)
    also = {  # what else is printed there says more
        "cors_policy": {"not_accepted_origin"},
    }
    found = symptoms.known(ran[0][1])
    if name not in SILENT:
        assert found
        assert found.name in {name} | also.get(name, set())


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("too many clients", "too_many_clients"),
        ("io not defined", "io_is_not_defined"),
        ("celery", "emit_from_script"),
        ("Errno 98", "address_in_use"),
        ("Errno 24", "too_many_files"),
        ("messages received twice", "event_twice"),
        ("works with one worker", "one_worker"),
        ("most likely due to a circular import", "named_socketio"),
        ("Can't find variable: io", "io_is_not_defined"),
        ("\x1b[31mio is not defined\x1b[0m", "io_is_not_defined"),
        ("websocket error", "xhr_poll_error"),
        ("socket.io event fires twice after a reconnection", "event_twice"),
        ("redis.exceptions.ConnectionError: Connection closed by server.", "dead_listener"),
        ("EIO=3", "unsupported_protocol"),
        ("EVAL - all keys must map to the same key slot", "crossslot"),
        (
            "AttributeError: module 'socketio' has no attribute 'Server' (consider renaming "
            "'/x/socketio.py' if it has the same name as a third-party module)",
            "named_socketio",
        ),
        ("memory leak", "memory_grows"),
        ("Object of type Decimal is not JSON serializable", "not_json"),
        ("OSError: [Errno 48] Address already in use: ('127.0.0.1', 8000)", "address_in_use"),
    ],
)
def test_a_few_words_are_enough(asked, name):
    score, found = symptoms.ranked(asked)[0]
    assert found.name == name
    assert score >= symptoms.ENOUGH


MANAGE = """Traceback (most recent call last):
  File "/x/manage.py", line 22, in <module>
    main()
  File "/x/django/core/management/__init__.py", line 442, in execute_from_command_line
    utility.execute()
  File "/x/django/core/management/base.py", line 412, in run_from_argv
    self.execute(*args, **cmd_options)
ModuleNotFoundError: No module named 'foo'
"""
LOG = """celery: task 7 out of memory, a memory leak?
websocket error
ValueError: too many values to unpack (expected 2)
the external process has ended
"""


@pytest.mark.parametrize(
    "asked",
    [
        "banana bread recipe",
        "KeyError: 'text'",
        "502 bad gateway",
        "?",
        "…",
        "0x7f",
        MANAGE,
        LOG,
        "[Errno 13]",
        "Errno 2",
        "PermissionError: [Errno 13] Permission denied: 'x'",
        "NameError: name 'io' is not defined",
        "psycopg.OperationalError: connection failed: Connection refused",
        "AttributeError: module 'foo' has no attribute 'bar'",
        "2026/11/30 12:00:00 [error] 12#12: *1 connect() failed (111: Connection refused) while "
        "connecting to upstream, client: 10.0.0.1, server: board.example, upstream: x",
    ],
)
def test_what_is_no_symptom_is_not_found(asked):
    assert all(score < symptoms.ENOUGH for score, _ in symptoms.ranked(asked))
    assert symptoms.known(asked) is None
    code, said = workshop("why", asked)
    assert code == 1
    assert said.startswith("None of the symptoms has this text.\n")
    assert said.endswith("`python3 -m workshop why` lists all, and so does symptoms/README.md.\n")


def test_an_entry_is_readable_in_a_terminal():
    code, said = workshop("why", 'sqlite3.OperationalError: "DATABASE is locked"')
    assert code == 0
    assert max(map(len, said.splitlines())) <= 80
    assert said.strip().startswith("OperationalError: database is locked\n")
    assert "\n            transaction.on_commit(lambda: channel.publish" in said
    assert "(steps/04_redis_listener/README.md)" in said
    assert "symptoms/README.md#database_locked\n" in said
    assert not re.search(r"<!--|```|<a id|\*\*", said)


def test_what_else_it_may_be_is_named():
    code, said = workshop("why", "origin")
    assert code == 0
    _, others = said.split("\nIt may also be:\n")
    assert len(re.findall(r"^  \w+ ", others, re.MULTILINE)) == 2


def test_a_log_is_read_from_a_pipe_and_from_a_file(tmp_path):
    log = "Traceback (most recent call last):\n  …\nValueError: Too many packets in payload\n"
    for arguments in (["why"], ["why", "-"]):
        code, said = workshop(*arguments, said=log)
        assert code == 0
        assert "symptoms/README.md#too_many_packets" in said


def test_an_error_that_is_only_alike_is_named_as_near():
    """By the last line that says one, not by all that stands around it."""
    code, said = workshop("why", "celery task\nReferenceError: foo is not defined\nin the end")
    assert code == 1
    assert re.findall(r"^  (\w+)  ", said, re.MULTILINE)[0] == "io_is_not_defined"
    assert "emit_from_script" not in said


def test_what_is_no_text_is_read_all_the_same():
    log = b"\xff\xfe\x80 caf\xe9\nValueError: Too many packets in payload\n"
    env = os.environ | {"PYTHONIOENCODING": "", "PYTHONUTF8": "1"}
    code, said = run([*WHY, "-"], env, log, text=False)
    assert code == 0
    assert b"symptoms/README.md#too_many_packets" in said


def test_of_a_long_log_the_end_is_read():
    """In seconds, and an error at its beginning is long past."""
    log = "Invalid session x\n" + "[30/Nov/2026] GET /about.on_x( missing\n" * 100_000
    before = time.monotonic()
    code, said = workshop("why", said=log)
    assert code == 1, said
    assert time.monotonic() - before < PATIENCE


def test_nothing_to_read_is_a_sentence():
    for arguments in (["why"], ["why", "-"]):
        code, said = workshop(*arguments, said=" \n")
        assert code == 1
        assert said.startswith("There was nothing to read")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_no_standard_input_is_a_sentence():
    command = '"$0" -m workshop why - <&-'
    code, said = run(["sh", "-c", command, sys.executable], os.environ | {"COLUMNS": "80"})
    assert code == 1
    assert said.startswith("There was nothing to read")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a socket pair as a file")
def test_a_socket_is_read_as_a_pipe_is():
    """As some programs give it to those that they start."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"ValueError: Too many packets in payload\n")
        ours.shutdown(socket.SHUT_WR)
        done = subprocess.run([*WHY], cwd=ROOT, stdin=theirs, capture_output=True, text=True)
    assert done.returncode == 0
    assert "symptoms/README.md#too_many_packets" in done.stdout


def test_alone_it_lists_all():
    code, said = workshop("why")
    assert code == 0
    assert re.findall(r"^  (\w+)  ", said, re.MULTILINE) == list(ALL)
    assert max(map(len, said.splitlines())) <= 80


def test_try_shows_both():
    code, said = workshop("why", "named-socketio", "--try")
    assert code == 0, said
    before, after = said.split("── With the cure: ")
    assert "has no attribute 'Server'" in before
    assert "\nA server: socketio.server\n" in after
    assert "python3 -m workshop why named_socketio\n" in after


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--try"], "Which one? `python3 -m workshop why` lists their names."),
        (["x", "--try"], "There is no symptom 'x'. `python3 -m workshop why` lists their names."),
        (["--tri", "x"], "unrecognized arguments"),
    ],
)
def test_what_was_mistyped_is_a_sentence(arguments, says):
    code, said = workshop("why", *arguments)
    assert code == 2
    assert says in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["crossslot", "redis_timeout", "too_many_files"])
def test_what_windows_has_not_is_a_sentence(name, monkeypatch):
    """Before anything is installed for it."""
    args = argparse.Namespace(text=[name], tried=True)
    assert "tests" in why.needs(args)
    monkeypatch.setattr(why, "WINDOWS", True)
    with pytest.raises(Problem, match=f"{name} needs Linux, macOS or WSL"):
        why.needs(args)
    assert "tests" in why.needs(argparse.Namespace(text=["async_mode"], tried=True))


def test_no_postgresql_is_a_sentence(monkeypatch):
    monkeypatch.setattr(why.programs, "find_postgresql", lambda program: None)
    with ExitStack() as stack, pytest.raises(Problem, match="needs PostgreSQL"):
        why.surroundings(ALL["too_many_clients"], stack)


# The tool's own errors


def test_a_hint_names_the_symptom_that_was_seen(tmp_path):
    """By the error's text, as the attendee's server or Python itself says it."""
    folder = shutil.copytree(STEPS[2], tmp_path / "my", ignore=MADE)
    serve = folder / "serve.py"
    serve.write_text(serve.read_text().replace('mode="gevent"', 'mode="gevent_uwsgi"'))
    hint = diagnose.find_trouble(folder, find("2"))
    assert hint.symptom == "python3 -m workshop why async_mode"
    serve.write_text(serve.read_text().replace("socketio.Server(", "socketio.Servant("))
    hint = diagnose.find_trouble(folder, find("2"))
    assert (hint.name, hint.symptom) == ("exception", "")


@pytest.mark.parametrize(
    ("kind", "said", "name"),
    [
        ("DatabaseError", "DatabaseWrapper objects created in a thread can only be used in that "
         "same thread.", "database_wrapper"),
        ("OSError", "[Errno 98] Address already in use: 8000", "address_in_use"),
        ("ConnectionError", "Error 111 connecting to localhost:6379.", "dead_listener"),
    ],
)  # fmt: skip
def test_a_hint_in_words_of_its_own_names_the_symptom_too(kind, said, name):
    frames = [("serve.py", 1, "serve", "serve()")]
    hint = by_importing.exception(kind, f"{kind}: {said}", frames, STEPS[2], find("2"))
    assert hint.symptom == f"python3 -m workshop why {name}"


def test_check_shows_the_command(tmp_path):
    """What is printed of a hint, on a real server: the posted date is no JSON."""
    folder = shutil.copytree(STEPS[3], tmp_path / "my", ignore=MADE)
    models = folder / "notices" / "models.py"
    models.write_text(models.read_text().replace("self.created.isoformat()", "self.created"))
    code, said = workshop("check", "3", "--dir", folder)
    assert code == 1
    assert re.search(r"^  Why       python3 -m workshop why not_json *$", said, re.MULTILINE), said


def test_an_error_of_the_tool_names_the_symptom(monkeypatch, capsys):
    def fail(argv):
        raise Problem("Redis did not start. Its log: bind: Address already in use")

    monkeypatch.setattr(cli, "run_command", fail)
    assert cli.main() == 1
    said = capsys.readouterr().err
    assert said.endswith("Why, and what ends it:  python3 -m workshop why address_in_use\n")


def test_run_names_the_symptom_that_a_log_ends_with(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(site, "LOGS", tmp_path)
    (tmp_path / "web-1.log").write_text("OSError: [Errno 98] Address already in use: 8001\n")
    for log, command in (("web-1", "why address_in_use"), (None, 'why "the last line of it"')):
        site.Site.say_retry(None, "It did not start", log)
        said = capsys.readouterr().out
        assert said.endswith(f"Whether it is a known one:  python3 -m workshop {command}\n")


@pytest.mark.parametrize(
    "said",
    [
        "NameError: name 'io' is not defined",  # Python's own io
        "RecursionError: maximum recursion depth exceeded",  # of a function that calls itself
        "TypeError: listen() missing 1 required positional argument: 'notices'",
        "Forbidden (CSRF cookie not set.): /",
        "psycopg.OperationalError: connection failed: Connection refused",
    ],
)
def test_what_only_resembles_a_symptom_is_no_hint(said):
    """`why` may guess; `check` says what was seen."""
    assert symptoms.pointer(said) == ""
