"""On stage: how all is, the demos that begin by a click, who may write on the boards."""

import contextlib
import http.client
import json
import os
import urllib.parse
import urllib.request

import gevent
import socketio
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from workshop.serving import ports
from workshop.serving.kept import Kept

ROOM = os.environ.get("ROOM", "")  # the address for the room, if the deck is shared
STEPS = json.loads(os.environ.get("STEPS", "{}"))  # {"1": 8001, …}: where each step will answer
TOKENS = json.loads(os.environ.get("TOKENS", "{}"))  # {"1": "…"}: for what only the tool may ask
REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
LEADERS = "leaders"  # a room
BOARDS = ("3", "4")  # on which the room may write
MODES = ("open", "approve", "paused")
DEMOS = ("recording", "slow")
LOOK_EVERY = 2  # seconds
SLOW = 3  # requests to /slow/ while the stacks are looked at

redis = Redis.from_url(
    REDIS_URL, retry=Retry(NoBackoff(), 1), socket_timeout=2, socket_connect_timeout=2
)


class Stage(socketio.Namespace):
    """The part of /slides that only who leads uses, and what the demos show to all."""

    kept: Kept
    leaders: set[str]
    up: dict[str, int]

    def begin_stage(self):
        """Know nothing yet."""
        self.lights = []
        self.boards = {}  # step: what its board says of itself
        self.stacks = None  # the last ones that were shown
        self.mode = self.kept.get("mode")  # who may post

    def welcome_stage(self, sid):
        """Send a browser the stacks as they were last shown, and who leads how all is."""
        if self.stacks:
            self.emit("stacks", self.stacks, to=sid)
        if sid in self.leaders:
            self.emit("lights", self.lights, to=sid)
            self.emit("boards", self.boards, to=sid)

    def on_demo(self, sid, name, on):
        """Begin or end a demo in the other windows; who follows gets the recordings as well."""
        if sid in self.leaders and name in DEMOS and isinstance(on, bool):
            room = None if name == "recording" else LEADERS
            self.emit("demo", (name, on), room=room, skip_sid=sid)

    def on_stacks(self, sid):
        """Let three wait for /slow/, and show everybody where step 2 is."""
        if sid in self.leaders:
            gevent.spawn(self.show_stacks, sid)  # Meanwhile the slides can be turned.

    def show_stacks(self, sid):
        """Ask step 2, and tell all; or tell who asked what is wrong."""
        for _ in range(SLOW):
            gevent.spawn(is_there, "2", "/slow/", patience=10)
        try:
            for _ in range(20):  # until all three wait there, or for two seconds
                gevent.sleep(0.1)
                said = ask("2", "/", {"X-Stacks-Token": TOKENS.get("2", "")})
                if f"{SLOW} ×\n" in said:
                    break
        except OSError:
            self.emit("stacks", {"problem": "No answer from step 2."}, to=sid)
        else:
            self.stacks = {"said": said.partition("\nAnd these wait")[0].rstrip()}
            self.emit("stacks", self.stacks)

    def on_board(self, sid, step, what):
        """Have a board do what the presenter wants; acknowledge with what is wrong, or nothing."""
        if sid not in self.leaders:
            return "Only the presenter can do this."
        if step not in BOARDS or not isinstance(what, dict):
            return "There is no such board."
        mode = what.get("mode")
        if mode in MODES:
            self.mode = mode
            self.kept.set("mode", mode)
        boards = self.here() if mode else [step]
        # At the same time and not for long: meanwhile this presenter's slides don't turn.
        asked = [gevent.spawn(self.ask_board, each, what, patience=1) for each in boards]
        gevent.joinall(asked)
        self.emit("boards", self.boards, room=LEADERS)
        return next((each.value for each in asked if each.value), None)

    def here(self):
        """Return the boards that run."""
        return [step for step in BOARDS if step in TOKENS and step in self.up]

    def ask_board(self, step, what, patience=3):
        """Ask a board for something; keep what it says, return what is wrong with it."""
        token = {"X-Stage-Token": TOKENS.get(step, "")}
        try:
            said = json.loads(ask(step, "/", token, what, patience))
        except (OSError, ValueError):
            self.boards.pop(step, None)
            return f"Step {step} does not answer."
        if "problem" in said:
            return said["problem"]
        self.boards[step] = said
        return None

    def publish(self, text):
        """Save a notice by step 4's own form, as official; return what is to be said of it."""
        problem = self.ask_board("4", {"publish": ["The slides", text]})
        try:
            if problem and "4" in self.boards:
                return problem
            if problem and "4" in self.here():  # It may yet save it: then it would be there twice.
                return "Step 4 did not answer in time: look at the board before you try again."
            if problem:  # There is no step 4 of ours to save it, but another board may listen.
                notice = {"author": "The slides", "text": text}
                return redis.publish("notices", json.dumps(notice))
            return dict(redis.pubsub_numsub("notices")).get(b"notices", 0)
        except RedisError:
            saved = "" if problem else " It is saved: reload the board."
            return f"Redis does not answer: is it running?{saved}"

    def look_at_stage(self):
        """Tell who leads how all is, every two seconds."""
        while True:
            with contextlib.suppress(OSError):  # A network that changes right now may have no name.
                lights = [redis_light(), *step_lights(), network_light()]
                if lights != self.lights:
                    self.lights = lights
                    self.emit("lights", lights, room=LEADERS)
            before = json.dumps(self.boards)
            self.boards = {step: said for step, said in self.boards.items() if step in self.here()}
            for step in self.here():
                self.ask_board(step, {})
                # It was away when the presenter said so.
                if self.mode and self.boards.get(step, {}).get("mode") not in (None, self.mode):
                    self.ask_board(step, {"mode": self.mode})
            if json.dumps(self.boards) != before:
                self.emit("boards", self.boards, room=LEADERS)
            gevent.sleep(LOOK_EVERY)


def ask(step, path, headers=None, what=None, patience=3):
    """Ask a step; OSError if it does not answer."""
    if step not in STEPS:
        raise ConnectionError("It is not there.")
    data = None if what is None else json.dumps(what).encode()
    address = f"http://127.0.0.1:{STEPS[step]}{path}"
    request = urllib.request.Request(address, data, headers or {})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=patience) as answer:
            return answer.read().decode()
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from None


def light(name, problem=None):
    """Return what the presenter's view shows of a thing: green, or a sentence."""
    return {"name": name, "problem": problem}


def redis_light():
    """Look whether Redis answers, and whether a step listens."""
    try:
        heard = dict(redis.pubsub_numsub("notices")).get(b"notices", 0)
    except RedisError:
        return light("Redis", "Redis does not answer: notices are saved, but reach no screen.")
    listens = heard or "4" not in STEPS
    return light("Redis", None if listens else "Redis answers, but no step listens to it.")


def step_lights():
    """Look whether each step answers."""
    steps = sorted(STEPS)
    # A file costs the step nothing.
    asked = [gevent.spawn(is_there, step, "/static/notices/board.css") for step in steps]
    gevent.joinall(asked)
    wrong = "Step {} does not answer: V plays the recording."
    return [
        light(f"Step {step}", None if each.value else wrong.format(step))
        for step, each in zip(steps, asked, strict=True)
    ]


def is_there(step, path, patience=2):
    """Tell whether a step answers."""
    try:
        return bool(ask(step, path, patience=patience))
    except OSError:
        return False


def network_light():
    """Look whether this machine still has the address that the room was told."""
    if not ROOM:
        return light("Not shared")
    told, now = urllib.parse.urlsplit(ROOM).hostname, ports.addresses()
    if told in now:
        return light("Network")
    return light(
        "Network",
        f"This machine is no longer {told}, so the QR code leads nowhere. It is {now[0]} now: "
        "end the slides and start them again with --keep.",
    )
