"""Child processes: start one, wait until it answers, end it; it ends with the tool anyhow."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workshop.base.machine import crowd, slowness
from workshop.base.paths import LOGS, WINDOWS, last_lines, log_file, shown
from workshop.base.problem import Problem

GUARDIAN = Path(__file__).with_name("guardian.py")
PATIENCE = 30  # seconds in which a process that is to answer does next to nothing
ENOUGH = 60  # seconds of CPU after which it will not answer any more


class Child:
    """A process that ends when the tool ends, however the tool ends."""

    def __init__(self, command: list, *, log: str | None = None, scratch=False, **options):
        command = [str(part) for part in command]
        self.log = log
        output = log_file(log).open("wb") if log else None
        if WINDOWS:
            # No guardian here: a console's Ctrl-C and closing reach every process of it.
            options["stdin"] = subprocess.DEVNULL
        else:
            guardian = [sys.executable, "-I", "-S", GUARDIAN, *(["--scratch"] if scratch else [])]
            command = [*guardian, *command]
            # Out of the terminal's reach, so that the tool decides who ends when.
            options |= {"stdin": subprocess.PIPE, "start_new_session": True}
        self.process = subprocess.Popen(command, stdout=output, stderr=output, **options)
        if output:
            output.close()

    def ask_to_end(self) -> None:
        """Ask the process to end, without waiting."""
        if WINDOWS:
            self.process.terminate()
        elif self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()

    def end(self) -> None:
        """End the process and wait until it is gone."""
        self.ask_to_end()
        self.process.wait()

    def exit_code(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self.process.poll()

    def wait(self, stop: threading.Event) -> int | None:
        """Wait until it has ended, or until stop is set (then None)."""
        while not stop.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.process.wait(0.05)
        return None

    def programs(self, deep: bool = False) -> list:
        """Return the program, deep: and its children, as psutil's; our child is its guardian."""
        import psutil

        try:
            child = psutil.Process(self.process.pid)
            return [child] if WINDOWS else child.children(recursive=deep)
        except psutil.Error:
            return []

    def wait_until(self, ready: Callable[[], bool], stop: threading.Event | None = None) -> bool:
        """Wait until it is ready; tell whether it is: not if it ends, hangs, or stop is set."""
        since, before = time.monotonic(), 0.0
        while not ready():
            if self.exit_code() is not None or (stop and stop.is_set()):
                return False
            if time.monotonic() - since > PATIENCE:
                work = cpu_seconds(self.programs(deep=True))
                if hangs(work - before, PATIENCE) or work > ENOUGH:
                    return False
                since, before = time.monotonic(), work
            time.sleep(0.02)
        return True

    def must(self, ready: Callable[[], bool], name: str) -> None:
        """Wait until it is ready, or complain with the end of its log."""
        if not self.wait_until(ready):
            raise Problem(self.said(f"{name} did not start"))

    def said(self, what: str) -> str:
        """Return what is wrong with it, and the end of its log."""
        log = LOGS / f"{self.log}.log"
        return f"{what}. The last lines of {shown(log)}:\n{last_lines(log)}"


def keep(
    start: Callable[[], Child],
    ready: Callable[[], bool],
    announce: Callable[[], None],
    stop: threading.Event,
) -> None:
    """Start a server, announce it once it is ready, and start it again when it dies, until stop."""
    child = start()
    try:
        if child.wait_until(ready, stop):
            announce()
        elif not stop.is_set():
            raise Problem(child.said("The server did not start"))
        while not stop.wait(0.2):
            if child.exit_code() is not None:
                print(child.said("The server had died, and is started again"), flush=True)
                child = start()
                stop.wait(1)
    finally:
        child.end()


def hangs(worked: float, seconds: float) -> bool:
    """Tell whether who has worked so long in so many seconds waits for something else than a turn.

    Where many want a processor, each has its turn less often.
    """
    return worked < seconds / max(slowness(), crowd()) / 10


def cpu_seconds(processes: list) -> float:
    """Return the seconds of CPU that processes, as psutil's, have taken."""
    import psutil

    used = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            used += sum(process.cpu_times()[:4])  # with that of children which have ended
    return used


def with_children(pid: int) -> list:
    """Return a process and all that it has started, as psutil's; none if it has ended."""
    import psutil

    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def run(command: list, patience: float, **options) -> subprocess.CompletedProcess:
    """Run a command and capture what it says; subprocess.TimeoutExpired if it hangs so long.

    What it has started works for it, and ends with it.
    """
    import psutil

    pipe: Any = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    command = [str(part) for part in command]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, **pipe, **options) as process:
        work = 0.0
        try:
            while True:
                try:
                    said = process.communicate(timeout=patience)
                    return subprocess.CompletedProcess(command, process.returncode, *said)
                except subprocess.TimeoutExpired:
                    before, work = work, cpu_seconds(with_children(process.pid))
                    if hangs(work - before, patience) or work > ENOUGH:
                        raise
        except BaseException:
            for each in with_children(process.pid):
                with contextlib.suppress(psutil.Error):
                    each.kill()
            raise


class Program:
    """A program that is started, killed, and started again."""

    child: Child | None = None

    def __init__(self, name: str, command: list, ready: Callable[[], bool], log="", **options):
        self.name, self.command, self.ready = name, command, ready
        self.options = options | {"log": log or name}

    def launch(self) -> None:
        """Start it."""
        self.child = Child(self.command, **self.options)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.launch()
        self.started().must(self.ready, f"The {self.name}")

    def started(self) -> Child:
        """Return its process: to be asked for only after start()."""
        if self.child is None:
            raise RuntimeError(f"The {self.name} has not been started")
        return self.child

    @property
    def running(self) -> list:
        """Return the program itself, as psutil's."""
        return self.started().programs()

    def tell(self, number: int) -> None:
        """Send the program itself a signal."""
        for program in self.running:
            program.send_signal(number)

    def kill(self, number: int = getattr(signal, "SIGKILL", signal.SIGTERM)) -> None:
        """Send a signal that ends it, and wait until it is gone."""
        self.check()
        self.tell(number)
        self.started().process.wait()

    kill_all = kill  # it is all there is

    def runs(self) -> bool:
        """Tell whether it runs."""
        return self.child is not None and self.child.exit_code() is None

    def check(self) -> None:
        """Complain if it has ended by itself."""
        if not self.runs():
            raise Problem(self.started().said(f"The {self.name} has ended by itself"))

    def end(self) -> None:
        """End it, if it runs."""
        if self.child:
            self.child.end()


ENDINGS = ("SIGINT", "SIGTERM", "SIGHUP")


def when_told_to_end() -> threading.Event:
    """Return an event that is set by Ctrl-C, and by what else ends a command."""
    stop = threading.Event()
    for name in ENDINGS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: stop.set())
    return stop


def end_as_by_ctrl_c() -> None:
    """Raise KeyboardInterrupt for what else ends a command, so that it tidies up."""
    for name in ENDINGS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
