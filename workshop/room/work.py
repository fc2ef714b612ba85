"""/home: what the buttons of a lesson's page do, and what the page is told of one's own folder."""

import re
import secrets
import shlex
import sys
from pathlib import Path

import gevent
import socketio
from socketio.exceptions import ConnectionRefusedError

from workshop.base import notes
from workshop.base.paths import LOGS, ME, ROOT, shown, shown_folder
from workshop.base.problem import Problem
from workshop.base.steps import all_steps, find
from workshop.learn import events
from workshop.room.past import Past
from workshop.serving import running
from workshop.serving.kept import Kept
from workshop.serving.processes import Child

LOOK_EVERY = 0.2  # seconds
AT_ONCE = 8_000  # bytes that a page is told at once, of what a command prints
BEHIND = 5 * AT_ONCE  # and if there is so much more, it is left out
ESCAPE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\^_])")
# Start and jump do the same thing to the folder: one of them at a time.
TOPICS = {"start": "begin", "jump": "begin", "run": "run", "check": "check"}


class Work(socketio.Namespace):
    """/home: whoever has the token does with a button what is else typed in a terminal."""

    def __init__(self, namespace: str, token: str, folder: Path, kept: Kept):
        super().__init__(namespace)
        self.token, self.folder, self.kept = token, folder, kept
        self.past = Past(kept)
        self.doing: set[str] = set()  # topics whose command is not over
        self.children: dict[str, Child] = {}
        self.stopped: set[str] = set()  # topics whose command was told to end
        self.state: dict = {}
        for topic in filter(self.past.is_open, {*TOPICS.values()}):
            self.past.add(topic, "ended", {"text": "It ended with the server of this page."})

    def on_connect(self, sid, environ, auth):
        """Let in who has the token, and say what has happened since it was here."""
        auth = auth if isinstance(auth, dict) else {}
        token = str(auth.get("token")).encode(errors="replace")
        if not secrets.compare_digest(token, self.token.encode()):
            raise ConnectionRefusedError("This is not the page that the command has opened.")
        step, since = auth.get("step"), auth.get("since")
        if is_step(step):
            self.emit("commands", {name: command(self.folder, name, step) for name in TOPICS}, sid)
        self.emit("state", self.look(), to=sid)
        self.emit("past", self.past.after(since if type(since) is int else 0), to=sid)

    def on_do(self, sid, name, step):
        """Begin a command; acknowledge with "", or with what is wrong."""
        if not isinstance(name, str) or name not in TOPICS or not is_step(step):
            return "There is no such command, or no such step."
        topic = TOPICS[name]
        if topic in self.doing:
            return "It is not over yet."
        self.doing.add(topic)
        if topic == "begin":  # What runs in the folder would go on in the old one.
            self.stop("run")
            self.stop("check")
        self.tell(topic, "began", {"command": command(self.folder, name, step)})
        typed = [sys.executable, "-m", "workshop", *arguments(self.folder, name, step)]
        self.children[topic] = Child(typed, log=f"home-{topic}", cwd=ROOT)
        gevent.spawn(self.follow, topic)
        self.tell_state()
        return ""

    def on_stop(self, sid, name):
        """End a command; acknowledge with "", or with what is wrong."""
        topic = TOPICS.get(name) if isinstance(name, str) else None
        if topic not in self.children:
            return "It does not run."
        self.stop(topic)
        return ""

    def stop(self, topic: str) -> None:
        """End a command, and wait for that."""
        if child := self.children.get(topic):
            self.stopped.add(topic)
            child.end()

    def end(self) -> None:
        """End all commands."""
        for topic in list(self.children):
            self.stop(topic)

    def follow(self, topic: str) -> None:
        """Tell the pages what a command prints, and how it has ended."""
        child = self.children[topic]
        with (LOGS / f"{child.log}.log").open("rb") as log:
            rest, code = b"", None
            while code is None:
                gevent.sleep(LOOK_EVERY)
                code = child.exit_code()  # before the reading, so that nothing is missed
                here, end = log.tell(), log.seek(0, 2)
                if end - here > BEHIND:
                    here, rest = end - AT_ONCE, rest + b"\n\xe2\x80\xa6\n"
                log.seek(here)
                rest += log.read(AT_ONCE if code is None else -1)
                lines, line_end, rest = rest.rpartition(b"\n")
                self.tell_output(topic, lines + line_end)
            self.tell_output(topic, rest)
        stopped = topic in self.stopped
        self.doing.discard(topic)
        self.stopped.discard(topic)
        del self.children[topic]
        self.tell_state()  # first: what has ended can be begun again
        self.tell(topic, "ended", {"text": "Stopped." if stopped else ending(code), "code": code})

    def tell_output(self, topic: str, output: bytes) -> None:
        """Tell the pages what a command prints, without its colours."""
        if output:
            text = ESCAPE.sub("", output.decode(errors="replace")).replace("\r", "")
            self.tell(topic, "output", {"text": text})

    def tell(self, topic: str, kind: str, data: dict) -> None:
        """Tell all pages, those too that are away now."""
        self.emit("entries", [self.past.add(topic, kind, data)])

    def look_around(self) -> None:
        """Tell the pages what is new in the folder, whoever has done it."""
        changed = None
        while True:
            self.tell_state()
            # A file that is looked at now and then: to be told by the system takes a thread.
            if (now := changed_at(events.file_of(self.folder))) != changed:
                changed = now
                self.pass_on_events()
            gevent.sleep(LOOK_EVERY)

    def tell_state(self) -> None:
        """Tell the pages of the folder, if anything is new."""
        if (state := self.look()) != self.state:
            self.state = state
            self.emit("state", state)

    def look(self) -> dict:
        """Return which step the folder is to be, what is done to it now, and where it is served."""
        try:
            step = int(find(str(notes.read(self.folder).get("step"))).number)
        except Problem:
            step = None
        here = str(self.folder.resolve())
        urls = [what["url"] for what in running.everything() if what["folder"] == here]
        return {
            "folder": shown_folder(self.folder),
            "step": step,
            "doing": sorted(self.doing),
            "board": urls[-1] if urls else None,
        }

    def pass_on_events(self) -> None:
        """Tell the pages what check has found since, in this terminal or another."""
        check, found = events.read(self.folder)
        last, count = self.kept.get("check", ("", 0))
        for event in found[count if check == last else 0 :]:
            self.tell("points", event["kind"], event["data"])
        self.kept.set("check", (check, len(found)))


def is_step(number) -> bool:
    """Tell whether there is a step with this number."""
    return type(number) is int and number in [int(step.number) for step in all_steps()]


def arguments(folder: Path, name: str, step: int) -> list[str]:
    """Return what comes after `workshop` in the command of a button."""
    own = [] if folder == notes.MY else ["--dir", shown(folder)]
    return {
        "start": ["start", str(step), *own],
        "jump": ["jump", str(step), *own],
        "run": ["run", "--dir", shown(folder), "--no-browser"],
        "check": ["check", "--watch", *own],
    }[name]


def command(folder: Path, name: str, step: int) -> str:
    """Return the command of a button as it is typed."""
    return f"{ME} {shlex.join(arguments(folder, name, step))}"


def ending(code: int) -> str:
    """Say how a command has ended; 128 and more is a signal, as in a shell."""
    return {0: "Done.", 137: "It was killed.", -9: "It was killed."}.get(
        code, f"It ended with exit code {code}."
    )


def changed_at(file: Path) -> tuple[int, int] | None:
    """Return what is another when a file has changed."""
    try:
        about = file.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size
