"""Serve a step: its Redis, its database, its server, and what to try now."""

import argparse
import os
import secrets
import signal
import sys
import threading
import time
import webbrowser
from pathlib import Path

from workshop import processes, redis_server, running, screen, watching
from workshop.environment import CLASSIC_PYTHON
from workshop.paths import FRAMING, LOGS, ME, NODE_MODULES, ROOT, STATE
from workshop.problem import Problem
from workshop.steps import Step, find, listing

HELP = "serve a step, with all it needs"
FIRST_PORT = 8000
PATIENCE = 30  # seconds for a server to answer its first request


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
    return {"python"} | javascript | ({"classic"} if step.is_classic else set())


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
    stop = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: stop.set())
    host = "0.0.0.0" if args.share else "127.0.0.1"
    port = choose_port(host, args.port)
    site = make_site(step, host, port, stop, args.tls)
    try:
        site.serve(args)
    finally:
        site.end()
    print("\nStopped.", flush=True)
    return 0


def make_site(step: Step, host: str, port: int, stop: threading.Event, tls: bool) -> "Site":
    """Return what serves a step: with an nginx.conf it is several processes."""
    if (step.folder / "nginx.conf").exists():
        from workshop.cluster import Cluster

        return Cluster(step, host, port, stop, tls=tls)
    if tls:
        raise Problem(f"{step.name} has nobody who speaks TLS: nginx comes with step 6.", 2)
    return Site(step, host, port, stop)


def choose_port(host: str, wanted: int | None) -> int:
    """Return the port to listen on, or say who has it."""
    if wanted is None:
        port = processes.free_port(host, FIRST_PORT)
        if port is None:
            raise Problem(f"No port from {FIRST_PORT} on is free. Name one with --port.")
        if port != FIRST_PORT:
            print(f"Port {FIRST_PORT} is taken by {processes.who_listens(FIRST_PORT)}.")
        return port
    if not 0 < wanted < 65536:
        raise Problem("A port is a number from 1 to 65535.")
    if processes.can_listen(host, wanted):
        return wanted
    free = processes.free_port(host, max(wanted + 1, FIRST_PORT))
    if not processes.answers(wanted) and wanted < 1024:
        why = f"Only the system's administrator may use port {wanted}."
    else:
        why = f"Port {wanted} is taken by {processes.who_listens(wanted)}."
    raise Problem(f"{why} End that program, or use another port, for example --port {free}.")


class Site:
    """A step's server and all that it needs."""

    def __init__(self, step: Step, host: str, port: int, stop: threading.Event):
        self.step = step
        self.python = CLASSIC_PYTHON if step.is_classic else sys.executable
        self.host = host
        self.port = port
        self.stop = stop
        self.url = f"http://localhost:{port}"
        self.password = secrets.token_urlsafe(9)
        self.addresses = screen.addresses() if host == "0.0.0.0" else []
        # For the slides and the notebooks, which show a step in a frame.
        framed = {"DJANGO_SETTINGS_MODULE": "framed", "PYTHONPATH": str(FRAMING)}
        self.environment = environment(self.addresses) | framed
        self.redis: redis_server.Redis | None = None
        self.server: processes.Child | None = None
        self.server_log: str | None = None  # the name of a log; None: print it
        self.prepare_log = "prepare"
        self.prepared = False
        self.broken: set[Path] = set()  # files that do not compile
        self.told: Path | None = None

    def serve(self, args: argparse.Namespace) -> None:
        """Start everything, restart the server when a file changes, until stop is set."""
        if args.no_reload:
            changes = watching.never(self.stop)
        else:
            changes = watching.changes(self.step.folder, self.stop)
        self.start(watching.python_files(self.step.folder))
        for changed in changes:
            if self.server and not self.told:
                self.announce(browser=not args.no_browser)
            if self.stop.is_set():
                return
            if changed:
                self.restart(changed)
            elif self.server and self.server.exit_code() is not None:
                code, self.server = self.server.exit_code(), None
                print(f"\nThe server ended by itself (exit code {code}).", flush=True)
                if not args.no_reload:
                    print("Save a file of the step to start it again.", flush=True)
            if args.no_reload and not self.server:
                raise Problem("Mend that, then type the same command again.")

    def restart(self, changed: set[Path]) -> None:
        """Start the server anew after a change."""
        began = time.monotonic()
        first, *more = sorted(str(path.relative_to(self.step.folder)) for path in changed)
        what = f"{first} and {len(more)} more" if more else first
        if self.start(changed):
            print(f"{what} changed: restarted in {time.monotonic() - began:.1f} s", flush=True)

    def start(self, changed: set[Path]) -> bool:
        """Start or restart the server, and wait until it answers; tell whether it does."""
        if self.is_broken(changed):
            return False
        if self.server:
            self.server.end()
            self.server = None
        if any("migrations" in path.parts for path in changed):
            self.prepared = False
        preparation = None if self.prepared else self.start_preparation()
        try:
            if self.redis is None and self.step.mentions("REDIS_URL"):
                self.redis = redis_server.find_or_start()
                self.environment["REDIS_URL"] = self.redis.url
            # Side by side, which saves half a second, unless pages would find no tables yet.
            if self.database_is_new() and not self.is_prepared(preparation):
                return False
            return self.start_server() and self.is_prepared(preparation)
        finally:
            if preparation:
                preparation.end()

    def is_broken(self, changed: set[Path]) -> bool:
        """Tell whether there is a file that can't be run, and say so."""
        self.broken = {path for path in self.broken | changed if not watching.compiles(path)}
        if self.broken:
            old = "The server goes on as it was: mend" if self.server else "Mend"
            print(f"{old} this and save again to retry.", flush=True)
        return bool(self.broken)

    def database_is_new(self) -> bool:
        """Tell whether the database may be empty."""
        return "DATABASE_URL" in os.environ or not (self.step.folder / "db.sqlite3").exists()

    def start_preparation(self) -> processes.Child:
        """Begin to bring the database up to date."""
        environment = dict(self.environment)
        if not self.told:  # later, a new password would log the admin out
            environment["WORKSHOP_ADMIN_PASSWORD"] = self.password
        script = Path(__file__).with_name("prepare.py")
        return self.child([self.python, script], environment, log=self.prepare_log)

    def is_prepared(self, preparation: processes.Child | None) -> bool:
        """Wait for the end of the preparation; if it failed, say so and end the server."""
        code = preparation.wait(self.stop) if preparation else 0
        self.prepared = code == 0
        if not self.prepared and self.server:
            self.server.end()
            self.server = None
        if code:
            self.say_retry("The database could not be prepared", self.prepare_log)
        return self.prepared

    def start_server(self) -> bool:
        """Start the server, and wait until it answers; tell whether it does."""
        self.server = self.child(self.command(), self.environment, log=self.server_log)
        deadline = time.monotonic() + PATIENCE
        while not self.stop.is_set() and self.server.exit_code() is None:
            if processes.answers(self.port, ("127.0.0.1",)):
                return True
            if time.monotonic() > deadline:
                print(f"The server has not answered for {PATIENCE} s. It may still come.")
                return True
            time.sleep(0.02)
        self.server.end()
        self.server = None
        if not self.stop.is_set():
            self.say_retry("The server did not start", self.server_log)
        return False

    def say_retry(self, what: str, log: str | None) -> None:
        """Show the log, say that the reason is above, and what to do."""
        if log:
            print((LOGS / f"{log}.log").read_text(errors="replace"))
        print(f"\n{what}: the reason is above. Mend it and save to retry.", flush=True)

    def command(self) -> list[str]:
        """Return the command that serves the step."""
        place = f"{self.host}:{self.port}"
        if (self.step.folder / "serve.py").exists():
            return [self.python, "serve.py", place]
        # runserver serves static files without DEBUG only when it is told to.
        insecure = ["--insecure"] if self.environment.get("DEBUG") == "0" else []
        return [self.python, "manage.py", "runserver", "--noreload", *insecure, place]

    def child(self, command: list, environment: dict, log: str | None = None) -> processes.Child:
        """Start a process in the step's folder."""
        return processes.Child(command, log=log, cwd=self.step.folder, env=environment)

    def announce(self, browser: bool) -> None:
        """Say what runs: to other commands, to the person, and to the browser."""
        redis_url = self.redis.url if self.redis else None
        folder = str(self.step.folder)
        self.told = running.tell(
            step=self.step.name, folder=folder, url=self.url, port=self.port, redis=redis_url
        )
        screen.show(self)
        if browser:
            webbrowser.open(self.url)

    def end(self) -> None:
        """End everything, at once."""
        if self.told:
            self.told.unlink(missing_ok=True)
        children = [self.server, self.redis and self.redis.child]
        for child in filter(None, children):
            child.ask_to_end()
        for child in filter(None, children):
            child.end()


def environment(addresses: list[str]) -> dict[str, str]:
    """Return the environment of a step; with addresses, of one that is shared on the network."""
    result = dict(os.environ)
    result.setdefault("SECRET_KEY", secret_key())
    result["NODE_PATH"] = str(NODE_MODULES)
    result["PYTHONUNBUFFERED"] = "1"
    if addresses:
        hosts = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
        result["ALLOWED_HOSTS"] = ",".join([*hosts, *addresses])
        result["DEBUG"] = "0"  # debug pages tell strangers too much
    return result


def secret_key() -> str:
    """Return a key that is kept, so that a restart logs nobody out."""
    file = STATE / "secret_key"
    STATE.mkdir(exist_ok=True)
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            new.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    return file.read_text()
