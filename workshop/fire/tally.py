"""What each client was shown, and what is wrong with it."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

BOARD = 50  # notices on a page


class Viewer:
    """Somebody who looks at the board: each change of the page is told here."""

    name = "client"
    theirs = ""  # whose mistake it is if something is missing here

    def __init__(self):
        self.lock = threading.Lock()
        self.shown = {}  # the text of each notice by its id
        self.order = []  # ids, as they appeared; of a board that was loaded, the newest
        self.highest = 0  # of the ids shown
        self.twice = 0
        self.board_disorder = 0
        self.anew = 0  # how often the page loaded the board anew
        self.off = []  # what the board no longer had then: up to an id, after an id or a time
        self.told_at = 0.0  # when the last one appeared by itself
        self.dropped = 0  # came a second time, and was not shown
        self.times = []

    def told(self, number: int, text: str, at: float = 0.0) -> None:
        """Note a notice that appeared on top of the board."""
        with self.lock:
            self.told_at = at or time.time()
            self.times.append(self.told_at)
            self.twice += number in self.shown
            if number not in self.shown:
                self.order.append(number)
            self.shown[number] = text
            self.highest = max(self.highest, number)

    def mended(self, number: int, text: str) -> None:
        """Note a notice that was put in its own place again."""
        with self.lock:
            self.shown[number] = text

    def loaded(self, board: list[tuple[int, str]], at: float = 0.0) -> None:
        """Note a whole board, the newest notice first."""
        numbers = [number for number, _ in board]
        with self.lock:
            self.times.append(at or time.time())
            self.anew += 1
            self.twice += len(numbers) - len(set(numbers))
            self.board_disorder += sum(a < b for a, b in pairwise(numbers))
            if len(numbers) >= BOARD:
                self.off.append((min(numbers), self.highest, self.told_at))
            if numbers:
                self.order.append(max(numbers))  # What appears next comes after it.
            self.shown |= dict(board)
            self.highest = max([self.highest, *numbers])

    def missing(
        self, saved: list[tuple], published: dict[int, float] | None = None
    ) -> tuple[list[int], list[int]]:
        """Return what this client has not seen: what is lost, and what had scrolled off.

        When each was published says what came later, where the ids do not.
        """
        when = published or {}
        with self.lock:
            unseen = [number for number, text in saved if self.shown.get(number) != text]
            # Only what came between the last notice it was shown and the board it then loaded.
            gone = {
                n
                for n in unseen
                for high, low, at in self.off
                if n < high and (when[n] > at if n in when else n > low)
            }
        return [number for number in unseen if number not in gone], sorted(gone)

    def disorder(self, published: list[int]) -> int:
        """Return how often a notice appeared that was published before one that was there."""
        rank = {number: at for at, number in enumerate(published)}
        appeared = [rank[number] for number in dict.fromkeys(self.order) if number in rank]
        late = sum(at < last for at, last in zip(appeared, accumulate(appeared, max), strict=True))
        return self.board_disorder + late

    def silence(self, began: float, ended: float) -> float:
        """Return the longest time without anything new."""
        times = [began, *sorted(at for at in self.times if began < at < ended), ended]
        return max(b - a for a, b in pairwise(times))


@dataclass
class Tally:
    """What came of one fault."""

    fault: str
    viewers: int = 0
    sent: int = 0
    received: int = 0
    lost: int = 0
    twice: int = 0
    disorder: int = 0
    off: int = 0
    dropped: int = 0
    anew: int = 0
    waiting: int = 0  # in the outbox, at the end
    silence: float = 0.0
    unseen: list[str] = field(default_factory=list)  # sentences: by whom, and what
    wrong: list[str] = field(default_factory=list)  # sentences: what else
    theirs: set[str] = field(default_factory=set)  # whose mistake it is

    @property
    def good(self) -> bool:
        """Tell whether the fault happened, and nothing else."""
        return not (self.lost or self.twice or self.disorder or self.wrong)

    def count(
        self,
        viewers: Sequence[Viewer],
        saved: list[tuple],
        began: float,
        ended: float,
        published: list[tuple[int, float]] | None = None,
    ) -> None:
        """Add up what the viewers saw, against what the database has.

        Unless it is given which were published, and when, their order is that of their ids.
        """
        when = dict(published or ())
        order = [number for number, _ in published or saved]
        self.viewers, self.sent = len(viewers), len(saved)
        for viewer in viewers:
            lost, off = viewer.missing(saved, when)
            self.received += len(saved) - len(lost) - len(off)
            self.lost += len(lost)
            self.off += len(off)
            self.twice += viewer.twice
            self.disorder += viewer.disorder(order)
            self.dropped += viewer.dropped
            self.anew += viewer.anew - 1  # The first time is how it began.
            self.silence = max(self.silence, viewer.silence(began, ended))
            if lost or viewer.twice or viewer.disorder(order):
                self.theirs.add(viewer.theirs)
            if lost:
                self.unseen.append(f"{viewer.name} has not seen {shortened(lost)}")

    def check_published(self, saved: list[tuple], published: list[tuple[int, float]]) -> None:
        """Hold what the log has against what is saved: who comes back later is told from it."""
        times = Counter(number for number, _ in published)
        if absent := [number for number, _ in saved if not times[number]]:
            self.wrong.append(f"the log does not have {shortened(absent)}")
        if twice := [number for number, _ in saved if times[number] > 1]:
            self.wrong.append(f"the log has twice {shortened(twice)}")
        if absent or twice:
            self.theirs.add("the log")

    def check_saved(self, saved: list[tuple], notices: int, waiting: int) -> None:
        """Hold what the database has against what was to be saved: each number, once."""
        texts = [text for _, text in saved]
        if absent := sorted({str(n) for n in range(1, notices + 1)} - set(texts), key=int):
            self.wrong.append(f"the database does not have {shortened(absent)}")
            self.theirs.add("a post")
        if len(texts) != len(set(texts)):
            self.wrong.append(f"{len(texts) - len(set(texts))} were saved twice")
        self.waiting = waiting
        if waiting:
            self.wrong.append(f"{waiting} were left in the outbox")


def shortened(numbers: list) -> str:
    """Return the first numbers of a list, and how many there are."""
    some = ", ".join(map(str, numbers[:5]))
    return some if len(numbers) <= 5 else f"{some}, … ({len(numbers)})"
