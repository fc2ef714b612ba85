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
    known = read()
    url = option or known.get("url") or source.find() or ""
    if not re.fullmatch(r"https?://[^\s/]+/?", url):
        if option:
            raise Problem(f"{option!r} is no address of a room: it is like http://10.0.0.5:8000", 2)
        return None
    url = url.rstrip("/")
    if url == known.get("url"):
        if not option and not known["name"]:
            return None  # It was asked.
    else:
        known = {"url": url, "name": "", "secret": secrets.token_hex(16), "since": 0}
    if not known["name"]:
        if not option and not (sys.stdin.isatty() and is_room(url)):
            return None
        known["name"] = ask_name(url)
        write(known)
    return Room(known) if known["name"] else None


def is_room(url: str) -> bool:
    """Tell whether a room's server answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/room.json", timeout=3) as answer:
            return "room" in json.load(answer)
    except (OSError, ValueError, TypeError, HTTPException):
        return False


def ask_name(url: str) -> str:
    """Return the name of somebody who joins; "" for who would rather not."""
    animal = random.choice(ANIMALS)
    if not sys.stdin.isatty():
        return animal
    print(f"\nThere is a room at {url}: its presenter sees which points of the lesson work for")
    print("you, and nothing of your code; you can raise your hand, and get hints.")
    said = input(f"Your name there (Enter: {animal}; - to stay alone): ").strip()[:40]
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
    KEPT.parent.mkdir(exist_ok=True)
    part = KEPT.with_name(f"{KEPT.name}.part")
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
    """A connection to the room, which comes and goes by itself."""

    def __init__(self, known: dict):
        self.known = known
        self.name, self.url = known["name"], known["url"]
        self.hand = False
        self.standing: dict | None = None  # what was told last
        self.began = 0.0  # when this hint came first, by time.monotonic()
        self.latest: dict | None = None  # how the room is doing
        self.sentence = ""  # that the presenter has sent last, and when
        self.shown = ""  # of that, the line on the screen
        self.news: queue.SimpleQueue[Said] = queue.SimpleQueue()
        self.there = threading.Event()  # connected, and greeted
        self.sio: Any = None

    def join(self) -> None:
        """Connect, and again whenever the connection is lost."""
        threading.Thread(target=self.connect, daemon=True).start()

    def connect(self) -> None:
        """Connect, however long it takes until somebody is there."""
        import requests
        import socketio

        direct = requests.Session()
        direct.trust_env = False  # It is in this room: no proxy.
        host = urlsplit(self.url).hostname or ""
        for name in ("no_proxy", "NO_PROXY"):  # The websocket's library looks there.
            os.environ[name] = ",".join(filter(None, (os.environ.get(name), host)))
        self.sio = socketio.Client(
            reconnection_delay_max=3,
            logger=quiet,
            engineio_logger=quiet,
            handle_sigint=False,
            http_session=direct,
        )
        self.sio.on("connect", self.on_connect, namespace="/room")
        self.sio.on("disconnect", lambda *_: self.there.clear(), namespace="/room")
        self.sio.on("hello", self.on_hello, namespace="/room")
        self.sio.on("room", self.on_room, namespace="/room")
        self.sio.on("said", self.on_said, namespace="/room")
        self.sio.on("connect_error", self.on_refused, namespace="/room")
        self.sio.connect(self.url, auth=self.auth, namespaces=["/room"], retry=True, wait=False)

    def auth(self) -> dict:
        """Return who we are, and what we have heard."""
        return {key: self.known[key] for key in ("secret", "name", "since")}

    def on_hello(self, hello: dict) -> None:
        """Take over what the server knows of us; sent as we come, it is here before on_connect."""
        if self.hand and not hello["hand"]:
            self.news.put(Said(time.strftime("%H:%M"), "Your hand is down.", None))
        self.hand = hello["hand"]

    def on_refused(self, why: object) -> None:
        """Say why the room does not want us; what is no sentence is a server that is away."""
        if isinstance(why, dict):
            self.news.put(Said(time.strftime("%H:%M"), str(why.get("message")), None))

    def on_connect(self) -> None:
        """Say again where we stand: the server may not know."""
        self.there.set()
        if self.standing:
            self.tell()

    def on_room(self, room: dict) -> None:
        """Keep how the room is doing."""
        self.latest = room

    def on_said(self, said: dict) -> None:
        """Take what the presenter has sent, once."""
        if said["id"] > self.known["since"]:
            self.known["since"] = said["id"]
            write(self.known)
            if said["ago"] < NEWS:
                at = time.strftime("%H:%M", time.localtime(time.time() - said["ago"]))
                self.news.put(Said(at, said["text"], said["hint"]))

    def stand(self, step: Step, outcome: Outcome) -> None:
        """Tell how far we are."""
        hint = clean(outcome.hint.name)[:100] if outcome.hint else None  # as it comes back
        before = self.standing or {}
        if (before.get("step"), before.get("hint")) != (int(step.number), hint):
            self.began = time.monotonic()
        self.standing = {"step": int(step.number), "passed": outcome.passed, "hint": hint}
        if self.there.is_set():
            self.tell()

    def tell(self) -> None:
        """Send where we stand; what gets lost is sent with the next connection."""
        from socketio.exceptions import SocketIOError

        stuck = round(time.monotonic() - self.began)
        with contextlib.suppress(SocketIOError):
            self.sio.emit("stand", {**(self.standing or {}), "for": stuck}, namespace="/room")

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
        if problem := self.ask("hand", not self.hand):
            return problem
        self.hand = not self.hand
        return "Your hand is up." if self.hand else "Your hand is down."

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
        if not room or not self.standing or room.get("step") != self.standing["step"]:
            return ""
        here, points, done = room["here"], room["points"], room["done"]
        if here < 2:
            return f"The room: nobody else is at step {room['step']} yet."
        at = len(outcome.passed)
        past = f"{points[at]} of {here} are past here, " if at < len(points) else ""
        return f"The room: {past}{done} of {here} have all of step {room['step']}."
