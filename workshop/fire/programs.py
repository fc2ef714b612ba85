"""A program that is started, killed, and started again, on a port of its own."""

import random
import signal
import time

import psutil

from workshop import paths
from workshop.problem import Problem
from workshop.processes import Child, free_port

PATIENCE = 30  # seconds for a process to start


def any_port() -> int:
    """Return a free port, mostly another one than the next call of this command finds."""
    return free_port("127.0.0.1", random.randrange(20_000, 30_000))


class Program:
    """A process that is started, killed, and started again."""

    child = None

    def __init__(self, name: str, command: list, ready, **options):
        self.name, self.command, self.ready, self.options = name, command, ready, options

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.child = Child(self.command, log=f"fire-{self.name}", **self.options)
        deadline = time.monotonic() + PATIENCE
        while not self.ready():
            if self.child.exit_code() is not None or time.monotonic() > deadline:
                raise Problem(self.said("did not start"))
            time.sleep(0.02)

    def said(self, what: str) -> str:
        """Return what is wrong, and the end of the log."""
        log = paths.LOGS / f"fire-{self.name}.log"
        lines = f"The last lines of {paths.shown(log)}:\n{paths.last_lines(log)}"
        return f"The {self.name} {what}. {lines}"

    @property
    def running(self) -> list[psutil.Process]:
        """Return the program itself: the tool's child is its guardian."""
        return psutil.Process(self.child.process.pid).children()

    def tell(self, number: int) -> None:
        """Send the program itself a signal."""
        for program in self.running:
            program.send_signal(number)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal that ends it, and wait until it is gone."""
        self.check()
        self.tell(number)
        self.child.process.wait()

    kill_all = kill  # it is all there is

    def runs(self) -> bool:
        """Tell whether it runs."""
        return self.child is not None and self.child.exit_code() is None

    def check(self) -> None:
        """Complain if it has ended by itself."""
        if not self.runs():
            raise Problem(self.said("has ended by itself"))

    def end(self) -> None:
        """End it, if it runs."""
        if self.child:
            self.child.end()
