"""The pytest plugin of `check`: it runs the points of a lesson in order, and explains a failure."""

import ast
import contextlib
import re
import signal
import subprocess
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from workshop.base import symptoms
from workshop.base.machine import slowness
from workshop.base.parts import where
from workshop.base.steps import Step, find
from workshop.learn import by_importing
from workshop.learn.by_reading import python_files
from workshop.learn.hint import BOARD, BOARD_JS, Hint, missing_file, nearest
from workshop.learn.in_words import in_words, is_late, is_value
from workshop.learn.lessons import Point
from workshop.learn.overheard import Overheard
from workshop.serving import ports

MAIN = 'if __name__ == "__main__":'
NO_TOKEN = "The page's form has no token in it, and without one nothing is taken."
TOKEN = "{% csrf_token %} belongs into the form: it makes a field that a page elsewhere can't know."


class Tutor:
    """Pick the tests of the points, tick off what passes, and make a hint of the first failure."""

    def __init__(
        self,
        folder: Path,
        step: Step,
        points: list[Point],
        tick: Callable[[str, str], None],
        interrupted: Callable[[], bool],
    ):
        self.folder, self.step, self.points = folder, step, points
        self.tick, self.interrupted = tick, interrupted
        self.passed: list[str] = []
        self.skipped: list[str] = []
        self.hint: Hint | None = None
        self.stopped = False  # A file was saved.
        self.given_up = False  # by Ctrl-C
        self.said = ""
        self.left: dict[str, set[str]] = {}  # the tests of a point that have not run yet
        self.point_of: dict[str, Point] = {}
        self.servers: list = []  # that the tests have started
        # How far the log of each was when a test began.
        self.read: defaultdict[int, int] = defaultdict(int)
        self.overheard: Overheard | None = None

    # pytest calls these.

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config) -> None:
        """Take pytest's own report from the screen."""
        config.pluginmanager.unregister(name="terminalreporter")

    def pytest_collection_modifyitems(self, session, config, items) -> None:
        """Keep the tests of the points, in their order."""
        chosen = []
        for point in self.points:
            mine = [item for test in point.tests for item in items if is_named(item, test)]
            chosen += [item for item in mine if item not in chosen]
            self.left[point.works] = {item.nodeid for item in mine}
            self.point_of |= {item.nodeid: point for item in mine}
        items[:] = chosen

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef):
        """Keep the servers that are started, and listen to their Redis."""
        made = yield
        if fixturedef.argname == "serve":
            self.servers = made.servers
        elif fixturedef.argname == "redis":
            self.overheard = Overheard(made.url)
        return made

    def pytest_runtest_logstart(self, nodeid) -> None:
        """Say what is tried."""
        self.read |= {id(server): len(server.log) for server in self.servers}
        self.tick("", self.point_of[nodeid].works)

    def pytest_runtest_makereport(self, item, call) -> None:
        """Explain a failure while the servers and the windows of the test are still there."""
        if not call.excinfo or self.hint or call.excinfo.typename == "Skipped":
            return
        if self.interrupted():  # What is in the folder now is not what was tried.
            self.stopped = True
            return
        point = self.point_of[item.nodeid]
        if call.when == "teardown" and point.works in self.passed:
            self.passed.remove(point.works)
        self.hint = self.explain(point, item, call.excinfo.value)

    def pytest_runtest_logreport(self, report) -> None:
        """Tick off a point when the last of its tests is over."""
        point = self.point_of[report.nodeid]
        if report.skipped:
            self.left[point.works].discard(report.nodeid)
            if point.works not in self.skipped:
                self.skipped.append(point.works)
        if report.when == "teardown" and not self.hint:
            self.left[point.works].discard(report.nodeid)
            if not self.left[point.works]:
                skipped = point.works in self.skipped
                (self.skipped if skipped else self.passed).append(point.works)
                self.tick("–" if skipped else "✓", point.works)
                self.skipped = list(dict.fromkeys(self.skipped))

    def pytest_runtest_protocol(self, item) -> None:
        """Stop where a file was saved meanwhile."""
        if self.interrupted():
            self.stopped = True
            item.session.shouldstop = "saved"

    def pytest_keyboard_interrupt(self) -> None:
        """Keep that it was ended."""
        self.given_up = True

    def pytest_collectreport(self, report) -> None:
        """Keep why a module can't be collected."""
        if report.failed:
            self.said = str(report.longrepr)

    def pytest_internalerror(self, excrepr) -> None:
        """Keep why pytest itself failed."""
        self.said = str(excrepr)

    def pytest_assertrepr_compare(self, op, left, right) -> list[str] | None:
        """Say what was compared in a sentence, where its two sides are short."""
        got, wanted = repr(left), repr(right)
        if op in ("==", "is") and is_value(got) and is_value(wanted):
            return [f"It was {got}, not {wanted}."]
        if op == "in" and is_value(got):
            return [f"There is no {got} in it."]
        if op == "not in" and is_value(got):
            return [f"There is {got} in it."]
        return None

    # What happened, in words.

    def explain(self, point: Point, item, error: Any) -> Hint:
        """Return the hint for a point that failed; the exception may be one of the tests' own."""
        hint = Hint(
            name=point.works,
            expected=point.expected,
            happened="",
            more=point.more,
            file=point.file,
            part=point.part,
            line=where(self.folder / point.file, point.part),
            lesson=find(str(point.lesson)) if point.lesson else self.step,
            section=point.section,
        )
        if point.works == "no file is missing" and (missing := self.missing_file(item)):
            return missing_file(missing, self.folder, self.step)
        if type(error).__name__ == "ManageFailed" and error.command == "migrate":
            return by_importing.broken_migration(str(error), self.folder, self.step)
        if type(error).__name__ == "ManageFailed" and error.command == "test":
            return self.own_test(hint, str(error))
        if type(error).__name__ == "DidNotStart":
            return self.did_not_start(hint, error.server, error.silent)
        if isinstance(error, OSError) and (dead := self.ended()):
            return self.did_not_start(hint, dead, silent=False)
        self.stop_servers()
        if isinstance(error, KeyError) and "csrftoken" in str(error):
            return replace(hint, happened=NO_TOKEN, more=TOKEN, file=BOARD, part="<form", line=None)
        log = [line for server in self.servers for line in server.log]
        return (
            self.from_log(hint, [*log, *str(error).splitlines()])
            or self.not_in_serve(hint, str(error))
            or self.from_redis(hint)
            or self.from_page(hint, getattr(item, "page_errors", []))
            or self.logged(hint, error)
            or replace(hint, happened=in_words(error) + self.slow(error))
        )

    def slow(self, error: BaseException) -> str:
        """Say that this machine may be the reason why something did not come."""
        if slowness() < 1.5 or not is_late(error) or "in the server's log" in str(error):
            return ""
        return " This machine is busy, and that may be why: look again when it is not."

    def missing_file(self, item) -> str | None:
        """Return the first file of the step that is not there."""
        return next(
            (name for name in item.module.FILES if not (self.folder / name).is_file()), None
        )

    def not_in_serve(self, hint: Hint, error: str) -> Hint | None:
        """Say what serve.py lacks, where the code is there and nobody starts it."""
        path = self.folder / "serve.py"
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        refused = re.search(r"namespaces failed to connect: ([\w/]+)", error)
        unheard = "to subscribe" in error or "to read the stream" in error
        if refused and f'"{refused[1]}"' not in text.replace("'", '"'):
            happened = f"serve.py registers no namespace {refused[1]}, so the server refuses it."
        elif refused and (line := too_late(text, f"('{refused[1]}')")):
            happened = f"The line that registers {refused[1]} comes too late: the server runs "
            happened += "already, and what is above it does not come back."
            more = "A namespace is registered at once, below the line that makes sio."
            return replace(
                hint, happened=happened, more=more, file="serve.py", line=line, part="sio"
            )
        elif unheard and "listen" not in text.replace("listens", ""):
            happened = "Nobody listens, and nothing in serve.py starts listen()."
        elif unheard and "spawn(listen" not in text:
            happened = "Nobody listens: serve.py imports listen, and spawns no greenlet for it."
        elif unheard and (line := too_late(text, "spawn(listen")):
            happened = "Nobody listens: server.serve_forever() stays, and the line that spawns "
            happened += "listen() is after it."
            return replace(hint, happened=happened, file="serve.py", line=line, part="")
        else:
            return None
        return replace(hint, happened=happened, file="serve.py", line=None, part="")

    def own_test(self, hint: Hint, said: str) -> Hint:
        """Say which of the step's own tests failed first, and how that ended."""
        _, first, *_ = [*re.split(r"^={70}$", said, flags=re.MULTILINE), ""]
        first = first.partition("\n\n-----")[0]  # without the count of all
        head = re.search(r"^(?:FAIL|ERROR): (\S+) \(notices\.tests\.(\S+)\)", first, re.MULTILINE)
        ends = re.findall(
            r"^[\w.]*(?:Error|Exception|Exit|Timeout)\b.*", first or said, re.MULTILINE
        )
        happened = ends[-1][:200] if ends else "It ends with an error, and does not say which."
        if not head:
            return replace(hint, happened=happened)
        name, place = head.groups()
        test = where(self.folder / hint.file, place)
        return replace(hint, happened=f"{name} fails. {happened}", line=test, part=place)

    def stop_servers(self) -> None:
        """Stop the servers: then all that they have printed is read."""
        for server in self.servers:
            server.stop(signal.SIGKILL)

    def ended(self):
        """Return a server that ended by itself."""
        for server in self.servers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.process.wait(1)
                return server
        return None

    def did_not_start(self, hint: Hint, server, silent: bool) -> Hint:
        """Say why a server did not start, by the last line of what it printed."""
        log = server.log[server.began :]  # not what it said before it was killed
        if found := self.from_log(hint, log):
            return replace(found, name=found.name if found.name != hint.name else "server error")
        text = "\n".join(log)
        if re.search("already in use", text, re.IGNORECASE):
            return replace(self.port_taken(text), symptom=symptoms.pointer(text))
        said = next((line.strip() for line in reversed(log) if line.strip()), "")
        happened = f"It ended, and its last line was: {said}" if said else ""
        told = re.search(r"https?://[\w.]+:(\d+)", text)
        if silent and told and int(told[1]) != server.port:
            happened = (
                f"It was told to listen on port {server.port}, and says that it is on {told[1]}."
            )
        elif told:
            happened = "It started, said where it is, and ended at once."
        elif silent:
            happened = f"It runs, and does not answer on the port that it was told. {said}".strip()
        path = self.folder / "serve.py"
        serve = path.is_file()
        code = path.read_text(encoding="utf-8") if serve else ""
        if re.search(r"^[ \t]+if __name__", code, re.MULTILINE):
            happened = "`if __name__ …` is indented, so it is a part of the function above it."
            return replace(
                hint,
                name="server does not start",
                happened=happened,
                file="serve.py",
                more="It begins at the margin: then Python comes to it when it has read the file.",
                line=None,
                part=MAIN,
                lesson=find("2"),
                section="What changes",
            )
        if serve and "__main__" not in code:
            return replace(
                hint,
                name="server does not start",
                happened="Python reads serve.py to its end, and nothing in it calls serve().",
                more="Its last lines take HOST:PORT from the command line, sys.argv, and call "
                'serve() with it. They stand under `if __name__ == "__main__":`.',
                file="serve.py",
                line=None,
                part=MAIN,
                lesson=find("2"),
                section="What changes",
            )
        return Hint(
            name="server does not start",
            expected="The server starts, and answers on the address that it is told: "
            + ("python serve.py HOST:PORT." if serve else "python manage.py runserver."),
            happened=happened or "It ended at once, and said nothing.",
            more="At the end of serve.py, serve() is called with host and port; in it, "
            "server.start() listens, and server.serve_forever() stays."
            if serve
            else "`python manage.py runserver`, in your folder, shows all that it says.",
            file="serve.py" if serve else "manage.py",
            part="serve" if serve else "",
            lesson=find("2" if serve else "1"),
            section="What changes",
        )

    def port_taken(self, text: str) -> Hint:
        """Say who has the port: the one in the message, or the one that is written in serve.py."""
        code = (self.folder / "serve.py").read_text(encoding="utf-8")
        said, written = (
            [int(number) for number in re.findall(r"\b(\d{4,5})\b", each)] for each in (text, code)
        )
        # serve.py names the port after the one that is taken; the last in its code is the call's.
        candidates = [*said, *(port - 1 for port in said), *reversed(written)]
        taken = [port for port in candidates if port < 65536 and ports.answers(port)]
        return by_importing.taken_port(f"{taken[0]}" if taken else "", self.step)

    def from_log(self, hint: Hint, log: list[str]) -> Hint | None:
        """Return a hint by the last traceback that a server printed."""
        kind, said, frames = last_traceback(log, self.folder)
        if not said:
            return None
        found = by_importing.exception(kind, said, frames, self.folder, self.step)
        if not found:
            hint = replace(hint, happened=f"The server's log says: {said}")
            # Called by gevent, which has no line of theirs: spawn(listen).
            if called := re.match(r"TypeError: (\w+)\(\) ", said):
                return self.pointed(hint, f"spawn({called[1]}")
            if (self.folder / "serve.py").is_file():  # It says who is called with what.
                return replace(hint, file="serve.py", part="serve", line=None)
            return hint
        if found.name in ("exception", "undefined name"):
            happened = f"The server's log says: {found.happened}"
            more = found.more
            if found.name == "exception" and "In the step" not in more:
                # Where no line of the step comes near, what is seen is more than the point knows.
                line = nearest_line(found.code, self.step.folder / found.file)
                more = f"In the step it is:  {line}" if line else more
            return replace(
                hint,
                happened=happened,
                more=more,
                file=found.file,
                line=found.line,
                code=found.code,
                part=found.part or (hint.part if found.file == hint.file else ""),
                lesson=hint.lesson if found.line else found.lesson,
                section=hint.section if found.line else found.section,
            )
        return found

    def from_redis(self, hint: Hint) -> Hint | None:
        """Say that Redis was told another name than the lesson's, and where that is written."""
        wrong = self.overheard and self.overheard.wrong_name()
        if not wrong:
            return None
        name, happened = wrong
        hint = replace(
            hint,
            happened=happened,
            more="Whoever publishes and whoever listens need "
            "the same name: CHANNEL in step 4, STREAM from step 5 on.",
        )
        for quoted in (f'"{name}"', f"'{name}'"):
            # Another file may have the same name for an event.
            hint = self.pointed(hint, quoted, first="live.py")
        return hint

    def pointed(self, hint: Hint, code: str, first: str = "") -> Hint:
        """Return a hint that points to the first line with some code in it."""
        for path in sorted(python_files(self.folder), key=lambda path: path.name != first):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if code in line:
                    file = path.relative_to(self.folder).as_posix()
                    return replace(hint, file=file, line=number, code=line.strip(), part="")
        return hint

    def logged(self, hint: Hint, error: Any) -> Hint | None:
        """Pass on what a server has logged during the test, but for the requests."""
        lines = [line for server in self.servers for line in server.log[self.read[id(server)] :]]
        said = [line.strip() for line in lines if not re.search(r"HTTP/1\.\d|://", line)]
        said = [line for line in said if line and not self.is_asked_in_vain(line)]
        if not said:
            return None
        # A page that is not there may come after stacks that were asked for.
        missing = [line for line in said if re.match("Not Found: /(?!static/)", line)]
        said = missing or said
        seen = "" if is_late(error) else in_words(error)
        hint = replace(hint, happened=f"{seen} The server's log says: {said[0][:300]}".strip())
        if missing:
            return replace(hint, file="board/urls.py", part="urlpatterns", line=None)
        # Where it is logged: what is formatted stands for anything. The guard's is not theirs.
        for path in python_files(self.folder):
            for form in re.findall(r'logger\.\w+\(\s*f?"(.+?)"', path.read_text(encoding="utf-8")):
                literal = [re.escape(each) for each in re.split(r"%[\w.]+|{.+?}", form)]
                known = len("".join(literal)) > 9 and re.match(".*".join(literal), said[0])
                if known and path.name != "guard.py":
                    return self.pointed(hint, form)
        return hint

    def is_asked_in_vain(self, line: str) -> bool:
        """Tell whether a page is not found that the step itself does not have."""
        path = line.removeprefix("Not Found: /")
        urls = (self.step.folder / "board/urls.py").read_text(encoding="utf-8")
        return path != line and not path.startswith("static/") and f'"{path}"' not in urls

    def from_page(self, hint: Hint, errors: list) -> Hint | None:
        """Return a hint by an error in a page's JavaScript."""
        if not errors:
            return None
        error = errors[0]
        said = str(getattr(error, "message", error)).splitlines()[0]
        place = re.search(r"/static/(\S+?\.js):(\d+)", getattr(error, "stack", None) or "")
        found = place and next(self.folder.glob(f"*/static/{place[1]}"), None)
        hint = replace(hint, happened=f"The browser's console says: {said}")
        name = re.search(r"(\w+) is not defined", said)
        script = self.step.folder / BOARD_JS
        if name and script.is_file() and where(script, f"function {name[1]}"):
            more = f"In the step, board.js has a function {name[1]}."
            hint = replace(hint, more=more, file=BOARD_JS, part=f"function {name[1]}")
        if not place or not found:
            return hint
        line = int(place[2])
        code = found.read_text(encoding="utf-8").splitlines()[line - 1].strip()
        file = found.relative_to(self.folder).as_posix()
        part = hint.part if file == hint.file else ""
        return replace(hint, file=file, line=line, code=code, part=part)


def nearest_line(code: str, path: Path) -> str | None:
    """Return the line of the step that comes nearest to one of theirs, if it is another."""
    if not code or not path.is_file():
        return None
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return None if code in lines else nearest(code, lines)


def too_late(text: str, code: str) -> int | None:
    """Return the line of some code of serve.py that is never reached: the server has begun."""
    for node in ast.walk(ast.parse(text)):
        begun = False
        for each in getattr(node, "body", []) if isinstance(node, ast.stmt | ast.Module) else []:
            said = ast.unparse(each)
            if begun and code in said:
                return each.lineno
            # A function that serves is not called yet; the main part calls it.
            begun = begun or (isinstance(each, ast.Expr) and "serve_forever()" in said)
            begun = begun or (isinstance(each, ast.If) and "__main__" in said)
    return None


def is_named(item, test: str) -> bool:
    """Tell whether a test, or all that a parametrized one becomes, is named so."""
    name = item.nodeid.partition("::")[2]
    return name == test or name.startswith(test + "[")


def last_traceback(log: list[str], folder: Path) -> tuple[str, str, list[tuple]]:
    """Return type, message and the folder's own lines of the last traceback in a log."""
    kind, said = "", ""
    frames: list[tuple] = []
    for number, line in enumerate(log):
        if "Traceback (most recent call last)" not in line:
            continue
        found, text = [], ""
        for at in range(number + 1, len(log)):
            if match := re.match(r'\s+File "(.+)", line (\d+)(?:, in (.+))?', log[at]):
                path = Path(match[1])
                if path.is_relative_to(folder):
                    code = log[at + 1].strip() if at + 1 < len(log) else ""
                    file = path.relative_to(folder).as_posix()
                    found.append((file, int(match[2]), match[3] or "", code))
            elif log[at] and not log[at][0].isspace():
                text = log[at]
                break
        if text:
            # A second traceback about the first may have none of the folder's own lines.
            frames = found or frames
            said, kind = text, text.partition(":")[0].rpartition(".")[2]
            said = f"{kind}{text[len(text.partition(':')[0]) :]}"
    return kind, said, frames
