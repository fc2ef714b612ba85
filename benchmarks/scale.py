"""Be very many browsers: scale.py PLAN. This process leads others, each with a share of them.

PLAN is JSON, see workshop/bench/run.py; what is printed is as load.py prints it. All share out:
the ports of the server, and the addresses from which they come, 127.0.x.y.
"""

import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import time

import psutil
from load import Load, Meter, main, memory
from wire import WireError

FROM_ONE = 5000  # browsers from one address: it has 28 000 ports, and each is free again after 60 s
PROCESSES = 4  # at least
QUIET = 1.0  # seconds before what is told to everybody


class Part(Load):
    """The browsers of one process, which does what it is told on its standard input."""

    def __init__(self, plan: dict):
        super().__init__(plan)
        self.sources = itertools.cycle(plan["sources"])
        self.asked = []
        self.state, self.since = None, 0.0  # what is still to come, and when it last changed
        self.problem = ""
        self.missed = 0  # what was told while browsers were away, to a server that forgets it
        self.others[0] = self
        self.epoll.register(0)

    def step(self) -> None:
        """Take what the leader says, and end when it has."""
        said = os.read(0, 1 << 16)
        if not said:
            sys.exit()
        self.asked += said.splitlines()

    def turn(self, timeout: float) -> bool:
        """Take what comes; tell whether more than heartbeats came in the time that it may take."""
        super().turn(min(timeout, 1))
        now, state = time.perf_counter(), (self.left, self.ready)
        if state != self.state:
            self.state, self.since = state, now
        return now - self.since < self.patience

    def serve(self) -> None:
        """Be there, answer pings, and do what is asked."""
        while True:
            try:
                self.turn(1)
            except (WireError, OSError) as error:
                self.problem = self.problem or str(error)
            while self.asked:
                print(json.dumps(self.answer(*json.loads(self.asked.pop(0)))), flush=True)

    def answer(self, do: str, *arguments) -> dict:
        """Do something, and return what there is to say of it."""
        if do != "wait":  # That began when there was something to wait for.
            self.state, self.since = None, time.perf_counter()
        result = None
        try:
            if not self.problem or do == "end":
                result = getattr(self, do)(*arguments)
        except (WireError, OSError) as error:
            self.problem = str(error) or "not everything arrived"
        return result or {"problem": self.problem, "at": self.since}

    def come(self, number: int) -> None:
        """Connect as many more."""
        self.connect(number)

    def listen(self, number: int) -> None:
        """Expect notices."""
        self.expect(number, len(self.clients))

    def go(self, number: int) -> None:
        """Close all connections without a word; so many notices will be told meanwhile."""
        for client in self.clients:
            self.forget(client)
            client.sock.close()
        self.ready = 0
        self.expect(number, len(self.clients) if self.wire.catches_up else 0)
        if not self.wire.catches_up:
            self.missed += number * len(self.clients)
            for client in self.clients:
                client.next = len(self.sent)

    def come_back(self) -> None:
        """Connect all of them again, and wait until they know what they have missed."""
        self.open([client.connect for client in self.clients])
        self.wait()

    def end(self) -> dict:
        """Return what was wrong, and how much was looked at."""
        return {
            "faults": super().end(),
            "deliveries": self.deliveries,
            "missed": self.missed,
            "ping_every": self.wire.ping_every,
            "problem": self.problem,
        }


class Crowd(Load):
    """All of them: who publishes, and asks the parts."""

    def __init__(self, plan: dict):
        ports, number = plan["ports"], plan["clients"]
        super().__init__(plan | {"port": ports[0]})
        # As many as the open files of one allow, and each has one of the server's ports.
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100
        processes = len(ports) * -(-max(PROCESSES, -(-number // files)) // len(ports))
        self.shares = [number // processes + (n < number % processes) for n in range(processes)]
        self.parts = []
        self.idle_us = 0.0  # CPU of the server in a second
        for n, share in enumerate(self.shares):
            sources = [f"127.0.{n + 1}.{k + 1}" for k in range(-(-share // FROM_ONE))]
            part = plan | {"port": ports[n % len(ports)], "sources": sources}
            command = [sys.executable, __file__, json.dumps(part)]
            pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
            self.parts.append(subprocess.Popen(command, text=True, bufsize=1, **pipes))

    def ask(self, do: str, *arguments, each: list | None = None) -> list[float]:
        """Have each part do something; return when each was done."""
        for part, own in zip(self.parts, each or [()] * len(self.parts), strict=True):
            part.stdin.write(json.dumps([do, *arguments, *own]) + "\n")
        answers = [json.loads(part.stdout.readline() or "{}") for part in self.parts]
        for answer in answers:
            if answer.get("problem", "a process of the load has ended"):
                raise WireError(answer.get("problem", "a process of the load has ended"))
        return [answer["at"] for answer in answers]

    def meter(self) -> Meter:
        """Measure what all of it takes from now on."""
        return Meter(self, tuple(part.pid for part in self.parts))

    def tell(self, number: int = 1) -> float:
        """Publish notices; return how many seconds it is until the last browser has the last."""
        self.ask("listen", number)
        self.publish(number)
        return max(self.ask("wait")) - self.times[-1] / 1e9

    def told(self, meter: Meter, notices: int, seconds: list[float]) -> dict:
        """Return the cost of the deliveries, and how long the last browser waited."""
        deliveries = notices * sum(self.shares)
        cost = meter.stop(deliveries, notices)
        # Of the seconds in which there was something to hear.
        cost["load_busy"] = cost["load_us"] * deliveries / sum(seconds) / 1e4
        # Without what goes on when there is nothing to hear: it is by the second, not by delivery.
        cost["net_us"] = cost["server_us"] - self.idle_us * cost["seconds"] / deliveries
        return cost | {"last": statistics.median(seconds), "worst": max(seconds)}

    def come(self) -> dict:
        """Connect all but those who are there already."""
        number = sum(self.shares) - self.first()
        meter = self.meter()
        self.ask("come", each=[[share - min(share, 1)] for share in self.shares])
        cost = meter.stop(number)
        return cost | {"per_second": number / cost["seconds"]}

    def first(self) -> int:
        """Return how many came first, one of each part: what they cost is not counted."""
        return sum(min(share, 1) for share in self.shares)

    def rest(self, seconds: float) -> dict:
        """Tell nothing, and see what heartbeats take in a second."""
        meter = self.meter()
        time.sleep(seconds)
        cost = meter.stop(1)
        self.idle_us = cost["server_us"] / cost["seconds"]
        return cost | {"server_ms": self.idle_us / 1e3}

    def one(self, number: int) -> dict:
        """Tell a notice when all is quiet, several times."""
        meter, seconds = self.meter(), []
        for _ in range(number):
            time.sleep(QUIET)
            seconds.append(self.tell())
        return self.told(meter, number, seconds)

    def minute(self, seconds: float) -> dict:
        """Tell a notice when all have the one before."""
        meter, took = self.meter(), []
        while not took or meter.seconds() < seconds:
            took.append(self.tell())
        return self.told(meter, len(took), took) | {"per_second": len(took) / meter.seconds()}

    def bursts(self, size: int, number: int) -> dict:
        """Tell many at once."""
        meter, took = self.meter(), []
        for _ in range(number):
            time.sleep(QUIET)
            took.append(self.tell(size))
        return self.told(meter, size * number, took) | {"size": size}

    def away(self, number: int) -> dict:
        """Have everybody go at one moment, tell some, and have everybody come back."""
        self.ask("go", number)
        self.publish(number)
        time.sleep(2 * QUIET)
        meter, began = self.meter(), time.perf_counter()
        last = max(self.ask("come_back")) - began
        return meter.stop(sum(self.shares)) | {"last": last, "told": number}

    def sums(self) -> dict:
        """Have the parts end, and return what they have seen."""
        result = {"faults": {}, "deliveries": 0, "missed": 0}
        for part in self.parts:
            part.stdin.write('["end"]\n')
        for part in self.parts:
            said = json.loads(part.stdout.readline() or '{"problem": "a process has ended"}')
            for kind, count in said.get("faults", {}).items():
                result["faults"][kind] = result["faults"].get(kind, 0) + count
            result["deliveries"] += said.get("deliveries", 0)
            result["missed"] += said.get("missed", 0)
            result["ping_every"] = said.get("ping_every")
            part.stdin.close()
            part.wait()
        return result


def run(plan: dict, say=lambda phase: None) -> dict:
    """Do what the plan says, and return what came of it."""
    crowd = Crowd(plan)
    result = {"processes": len(crowd.parts)}
    try:
        say("connecting")
        crowd.ask("come", each=[[min(share, 1)] for share in crowd.shares])
        crowd.tell()
        before = memory(crowd.pids)
        result["connect"] = crowd.come()
        say("quiet")
        result["idle"] = crowd.rest(plan["settle"])
        kib = (memory(crowd.pids) - before) / (plan["clients"] - crowd.first())
        result["memory"] = {"kib": kib, "server_kib": before}
        say("one to all")
        result["one"] = crowd.one(plan["one"])
        say("one after the other")
        result["minute"] = crowd.minute(plan["minute"])
        say("bursts")
        result["burst"] = crowd.bursts(**plan["burst"])
        say("away and back")
        result["back"] = crowd.away(plan["away"])
    except (WireError, OSError, psutil.Error) as error:
        result["problem"] = str(error)
    result |= crowd.sums()
    if "back" in result:
        result["back"]["missed"] = result["missed"] / plan["clients"]
    return result


if __name__ == "__main__":
    main(run) if "sources" not in sys.argv[1] else main(lambda plan, _: Part(plan).serve())
