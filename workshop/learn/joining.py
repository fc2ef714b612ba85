"""Join the room that the presenter sees: which points work, which hint came, a hand; no code.

The other end is workshop/room/.
"""

import contextlib
import json
import logging
import os
import queue
import random
import re
import secrets
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from workshop.base.paths import STATE
from workshop.base.problem import Problem
from workshop.base.steps import Step
from workshop.base.words import clean
from workshop.install import source
from workshop.learn.teach import Outcome

# The address, our name there, and the secret that nobody else has.
KEPT = Path(os.environ.get("JOINED_FILE", STATE / "room.json"))
LONGEST = 50_000  # bytes of a file that is shown, as JSON
NEWS = 600  # seconds: "We go on in five minutes" is wrong after that
ANIMALS = re.findall(
    r"\w+",
    """
    badger bat bear beaver bee bison camel cat cheetah chough cod coot crab crane cricket deer dodo
    dolphin donkey dove duck eagle eel elk falcon ferret finch flea fox frog gecko gnu goat goose
    gull hare hawk hedgehog heron hippo horse ibex jackal jay kestrel kiwi koala lark lemur lion
    llama lobster lynx magpie marmot mole moose moth mouse newt ocelot octopus okapi orca osprey
    otter owl panda parrot pelican penguin pigeon puffin puma quail rabbit raven robin salmon seal
    shrew skunk sloth snail squid stoat stork swan swift tapir tern tiger toad trout turtle viper
    vole walrus weasel whale wolf wombat wren yak zebra
    """,
)

# What a library says about a lost connection is no news here.
quiet = logging.getLogger("workshop.room")
quiet.addHandler(logging.NullHandler())
quiet.propagate = False


def find(option: str | None) -> "Room | None":
    """Return the room: the one that is named, or the one that we were in, or where all comes from.

    Asks once, in a terminal, whether to join; None is to work alone.
    """
    known, pack = read(), source.find() or ""
    if known.get("pack") != pack and not option:
        known = {}  # of another workshop
    url = (option or known.get("url") or pack).rstrip("/")
    if not is_address(url):
        if option:
            raise Problem(f"{option!r} is no address of a room: it is like http://10.0.0.5:8000", 2)
        return None
    if url != known.get("url"):
        known = {"url": url, "name": "", "secret": secrets.token_hex(16), "since": 0}
    elif not option and not known["name"]:
        return None  # It was asked.
    if not known["name"]:
        if not option and not (sys.stdin.isatty() and is_room(url)):
            return None
        name = ask_name(url)
        if name is None:
            return None
        known |= {"name": name, "pack": pack}
        write(known)
    return Room(known) if known["name"] else None


def is_address(url: str) -> bool:
    """Tell whether this can be the address of a server."""
    try:
        parts = urlsplit(url)
        return bool(re.fullmatch(r"https?://[^\s/]+", url) and parts.hostname and parts.port != 0)
    except ValueError:
        return False


def is_room(url: str) -> bool:
    """Tell whether a room's server answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/room.json", timeout=3) as answer:
            return "room" in json.load(answer)
    except (OSError, ValueError, TypeError, HTTPException):
        return False


def ask_name(url: str) -> str | None:
    """Return the name of somebody who joins; "" for who would rather not, None for no answer."""
    animal = random.choice(ANIMALS)
    if not sys.stdin.isatty():
        print(f"You are {animal} in the room at {url}.", flush=True)
        return animal
    print(f"\nThere is a room at {url}: its presenter sees which points of the lesson work for")
    print("you, and nothing of your code; you can raise your hand, and get hints.")
    try:
        said = input(f"Your name there (Enter: {animal}; - to stay alone): ").strip()[:40]
    except EOFError:
        return None
    return "" if said == "-" else said or animal


def read() -> dict[str, Any]:
    """Return what is kept of the room, if it can be read."""
    try:
        known = json.loads(KEPT.read_text(encoding="utf-8"))
        if all(type(known[key]) is kind for key, kind in KINDS.items()):
            return known
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return {}


KINDS = {"url": str, "name": str, "secret": str, "since": int}


def write(known: dict) -> None:
    """Keep what is known of the room; for this user alone, as it has the secret."""
    # Two tutors may write at once. What can't be kept is asked again the next time.
    part = KEPT.with_name(f"{KEPT.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        KEPT.parent.mkdir(exist_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(json.dumps(known))
        part.replace(KEPT)


@dataclass(frozen=True)
class Said:
    """What the presenter has sent."""

    at: str  # such as 14:05
    text: str
    hint: str | None  # the name of the one that may say more now


class Room:
    """A connection to the room, which comes and goes by itself.

    The library has a thread for each packet, so that what is said may come in any order.
    """

    def __init__(self, known: dict):
        self.known = known
        self.name, self.url = known["name"], known["url"]
        self.hand = False
        self.offered: str | None = None  # the file that may be shown, if it is asked for
        self.standing: dict | None = None  # what was told last
        self.began = 0.0  # when this hint came first, by time.monotonic()
        self.latest: dict | None = None  # how the room is doing
        self.sentence = ""  # that the presenter has sent last, and when
        self.shown = ""  # the line on the screen of how the room is doing
        self.heard: queue.SimpleQueue[dict] = queue.SimpleQueue()
        self.seen: set[int] = set()
        self.arrived: set[str] = set()  # of what the server sends to who comes
        self.there = threading.Event()  # all of that
        self.sio: Any = None

    def join(self) -> None:
        """Connect, and again whenever the connection is lost."""
        threading.Thread(target=self.connect, daemon=True).start()

    def connect(self) -> None:
        """Connect, however long it takes until a room is there."""
        import requests
        import socketio

        direct = requests.Session()
        direct.trust_env = False  # It is in this room: no proxy.
        host = urlsplit(self.url).hostname or ""
        for name in ("no_proxy", "NO_PROXY"):  # The websocket's library looks there.
            os.environ[name] = ",".join(filter(None, (os.environ.get(name), host)))
        options = {"logger": quiet, "engineio_logger": quiet, "handle_sigint": False}
        self.sio = socketio.Client(reconnection_delay_max=3, http_session=direct, **options)
        handlers: dict[str, Callable] = {
            "connect": lambda: self.arrive("connect"),
            "hello": self.on_hello,
            "room": self.on_room,
            "said": self.heard.put,
            "out": self.on_refused,
            "connect_error": self.on_refused,
            "disconnect": self.on_disconnect,
        }
        for event, handler in handlers.items():
            self.sio.on(event, handler, namespace="/room")
        options = {"namespaces": ["/room"], "auth": self.auth, "retry": True, "wait": False}
        while True:
            try:
                return self.sio.connect(self.url, **options)
            except Exception:  # Whatever it is that answers there: it may be a room later.
                time.sleep(3)

    def auth(self) -> dict:
        """Return who we are, and what we have heard."""
        return {key: self.known[key] for key in ("secret", "name", "since")}

    def arrive(self, what: str) -> None:
        """Once the server has said all that it says to who comes, say again where we stand."""
        self.arrived.add(what)
        if self.arrived >= {"connect", "hello"}:
            self.there.set()
            if self.standing:
                self.tell()

    def on_disconnect(self, *_: object) -> None:
        """Know that nobody hears us."""
        self.there.clear()
        self.arrived.clear()

    def on_hello(self, hello: dict) -> None:
        """Take over what the server knows of us."""
        if self.hand and not hello["hand"]:
            self.heard.put(note("Your hand is down."))
        self.name, self.hand = hello["name"], hello["hand"]
        if not self.there.is_set():
            self.arrive("hello")

    def on_refused(self, why: object) -> None:
        """Say why the room does not want us; what is no sentence is a server that is away."""
        if isinstance(why, dict) and isinstance(why.get("message"), str):
            self.heard.put(note(why["message"]))

    def on_room(self, room: dict) -> None:
        """Keep how the room is doing."""
        self.latest = room

    def news(self) -> list[Said]:
        """Return what has come since the last time, each once, in its order."""
        came = [self.heard.get() for _ in range(self.heard.qsize())]
        found = []
        for said in sorted(came, key=lambda said: said["id"]):
            if said["id"] not in self.seen:
                self.seen.add(said["id"])
                if said["ago"] < NEWS:
                    at = time.localtime(time.time() - said["ago"])
                    found.append(Said(time.strftime("%H:%M", at), said["text"], said["hint"]))
        if self.seen and max(self.seen) > self.known["since"]:
            self.known["since"] = max(self.seen)
            write(self.known)
        return found

    def stand(self, step: Step, outcome: Outcome) -> None:
        """Tell how far we are."""
        hint = public_name(outcome.hint.name, step) if outcome.hint else None
        before = self.standing or {}
        if (before.get("step"), before.get("hint")) != (int(step.number), hint):
            self.began = time.monotonic()
        if not outcome.hint or outcome.hint.file != self.offered:
            self.offered = None
        works = [*outcome.passed, *outcome.skipped]
        self.standing = {"step": int(step.number), "passed": works, "hint": hint}
        if self.there.is_set():
            self.tell()

    def tell(self) -> None:
        """Send where we stand; what gets lost is sent with the next connection."""
        from socketio.exceptions import SocketIOError

        said = {**(self.standing or {}), "for": round(time.monotonic() - self.began)}
        with contextlib.suppress(SocketIOError):
            self.sio.emit("stand", said, namespace="/room", callback=self.told)

    def told(self, problem: str) -> None:
        """Say it again a little later, if it was too soon."""
        if problem.startswith("Too fast"):
            again = threading.Timer(2, self.tell)
            again.daemon = True
            again.start()

    def ask(self, event: str, data) -> str:
        """Send an event; return what is wrong, or nothing."""
        from socketio.exceptions import SocketIOError

        try:
            if self.there.is_set():
                return self.sio.call(event, data, namespace="/room", timeout=5)
        except SocketIOError:
            pass
        return "The room does not answer right now: try again."

    def raise_hand(self) -> str:
        """Raise the hand, or lower it; return what is to be said of it."""
        up = not self.hand
        if problem := self.ask("hand", up):
            return problem
        self.hand = up
        return "Your hand is up." if up else "Your hand is down."

    def show(self, folder: Path, file: str) -> str:
        """Show the presenter the file that a hint is about; return what is to be said of it."""
        try:
            text = (folder / file).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return f"There is no {file} to show."
        while len(json.dumps(text)) > LONGEST:
            text = text[: len(text) // 2]
        return self.ask("show", {"file": file, "text": text}) or f"The presenter sees {file} now."

    def how_it_goes(self, outcome: Outcome) -> str:
        """Return in a line how the room is doing, "" before that is known."""
        room = self.latest
        if not self.there.is_set():
            return f"The room at {self.url} does not answer: it is tried again."
        if not room or not self.standing or room.get("step") != self.standing["step"]:
            return ""
        here, points, done = room["here"], room["points"], room["done"]
        if here < 2:
            return "The room: nobody else is here yet."
        at = len(outcome.passed) + len(outcome.skipped)
        past = f"{points[at]} of {here} are past here, " if at < len(points) else ""
        return f"The room: {past}{done} of {here} have all of step {room['step']}."


def note(text: str) -> dict:
    """Return a sentence of the room itself, as one of the presenter's."""
    return {"id": -time.time_ns(), "text": text, "hint": None, "ago": 0}


def public_name(name: str, step: Step) -> str:
    """Return the name of a hint without what is not the step's own: it may be of their code."""
    about, _, what = clean(name).partition(": ")
    texts = (path.read_text(encoding="utf-8") for path in step.folder.rglob("*") if is_text(path))
    known = what and any(what in text for text in texts)
    return (f"{about}: {what}" if known else about)[:100].strip()


def is_text(path: Path) -> bool:
    """Tell whether this is a file that a step is made of."""
    return path.suffix in (".py", ".html", ".js", ".css", ".md", ".conf")
