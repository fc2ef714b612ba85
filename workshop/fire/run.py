"""Run faults: clients and windows that look on, a stream of notices, and a fault in the middle."""

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from functools import partial
from itertools import cycle, groupby

import playwright.sync_api
import requests

from workshop.base.problem import Problem
from workshop.fire.clients import Connecting, NoPage, Page
from workshop.fire.databases import SQLite
from workshop.fire.size import Size
from workshop.fire.tally import Tally
from workshop.fire.target import Subject, Target
from workshop.fire.windows import Window
from workshop.serving.ports import any_port
from workshop.serving.postgresql import PostgreSQL
from workshop.serving.proxy import Proxy

SLOW = 10  # notices a second, while pages are about to load the board anew: it has 50
AWHILE = 5  # seconds, for what only a server that promises something says is over
QUIET = 3  # seconds without anything new, after which what has not come is lost
EVERY = 10  # one of so many notices is posted by a client, the others are another process's


class NotSoon(Exception):
    """What a fault waits for did not come."""


class Stream:
    """The numbered notices: paced, held back at a limit, and saved by two different ways."""

    def __init__(self, target: Target, poster: Connecting, notices: int, pace: float):
        self.target, self.notices, self.pace = target, notices, pace
        self.poster = poster if isinstance(poster, Page) else None  # Others do not post.
        self.last = notices - 1  # The very last one is close()'s.
        self.handed = self.posted = self.limit = 0
        self.ended = threading.Event()
        self.before = target.sender.saved
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        """Hand out numbers."""
        due = time.monotonic()
        while self.handed < self.last and not self.ended.is_set():
            if self.handed >= self.limit:
                time.sleep(0.005)
                due = time.monotonic()
                continue
            time.sleep(max(0, due - time.monotonic()))
            due += 1 / self.pace
            self.handed += 1
            if self.poster and not self.handed % EVERY:
                self.post(self.poster)
            else:
                self.target.sender.save(str(self.handed))

    def post(self, poster: Page) -> None:
        """Hand the number to the client that posts."""
        self.posted += 1
        poster.post(str(self.handed))

    def post_one_more(self) -> None:
        """Have a client post one more, while the stream is held back."""
        if self.poster:
            self.handed += 1
            self.post(self.poster)

    @property
    def sent(self) -> int:
        """Return how many are saved."""
        answered = self.poster.answered if self.poster else 0
        return self.target.sender.saved - self.before + answered

    def drained(self) -> bool:
        """Tell whether the other process has saved all that it was handed."""
        saved = self.target.sender.saved - self.before
        return self.handed >= self.limit and saved >= self.handed - self.posted

    def close(self) -> None:
        """Save the very last one: whoever has it has been told all that came before."""
        self.handed += 1
        self.target.sender.save(str(self.handed))


class Run:
    """One fault: what it can use, and what it is to wait for."""

    stream: Stream  # once all are live, which `streaming` says

    def __init__(self, fault, target: Target, size: Size, browser, tick: Callable):
        self.fault, self.target, self.size, self.tick = fault, target, size, tick
        self.browser = browser
        self.proxy: Proxy | None = None
        self.pages: list[Connecting] = []
        self.windows: list[Window] = []
        self.tally = Tally(fault.name)
        self.streaming = False
        self.before = 0  # the last notice that was there already
        self.gone: list[tuple[int, float]] = []  # published, and no longer in the log
        self.heard: tuple[int, int, float] = (0, 0, 0.0)  # sent, received, and when that was

    @property
    def viewers(self) -> list[Connecting | Window]:
        """Return who looks on."""
        return [*self.pages, *self.windows]

    @property
    def promises(self) -> bool:
        """Tell whether the server promises that nothing is missed."""
        return self.target.subject.promises

    # What faults are made of

    def wait(self, ready: Callable[[], bool], what: str, seconds: float | None = None) -> None:
        """Wait for something, while the display and the windows' notes go on."""
        deadline = time.monotonic() + (seconds or self.size.patience)
        while True:
            for window in self.windows:
                window.look()
            self.tick(self)
            if ready():
                return
            if time.monotonic() > deadline:
                if self.promises:
                    raise NotSoon(what)
                # Nobody has said that it would come: what else there is to see is seen as well.
                return self.tally.wrong.append(f"waited in vain for {what}")
            time.sleep(0.05)

    def expect(self, ready: Callable[[], bool], what: str, seconds: float = AWHILE) -> None:
        """Wait for what a server does that promises something; let others go on for a while."""
        if self.promises:
            self.wait(ready, what)
        else:
            self.pause(seconds)

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() >= end, "the time", seconds + 5)

    def allow(self, share: float) -> None:
        """Let the stream go on up to this share of it."""
        self.stream.limit = int(self.stream.last * share)

    def send(self, share: float) -> None:
        """Let the stream go on up to this share of it, and wait until it is there."""
        self.allow(share)
        self.wait_for_stream(self.stream.drained, "the notices to be saved")

    def wait_for_stream(self, ready: Callable[[], bool], what: str) -> None:
        """Wait for what may take long, where there is much to save, as long as it goes on."""
        while True:
            before = self.stream.sent
            try:
                return self.wait(ready, what)
            except NotSoon:
                if self.stream.sent == before:
                    raise

    def all_live(self) -> None:
        """Wait until each page says that it is live."""
        self.wait(lambda: all(viewer.live for viewer in self.viewers), "all to be live again")

    def settle(self) -> None:
        """Wait until everybody has all that was sent, so that nothing is on its way."""
        self.wait(lambda: self.complete(self.before), "all to have all so far")

    def will_forget(self) -> None:
        """Note in which order all was published, before the log has it no more."""
        self.gone = self.target.published()

    def happened(self, condition: bool, what: str) -> None:
        """Note it if the fault was none."""
        if not condition:
            self.tally.wrong.append(what)

    # How it goes

    def run(self) -> Tally:
        """Connect everybody, run the fault in the middle of the stream, and tally."""
        began, ended = time.time(), 0.0
        before = self.before = max((number for number, _ in self.target.saved(0)), default=0)
        port = self.target.port
        with ExitStack() as stack:
            if self.fault.proxy:
                self.proxy = stack.enter_context(Proxy(any_port(), port))
            self.connect(self.proxy.url if self.proxy else self.target.url, stack)
            try:
                self.all_live()
                self.stream = Stream(self.target, self.pages[0], self.size.notices, self.size.pace)
                self.streaming = True
                stack.callback(self.stream.ended.set)
                began = time.time()
                self.fault.happen(self)
                self.allow(1)
                all_saved = lambda: self.stream.sent == self.stream.last  # noqa: E731
                self.wait_for_stream(all_saved, "all to be saved")
                self.expect(lambda: self.complete(before), "all clients to have all", 0)
                self.stream.close()
                self.wait(lambda: self.stream.sent == self.size.notices, "the last to be saved")
                ended = time.time()
                self.wait(lambda: self.complete(before), "all clients to have the last")
            except NotSoon as error:
                self.tally.wrong.append(f"waited in vain for {error}")
            except Problem as problem:
                if self.promises:
                    raise
                self.tally.wrong.append(str(problem).partition("\n")[0].rstrip("."))
            if self.promises or not ended:
                ended = time.time()
            ended = max([ended, *(each.times[-1] for each in self.viewers if each.times)])
            for window in self.windows:
                window.look()
                self.tally.wrong += [f"{window.name}: {error}" for error in window.errors]
            saved = self.target.saved(before)
            # Only SQLite, which has one writer at a time, commits in the order of the ids.
            by_id = isinstance(self.target.database, SQLite)
            published = None if by_id else self.gone + self.target.published()
            self.tally.count(self.viewers, saved, began, ended, published)
            if published and not self.gone:
                self.tally.check_published(saved, published)
            handed = self.stream.handed if self.streaming else 0
            self.tally.check_saved(saved, handed, self.target.waiting())
        return self.tally

    def connect(self, url: str, stack: ExitStack) -> None:
        """Open the clients and the windows."""
        subject = self.target.subject
        alone = subject.many or not subject.page.polls
        kinds = ("websocket",) if alone else self.fault.transports
        for number, only in zip(range(1, self.size.clients + 1), cycle(kinds), strict=False):
            client = subject.page(f"client {number}", url, [only] if only else None)
            stack.callback(client.close)
            self.pages.append(client)
            client.start()
        windows = self.size.windows if self.browser else 0
        for number, only in zip(range(1, windows + 1), cycle(kinds), strict=False):
            query = f"/?transport={only}" if only else "/"
            first = number == 1  # which is the one that a fault may freeze
            window = Window(f"window {number}", self.browser, url + query, can_freeze=first)
            stack.callback(window.close)
            self.windows.append(window)

    def complete(self, before: int) -> bool:
        """Tell whether everybody has all that is saved, and the outbox is empty."""
        saved = self.target.saved(before)
        if not self.target.waiting() and not any(
            viewer.missing(saved)[0] for viewer in self.viewers
        ):
            return True
        return not self.promises and self.quiet()

    def quiet(self) -> bool:
        """Tell whether nothing new has come to anybody, who all are there, for a while."""
        sent, received, since = self.heard
        now = self.stream.sent, sum(len(viewer.times) for viewer in self.viewers)
        if now != (sent, received) or not all(viewer.live for viewer in self.viewers):
            since = time.monotonic()
        self.heard = (*now, since)
        return time.monotonic() - since > QUIET


def database_for(subject: Subject, fault) -> type:
    """Return the database that a fault is tried with: machines have none on one's disk."""
    return PostgreSQL if subject.machines else fault.database


def run_some(target: Target, left: list, size: Size, display: Callable, browser) -> bool:
    """Run and take away the faults that are left until one shows something; tell if none did."""
    while left:
        for program in (target.database, target.redis, target.server):
            program.check()
        fault = left.pop(0)
        line = display(fault)
        tally = Run(fault, target, size, browser, line.tick).run()
        line.done(tally)
        if not tally.good:
            return False
    return True


def run_all(
    subject: Subject, faults: list, size: Size, display: Callable, browser, up_to_the_first=False
) -> None:
    """Run faults one after the other against one target for each database.

    After a fault that shows something there is a new one: what it left is not the next one's doing.
    display(fault) returns what shows it. The browser is a context of windows.py, or None.
    """
    try:
        with browser or nullcontext() as browser:
            for database, some in groupby(faults, partial(database_for, subject)):
                left = list(some)
                while left:
                    with Target(subject, database) as target:
                        good = run_some(target, left, size, display, browser)
                    if up_to_the_first and not good:
                        return
    except requests.RequestException as error:
        raise Problem(f"The page could not be loaded: {error}") from None
    except NoPage:
        raise Problem("The page has no cursor in it") from None
    except sqlite3.Error as error:
        raise Problem(f"The database could not be asked: {error}") from None
    except playwright.sync_api.Error as error:
        raise Problem(f"Chromium did not go on: {error}") from None
