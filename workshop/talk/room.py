"""What happens on each event that a browser with the slides sends."""

import contextlib
import os
import socket
from pathlib import Path

import gevent

from workshop.serving.kept import Kept
from workshop.talk import deck, page
from workshop.talk.part import Part
from workshop.talk.stage import LEADERS, STEPS, Stage

KEPT = os.environ.get("ROOM_FILE")  # where what was said is kept over a crash


class Slides(Stage, Part):
    """/slides: the windows with the token lead, all others follow, and everybody votes."""

    def __init__(self, namespace):
        super().__init__(namespace)
        self.kept = Kept(Path(KEPT) if KEPT else None)
        state = self.kept.get("state")
        self.state = state if is_state(state) else None  # where the presenter is
        self.browsers = {}  # sid: the name that the browser gave itself
        self.leaders = set()
        self.up = {}  # the steps that answer, and their ports
        self.version, self.deck = page.version(), deck.slides()
        self.telling = False
        self.begin_stage()
        self.begin()

    def on_connect(self, sid, environ, auth):
        """Tell a browser where everybody is: who comes late has missed nothing."""
        auth = auth if isinstance(auth, dict) else {}
        self.browsers[sid] = str(auth.get("browser", sid))[:50]
        self.let_lead(sid, auth.get("token"))
        self.greet(sid)
        self.tell_soon()

    def greet(self, sid):
        """Tell a browser all that there is, and whether it leads."""
        leads, mine = sid in self.leaders, self.votes_of(sid)
        hello = {"leads": leads, "state": self.state, "mine": mine, "up": self.up}
        self.emit("hello", hello | {"version": page.version()} | self.room(), to=sid)
        self.welcome_stage(sid)
        self.welcome(sid)

    def on_disconnect(self, sid, reason):
        """Count a browser out."""
        self.browsers.pop(sid, None)
        self.leaders.discard(sid)
        self.goodbye_lead(sid)
        self.tell_soon()

    def on_state(self, sid, state):
        """Take everybody to where a leading window is."""
        if sid in self.leaders and is_state(state):
            self.count_time()
            self.state = state
            self.kept.set("state", state)
            self.emit("state", state, skip_sid=sid)

    def on_publish(self, sid, text):
        """Publish a notice; acknowledge with how many servers heard it, or with what is wrong."""
        if sid not in self.leaders:
            return "Only the presenter can publish from here."
        text = text.strip()[:280] if isinstance(text, str) else ""
        return self.publish(text) if text else "Nothing to publish: say something."

    def tell_soon(self):
        """Tell everybody what has changed, four times a second at most."""
        if not self.telling:
            self.telling = True
            gevent.spawn_later(0.25, self.tell)

    def tell(self):
        """Tell everybody how many follow, and how the votes are."""
        self.telling = False
        self.emit("room", self.room())
        self.emit("counts", self.counts(), room=LEADERS)

    def room(self):
        """Return how many follow, and how many votes each answer of each poll has."""
        return {"followers": self.followers()} | self.polls_for_all()

    def followers(self):
        """Count those who follow, as one sees them: a browser once, and none of the presenter's."""
        leading = {self.browsers[sid] for sid in self.leaders if sid in self.browsers}
        return len({*self.browsers.values()} - leading)

    def look_around(self):
        """Tell everybody when a step comes or goes, and when somebody has saved the deck."""
        while True:
            up = {step: port for step, port in STEPS.items() if is_up(port)}
            if up != self.up:
                self.up = up
                self.emit("up", up)
            with contextlib.suppress(OSError):  # a file that an editor is replacing right now
                version = page.version()
                if version != self.version:
                    self.version, self.deck = version, deck.slides()
                    self.emit("version", version)
            gevent.sleep(0.5)


def is_state(state):
    """Tell whether this is what our own JavaScript sends."""
    match state:
        case {"indexh": h, "indexv": v, "indexf": f, "paused": bool(), "overview": bool()}:
            return len(state) == 5 and all(type(n) is int and -1 <= n < 1000 for n in (h, v, f))
    return False


def is_up(port):
    """Tell whether a step's server takes connections."""
    try:
        socket.create_connection(("127.0.0.1", port), 0.3).close()
    except OSError:
        return False
    return True
