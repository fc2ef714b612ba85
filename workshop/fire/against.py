"""Well-known servers under the same faults, each with the client that its documentation has."""

import sys
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from workshop.base.paths import ROOT
from workshop.base.problem import Problem
from workshop.bench.run import machine, versions
from workshop.bench.servers import Server, servers, step
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


def contestants() -> list[tuple[Server, Subject]]:
    """Return all, in the order of the report."""
    known = {server.key: server for server in servers()}

    def peer(key: str, name: str, page: type = others.SocketIO, wire: str = "", **options):
        server = replace(known[key], name=name)
        command = tuple(find_node() if part == "node" else part for part in server.command)
        sender = (sys.executable, PUBLISHER, ROOT / "benchmarks", wire or server.wire)
        own: dict[str, Any] = {"stream": "", "ping": PING, "settings": server.settings} | options
        return server, Subject(server.folder, command, sender, page, promises=False, **own)

    def lesson(number: int, **options):
        server = step(number, "")
        return server, Subject(server.folder, **options)

    classic = known["classic"]
    return [
        peer("node", "Node"),
        peer("node-recovery", "Node with recovery", stream="socket.io"),
        peer("uvicorn", "python-socketio", wire="Manager", settings={"MANAGER": "1"}),
        # uvicorn asks every 20 s for a sign of life, and waits 20 s for it.
        peer("channels-uvicorn", "Channels", others.Channels, ping=40),
        (classic, Subject(
            classic.folder, classic.command, (classic.command[0], SENDER), others.Classic,
            redis_options=classic.settings["REDIS_OPTIONS"], promises=False, stream="", ping=60,
        )),
        lesson(4, page=others.Live, promises=False, stream=""),
        lesson(5),
        lesson(6),
    ]  # fmt: skip


def chosen(names: str) -> list[tuple[Server, Subject]]:
    """Return the servers of these names, or all."""
    there = {server.key: (server, subject) for server, subject in contestants()}
    for name in names.split(",") if names else ():
        if name not in there:
            raise Problem(f"There is no server {name!r}. There are: {', '.join(there)}", 2)
    return [there[name] for name in names.split(",")] if names else list(there.values())


def run_them(several: list[tuple[Server, Subject]], faults: list[Fault], size: Size) -> dict:
    """Put each under each fault, freshly started, and return what came of it."""
    console, began, rows = Console(highlight=False), time.monotonic(), []
    if not find_node() and any(issubclass(it.page, others.SocketIO) for _, it in several):
        raise Problem("Their pages need Node.js, and there is none here: https://nodejs.org")
    console.print(line("", *HEADINGS), style="bold", soft_wrap=True)
    for server, subject in several:
        for fault in faults:
            found: dict[str, Any] = {"server": server.key, "fault": fault.name}
            if why := left_out(fault, subject) or fault.lacks():
                rows.append(found | {"left_out": why})
                continue
            tally = tried(subject, fault, size)
            console.print(line(server.name, *row(tally)), soft_wrap=True)
            for sentence in tally.wrong:
                console.print(line("", sentence), soft_wrap=True)
            rows.append(found | asdict(tally) | {"theirs": []})
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "seconds": round(time.monotonic() - began),
        "machine": machine(),
        "versions": versions([server for server, _ in several]),
        "size": vars(size),
        "names": {server.key: server.name for server, _ in several},
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
