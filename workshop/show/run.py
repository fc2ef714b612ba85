"""Serve a step: its Redis, its database, its server, and what to try now."""

import argparse
import threading
import webbrowser
from functools import partial
from pathlib import Path

from workshop.base.paths import ME, ROOT
from workshop.base.problem import Problem
from workshop.base.steps import Step, find, listing
from workshop.serving.ports import choose_port
from workshop.serving.processes import when_told_to_end
from workshop.serving.site import Site
from workshop.show import screen

HELP = "serve a step, with all it needs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `run`."""
    parser.add_argument(
        "step", nargs="?", help="4, 04, redis_listener or 04_redis_listener; or classic"
    )
    parser.add_argument("--dir", metavar="DIR", help="serve this folder: your own copy of a step")
    parser.add_argument("--port", type=int, help="default: 8000, or the next one that is free")
    parser.add_argument(
        "--share", action="store_true", help="let everybody on this network in, and show a QR code"
    )
    parser.add_argument(
        "--tls", action="store_true", help="https, with a certificate made now; step 6 and later"
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    parser.add_argument("--no-reload", action="store_true", help="do not restart on a change")


def needs(args: argparse.Namespace) -> set[str]:
    """Return what must be installed for this step."""
    step = chosen_step(args)
    javascript = {"javascript"} if step.mentions("node_modules") else set()
    nginx = {"nginx"} if (step.folder / "nginx.conf").exists() else set()
    postgresql = {"postgresql"} if step.has_machines else set()
    classic = {"classic"} if step.is_classic else set()
    return {"python"} | javascript | nginx | postgresql | classic


def chosen_step(args: argparse.Namespace) -> Step:
    """Return the step to serve, if it may be served as it is asked for."""
    step = named_step(args)
    if step.is_classic and args.share:
        raise Problem(
            "The classic edition is for this machine alone: nobody has looked after its server "
            "since 2020,\nand it takes whatever a browser sends. Share the same board as it is "
            f"today:  {ME} run 4 --share"
        )
    return step


def named_step(args: argparse.Namespace) -> Step:
    """Return the step that the command line names."""
    if args.dir:
        folder = Path(args.dir).resolve()
        if not (folder / "manage.py").is_file():
            raise Problem(
                f"{args.dir} is no step: there is no manage.py in it. "
                "Copy one of the folders in steps/ and name the copy."
            )
        return Step(folder)
    if not args.step:
        raise Problem(f"Which step?  {ME} run N, with one of these:\n{listing()}\n    classic", 2)
    return Step(ROOT / "classic") if args.step.strip("/") == "classic" else find(args.step)


def main(args: argparse.Namespace) -> int:
    """Serve a step until Ctrl-C."""
    step = chosen_step(args)
    stop = when_told_to_end()
    host = "0.0.0.0" if args.share else "127.0.0.1"
    port = choose_port(host, args.port)
    site = make_site(step, host, port, stop, args.tls)
    try:
        site.serve(partial(show, browser=not args.no_browser), reload=not args.no_reload)
    finally:
        site.end()
    print("\nStopped.", flush=True)
    return 0


def make_site(step: Step, host: str, port: int, stop: threading.Event, tls: bool) -> Site:
    """Return what serves a step: with an nginx.conf it is several processes."""
    if step.has_machines:
        from workshop.serving.machines import Machines

        return Machines(step, host, port, stop, tls=tls)
    if (step.folder / "nginx.conf").exists():
        from workshop.serving.cluster import Cluster

        return Cluster(step, host, port, stop, tls=tls)
    if tls:
        raise Problem(f"{step.name} has nobody who speaks TLS: nginx comes with step 6.", 2)
    return Site(step, host, port, stop)


def show(site: Site, browser: bool) -> None:
    """Say what runs, and open it."""
    screen.show(site)
    if browser:
        webbrowser.open(site.url)
