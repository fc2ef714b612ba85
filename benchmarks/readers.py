"""Be N processes that wait for one Redis, and see what that costs Redis: readers.py PLAN

PLAN is JSON, see workshop/bench/run.py; what is printed is as load.py prints it. Here a process is
one connection, and bytes made beforehand: Redis can't tell, and N Pythons would want every core.
"""

import contextlib
import json
import select
import socket
import sys
import time
from collections import Counter
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

import redis
from load import AUTHOR, CREATED, SENTENCE, SIZE, cpu, main
from wire import WireError

# The script, the names and the sum are the step's own.
sys.path.insert(1, str(Path(__file__).parents[1] / "steps" / "09_many_machines"))
from notices import live, presence

HELLO = ("HELLO", 3)  # as redis-py begins
PAUSE = 0.02  # seconds after which all wait again, and the kernel has counted all CPU
HALLS = ("Foyer", "Track A", "Track B")
BROWSERS = 5000  # of each process


def packed(*words) -> bytes:
    """Return a command as it goes over the wire."""
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in parts)


def parsed(data: bytes, at: int = 0) -> tuple:
    """Return one answer, and where the next one begins; ValueError: it is not all there yet."""
    end = data.index(b"\r\n", at)
    kind, word, at = data[at : at + 1], data[at + 1 : end], end + 2
    if kind == b"-":
        raise WireError(f"Redis says: {word.decode()}")
    if kind == b"$":
        end = at + int(word)
        if len(data) < end + 2:
            raise ValueError
        return data[at:end], end + 2
    if kind not in b"*>%":
        return word or None, at  # a number, OK, or nothing
    values = []
    for _ in range(int(word) * (2 if kind == b"%" else 1)):
        value, at = parsed(data, at)
        values.append(value)
    return values, at


@lru_cache(256)  # All are told the same.
def answers(data: bytes) -> tuple[list, bytes]:
    """Return the answers that are there, and the rest, which is not all there yet."""
    values, at = [], 0
    with contextlib.suppress(ValueError):
        while at < len(data):
            value, at = parsed(data, at)
            values.append(value)
    return values, data[at:]


class Process:
    """One process's connection to Redis."""

    __slots__ = ("cursor", "next", "rest", "said", "sock", "take")

    def __init__(self, port: int, take, *first: tuple):
        self.take = take  # what to call when Redis has said something
        self.said, self.rest = [], b""  # what that is, and what is not all there yet
        self.next = 0  # the number of what it is told next
        self.cursor = b""
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for words in (HELLO, *first):
            self.sock.sendall(packed(*words))
            data = b""
            while not answers(data)[0]:
                data += self.sock.recv(SIZE)
        self.sock.setblocking(False)

    def say(self, data: bytes) -> None:
        """Say something, for which there always is room."""
        if self.sock.send(data) != len(data):
            raise WireError("Redis does not read")


class Way:
    """All processes, and one more that speaks; how they are told is for those below to say."""

    phases: tuple = ()  # of those in the plan
    first: tuple = ()  # commands with which each process begins
    last = b""  # what the speaker adds

    def __init__(self, plan: dict):
        self.plan, self.patience = plan, plan.get("patience", 20)
        port, number = plan["redis_port"], plan["clients"]
        self.redis = redis.Redis(port=port)
        self.sent = []  # what all of them are to be told, in this order
        self.left = self.deliveries = 0
        self.faults = Counter()
        self.idle = 0.0  # seconds of Redis's CPU in a second in which nobody says anything
        self.epoll, self.by = select.epoll(), {}
        self.speaker = self.watch(Process(port, lambda speaker: speaker.said.clear()))
        self.all = [self.watch(Process(port, self.take, *self.first)) for _ in range(number)]

    # The loop

    def watch(self, process: Process) -> Process:
        """Read what Redis says to a process from now on."""
        self.by[process.sock.fileno()] = process
        self.epoll.register(process.sock.fileno(), select.EPOLLIN)
        return process

    def turn(self, seconds: float) -> bool:
        """Wait for what comes, and take it; tell whether something came."""
        events = self.epoll.poll(max(seconds, 0))
        for fd, _ in events:
            process = self.by[fd]
            data = process.sock.recv(SIZE)
            if not data:
                raise WireError("Redis has hung up")
            values, process.rest = answers(process.rest + data)
            process.said += values
            process.take(process)
        return bool(events)

    def stay(self, seconds: float) -> None:
        """Say nothing, and take what comes."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.turn(left)

    def wait(self) -> None:
        """Wait until all have all; give up when nothing more comes of it."""
        before, end = 0, 0.0
        while self.left > 0:
            now = time.perf_counter()
            if self.left != before:
                before, end = self.left, now + self.patience
            if now > end:  # Who is told nothing asks again, so that something always comes.
                raise WireError("not everything arrived")
            self.turn(end - now)

    def take(self, process: Process) -> None:
        """Take what Redis has said to a process."""
        raise NotImplementedError

    def told(self, process: Process, what: bytes) -> None:
        """Check what a process was told: it has to be what comes next."""
        number = process.next
        if number < len(self.sent) and self.sent[number] == what:
            skipped = 0
        elif what in self.sent[number:]:
            skipped = self.sent.index(what, number) - number
        else:
            self.faults["twice" if what in self.sent else "changed"] += 1
            return
        self.faults["lost"] += skipped
        self.left -= skipped + 1
        process.next += skipped + 1

    def end(self) -> dict[str, int]:
        """Wait whether anything comes that should not, and return what was wrong."""
        with contextlib.suppress(WireError, OSError):  # that is what led here, if there is one
            self.stay(0.2)
        return dict(self.faults) | {"lost": self.faults["lost"] + self.left}

    # What is said

    def begin(self) -> None:
        """Have all of them wait."""

    def warm_up(self) -> None:
        """Tell them a little that is not measured: then nobody has waited for long."""
        for _ in range(3):
            self.tell(1, PAUSE)

    def new(self, number: int) -> bytes:
        """Return something to be told."""
        notice = {"id": number, "author": AUTHOR, "text": f"{SENTENCE} ({number})"}
        return json.dumps(notice | {"official": True, "created": CREATED}).encode()

    def command(self, what: bytes) -> bytes:
        """Return the command that tells all of them something."""
        raise NotImplementedError

    def say(self, what: list[bytes]) -> None:
        """Tell all of them, all at once."""
        self.sent += what
        self.expect(len(what) * len(self.all))
        self.speaker.say(b"".join(map(self.command, what)) + self.last)

    def expect(self, number: int) -> None:
        """Wait for so many deliveries."""
        self.left += number
        self.deliveries += number

    def tell(self, size: int, pause: float) -> None:
        """Tell so much at once, and wait until all have it, and a while longer."""
        self.say([self.new(len(self.sent) + n) for n in range(size)])
        self.wait()
        self.stay(pause)

    def tell_by_the_clock(self, seconds: int) -> None:
        """Have each process speak once a second, by turns."""
        began, number = time.perf_counter(), len(self.all)
        for n in range(seconds * number):
            self.turn(0)
            self.stay(began + n / number - time.perf_counter())
            self.report(n % number)
        self.stay(began + seconds - time.perf_counter())
        self.wait()

    def report(self, number: int) -> None:
        """Have a process say who is there."""
        raise NotImplementedError

    # What is measured

    def cost(self, do, *arguments) -> dict[str, float]:
        """Return the seconds that something takes: of time, of Redis's CPU and of our own."""
        began = self.now()
        do(*arguments)
        parts = zip(("time", "redis", "load"), began, self.now(), strict=True)
        took = {name: after - before for name, before, after in parts}
        return took | {"net": took["redis"] - self.idle * took["time"]}

    def now(self) -> tuple[float, float, float]:
        """Return the time, Redis's CPU and our own."""
        time.sleep(PAUSE)
        return time.perf_counter(), cpu(self.plan["redis_pid"]), time.process_time()

    def quiet(self, seconds: float, number: int) -> dict:
        """Say nothing, several times, for so short that nobody asks again."""
        took: Counter = Counter()
        for _ in range(number):
            self.warm_up()
            took.update(self.cost(self.stay, seconds))
        self.idle = took["redis"] / took["time"]
        return {"redis_ms": 1e3 * self.idle}

    def one(self, seconds: float, least: int, pause: float = 0) -> dict:
        """Tell the next when all have the one before."""
        before = len(self.sent)

        def tell() -> None:
            end = time.perf_counter() + seconds
            while len(self.sent) < before + least or time.perf_counter() < end:
                self.tell(1, pause)

        took = self.cost(tell)
        return self.each(took, len(self.sent) - before)

    rare = one  # with a pause after each

    def burst(self, size: int, number: int) -> dict:
        """Tell many at once."""
        took = self.cost(lambda: [self.tell(size, PAUSE) for _ in range(number)])
        return self.each(took, size * number)

    def each(self, took: dict, notices: int) -> dict:
        """Return what a notice takes."""
        figures = {"redis_us": took["net"], "load_us": took["load"]}
        figures = {name: 1e6 * seconds / notices for name, seconds in figures.items()}
        return figures | {"notices": notices}

    def second(self, seconds: int, most: int = 0) -> dict | None:
        """Have each process say once a second who is there."""
        self.tell_by_the_clock(1)  # not measured: then all have said it
        took = self.cost(self.tell_by_the_clock, seconds)
        figures = {"redis_ms": took["net"], "load_ms": took["load"], "took_ms": took["time"]}
        figures = {name: 1e3 * value / seconds for name, value in figures.items()}
        return figures | {"bytes": len(self.reports[0])}


class Stream(Way):
    """As from step 5 on: each asks for what comes after what it has."""

    phases = "quiet", "silent", "rare", "one", "burst"
    stream = live.stream_of(HALLS[0])
    last = packed("WAIT", 1, 500)  # for the replica
    asked = 0

    def begin(self) -> None:
        """Have all of them wait for what comes after the first entry."""
        first = self.redis.xadd(self.stream, {"began": ""})
        for process in self.all:
            process.cursor = first
            self.ask(process)

    def ask(self, process: Process) -> None:
        """Ask for what comes next, as the step's read_after does."""
        self.asked += 1
        process.say(self.question(process.cursor))

    @lru_cache(256)  # noqa: B019  (there is one of these)
    def question(self, cursor: bytes) -> bytes:
        """Return what to say, to hear what comes after a cursor."""
        block = round(1000 * self.plan["silent"]["block"])
        wait = packed("XREAD", "BLOCK", block, "COUNT", 1, "STREAMS", self.stream, cursor)
        return wait + packed("XRANGE", self.stream, cursor, "+", "COUNT", 1 + live.BATCH)

    def take(self, process: Process) -> None:
        """Check the entries, and ask for the next ones."""
        if len(process.said) < 2:
            return
        _, [(before, _), *entries] = process.said
        process.said.clear()
        if before != process.cursor:
            raise WireError("the stream has ended before its readers")
        for process.cursor, (_, notice) in entries:
            self.told(process, notice)
        self.ask(process)

    def command(self, what: bytes) -> bytes:
        """Append it, once."""
        keys = self.stream, f"{{{self.stream}}}:{uuid4().hex}"
        return packed("EVAL", live.APPEND_ONCE, len(keys), *keys, live.KEPT, "notice", what)

    def silent(self, block: float, number: int) -> dict:
        """Have each of them wait in vain, several times."""
        before = self.asked
        took = self.cost(self.stay, block * number)
        asked = (self.asked - before) / took["time"]
        return {"redis_ms": 1e3 * took["redis"] / took["time"], "asked": asked}


class Channel(Way):
    """Each has subscribed, and is told."""

    phases = "quiet", "rare", "one", "burst"
    channel, speak = "notices", "SPUBLISH"
    first = (("SSUBSCRIBE", channel),)

    def take(self, process: Process) -> None:
        """Check the messages."""
        for _, _, what in process.said:
            self.told(process, what)
        process.said.clear()

    def command(self, what: bytes) -> bytes:
        """Publish it."""
        return packed(self.speak, self.channel, what)


class Everybody(Channel):
    """Who is here, as up to step 8: each process tells all others."""

    phases = "quiet", "one", "burst", "second"
    channel, speak = "presence", "PUBLISH"
    first = (("SUBSCRIBE", channel),)

    def __init__(self, plan: dict):
        super().__init__(plan)
        self.reports = [
            json.dumps([who, *here]).encode() for who, here in said(plan["clients"]).items()
        ]

    def new(self, number: int) -> bytes:
        """Return the report of a process."""
        return self.reports[number % len(self.reports)]

    def burst(self, size: int, number: int) -> dict:
        """Tell some at once: as many as notices would be half a gigabyte that waits."""
        return super().burst(size // 10, number)

    def report(self, number: int) -> None:
        """Tell all of them what one of them reports."""
        self.say([self.reports[number]])

    def second(self, seconds: int, most: int) -> dict | None:
        """Have each tell all, unless they are so many that no Redis could."""
        return super().second(seconds) if len(self.all) <= most else None


class OneAddsUp(Way):
    """Who is here, as in step 9: each says it to Redis, and one of them adds up."""

    phases = "quiet", "second"

    def __init__(self, plan: dict):
        super().__init__(plan)
        here = said(plan["clients"])
        self.reports = [json.dumps(each).encode() for each in here.values()]
        self.exchanges = [
            exchange(who, report) for who, report in zip(here, self.reports, strict=True)
        ]
        # Added up beforehand: that is the work of a process, not of Redis.
        self.sum = json.dumps(presence.add_up(self.reports)).encode()

    def warm_up(self) -> None:
        """Say nothing yet: it would be forgotten soon."""

    def report(self, number: int) -> None:
        """Have a process say who is there, and hear who is everywhere."""
        self.expect(1)
        self.all[number].say(self.exchanges[number])

    def take(self, process: Process) -> None:
        """Check who is everywhere; add up if it is this one's turn."""
        if len(process.said) < 6:  # MULTI, four commands, EXEC
            return
        *_, (_, _, mine, sum_) = process.said
        process.said.clear()
        self.left -= 1
        if mine or not sum_:
            here = self.redis.hvals(presence.HERE)
            if self.deliveries > len(self.all):  # By now all have said it.
                self.faults["lost"] += len(set(self.reports) - set(here))
            self.redis.set(presence.SUM, self.sum, ex=presence.FORGET)
        elif sum_ != self.sum:
            self.faults["changed"] += 1


def said(number: int) -> dict[str, list]:
    """Return what so many processes say, each with twenty names in each hall."""
    names = (f"attendee{n:06}" for n in range(number * len(HALLS) * presence.NAMES))
    return {
        f"machine-{n // 4:04}:{4000 + n % 4}": [
            BROWSERS,
            {
                hall: [BROWSERS // len(HALLS), [next(names) for _ in range(presence.NAMES)]]
                for hall in HALLS
            },
        ]
        for n in range(number)
    }


def exchange(who: str, report: bytes) -> bytes:
    """Return what a process says once a second, as the step's exchange does."""
    commands = (
        ("MULTI",),
        ("HSET", presence.HERE, who, report),
        ("HEXPIRE", presence.HERE, presence.FORGET, "FIELDS", 1, who),
        ("SET", presence.TURN, who, "NX", "PX", 900 * presence.EVERY),
        ("GET", presence.SUM),
        ("EXEC",),
    )
    return b"".join(packed(*command) for command in commands)


WAYS = {way.__name__: way for way in (Stream, Channel, Everybody, OneAddsUp)}


def run(plan: dict, say=lambda phase: None) -> dict:
    """Do what the plan says, and return what came of it."""
    way, result = WAYS[plan["wire"]](plan), {}
    try:
        way.begin()
        for phase in way.phases:
            say(phase)
            if took := getattr(way, phase)(**plan[phase]):
                result[phase] = took
    except (WireError, OSError, redis.RedisError) as error:
        result["problem"] = str(error)
    return result | {"faults": way.end(), "deliveries": way.deliveries}


if __name__ == "__main__":
    main(run)
