"""Well-known servers under the same faults, each with the client that its documentation has."""

import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from workshop.base.paths import ROOT
from workshop.base.problem import Problem
from workshop.bench import run as bench
from workshop.bench import servers as peers
from workshop.fire import others
from workshop.fire.faults import Fault, left_out
from workshop.fire.report import HEADINGS, row
from workshop.fire.run import run_all
from workshop.fire.size import Size
from workshop.fire.tally import Tally
from workshop.fire.target import SENDER, Subject
from workshop.install.programs import find_node

PUBLISHER = SENDER.with_name("publisher.py")
PING = 45  # seconds: Socket.IO's own 25 until it asks, and 20 for an answer


@dataclass(frozen=True)
class Contestant:
    """A server of the comparison."""

    key: str  # for --servers
    name: str
    needs: frozenset[str]
    subject: Callable[[], Subject]  # Only once all is installed, Node.js may be found.


def contestants() -> list[Contestant]:
    """Return all, in the order of the report."""
    page_needs = {"javascript", "nodejs"}  # socket.io-client, in Node.js
    known = {server.key: server for server in peers.servers()}

    def peer(key: str, name: str, page: type, server: str = "", wire: str = "", **options):
        found = known[server or key]

        def subject():
            command = found.command
            if command[0] == "node":
                command = (find_node(), *command[1:])
            sender = (sys.executable, PUBLISHER, ROOT / "benchmarks", wire or found.wire)
            own: dict[str, Any] = {"stream": "", "ping": PING, "settings": found.settings} | options
            return Subject(found.folder, command, sender, page, promises=False, **own)

        return Contestant(key, name, found.needs | page_needs, subject)

    def step(number: int, *needs: str, **options):
        folder = peers.step(number, "").folder
        return Contestant(f"step{number}", f"step {number}", frozenset({"javascript", *needs}),
                          lambda: Subject(folder, **options))  # fmt: skip

    classic = known["classic"]
    old = Subject(classic.folder, classic.command, (classic.command[0], SENDER), others.Classic,
                  redis_options=classic.settings["REDIS_OPTIONS"], promises=False, stream="",
                  ping=60)  # fmt: skip
    return [
        peer("node", "Node", others.SocketIO),
        peer("node-recovery", "Node with recovery", others.SocketIO, stream="socket.io"),
        peer("manager", "python-socketio", others.SocketIO, "uvicorn", "Manager",
             settings={"MANAGER": "1"}),
        # uvicorn asks every 20 s for a sign of life, and waits 20 s for it.
        peer("channels", "Channels", others.Channels, "channels-uvicorn", ping=40),
        Contestant("classic", "classic", classic.needs | {"javascript"}, lambda: old),
        step(4, "nodejs", page=others.Live, promises=False, stream=""),
        step(5),
        step(6, "nginx"),
    ]  # fmt: skip


def chosen(names: str) -> list[Contestant]:
    """Return the servers of these names, or all."""
    there = {each.key: each for each in contestants()}
    for name in names.split(",") if names else ():
        if name not in there:
            raise Problem(f"There is no server {name!r}. There are: {', '.join(there)}", 2)
    return [there[name] for name in names.split(",")] if names else list(there.values())


def run_them(several: list[Contestant], faults: list[Fault], size: Size) -> dict:
    """Put each under each fault, freshly started, and return what came of it."""
    console, began, rows = Console(highlight=False), time.monotonic(), []
    if not find_node() and any("nodejs" in each.needs for each in several):
        raise Problem("Their pages need Node.js, and there is none here: https://nodejs.org")
    console.print(line("", *HEADINGS), style="bold", soft_wrap=True)
    for contestant in several:
        subject = contestant.subject()
        for fault in faults:
            found: dict[str, Any] = {"server": contestant.key, "fault": fault.name}
            if why := left_out(fault, subject) or fault.lacks():
                rows.append(found | {"left_out": why})
                continue
            tally = tried(subject, fault, size)
            console.print(line(contestant.name, *row(tally)), soft_wrap=True)
            for sentence in tally.wrong:
                console.print(line("", sentence), soft_wrap=True)
            rows.append(found | asdict(tally) | {"theirs": []})
    several_servers = [peers.Server(each.key, each.name, "", (), each.needs) for each in several]
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "seconds": round(time.monotonic() - began),
        "machine": bench.machine(),
        "versions": bench.versions(several_servers),
        "size": vars(size),
        "names": {each.key: each.name for each in several},
        "rows": rows,
    }


def line(server: str, fault: str, *cells: str) -> str:
    """Return a line of the table."""
    columns = zip(cells, (7, 10, 8, 8, 14, 17), strict=False)
    return f"{server:20}{fault:18}" + "".join(f"{cell:>{width}}" for cell, width in columns)


class Silent:
    """No line for a fault: there will be one when it is over."""

    def __init__(self, fault):
        self.tally = Tally(fault.name)

    def tick(self, run) -> None:
        """Show nothing."""

    def done(self, tally: Tally) -> None:
        """Keep it."""
        self.tally = tally


def tried(subject: Subject, fault: Fault, size: Size) -> Tally:
    """Return what came of one fault."""
    line = Silent(fault)
    try:
        run_all(subject, [fault], size, lambda _: line, None)
    except Problem as problem:  # of one server: what the others did must not be lost
        line.tally.wrong.append(str(problem).partition("\n")[0].rstrip("."))
    return line.tally
