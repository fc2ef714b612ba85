"""Questions from the room: asked and voted up on phones, answered on a slide."""

import secrets
import time

import gevent
import socketio

from workshop.base.words import clean
from workshop.talk.lead import hashed
from workshop.talk.stage import LEADERS

MAX_TEXT, MAX_NAME = 200, 40  # characters
MAX_QUESTIONS = 200  # that are not hidden
MAX_OWN = 5  # of one browser, that wait for an answer
PAUSE = 15  # seconds between two of one browser
# A browser can say that it is another one, its address it can't; and a room may have but one.
MAX_OF_ADDRESS, IN = 100, 600  # that are not hidden, in so many seconds
MAX_VOTERS = 2000  # of one question
VOTES_EVERY = 2  # seconds: who votes up and down for ever has all phones told no more often
TOP, NEW, DONE = 12, 6, 4  # those that everybody gets
STATES = ("open", "answered", "hidden")


class Questions(socketio.Namespace):
    """The part of /slides that has the room's questions."""

    def begin_questions(self):
        """Go on with what was asked before this server began."""
        self.questions = self.kept.get("questions", [])
        self.large = self.kept.get("large")  # the one that fills the slide
        self.telling_questions = False

    def welcome_questions(self, sid):
        """Send a browser what has been asked, which of it is to its liking, and which its own."""
        me = hashed(self.browsers[sid])
        mine = [each["id"] for each in self.questions if me in each["voters"]]
        own = [each["id"] for each in self.questions if me == each["by"]]
        self.emit("questions", self.shown_questions() | {"mine": mine, "own": own}, to=sid)
        if sid in self.leaders:
            self.emit("all_questions", self.all_questions(), to=sid)

    def on_ask(self, sid, text, name):
        """Take a question; acknowledge with what is wrong, or with nothing."""
        text, name = clean(text), clean(name)
        me, now = hashed(self.browsers[sid]), time.time()
        mine = [each for each in self.questions if each["by"] == me]
        address = hashed(str(self.server.get_environ(sid, self.namespace).get("REMOTE_ADDR")))
        seen = [each for each in self.questions if each["state"] != "hidden"]
        near = sum(each.get("from") == address and now - each["at"] < IN for each in seen)
        if not text:
            return "Nothing to ask: write your question."
        if len(text) > MAX_TEXT or len(name) > MAX_NAME:
            return f"Too long: a question has {MAX_TEXT} characters, a name {MAX_NAME}."
        if any(now - each["at"] < PAUSE for each in mine):
            return f"One question in {PAUSE} seconds: wait a little."
        if sum(each["state"] == "open" for each in mine) >= MAX_OWN:
            return f"{MAX_OWN} of your questions wait for an answer: let them be answered first."
        if near >= MAX_OF_ADDRESS or len(seen) >= MAX_QUESTIONS:
            return "Too many questions for now: vote for those that are there."
        if len(self.questions) >= 2 * MAX_QUESTIONS:
            self.questions.remove(next(q for q in self.questions if q["state"] == "hidden"))
        question = {"id": secrets.token_hex(6), "text": text, "name": name, "by": me, "at": now}
        self.questions.append(question | {"from": address, "voters": [], "state": "open"})
        self.emit("own", question["id"], to=sid)
        self.questions_changed()
        return ""

    def on_upvote(self, sid, question, up):
        """Count a browser's vote for a question once, or take it back."""
        me, found = hashed(self.browsers[sid]), self.find_question(question)
        if not found or found["state"] != "open" or me == found["by"] or type(up) is not bool:
            return
        if up and me not in found["voters"] and len(found["voters"]) < MAX_VOTERS:
            found["voters"].append(me)
        elif not up and me in found["voters"]:
            found["voters"].remove(me)
        else:
            return  # Nothing to tell four hundred phones.
        self.questions_changed(VOTES_EVERY)

    def on_question(self, sid, question, state):
        """Open a question again, mark it as answered, or hide it."""
        found = self.find_question(question)
        if sid in self.leaders and found and state in STATES:
            found["state"] = state
            if state != "open" and self.large == question:
                self.large = None
            self.questions_changed()

    def on_hide_all(self, sid):
        """Hide all that wait for an answer, whoever has asked so many."""
        if sid in self.leaders:
            for each in self.questions:
                if each["state"] == "open":
                    each["state"] = "hidden"
            self.large = None
            self.questions_changed()

    def on_large(self, sid, question):
        """Fill the slide with one question, or show all again."""
        found = self.find_question(question)
        if sid in self.leaders and (question is None or (found and found["state"] == "open")):
            self.large = question
            self.questions_changed()

    def find_question(self, question):
        """Return a question by its id, or None."""
        return next((each for each in self.questions if each["id"] == question), None)

    def questions_changed(self, soon=0.5):
        """Keep what has changed, and tell it in some seconds, with all that changes until then."""
        self.kept.set("questions", self.questions)
        self.kept.set("large", self.large)
        if not self.telling_questions:
            self.telling_questions = True
            gevent.spawn_later(soon, self.tell_questions)

    def tell_questions(self):
        """Tell everybody what may be seen, and who leads all of it."""
        self.telling_questions = False
        self.emit("questions", self.shown_questions())
        self.emit("all_questions", self.all_questions(), room=LEADERS)

    def all_questions(self):
        """Return what who leads may see: all of them, those with the most votes first."""
        ranked = sorted(self.questions, key=lambda each: (-len(each["voters"]), each["at"]))
        return {"all": [public(each) for each in ranked], "large": self.large}

    def shown_questions(self):
        """Return what everybody may see: as much as can be told to a full room at once."""
        ranked = self.all_questions()["all"]
        waiting = [each for each in ranked if each["state"] == "open"]
        newest = [each["id"] for each in self.questions if each["state"] == "open"][-NEW:]
        shown = [
            each
            for rank, each in enumerate(waiting)
            if rank < TOP or each["id"] in (self.large, *newest)
        ]
        done = [public(each) for each in self.questions if each["state"] == "answered"]
        return {"shown": shown + done[-DONE:], "large": self.large, "waiting": len(waiting)}


def public(question):
    """Return a question without who asked it, and who voted for it."""
    shown = {name: question[name] for name in ("id", "text", "name", "state")}
    return shown | {"votes": len(question["voters"])}
