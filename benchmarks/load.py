"""Be N browsers of one server, count every delivery, and say what it cost: load.py PLAN

PLAN is JSON, see workshop/bench/run.py. What is printed is a line of JSON for each phase that
begins, and one with the result. One process, no framework: what this costs must stay small beside
what it measures, and stands next to it in the report.
"""

import contextlib
import errno
import gc
import http.client
import json
import math
import resource
import select
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import redis
from wire import CLOSE, PING, PONG, TEXT, WIRES, WireError, frames, masked

PAGES = Path(__file__).with_name("pages.py")
AT_ONCE = 64  # handshakes in flight
SIZE = 1 << 16  # bytes that are read at once: for more, malloc would ask the kernel each time
AUTHOR = "The registration desk"
SENTENCE = "The next talk in track B starts ten minutes late, in room 2."  # as notices are
LONG = "Everything that a notice may hold, which is a lot of text. "
CREATED = "2026-01-01T12:00:00+00:00"


class Client:
    """One browser."""

    __slots__ = (
        "deaf",
        "is_websocket",
        "load",
        "missing",
        "next",
        "ready",
        "recv",
        "rest",
        "sock",
        "unsent",
    )

    def __init__(self, load, deaf: bool = False):
        self.load, self.deaf = load, deaf
        self.next = 0  # the number of the notice that comes next
        self.missing = set()
        self.connect()

    def connect(self, first: bytes | None = None) -> None:
        """Connect; the wire, or this request, has the first word."""
        self.ready = self.is_websocket = False
        self.rest = self.unsent = b""
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.deaf:
            # As small as on a network: on loopback the kernel would take MB in the server's place.
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1460)
        self.recv = self.sock.recv
        if self.load.sources:
            self.sock.bind((next(self.load.sources), 0))
        code = self.sock.connect_ex(("127.0.0.1", self.load.port))
        if code not in (0, errno.EINPROGRESS):
            raise WireError(f"no connection: {errno.errorcode[code]}")
        self.load.watch(self, self.load.others)
        self.write(first) if first else self.load.wire.begin(self)

    connect_again = connect

    def write(self, data: bytes) -> None:
        """Send a few bytes, for which there always is room."""
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            if self.is_websocket:
                raise WireError("the server does not read") from None
            # Not connected yet: the server has a long queue.
            self.unsent, sent = data, len(data)
            self.load.epoll.modify(self.sock, select.EPOLLOUT)
        if sent != len(data):
            raise WireError("the server does not read")

    def say(self, payload: bytes) -> None:
        """Send a message."""
        self.write(masked(payload))

    def step(self) -> None:
        """Read on in an HTTP answer."""
        if self.unsent:
            self.load.epoll.modify(self.sock, select.EPOLLIN)
            first, self.unsent = self.unsent, b""
            return self.write(first)
        whole = read_answer(self)
        if whole is None:
            return
        status, head, body = whole
        self.load.forget(self)
        if status == b"101":
            self.load.watch(self, self.load.live)
        else:
            self.sock.close()
        self.rest = b""
        self.load.wire.answered(self, status, head, body)
        if status == b"101" and body:
            self.load.take(self, body)

    def is_ready(self) -> None:
        """Count this one in: from now on it must hear everything."""
        self.ready = True
        self.load.ready += 1
        self.next = self.next or len(self.load.sent)  # unless it was here before

    def count(self, number: int) -> bool:
        """Take a notice that is not the next one; tell whether it was one that is still wanted."""
        if number >= self.next:
            self.missing.update(range(self.next, number))
            self.next = number + 1
            return True
        if number in self.missing:
            self.missing.discard(number)
            self.load.faults["out of order"] += 1
            return True
        self.load.faults["twice"] += 1
        return False


def read_answer(who) -> tuple[bytes, bytes, bytes] | None:
    """Return status, head and body of an HTTP answer once it is whole."""
    try:
        data = who.recv(SIZE)
    except BlockingIOError:
        return None
    except OSError as error:
        raise WireError(f"during an HTTP request: {error}") from None
    who.rest += data
    head, end, body = who.rest.partition(b"\r\n\r\n")
    status = head[9:12]
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    length = next((int(value) for name, _, value in lines if name == b"content-length"), None)
    if end and (status == b"101" or (length is not None and len(body) >= length) or not data):
        return status, head, body
    if not data:
        raise WireError("the server closed a connection during an HTTP request")
    return None


class Load:
    """All browsers of a run."""

    def __init__(self, plan: dict):
        self.port, self.pids = plan["port"], plan["pids"]
        self.patience = plan.get("patience", 20)
        self.sources = None  # where connections come from, if not from 127.0.0.1
        self.wire = WIRES[plan["wire"]](self.port)
        self.redis = redis.Redis(port=plan["redis_port"])
        self.publisher = self.wire.publisher(plan["redis_port"])
        self.redis_pid = plan["redis_pid"]
        self.epoll = select.epoll()
        self.live, self.others = {}, {}  # by descriptor: websockets, and what speaks HTTP
        self.clients = []
        self.ready = 0
        self.seen, self.known = {}, {}  # what the same bytes and the same message said before
        self.sent, self.times = [None], [0]  # by number: each notice, and when
        self.left = 0  # deliveries that are still to come
        self.deliveries = 0
        self.latencies = None  # of each delivery in ns, while somebody wants to know
        self.faults = Counter()

    # The loop

    def watch(self, who, where: dict) -> None:
        """Call who.step(), or take(), when there is something to read."""
        where[who.sock.fileno()] = who
        self.epoll.register(who.sock.fileno(), select.EPOLLIN)

    def forget(self, who) -> None:
        """Watch somebody no more."""
        self.epoll.unregister(who.sock.fileno())
        for where in (self.live, self.others):
            where.pop(who.sock.fileno(), None)

    def turn(self, timeout: float) -> bool:
        """Wait for what comes, and take it; tell whether something came."""
        events = self.epoll.poll(max(timeout, 0))
        live, seen, clock = self.live, self.seen, time.perf_counter_ns
        for fd, _ in events:
            client = live.get(fd)
            if client is None:
                if fd in self.others:
                    self.others[fd].step()
                continue
            try:
                data = client.recv(SIZE)
            except BlockingIOError:
                continue
            except OSError as error:
                raise WireError(f"the server broke a connection: {error.strerror}") from None
            found = seen.get(data) if not client.rest else None
            if found is None:
                self.take(client, data)
                continue
            first, last, numbers = found
            if first == client.next:
                client.next = last + 1
                self.left -= len(numbers)
            else:
                self.left -= sum(self.count(client, number) for number in numbers)
            if self.latencies is not None:
                now = clock()
                self.latencies += [now - self.times[number] for number in numbers]
        return bool(events)

    def take(self, client: Client, data: bytes) -> None:
        """Read frames as they are written, and remember what bytes hold nothing but notices."""
        if not data:
            raise WireError("the server closed a connection")
        now = time.perf_counter_ns()
        fresh = not client.rest
        found, client.rest = frames(client.rest + data)
        numbers, only_notices = [], fresh and not client.rest
        for kind, payload in found:
            about = self.numbers(payload) if kind == TEXT else None
            if about is not None:
                numbers += about
                self.left -= sum(self.count(client, number) for number in about)
                continue
            only_notices = False
            if kind == TEXT:
                self.wire.heard(client, payload)
            elif kind == PING:
                client.write(masked(payload, PONG))
            elif kind == CLOSE:
                raise WireError(f"the server closed a websocket: {payload!r}")
        if only_notices and numbers:
            # The first is 0, which nobody waits for, unless each follows the one before.
            in_order = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
            if len(self.seen) > 2000:
                self.seen.clear()
            self.seen[data] = numbers[0] if in_order else 0, numbers[-1], numbers
        if self.latencies is not None:
            self.latencies += [now - self.times[number] for number in numbers]

    def count(self, client: Client, number: int) -> bool:
        """Take a notice; tell whether it is one that was still to come."""
        if number != client.next:
            return client.count(number)
        client.next = number + 1
        return True

    def numbers(self, payload: bytes) -> list[int] | None:
        """Return the numbers of the notices in a message, each checked against what was sent."""
        if payload in self.known:
            return self.known[payload]
        try:
            notices = self.wire.notices(payload)
            numbers = None if notices is None else [notice["id"] for notice in notices]
            for number, notice in zip(numbers or (), notices or (), strict=True):
                if self.sent[number] != notice:
                    self.faults["changed"] += 1
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise WireError(f"no notice: {payload[:200]!r} ({error!r})") from None
        if len(self.known) > 5000:
            self.known.clear()
        self.known[payload] = numbers
        return numbers

    # What is done

    def expect(self, number: int, clients: int, sentence: str = SENTENCE) -> None:
        """Wait for as many notices, which so many will be told."""
        first = len(self.sent)
        for each in range(first, first + number):
            notice = {"id": each, "author": AUTHOR, "text": f"{sentence} ({each})"}
            self.sent.append(notice | {"official": True, "created": CREATED})
        self.left += number * clients
        self.deliveries += number * clients

    def publish(self, number: int = 1, sentence: str = SENTENCE) -> None:
        """Publish notices, all at once."""
        self.expect(number, len(self.clients), sentence)
        texts = [json.dumps(notice).encode() for notice in self.sent[-number:]]
        commands = [self.wire.publishing(text) for text in texts]
        packed = self.publisher.pack_commands(commands)
        self.times += [time.perf_counter_ns()] * number
        self.publisher.send_packed_command(packed)
        for _ in commands:
            self.publisher.read_response()

    def wait(self) -> None:
        """Wait until everybody has everything; give up when nothing comes any more."""
        while self.left > 0:
            if not self.turn(self.patience):
                raise TimeoutError

    def idle(self, seconds: float) -> None:
        """Be there, and answer pings."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.turn(left)

    def get_ready(self) -> None:
        """Wait until the server listens, and get its page, which may say where we are."""
        end = time.monotonic() + self.patience
        while time.monotonic() < end:
            page = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.patience)
            page.request("GET", self.wire.page)
            found = self.wire.read_page(page.getresponse().read())
            page.close()
            if found and self.wire.listens(self.redis):
                return
            time.sleep(0.05)
        raise WireError("it does not listen to Redis")

    def connect(self, number: int) -> dict:
        """Connect as many, each up to where it is sure to hear the next notice."""
        self.get_ready()
        meter = Meter(self)
        new = []
        self.open([lambda: new.append(Client(self))] * number)
        cost = meter.stop(number)
        for client in new:
            if self.wire.is_told(client):
                self.clients.append(client)
            else:
                client.next = math.inf  # Whatever it is told would be one too many.
        return cost | {"per_second": number / cost["seconds"]}

    def open(self, starts: list) -> None:
        """Begin these handshakes, a few at a time, and wait for the end of the last."""
        begun, before = 0, self.ready
        while (done := self.ready - before) < len(starts):
            for start in starts[begun : done + AT_ONCE]:
                start()
                begun += 1
            if not self.turn(self.patience):
                raise WireError(f"{begun - done} handshakes went no further")

    def warm_up(self) -> None:
        """Have one browser come, hear something and go: what the first one costs is not counted."""
        self.connect(1)
        self.publish()
        self.wait()
        client = self.clients.pop()
        self.forget(client)
        client.sock.close()
        self.idle(0.2)

    def one_at_a_time(self, seconds: float, least: int, most: int) -> dict:
        """Publish a notice when everybody has the one before."""
        meter, began = Meter(self), len(self.sent)
        while len(self.sent) - began < most:
            if len(self.sent) - began >= least and meter.seconds() > seconds:
                break
            self.publish()
            self.wait()
        notices = len(self.sent) - began
        return meter.stop(notices * len(self.clients), notices)

    def bursts(self, size: int, number: int) -> dict:
        """Publish many at once."""
        meter = Meter(self)
        for _ in range(number):
            self.publish(size)
            self.wait()
        return meter.stop(size * number * len(self.clients), size * number) | {"size": size}

    def paced(self, rate: float, seconds: float) -> dict:
        """Publish by the clock, and take each delivery's time."""
        self.latencies, late = [], 0
        began = time.perf_counter()
        number = max(1, round(rate * seconds))
        for each in range(number):
            late += self.left > 0
            self.publish()
            self.idle(began + (each + 1) / rate - time.perf_counter())
        self.wait()
        taken, self.latencies = self.latencies, None
        return quantiles(taken) | {"late": late, "notices": number, "rate": rate}

    def pages_meanwhile(self, seconds: float) -> dict:
        """Have a page asked for while everybody is told one notice after the other."""
        command, began = [sys.executable, PAGES, str(self.port), str(seconds)], len(self.sent)
        with subprocess.Popen(command, stdout=subprocess.PIPE) as pages:
            while pages.poll() is None:
                self.publish()
                self.wait()
            times = json.loads(pages.stdout.read() or "null")
        if not times:
            raise WireError("the page did not come")
        return quantiles(times) | {"pages": len(times), "notices": len(self.sent) - began}

    def pairs(self, number: int) -> dict:
        """Two notices 2 ms apart, to a browser that has just said something."""
        second = []
        for _ in range(number):
            self.publish()  # Who answers what has just come is not told at once that more did.
            self.wait()
            self.wire.greet(self.clients[0])
            self.idle(0.01)
            self.publish()
            self.idle(0.002)
            self.latencies = []
            self.publish()
            self.wait()
            second.append(max(self.latencies))
            self.latencies = None
            self.idle(0.01)
        return quantiles(second)

    def deaf(self, megabytes: float) -> dict:
        """Have one more browser that never reads, and see what it costs."""
        deaf = Client(self, deaf=True)
        while not deaf.ready:
            if not self.turn(self.patience):
                raise WireError("a handshake went no further")
        self.forget(deaf)
        own = deaf.sock.getsockname()[1]
        before = memory(self.pids)
        notices, queued, most, gone = 0, 0, 0, None
        long = (LONG * 9)[:260]
        while queued < megabytes * 1e6 and gone is None:
            self.publish(200, long)
            self.wait()
            notices += 200
            queued += 200 * len(json.dumps(self.sent[-1]))
            most = max(most, memory(self.pids) - before)
            if not holds(self.pids, own):
                gone = notices
        self.idle(0.5)
        if gone is None and not holds(self.pids, own):
            gone = notices
        deaf.sock.close()
        kib = {"most_kib": most, "end_kib": memory(self.pids) - before}
        return kib | {"notices": notices, "megabytes": queued / 1e6, "gone_after": gone}

    def end(self) -> dict[str, int]:
        """Wait whether anything comes that should not, and return what was wrong."""
        with contextlib.suppress(WireError):  # that is what led here, if there is one
            self.idle(0.2)
        total = len(self.sent)
        lost = sum(len(client.missing) + total - client.next for client in self.clients)
        return {"lost": lost} | {
            kind: self.faults[kind] for kind in ("twice", "out of order", "changed")
        }


class Meter:
    """What the server, this process and Redis take from now on."""

    def __init__(self, load: Load, helpers: tuple[int, ...] = ()):
        self.load, self.helpers = load, helpers
        others = self.others()
        self.began = time.perf_counter(), self.own(), *others

    def own(self) -> float:
        """Return the CPU seconds of the load itself, with the processes that help it."""
        return time.process_time() + sum(map(cpu, self.helpers))

    def others(self) -> list[float]:
        """Return the CPU seconds of the server and of Redis."""
        # The kernel adds a slice of CPU once it has ended: what they are at now should be over.
        time.sleep(0.02)
        try:
            return [sum(map(cpu, self.load.pids)), cpu(self.load.redis_pid)]
        except OSError:
            raise WireError("the server has ended by itself") from None

    def seconds(self) -> float:
        """Return how long it is."""
        return time.perf_counter() - self.began[0]

    def stop(self, deliveries: int, notices: int = 0) -> dict:
        """Return the cost of each delivery, in microseconds of CPU."""
        own = time.perf_counter(), self.own()
        now = *own, *self.others()
        seconds, *cpus = (each - began for each, began in zip(now, self.began, strict=True))
        result = {"seconds": seconds, "deliveries": deliveries, "notices": notices}
        for name, each in zip(("load", "server", "redis"), cpus, strict=True):
            result[f"{name}_us"] = each * 1e6 / deliveries
        result["load_busy"] = 100 * cpus[0] / seconds
        if notices:
            result["redis_us_notice"] = cpus[2] * 1e6 / notices
            result["server_us_notice"] = cpus[1] * 1e6 / notices
            result["told"] = deliveries // notices  # browsers, of each
        return result


def cpu(pid: int) -> float:
    """Return the CPU seconds of another process, all its threads, to the nanosecond."""
    # Linux's clock_getcpuclockid(3); /proc/PID/stat counts in steps of 10 ms.
    return time.clock_gettime(~pid << 3 | 2)


def memory(pids: list[int]) -> float:
    """Return the KiB of the server's processes; what they share is counted once."""
    return sum(psutil.Process(pid).memory_full_info().pss for pid in pids) / 1024


def holds(pids: list[int], port: int) -> bool:
    """Tell whether the server still has its end of the connection from this port."""
    ends = (end for pid in pids for end in psutil.Process(pid).net_connections("tcp"))
    return any(end.raddr and end.raddr.port == port for end in ends)


def quantiles(times: list[int]) -> dict[str, float]:
    """Return the middle, the 99th percentile and the largest, in milliseconds."""
    times = sorted(times)
    at = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {name: times[min(len(times) - 1, int(len(times) * q))] / 1e6 for name, q in at.items()}


def run(plan: dict, say=lambda phase: None) -> dict:
    """Do what the plan says, and return what came of it."""
    load = Load(plan)
    result = {}
    try:
        load.warm_up()
        before = memory(load.pids)
        say("connecting")
        number = plan["clients"]
        result["connect"] = load.connect(number)
        load.idle(plan["settle"])
        result["memory"] = {"kib": (memory(load.pids) - before) / number, "server_kib": before}
        ours = 1 + isinstance(load.publisher, redis.Connection)
        connections = load.redis.info("clients")["connected_clients"] - ours
        result["redis"] = {"connections": connections}
        if plan.get("one"):
            say("one at a time")
            load.one_at_a_time(plan["one"]["seconds"] / 5, 3, 100)  # to get warm
            result["one"] = load.one_at_a_time(**plan["one"])
        if plan.get("burst"):
            say("bursts")
            size, most = plan["burst"]["size"], plan["burst"]["seconds"]
            if one := result.get("one"):
                size = max(10, min(size, int(most * one["notices"] / one["seconds"])))
            result["burst"] = load.bursts(size, plan["burst"]["number"])
        if plan.get("paced"):
            say("by the clock")
            result["paced"] = load.paced(**plan["paced"])
        if plan.get("page"):
            say("pages meanwhile")
            result["page"] = load.pages_meanwhile(**plan["page"])
        if plan.get("pairs"):
            say("two in a row")
            result["pair"] = load.pairs(plan["pairs"])
        if plan.get("deaf"):
            say("one that never reads")
            load.connect(1)
            result["deaf"] = load.deaf(plan["deaf"])
    except (WireError, OSError, psutil.Error) as error:
        # TimeoutError is an OSError: nothing came any more, and what is lost is counted.
        result["problem"] = str(error) or "not everything arrived"
    result["faults"] = load.end()
    result["deliveries"] = load.deliveries
    return result


def main(run=run) -> None:
    """Run the plan of the command line."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.disable()  # Nothing here is a cycle, and a pause would look like the server's.
    print(
        json.dumps(run(json.loads(sys.argv[1]), lambda phase: print(json.dumps(phase), flush=True)))
    )


if __name__ == "__main__":
    main()
