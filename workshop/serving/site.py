"""A step's server and all that it needs: its Redis, its database, and a restart at each save."""

import os
import secrets
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from workshop.base import symptoms
from workshop.base.paths import FRAMING, LOGS, ME
from workshop.base.problem import Problem
from workshop.base.steps import Step
from workshop.base.todo import todos
from workshop.base.words import counted
from workshop.install.environment import CLASSIC_PYTHON
from workshop.serving import ports, redis_server, running, settings, watching
from workshop.serving.ports import answers
from workshop.serving.processes import PATIENCE, Child

ABOVE = "the reason is above"


class Server(Protocol):
    """What a site asks of its server, which may be several processes."""

    def exit_code(self) -> int | None:
        """Return the exit code, or None while it runs."""

    def ask_to_end(self) -> None:
        """Ask it to end, without waiting."""

    def end(self) -> None:
        """End it and wait until it is gone."""


class Site:
    """A step's server and all that it needs."""

    def __init__(self, step: Step, host: str, port: int, stop: threading.Event):
        self.step = step
        self.python = str(CLASSIC_PYTHON) if step.is_classic else sys.executable
        self.host = host
        self.port = port
        self.ports = [port]  # one for each process
        self.stop = stop
        self.url = f"http://localhost:{port}"
        # In a database of somebody's own the users stay as they are.
        self.password = "" if "DATABASE_URL" in os.environ else secrets.token_urlsafe(9)
        self.addresses = ports.addresses() if host == "0.0.0.0" else []
        # For the slides and the notebooks, which show a step in a frame, and for `stacks`.
        self.stacks_token = secrets.token_hex(16)
        framed = {"DJANGO_SETTINGS_MODULE": "framed", "PYTHONPATH": str(FRAMING)}
        framed["STACKS_TOKEN"] = self.stacks_token
        self.environment = settings.environment(self.addresses) | framed
        self.redis: redis_server.Redis | None = None
        self.server: Server | None = None
        self.server_log: str | None = None  # the name of a log; None: print it
        self.prepare_log = "prepare"
        self.prepared = False
        self.broken: set[Path] = set()  # files that do not compile
        self.told: Path | None = None

    def serve(self, show: Callable[["Site"], None], reload: bool = True) -> None:
        """Start everything, show it, restart the server when a file changes, until stop is set."""
        if not reload:
            changes = watching.never(self.stop)
        else:
            changes = watching.changes(self.step.folder, self.stop)
        self.start(watching.python_files(self.step.folder))
        for changed in changes:
            if self.server and not self.told:
                self.announce()
                show(self)
            if self.stop.is_set():
                return
            if changed:
                self.restart(changed)
            elif self.server and self.server.exit_code() is not None:
                code, self.server = self.server.exit_code(), None
                print(f"\nThe server ended by itself (exit code {code}).", flush=True)
                if reload:
                    print("Save a file of the step to start it again.", flush=True)
            if not reload and not self.server:
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
                self.redis = self.find_redis()
                self.environment["REDIS_URL"] = self.redis.url
            # Side by side, which saves half a second, unless pages would find no tables yet.
            if self.database_is_new() and not self.is_prepared(preparation):
                return False
            return self.start_server() and self.is_prepared(preparation)
        finally:
            if preparation:
                preparation.end()

    @property
    def servers(self) -> str:
        """Return what the screen says about the processes, if it is several."""
        return ""

    def find_redis(self) -> redis_server.Redis:
        """Return the Redis that the step is to use."""
        return redis_server.find_or_start()

    def is_broken(self, changed: set[Path]) -> bool:
        """Tell whether there is a file that can't be run, or not yet, and say so."""
        self.broken = {path for path in self.broken | changed if not watching.compiles(path)}
        if self.broken:
            old = "The server goes on as it was: mend" if self.server else "Mend"
            print(f"{old} this and save again to retry.", flush=True)
            return True
        if left := todos(self.step.folder):
            print(f"{left[0].file}, line {left[0].line}, says TODO: {left[0].what}")
            print(
                f"{counted(len(left), 'place')} to fill. Save, and it is tried again.", flush=True
            )
        return bool(left)

    def database_is_new(self) -> bool:
        """Tell whether the database may be empty."""
        file = self.step.folder / "db.sqlite3"  # Whoever only looks at it leaves an empty file.
        return "DATABASE_URL" in self.environment or not file.exists() or not file.stat().st_size

    def start_preparation(self) -> Child:
        """Begin to bring the database up to date."""
        environment = dict(self.environment)
        if self.password and not self.told:  # later, a new one would log the admin out
            environment["WORKSHOP_ADMIN_PASSWORD"] = self.password
        script = Path(__file__).with_name("prepare.py")
        return self.child([self.python, script], environment, log=self.prepare_log)

    def is_prepared(self, preparation: Child | None) -> bool:
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
        self.server = server = self.child(self.command(), self.environment, log=self.server_log)
        if self.comes_up(server, self.port):
            return True
        if server.exit_code() is None and not self.stop.is_set():
            print(f"The server has not answered for {PATIENCE} s. It may still come.")
            return True
        code = server.exit_code()
        server.end()
        self.server = None
        if not self.stop.is_set():
            why = "it ended at once, without an error" if code == 0 else ABOVE
            self.say_retry("The server did not start", self.server_log, why)
        return False

    def comes_up(self, child: Child, port: int) -> bool:
        """Wait until a process answers; tell whether it does."""
        return child.wait_until(lambda: answers(port, ("127.0.0.1",)), self.stop)

    def say_retry(self, what: str, log: str | None, why: str = ABOVE) -> None:
        """Show the log, say what the reason is, and what to do."""
        said = (LOGS / f"{log}.log").read_text(errors="replace") if log else ""
        print(said, end="\n" * bool(said))
        print(f"\n{what}: {why}. Mend it and save to retry.", flush=True)
        if why == ABOVE:
            explained = symptoms.pointer(said) or f'{ME} why "the last line of it"'
            print(f"Whether it is a known one:  {explained}", flush=True)

    def command(self) -> list[str]:
        """Return the command that serves the step."""
        place = f"{self.host}:{self.port}"
        if (self.step.folder / "serve.py").exists():
            return [self.python, "serve.py", place]
        # runserver serves static files without DEBUG only when it is told to.
        insecure = ["--insecure"] if self.environment.get("DEBUG") == "0" else []
        return [self.python, "manage.py", "runserver", "--noreload", *insecure, place]

    def child(self, command: list, environment: dict, log: str | None = None) -> Child:
        """Start a process in the step's folder."""
        return Child(command, log=log, cwd=self.step.folder, env=environment)

    def announce(self) -> None:
        """Say to other commands what runs."""
        self.told = running.tell(
            step=self.step.name,
            folder=str(self.step.folder),
            url=self.url,
            port=self.port,
            redis=self.redis.url if self.redis else None,
            processes=self.ports,
            stacks_token=self.stacks_token,
        )

    def end(self) -> None:
        """End everything, at once."""
        if self.told:
            self.told.unlink(missing_ok=True)
        children = [self.server, self.redis.child if self.redis else None]
        for child in filter(None, children):
            child.ask_to_end()
        for child in filter(None, children):
            child.end()
