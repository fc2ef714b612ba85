"""Who is in the room: where each stands, whose hand is up, what was said to whom. No network."""

import contextlib
import itertools
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from workshop.learn import lessons

MAX_MEMBERS = 300  # known at once
MAX_SHOWN = 20  # files at once
MAX_SAID = 50  # sentences that can be caught up with
AWAY = 60  # seconds: whoever is back by then was never gone
STUCK = 120  # seconds at the same hint


@dataclass
class Member:
    """An attendee; times are seconds since 1970."""

    name: str
    step: int | None = None  # none before the first check
    passed: list[str] = field(default_factory=list)  # points, in the order of the lesson
    hint: str | None = None
    hint_since: float = 0
    hand: float | None = None  # since when it is up
    file: str | None = None  # that was shown with it
    text: str | None = None
    since: float = 0  # the last point that was new, or the beginning of the step
    left: float | None = None
    # step: {point: seconds}, none where it was there from the beginning
    took: dict[str, dict[str, float | None]] = field(default_factory=dict)
    stuck: dict[str, dict[str, float]] = field(default_factory=dict)  # step: {hint: seconds}

    def here(self) -> bool:
        """Tell whether it is in the room: a connection that is lost for a moment does not count."""
        return self.left is None or time.time() - self.left < AWAY

    def past(self, step: int, point: str) -> bool:
        """Tell whether it has a point: whoever is at a later step has all of this one."""
        if self.step is None:
            return False
        return self.step > step or (self.step == step and point in self.passed)

    def settle_hint(self, until: float) -> None:
        """Remember for the report how long it has been at its hint."""
        if self.hint and (seconds := until - self.hint_since) >= STUCK:
            hints = self.stuck.setdefault(str(self.step), {})
            hints[self.hint] = max(seconds, hints.get(self.hint, 0))


@lru_cache
def points(step: int) -> list[str]:
    """Return the names of a lesson's points, in their order."""
    return [point.works for point in lessons.lesson(step)]


class Members:
    """All attendees by their ids, and what was said to them."""

    def __init__(self, kept) -> None:
        self.kept = kept
        self.known: dict[str, Member] = {}
        self.said: list[dict[str, Any]] = kept.get("said", [])
        self.highest = max((said["id"] for said in self.said), default=0)
        self.forgotten: list[str] = kept.get("forgotten", [])
        with contextlib.suppress(TypeError):  # a file of another version
            members = kept.get("members", {})
            self.known = {each: Member(**values) for each, values in members.items()}
        for member in self.known.values():  # A server has died. They come back.
            member.left = member.left or time.time()

    def changed(self, at_once: bool = False) -> None:
        """Have it kept: what was promised to somebody at once, the rest soon."""
        self.kept.set("members", self.known)
        self.kept.set("said", self.said)
        self.kept.set("forgotten", self.forgotten)
        if at_once:
            with contextlib.suppress(OSError):  # A full disk: it is said all the same.
                self.kept.write()

    # Attendees

    def join(self, who: str, name: str) -> str:
        """Let somebody in; return what is against it, or nothing."""
        if who in self.forgotten:
            return "Whoever leads took you off the board."
        if who not in self.known and len(self.known) >= MAX_MEMBERS:
            gone = [each for each, m in self.known.items() if not m.here() and m.hand is None]
            if not gone:
                return f"The room is full: {MAX_MEMBERS} are here."
            del self.known[min(gone, key=lambda each: self.known[each].left or 0)]
        member = self.known.setdefault(who, Member(name, since=time.time()))
        member.name, member.left = self.name_for(who, name), None
        self.changed()
        return ""

    def name_for(self, who: str, name: str) -> str:
        """Return a name that nobody else here has: there are fewer animals than attendees."""
        taken = {each.name for other, each in self.known.items() if other != who and each.here()}
        names = (name if number == 1 else f"{name} {number}" for number in itertools.count(1))
        return next(each for each in names if each not in taken)

    def leave(self, who: str) -> None:
        """Count somebody out, unless it is back soon."""
        if member := self.known.get(who):
            member.left = time.time()
            self.changed()

    def forget(self, who: str) -> None:
        """Take somebody off the board for good."""
        del self.known[who]
        self.forgotten = [*self.forgotten, who][-MAX_MEMBERS:]
        self.changed(at_once=True)

    def stand(self, who: str, step: int, passed: set[str], hint: str | None, since: float) -> None:
        """Note where somebody is: at which step, what works, at which hint and since when."""
        member, now = self.known[who], time.time()
        works = [point for point in points(step) if point in passed]
        if (step, hint) != (member.step, member.hint):
            member.settle_hint(now)
            member.hint, member.hint_since = hint, since
        member.hint_since = min(member.hint_since, since)
        took = member.took.setdefault(str(step), {})
        new = [each for each in works if each not in took]
        for each in new:  # What came together took the same part of the time.
            took[each] = (now - member.since) / len(new) if step == member.step else None
        if new or step != member.step:
            member.step, member.since = step, now
        member.passed = works
        self.changed()

    def raise_hand(self, who: str, up: bool) -> None:
        """Put a hand up, behind those that are up, or down, and forget what was shown with it."""
        member = self.known[who]
        if up and member.hand is None:
            member.hand = time.time()
        elif not up:
            member.hand = member.file = member.text = None
        self.changed(at_once=True)

    def show(self, who: str, file: str, text: str) -> str:
        """Keep the file that somebody shows; return what is against it, or nothing."""
        member = self.known[who]
        if member.hand is None:
            return "Raise your hand first: a file is shown with it."
        shown = sum(each.text is not None for each in self.known.values())
        if member.text is None and shown >= MAX_SHOWN:
            return f"{MAX_SHOWN} files wait to be looked at: try again when some hands are down."
        member.file, member.text = file, text
        self.changed(at_once=True)
        return ""

    # What is said

    def say(self, to: dict, whom: list[str] | None, kind: str, text: str, hint: str | None) -> dict:
        """Keep what is said to some, None for all; its number is higher than any before it."""
        now = time.time()
        # By the clock: it grows even where the file is lost.
        number = max(int(1000 * now), self.highest + 1)
        self.highest = number
        said = {"id": number, "kind": kind, "text": text, "hint": hint, "to": to, "at": now}
        people = sum(each.here() for each in self.known.values()) if whom is None else len(whom)
        self.said = [*self.said, said | {"whom": whom, "people": people}][-MAX_SAID:]
        self.changed(at_once=True)
        return self.said[-1]

    def whom(self, to: object) -> list[str] | None:
        """Return the ids of those who are meant now, or None: all, and who comes later.

        A ValueError says what is wrong.
        """
        here = {each: member for each, member in self.known.items() if member.here()}
        match to:
            case {"all": True, **rest} if not rest:
                return None
            case {"step": int(step), "hint": str(hint), **rest} if not rest:
                found = [each for each, m in here.items() if (m.step, m.hint) == (step, hint)]
            case {"step": int(step), **rest} if not rest:
                found = [each for each, member in here.items() if member.step == step]
            case {"who": str(who), **rest} if not rest:
                found = [who] if who in self.known else []
            case _:
                raise ValueError("Say to whom: to all, to a step, to a hint or to one attendee.")
        if not found:
            raise ValueError("Nobody is there any more.")
        return found

    def said_to(self, who: str, since: int) -> Iterator[dict]:
        """Yield what was said to somebody after a number."""
        # It may come from a machine whose clock was ahead of this one's.
        if since < 1000 * (time.time() + 86_400):
            self.highest = max(self.highest, since)
        for said in self.said:
            if said["id"] > since and (said["whom"] is None or who in said["whom"]):
                yield public(said)

    # What is seen

    def people(self) -> list[Member]:
        """Return those who are here."""
        return [member for member in self.known.values() if member.here()]

    def count(self, step: int) -> dict:
        """Return how far all are in a step, as everybody may know it."""
        people = self.people()
        counts = [sum(each.past(step, name) for each in people) for name in points(step)]
        done = sum(all(each.past(step, name) for name in points(step)) for each in people)
        return {"step": step, "here": len(people), "points": counts, "done": done}

    def board(self, now: float | None = None) -> dict:
        """Return what who leads sees. With now=0 only what does not change by itself."""
        now = time.time() if now is None else now
        here = {each: member for each, member in self.known.items() if member.here()}
        steps = sorted({member.step for member in here.values() if member.step})
        hands = [(member.hand, who) for who, member in here.items() if member.hand]
        return {
            "here": len(here),
            "steps": {str(step): self.board_of(step, here) for step in steps},
            "stuck": list(stuck(here, now)),
            "hands": [hand(who, here[who], now) for _, who in sorted(hands)],
            "said": [
                public(said, now) | {"to": said["to"], "people": said["people"]}
                for said in self.said[-5:]
            ],
        }

    def board_of(self, step: int, here: dict[str, Member]) -> dict:
        """Return what who leads sees of a step; "at" is how many have this point before them."""
        there = {each: member for each, member in here.items() if member.step == step}
        at = Counter(
            next((name for name in points(step) if name not in member.passed), None)
            for member in there.values()
        )
        counted = self.count(step)
        return {
            "points": points(step),
            "bars": counted["points"],
            "at": [at[name] for name in points(step)],
            "done": counted["done"],
            "here": len(there),
            "people": [{"id": who, "name": member.name} for who, member in there.items()],
        }

    def report(self) -> dict:
        """Return how long each point took, and where how many were stuck: no names."""
        everybody = self.known.values()
        for member in everybody:
            member.settle_hint(member.left or time.time())
        steps = {int(step) for member in everybody for step in (*member.took, *member.stuck)}
        return {
            "attendees": len(everybody),
            "steps": {str(step): self.report_of(step) for step in sorted(steps)},
        }

    def report_of(self, step: int) -> dict:
        """Return the report of a step, the hint with the most people first."""
        took = gathered(member.took.get(str(step), {}) for member in self.known.values())
        stuck = gathered(member.stuck.get(str(step), {}) for member in self.known.values())
        return {
            "points": [{"point": name} | summary(took[name]) for name in points(step)],
            "hints": [
                {"hint": hint} | summary(stuck[hint])
                for hint in sorted(stuck, key=lambda hint: -len(stuck[hint]))
            ],
        }


def stuck(here: dict[str, Member], now: float) -> Iterator[dict]:
    """Yield each hint with those who are at it, the one with the most people first."""
    groups: dict[tuple[int, str], list[dict]] = {}
    for who, member in here.items():
        if member.step and member.hint:
            person = {"id": who, "name": member.name, "for": round(now - member.hint_since)}
            groups.setdefault((member.step, member.hint), []).append(person)
    for (step, hint), people in sorted(groups.items(), key=lambda each: -len(each[1])):
        people.sort(key=lambda each: -each["for"])
        yield {"step": step, "hint": hint, "people": people}


def hand(who: str, member: Member, now: float) -> dict:
    """Return a raised hand, with the name of the file that was shown."""
    shown = {name: getattr(member, name) for name in ("name", "step", "hint", "file")}
    return {"id": who, "since": round(now - (member.hand or now)), **shown}


def public(said: dict, now: float | None = None) -> dict:
    """Return what was said, without to whom, and how many seconds ago."""
    ago = round((time.time() if now is None else now) - said["at"])
    return {name: said[name] for name in ("id", "kind", "text", "hint")} | {"ago": ago}


def gathered(each: Iterable[Mapping[str, float | None]]) -> defaultdict[str, list[float]]:
    """Return by their names the seconds of all."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for values in each:
        for name, seconds in values.items():
            if seconds is not None:
                found[name].append(seconds)
    return found


def summary(seconds: list[float]) -> dict:
    """Return how many there are, and the median in seconds."""
    return {
        "people": len(seconds),
        "median": round(statistics.median(seconds)) if seconds else None,
    }
