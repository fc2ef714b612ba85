"""What happens on each event of /room: attendees say where they stand, who leads answers them."""

import hashlib
import re
import time

import gevent
import socketio
from socketio.exceptions import ConnectionRefusedError

from workshop.base.words import clean
from workshop.learn import lessons
from workshop.room.members import AWAY, Members, public

MAX_NAME, MAX_HINT, MAX_TEXT, MAX_FILE = 40, 100, 500, 50_000  # characters
MAX_OF_ADDRESS = 200  # attendees: one machine alone can't fill the room
BURST = 3  # events at once of one attendee, and one a second after these
BOARD_EVERY, ROOM_EVERY = 0.5, 2  # seconds
SECRET = re.compile("[0-9a-f]{32}")
NOT_YOURS = "Only whoever leads can do this."


class Room(socketio.Namespace):
    """/room: each attendee for itself, by a secret; who leads by the presenter's token."""

    def __init__(self, namespace, kept, leads):
        super().__init__(namespace)
        self.members = Members(kept)
        self.leads = leads  # leads(token, browser): asked each time, a lead can be taken back
        self.who = {}  # sid: an attendee
        self.addresses = {}  # sid: where it comes from
        self.due = {}  # sid: when it may say the next thing
        self.leading = {}  # sid: the token and the browser that lead
        self.told = {}  # what the board and each step were told last
        self.waiting = set()  # what is going to be told
        gevent.spawn_later(AWAY + 1, self.tell_soon)  # Some may not have come back.

    def on_connect(self, sid, environ, auth):
        """Let in who leads, and an attendee: whoever says a secret, known by it from then on."""
        since = auth.get("since") if isinstance(auth, dict) else None
        since = since if type(since) is int else 0
        match auth:
            case {"secret": str(secret), "name": str(name)} if SECRET.fullmatch(secret):
                self.let_in(sid, secret, clean(name)[:MAX_NAME] or "somebody", environ)
                self.welcome(sid, since)
            case {"token": str(token)} if self.leads(token, str(auth.get("browser", ""))):
                self.leading[sid] = token, str(auth.get("browser", ""))
                self.emit("board", self.members.board(), to=sid)
            case _:
                raise ConnectionRefusedError("This is for attendees and for whoever leads.")

    def let_in(self, sid, secret, name, environ):
        """Know an attendee by what its secret makes, which makes no secret."""
        who = hashlib.sha256(secret.encode()).hexdigest()[:12]
        address = environ.get("REMOTE_ADDR")
        if [*self.addresses.values()].count(address) >= MAX_OF_ADDRESS:
            raise ConnectionRefusedError("Too many attendees from one address.")
        if problem := self.members.join(who, name):
            raise ConnectionRefusedError(problem)
        self.who[sid], self.addresses[sid] = who, address
        self.enter_room(sid, "attendees")
        self.enter_room(sid, who)

    def welcome(self, sid, since):
        """Tell an attendee all that there is for it: who comes late has missed nothing."""
        who = self.who[sid]
        self.emit("hello", self.hello(who), to=sid)
        if step := self.members.known[who].step:
            self.follow_step(sid, step)
        for said in self.members.said_to(who, since):
            self.emit("said", said, to=sid)
        self.tell_soon()

    def on_disconnect(self, sid, reason):
        """Count an attendee out, if it has no other connection: a new one may be here first."""
        self.leading.pop(sid, None)
        self.addresses.pop(sid, None)
        self.due.pop(sid, None)
        who = self.who.pop(sid, None)
        if who and who not in self.who.values():
            self.members.leave(who)
            gevent.spawn_later(AWAY + 1, self.tell_soon)

    # Attendees

    def on_stand(self, sid, said):
        """Note where an attendee is after a check; acknowledge with what is wrong, or nothing."""
        match said:
            case {"step": int(step), "passed": list(passed), "hint": hint, "for": int() | float()}:
                if step not in lessons.NUMBERS or type(step) is bool:
                    return "There is no such step."
                if not isinstance(hint, str | None):
                    return "A hint has a name, or there is none."
            case _:
                return "Say step, passed, hint and for."
        if problem := self.not_now(sid):
            return problem
        seconds = min(max(0, said["for"]), 86_400)  # This order makes 0 of NaN.
        hint = clean(hint)[:MAX_HINT] or None
        works = {each for each in passed if isinstance(each, str)}
        who = self.who[sid]
        moved = self.members.known[who].step != step
        self.members.stand(who, step, works, hint, time.time() - seconds)
        if moved:
            self.follow_step(sid, step)
        self.tell_soon()
        return ""

    def on_hand(self, sid, up):
        """Raise a hand or lower it."""
        if type(up) is not bool:
            return "A hand is up or down: true or false."
        if problem := self.not_now(sid):
            return problem
        self.members.raise_hand(self.who[sid], up)
        self.emit("hello", self.hello(self.who[sid]), room=self.who[sid], skip_sid=sid)
        self.tell_soon()
        return ""

    def hello(self, who):
        """Return what an attendee is told of itself."""
        member = self.members.known[who]
        return {"name": member.name, "hand": member.hand is not None}

    def on_show(self, sid, said):
        """Keep the file that an attendee shows, until its hand is down."""
        match said:
            case {"file": str(file), "text": str(text)} if clean(file):
                if len(text) > MAX_FILE:
                    return f"Too long: a file that is shown has {MAX_FILE} characters."
            case _:
                return "Say file and text."
        if problem := self.not_now(sid):
            return problem
        problem = self.members.show(self.who[sid], clean(file)[:MAX_HINT], text)
        self.tell_soon()
        return problem

    def not_now(self, sid):
        """Return why nothing is taken from this connection now, or nothing."""
        if sid not in self.who:
            return "Only an attendee can do this."
        now = time.monotonic()
        due = max(self.due.get(sid, 0), now)
        if due >= now + BURST:
            return "Too fast: wait a second."
        self.due[sid] = due + 1
        return ""

    def follow_step(self, sid, step):
        """Have an attendee hear of its own step, and of no other."""
        for each in self.rooms(sid):
            if each.startswith("step "):
                self.leave_room(sid, each)
        self.enter_room(sid, f"step {step}")
        self.emit("room", self.members.count(step), to=sid)

    # Who leads

    def on_say(self, sid, to, text):
        """Say a sentence to some or to all; acknowledge with what is wrong, or nothing."""
        text = clean(text)
        if not text or len(text) > MAX_TEXT:
            return f"Nothing to say, or more than {MAX_TEXT} characters."
        return self.tell_them(sid, to, "sentence", text)

    def on_push_hint(self, sid, step, hint):
        """Have those who are at a hint see more of it."""
        return self.tell_them(sid, {"step": step, "hint": hint}, "hint", "", hint)

    def tell_them(self, sid, to, kind, text, hint=None):
        """Tell those who are meant, now or when they are back."""
        if not self.may_lead(sid):
            return NOT_YOURS
        try:
            whom = self.members.whom(to)
        except ValueError as problem:
            return str(problem)
        said = self.members.say(to, whom, kind, text, hint)
        for each in ["attendees"] if whom is None else whom:
            self.emit("said", public(said), room=each)
        self.tell_soon()
        return ""

    def on_hand_down(self, sid, who):
        """Lower a hand: somebody is with them."""
        return self.about(sid, who, lambda: self.members.raise_hand(who, False))

    def on_forget(self, sid, who):
        """Take somebody off the board who is nobody; it does not come back."""
        return self.about(sid, who, lambda: self.members.forget(who))

    def about(self, sid, who, act):
        """Do something about an attendee, and tell it how it is now."""
        if not self.may_lead(sid):
            return NOT_YOURS
        if not isinstance(who, str) or who not in self.members.known:
            return "There is no such attendee."
        act()
        self.tell_soon()
        if who in self.members.known:
            self.emit("hello", self.hello(who), room=who)
        else:
            self.emit("out", {"message": "Whoever leads took you off the board."}, room=who)
            for each in [each for each, theirs in self.who.items() if theirs == who]:
                self.disconnect(each)
        return ""

    def on_file(self, sid, who):
        """Acknowledge with the text that an attendee has shown."""
        if not self.may_lead(sid):
            return {"problem": NOT_YOURS}
        member = self.members.known.get(who) if isinstance(who, str) else None
        return {"text": member.text if member else None}

    def on_report(self, sid):
        """Acknowledge with the report, which names nobody."""
        return self.members.report() if self.may_lead(sid) else NOT_YOURS

    def may_lead(self, sid):
        """Tell whether a connection leads, still."""
        return sid in self.leading and self.leads(*self.leading[sid])

    # All

    def tell_soon(self):
        """Tell what has changed, so often that it is read and no more."""
        self.soon(BOARD_EVERY, self.tell_leaders)
        self.soon(ROOM_EVERY, self.tell_attendees)

    def soon(self, seconds, tell):
        """Call something in some seconds, once for all that asks for it until then."""
        if tell not in self.waiting:
            self.waiting.add(tell)
            gevent.spawn_later(seconds, self.now, tell)

    def now(self, tell):
        """Call what has waited."""
        self.waiting.discard(tell)
        tell()

    def tell_leaders(self):
        """Send the board to whoever leads, if it has changed."""
        if self.has_changed("board", self.members.board(now=0)):
            board = self.members.board()
            for sid in [sid for sid in self.leading if self.may_lead(sid)]:
                self.emit("board", board, to=sid)

    def tell_attendees(self):
        """Tell the attendees of each step how the room is, if that has changed."""
        for step in lessons.NUMBERS:
            if self.has_changed(step, counted := self.members.count(step)):
                self.emit("room", counted, room=f"step {step}")

    def has_changed(self, name, value):
        """Tell whether a value is another one than last time."""
        before, self.told[name] = self.told.get(name), value
        return value != before
