"""The steps' own tests, `notices/tests.py`: short, and each fails where its promise is broken."""

import ast
import difflib
import re
import shutil

import pytest

from support import STEPS, ManageFailed, manage
from workshop.learn.scaffold import TESTS

MOST = 60  # lines that a step adds to them: a lesson, not a suite
MADE = shutil.ignore_patterns("secret_key.txt", "*.sqlite3*", "__pycache__", "*.log", "run")
POST, VIEWS, MODELS = "notices/namespaces.py", "notices/views.py", "notices/models.py"

# Which test sees it when what is broken: the step, the file, what it says there and what then.
BROKEN = [
    ("NoticeTests.test_the_newest_notice_is_first", 1, MODELS, '["-id"]', '["id"]'),
    ("NoticeTests.test_a_notice_needs_an_author_and_a_short_text", 1, MODELS, "280", "2800"),
    (
        "BoardTests.test_what_is_posted_is_on_the_board_once",
        1,
        VIEWS,
        '        return redirect("board")\n',
        "        pass\n",
    ),
    (
        "BoardTests.test_only_the_organisers_are_official",
        1,
        VIEWS,
        "request.user.is_staff",
        "True",
    ),
    (
        "ServerTests.test_a_page_does_not_wait_for_a_slow_one",
        2,
        "serve.py",
        "monkey.patch_all()",
        "monkey.patch_socket()",
    ),
    (
        "ServerTests.test_the_socket_io_server_is_there",
        2,
        "serve.py",
        "socketio.WSGIApp(sio, StaticFilesHandler(application))",
        "StaticFilesHandler(application)",
    ),
    (
        "NamespaceTests.test_what_is_posted_is_saved_and_told",
        3,
        POST,
        "notice.as_dict()",
        "notice.text",
    ),
    (
        "NamespaceTests.test_what_is_wrong_is_said_to_whoever_posts_it",
        3,
        POST,
        "data if isinstance(data, dict) else {}",
        "data",
    ),
    (
        "ServerTests.test_what_one_browser_posts_another_is_told",
        3,
        "serve.py",
        'Notices("/notices")',
        'Notices("/notice")',
    ),
    (
        "NamespaceTests.test_what_is_posted_is_published_once_it_is_saved",
        4,
        MODELS,
        "transaction.on_commit(lambda: publish(self))",
        "publish(self)",
    ),
    (
        "NamespaceTests.test_what_is_published_is_told_if_it_is_a_notice",
        4,
        POST,
        "(AttributeError, RecursionError, ValueError)",
        "KeyError",
    ),
    (
        "ServerTests.test_what_any_program_publishes_every_browser_is_told",
        4,
        "notices/live.py",
        'notices.broadcast(message["data"])',
        "pass",
    ),
    (
        "NamespaceTests.test_what_is_posted_twice_is_saved_and_published_once",
        5,
        POST,
        'form.has_error("key", "unique")',
        "False",
    ),
    (
        "NamespaceTests.test_what_is_no_notice_is_skipped",
        5,
        "notices/entries.py",
        "        return None\n",
        '        return {"text": data}\n',
    ),
    (
        "ServerTests.test_what_is_said_while_somebody_is_away_comes_later",
        5,
        POST,
        'self.emit("notices", (check(entries), cursor), to=sid)',
        "pass",
    ),
    (
        "ServerTests.test_what_one_process_is_sent_the_browsers_of_another_are_told",
        6,
        POST,
        'self.emit("notices", (check(entries), after), to="caught up")',
        "self.sent = check(entries), after",
    ),
    (
        "ServerTests.test_what_is_said_while_somebody_is_away_comes_later_from_any_process",
        6,
        POST,
        'self.emit("notices", (check(entries), cursor), to=sid)',
        "pass",
    ),
    (
        "ServerTests.test_each_process_counts_all_who_are_here",
        6,
        POST,
        "len(self.here) + self.elsewhere",
        "len(self.here)",
    ),
    (
        "ManagerTests.test_what_all_are_told_is_framed_once",
        7,
        "board/fan_out.py",
        "browser.write(framed)",
        "browser.write(frame(packet))",
    ),
    (
        "NamespaceTests.test_what_is_for_one_person_nobody_else_is_told",
        8,
        "notices/halls.py",
        ' if fields.get("to") == str(user.id)]',
        "]",
    ),
    (
        "NamespaceTests.test_what_is_for_one_person_nobody_else_is_told",
        8,
        "notices/halls.py",
        'self.tell(person(fields.get("to")), ',
        "self.tell(None, ",
    ),
    (
        "ServerTests.test_what_one_process_is_sent_the_browsers_of_another_are_told",
        6,
        "serve.py",
        "gevent.spawn(listen, notices)",
        "pass",
    ),
    (
        "ServerTests.test_who_follows_one_hall_is_not_told_what_is_said_in_another",
        8,
        "notices/halls.py",
        "self.tell(self.name, entries, after, self.cursor)",
        "self.tell(None, entries, after, self.cursor)",
    ),
    (
        "ClusterTests.test_a_stream_and_what_makes_its_entries_unique_are_on_one_node",
        9,
        "notices/live.py",
        'f"{{{stream}}}:{entry.key}"',
        'f"{stream}:{entry.key}"',
    ),
    (
        "ClusterTests.test_what_only_the_primary_has_is_not_published_yet",
        9,
        "notices/live.py",
        "(replicas and redis.wait(1, 500)) or alone(redis)",
        "True",
    ),
]


def test_each_of_them_is_broken_above():
    """In the step that brings it, so that no test stands there that cannot fail."""
    there = {name for number in STEPS for name in names(number)}
    assert there == {name for name, *_ in BROKEN}


def names(number):
    """Return the names of a step's own tests."""
    module = ast.parse((STEPS[number] / TESTS).read_text())
    return [
        f"{group.name}.{each.name}"
        for group in module.body
        if isinstance(group, ast.ClassDef)
        for each in group.body
        if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")
    ]


@pytest.mark.parametrize(("name", "number", "file", "old", "new"), BROKEN)
def test_a_broken_promise_is_seen(name, number, file, old, new, tmp_path):
    """By the test of that name, and not because the step no longer starts."""
    copy = shutil.copytree(STEPS[number], tmp_path / "copy", ignore=MADE)
    text = (copy / file).read_text()
    assert text.count(old) == 1
    (copy / file).write_text(text.replace(old, new))
    tests = copy / TESTS
    tests.write_text(tests.read_text().replace("PATIENCE = 60", "PATIENCE = 10"))
    with pytest.raises(ManageFailed) as failed:
        manage(copy, "test", f"notices.tests.{name}")
    said = str(failed.value)
    assert re.search(rf"^(FAIL|ERROR): {name.partition('.')[2]} ", said, re.MULTILINE), said
    assert not re.search("Connection refused|has ended|(Syntax|Name|Import)Error", said), said


@pytest.mark.parametrize("number", STEPS)
def test_a_step_adds_few_lines_to_them(number):
    """They are counted apart from what the step itself adds."""
    before = (STEPS[number - 1] / TESTS).read_text().splitlines() if number > 1 else []
    added = [
        line
        for line in difflib.ndiff(before, (STEPS[number] / TESTS).read_text().splitlines())
        if line.startswith("+ ")
    ]
    assert len(added) <= MOST, f"{len(added)} lines"
