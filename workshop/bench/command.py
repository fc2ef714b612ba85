"""Measure one publish to N browsers: the steps, their peers and the limits, side by side."""

import argparse
import select
from pathlib import Path

from workshop.base import reports
from workshop.base.paths import ME
from workshop.base.problem import Problem
from workshop.bench.size import (
    ARRIVALS,
    ARRIVALS_QUICK,
    HALLS,
    LADDER,
    QUICK,
    READERS,
    READERS_QUICK,
    SCALE,
    SCALE_QUICK,
    Size,
)
from workshop.install.programs import find_bun, find_nchan, find_node
from workshop.serving.processes import end_as_by_ctrl_c

HELP = "measure what it costs to tell N browsers, beside other servers"
EPILOG = f"""examples:
  {ME} bench --quick                        a first look, in two minutes
  {ME} bench --only step7,node              two servers (see benchmarks/README.md for the names)
  {ME} bench --report benchmarks/report.md  at full size, with plots beside it
  {ME} bench --ladder --report benchmarks/ladder.md    from step 6 to step 7, change by change
  {ME} bench --halls --report benchmarks/halls.md    step 8 with 1, 10 and 100 halls
  {ME} bench --arrivals --report benchmarks/arrivals.md    a full room comes at once
  {ME} bench --scale --report benchmarks/scale.md    four processes, fifty thousand browsers
  {ME} bench --readers --report benchmarks/readers.md    Redis, with up to 4000 processes
  {ME} bench --from benchmarks/report.json --report benchmarks/report.md    write it anew

It ends with 1 if a notice was lost, came twice, out of order or changed."""
PARTS = ("date", "machine", "versions", "size", "runs", "left_out")  # of the figures
# What some servers need and not every system has.
PROGRAMS = {
    "nodejs": ("Node.js (https://nodejs.org)", find_node),
    "bun": ("Bun (https://bun.com)", find_bun),
    "nchan": ("nginx with its module nchan (`apt install libnginx-mod-nchan`)", find_nchan),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `bench`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("--quick", action="store_true", help="small, in less than two minutes")
    parser.add_argument("--ladder", action="store_true", help="what each change of step 7 brings")
    parser.add_argument("--halls", action="store_true", help="what a hundred halls cost step 8")
    parser.add_argument("--arrivals", action="store_true",
                        help="a full room of pages, and a dead server")  # fmt: skip
    parser.add_argument("--scale", action="store_true",
                        help="four processes each, up to 50 000 browsers")  # fmt: skip
    parser.add_argument("--readers", action="store_true",
                        help="one Redis, and up to 4000 processes")  # fmt: skip
    parser.add_argument("--only", metavar="NAMES", help="only these servers: step7,node")
    parser.add_argument("--clients", metavar="NUMBERS", help="how many browsers: 100,1000")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often everything is measured")
    parser.add_argument("--report", type=Path, metavar="FILE.md", help="write it, with plots")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE.json",
                        help="do not measure: report what was measured before")  # fmt: skip


def needs(args: argparse.Namespace) -> set[str]:
    """Return what must be installed."""
    if args.source:
        return {"python"}
    if not hasattr(select, "epoll"):
        raise Problem("This needs Linux: it asks the kernel for each process's CPU time.")
    if args.arrivals + args.halls + args.ladder + args.readers + args.scale > 1:
        raise Problem("One of --ladder, --halls, --arrivals, --scale and --readers.", 2)
    return {"python"} | {part for server in chosen(args, there(args)) for part in server.needs}


def there(args: argparse.Namespace) -> list:
    """Return the servers that there are."""
    from workshop.bench import readers, servers

    if args.readers:
        return readers.ways()
    if args.arrivals:
        return servers.rooms()
    if args.scale:
        return servers.crowds()
    if args.halls:
        return servers.halls()
    return servers.ladder() if args.ladder else servers.servers()


def chosen(args: argparse.Namespace, servers: list) -> list:
    """Return the servers that the command line names, or all."""
    if args.only is None:
        return servers
    wanted = [name.strip() for name in args.only.split(",") if name.strip()]
    keys = [server.key for server in servers]
    if unknown := [name for name in wanted if name not in keys] or (not wanted and ["nothing"]):
        raise Problem(f"There is no server {unknown[0]!r}. There are: {', '.join(keys)}", 2)
    return [server for server in servers if server.key in wanted]


def sized(args: argparse.Namespace) -> Size:
    """Return the size that the command line says."""
    size = QUICK if args.quick else LADDER if args.ladder else HALLS if args.halls else Size()
    if args.arrivals:
        size = ARRIVALS_QUICK if args.quick else ARRIVALS
    if args.scale:
        size = SCALE_QUICK if args.quick else SCALE
    if args.readers:
        size = READERS_QUICK if args.quick else READERS
    size = Size(**vars(size))
    if args.clients is not None:
        try:
            size.clients = tuple(sorted({int(number) for number in args.clients.split(",")}))
        except ValueError:
            raise Problem("--clients is numbers: 100,1000", 2) from None
        least = 100 if args.halls else 2  # one for each hall
        most = 100_000 if args.scale else 20_000
        if not least <= size.clients[0] <= size.clients[-1] <= most:
            raise Problem(f"--clients is from {least} to {most}.", 2)
    if args.halls:  # A single client would have nobody to share a hall with.
        size.pairs = 0
    if args.rounds is not None:
        size.rounds = args.rounds
    if size.rounds < 1:
        raise Problem("--rounds is 1 or more.", 2)
    # By the clock with a thousand, or with as many of these as come nearest.
    size.paced_clients = min(size.clients, key=lambda number: abs(number - 1000))
    return size


def main(args: argparse.Namespace) -> int:
    """Measure, show how it goes, and report."""
    from workshop.bench import report

    reports.must_be_one(args.report, ".md")
    data = reports.read(args.source, *PARTS) if args.source else measured(args)
    report.show(data)
    if args.report:
        report.write(data, args.report)
    return int(bool(report.problems(data)))


def raised(wanted: int) -> int:
    """Let each process have so many files open, if the system lets us; return how many it may."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:  # As root.
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, most), max(wanted, most)))
    except (OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def measured(args: argparse.Namespace) -> dict:
    """Measure what the command line says."""
    from workshop.bench import run

    names = chosen(args, there(args))
    size, left_out = sized(args), []
    for part, (program, find) in PROGRAMS.items():
        without = [server for server in names if part in server.needs and not find()]
        names = [server for server in names if server not in without]
        left_out += [f"{server.name}: there is no {program} here." for server in without]
    # The load, the server and its connections to Redis: each has this many files open at most.
    # A page that arrives has up to four connections, as a browser has; very many are shared among
    # four processes, more or less evenly, and as many of the load and of nginx as it takes.
    each = 5 if args.arrivals else 0.3 if args.scale else 2
    takes = {number: int(each * number) + 200 for number in size.clients}
    files = raised(max(takes.values()))
    left_out += [
        f"{number} clients: this system lets a process open {files} files, and it takes "
        f"{wanted}. Raise it as root (`ulimit -n`), then try again."
        for number, wanted in takes.items()
        if wanted > files
    ]
    size.clients = tuple(number for number in size.clients if takes[number] <= files)
    left_out += [
        f"{server.name}, more than {server.most} clients: it takes too long."
        for server in names
        if server.most < max(size.clients, default=0)
    ]
    for sentence in left_out:
        print(f"Left out: {sentence}")
    names = [server for server in names if server.most >= min(size.clients, default=0)]
    if not names or not size.clients:
        raise Problem("Nothing is left to measure.")
    end_as_by_ctrl_c()
    # Very many leave a server busy with their leaving for a while.
    return run.run_all(names, size, patience=60 if args.scale else 20) | {
        "left_out": left_out,
        "ladder": args.ladder,
        "halls": args.halls,
        "arrivals": args.arrivals,
        "scale": args.scale,
        "readers": args.readers,
    }
