"""Child processes that end with the tool, and who holds a port."""

import contextlib
import socket
import subprocess
import sys
import threading
from pathlib import Path

from workshop.paths import WINDOWS, log_file

GUARDIAN = Path(__file__).with_name("guardian.py")


class Child:
    """A process that ends when the tool ends, however the tool ends."""

    def __init__(self, command: list[str], *, log: str | None = None, scratch=False, **options):
        command = [str(part) for part in command]
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
        else:
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


def answers(port: int, hosts: tuple[str, ...] = ("127.0.0.1", "::1")) -> bool:
    """Tell whether something listens on this port of this machine."""
    for host in hosts:
        with contextlib.suppress(OSError), socket.create_connection((host, port), 0.3):
            return True
    return False


def can_listen(host: str, port: int) -> bool:
    """Tell whether a server can listen here."""
    # Asked too, as some systems let two programs listen on one port.
    if answers(port):
        return False
    with socket.socket() as probe:
        if not WINDOWS:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str, first: int, count: int = 100) -> int | None:
    """Return the first port that is free, from this one on."""
    return next((port for port in range(first, first + count) if can_listen(host, port)), None)


def who_listens(port: int) -> str:
    """Return the name and process id of the program that listens on a port."""
    try:
        import psutil
    except ImportError:
        return "another program"
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return f"{process.name()} (process {process.pid})"
    return "another program"
