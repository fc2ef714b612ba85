"""Measure one publish to N browsers: the steps, their peers and the limits, side by side."""

import argparse
import json
import select
from pathlib import Path

from workshop.base.paths import ME
from workshop.base.problem import Problem
from workshop.bench.size import ARRIVALS, ARRIVALS_QUICK, LADDER, QUICK, Size
from workshop.install.programs import find_bun, find_nchan, find_node
from workshop.serving.processes import end_as_by_ctrl_c

HELP = "measure what it costs to tell N browsers, beside other servers"
EPILOG = f"""examples:
  {ME} bench --quick                        a first look, in two minutes
  {ME} bench --only step7,node              two servers (see benchmarks/README.md for the names)
  {ME} bench --report benchmarks/report.md  at full size, with plots beside it
  {ME} bench --ladder --report benchmarks/ladder.md    from step 6 to step 7, change by change
  {ME} bench --arrivals --report benchmarks/arrivals.md    a full room comes at once
  {ME} bench --from benchmarks/report.json --report benchmarks/report.md    write it anew

It ends with 1 if a notice was lost, came twice, out of order or changed."""
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
    parser.add_argument("--arrivals", action="store_true",
                        help="a full room of pages, and a dead server")  # fmt: skip
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
    if args.arrivals and args.ladder:
        raise Problem("--ladder or --arrivals, not both.", 2)
    return {"python"} | {part for server in chosen(args, there(args)) for part in server.needs}


def there(args: argparse.Namespace) -> list:
    """Return the servers that there are."""
    from workshop.bench import servers

    if args.arrivals:
        return servers.rooms()
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
    size = QUICK if args.quick else LADDER if args.ladder else Size()
    if args.arrivals:
        size = ARRIVALS_QUICK if args.quick else ARRIVALS
    size = Size(**vars(size))
    if args.clients is not None:
        try:
            size.clients = tuple(sorted({int(number) for number in args.clients.split(",")}))
        except ValueError:
            raise Problem("--clients is numbers: 100,1000", 2) from None
        if not 2 <= size.clients[0] <= size.clients[-1] <= 20_000:
            raise Problem("--clients is from 2 to 20000.", 2)
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

    if args.report and (args.report.suffix != ".md" or args.report.is_dir()):
        raise Problem("The name of the report ends in .md.", 2)
    if args.report and not args.report.absolute().parent.is_dir():
        raise Problem(f"There is no folder {args.report.parent} for the report.", 2)
    data = read(args.source) if args.source else measured(args)
    report.show(data)
    if args.report:
        report.write(data, args.report)
    return int(bool(report.problems(data)))


def read(path: Path) -> dict:
    """Return what was measured before."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if missing := {"date", "machine", "versions", "size", "runs", "left_out"} - data.keys():
            raise KeyError(*missing)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise Problem(f"{path} is no report.json of this command: {error!r}", 2) from None
    return data


def measured(args: argparse.Namespace) -> dict:
    """Measure what the command line says."""
    import resource

    from workshop.bench import run

    names = chosen(args, there(args))
    size, left_out = sized(args), []
    for part, (program, find) in PROGRAMS.items():
        without = [server for server in names if part in server.needs and not find()]
        names = [server for server in names if server not in without]
        left_out += [f"{server.name}: there is no {program} here." for server in without]
    # The load, the server and its connections to Redis: each has this many files open at most.
    # A page that arrives has up to four connections, as a browser has.
    each = 5 if args.arrivals else 2
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    for number in size.clients:
        if each * number + 200 > files:
            left_out.append(
                f"{number} clients: this system lets a process open {files} files, and it takes "
                f"{each * number + 200}. Raise it as root (`ulimit -n`), then try again."
            )
    size.clients = tuple(number for number in size.clients if each * number + 200 <= files)
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
    return run.run_all(names, size) | {
        "left_out": left_out,
        "ladder": args.ladder,
        "arrivals": args.arrivals,
    }
