"""Prove that a step misses nothing: real server, Redis and browsers, fault after fault."""

import argparse
from pathlib import Path

from workshop.base import notes, reports
from workshop.base.paths import ME, WINDOWS
from workshop.base.problem import Problem
from workshop.base.steps import Step, find
from workshop.base.todo import todos
from workshop.fire.size import AGAINST, QUICK, Size
from workshop.install.environment import BENCH_PARTS, PROGRAMS
from workshop.install.programs import HOW_TO_GET_CHROMIUM, find_chromium
from workshop.serving.processes import end_as_by_ctrl_c, when_told_to_end

PEERS = ("classic", "bench", "node", "nodejs")  # what other servers need
PROMISE = "notices/outbox.py"  # what has it promises that nothing is missed
DEPLOY = "deploy"  # what goes live, instead of a step
HELP = "prove that a step from 5 on misses nothing, under fault after fault"
EPILOG = f"""examples:
  {ME} fire 5 --quick                           less than two minutes (fire 9: four)
  {ME} fire 5 --only network-cut --clients 5    one fault (or two: --only again)
  {ME} fire 9 --only machine-killed             one machine after the other
  {ME} fire 5 --report fire.svg                 at full size, with a picture (or a table: fire.md)
  {ME} fire deploy                              restart all of deploy/ under 1000 pages
  {ME} fire --dir my --quick                    your own folder, up to the first fault it fails
  {ME} fire --against --report against.md       Node, Channels and others, with a picture
  {ME} fire --against node,step5 --quick        two of them

It ends with 1 if a notice was lost, shown twice or out of order, or if a fault did not happen."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `fire`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("step", nargs="?", help="5, or a later one, or deploy")
    parser.add_argument("--dir", metavar="DIR", help="your own folder, as the step that it is")
    parser.add_argument(
        "--against",
        nargs="?",
        const="",
        metavar="NAMES",
        help="well-known servers under the same faults: all, or node,step5",
    )
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FILE.json",
        help="with --against: report anew what came of it before",
    )
    parser.add_argument("--quick", action="store_true", help="small: two minutes for a step")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this fault")
    parser.add_argument("--notices", type=int, metavar="N", help="how many are saved in each fault")
    parser.add_argument("--clients", type=int, metavar="N", help="of python-socketio")
    parser.add_argument("--windows", type=int, metavar="N", help="of Chromium")
    parser.add_argument("--report", type=Path, metavar="FILE", help="also as .svg or .md")


def needs(args: argparse.Namespace) -> set[str]:
    """Return what must be installed."""
    if args.source:
        return {"python"}
    if args.step == DEPLOY:
        if any((args.dir, args.only, args.notices, args.clients, args.windows, args.report)):
            raise Problem(f"{ME} fire {DEPLOY} takes --quick, and nothing else.", 2)
        return {"python", "javascript", "tests", "deploy", "nginx", "postgresql"}
    if args.against is not None:
        return {"python", "javascript", "tests", "nginx", "postgresql", *PEERS}
    what_to_try(args)  # Say no before anything is installed.
    return {"python", "javascript", "tests", *PROGRAMS} - {*BENCH_PARTS}


def what_to_try(args: argparse.Namespace) -> tuple[Path, Step]:
    """Return the folder to try, and the step that it is."""
    if not args.dir:
        if not args.step:
            raise Problem(f"Which step?  {ME} fire 5, or your own folder:  {ME} fire --dir my", 2)
        step = promising(find(args.step), f"{ME} fire 5")
        return step.folder, step
    folder = Path(args.dir)
    wanted = args.step or notes.read(folder).get("step")
    if not (folder / "manage.py").is_file():
        raise Problem(f"{args.dir} is no step: there is no manage.py in it.  {ME} start 5", 2)
    if not wanted:
        raise Problem(f"Which step is {args.dir}?  {ME} fire N --dir {args.dir}", 2)
    step = promising(find(wanted), f"{ME} start 5 --keep --dir {args.dir}")
    files = "serve.py", PROMISE, "nginx.conf", "balancer.conf"
    needed = [name for name in files if (step.folder / name).exists()]
    missing = [name for name in needed if not (folder / name).is_file()]
    missing += [f"what goes at TODO in {each.file}, line {each.line}" for each in todos(folder)]
    if missing:
        raise Problem(
            f"{args.dir} is yet to become step {int(step.number)}: {missing[0]} is missing. "
            f"What comes next, says  {ME} check --dir {args.dir}",
            2,
        )
    return folder.resolve(), step


def promising(step: Step, instead: str) -> Step:
    """Return the step, if it promises that nothing is missed."""
    if not (step.folder / PROMISE).exists():
        raise Problem(
            f"Step {int(step.number)} forgets what it says while somebody is not connected, so "
            f"there is nothing to prove: only step 5 and later ones can.  {instead}",
            2,
        )
    return step


def main(args: argparse.Namespace) -> int:
    """Run the faults, show how they go, and report."""
    if WINDOWS:
        raise Problem("This needs kill -9 and an embedded Valkey: Linux or macOS.")
    if args.against is not None or args.source:
        return against(args)
    if args.step == DEPLOY:
        from workshop.fire.deployed import run

        return run(*((100, 2) if args.quick else (1000, 10)), when_told_to_end())
    from workshop.fire.faults import chosen, no_postgresql
    from workshop.fire.report import Display
    from workshop.fire.run import run_all
    from workshop.fire.target import Subject
    from workshop.fire.windows import chromium
    from workshop.serving.nginx import program as nginx

    folder, step = what_to_try(args)
    kind = Subject(step.folder).kind
    faults = possible(chosen(args.only or [], kind))
    if kind != "one":
        nginx()
    if kind == "machines" and (why := no_postgresql()):
        raise Problem(f"Machines share a database, and {why}.")
    size = sized(args, Size())
    reports.must_be_one(args.report, ".svg", ".md")
    path = find_chromium()
    if path is None:
        print(f"There is no Chromium: only the other clients are tried. {HOW_TO_GET_CHROMIUM}\n")
        size.windows = 0
    display = Display(step, size, faults, folder if args.dir else None)
    display.stop = when_told_to_end()
    try:
        with display:
            run_all(
                Subject(folder),
                faults,
                size,
                display.task,
                chromium(path) if path and size.windows else None,
                up_to_the_first=bool(args.dir),
            )
    except Problem as problem:
        if args.dir:
            raise Problem(does_not_run(args.dir, step, problem)) from None
        raise
    except KeyboardInterrupt:
        display.stopped = True
    display.report(args.report)
    return 130 if display.stopped else int(not all(tally.good for tally in display.tallies))


def against(args: argparse.Namespace) -> int:
    """Put other servers under fire, and report."""
    from workshop.fire import against_report
    from workshop.fire.against import chosen, run_them
    from workshop.fire.faults import chosen as chosen_faults

    reports.must_be_one(args.report, ".md")
    if args.source:
        data = reports.read(args.source, *against_report.PARTS)
    else:
        servers = chosen(args.against)
        faults = chosen_faults(args.only or [], "one", "many")
        end_as_by_ctrl_c()
        data = run_them(servers, faults, sized(args, AGAINST))
    if args.report:
        against_report.write(data, args.report)
    return int(not against_report.good(data))


def does_not_run(folder: str, step: Step, problem: Problem) -> str:
    """Return what is wrong with somebody's folder, without what only its log has to say."""
    first, *_, last = [str(problem).partition("\n")[0], *str(problem).split("\n")]
    said = f"{first.rstrip('.:')}: {last.strip()}" if last != first else first
    number = int(step.number)
    return f"{folder} does not run: {said}\nWhat it is, says  {ME} check {number} --dir {folder}"


def possible(faults: list) -> list:
    """Return the faults that can happen on this machine, and say why others cannot."""
    for fault in faults:
        if why := fault.lacks():
            print(f"{fault.name} is left out: {why}.")
    return [fault for fault in faults if not fault.lacks()]


def sized(args: argparse.Namespace, full: Size) -> Size:
    """Return the size that the command line says."""
    size = Size(**vars(QUICK if args.quick else full))
    for name, least in (("notices", 50), ("clients", 1), ("windows", 0)):
        value = getattr(args, name)
        if value is not None and value < least:
            raise Problem(f"--{name} is {least} or more.", 2)
        if value is not None:
            setattr(size, name, value)
    return size
