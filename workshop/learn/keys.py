"""Single keys of a terminal, without Enter."""

import contextlib
import os
import select
import sys
import time
from collections.abc import Callable, Iterator

from workshop.base.paths import WINDOWS


@contextlib.contextmanager
def reading() -> Iterator[Callable[[float], str]]:
    """Yield a function that returns the key that is pressed within some seconds, or "".

    Where there is no terminal it only waits.
    """
    if not sys.stdin.isatty():
        yield wait
    elif WINDOWS:
        yield windows_key
    else:
        import termios
        import tty

        before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)  # Ctrl-C stays what it is.
        try:
            yield key
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def wait(seconds: float) -> str:
    """Wait, as nobody can press a key."""
    time.sleep(seconds)
    return ""


def key(seconds: float) -> str:
    """Return a key that is pressed within some seconds, or ""."""
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return os.read(sys.stdin.fileno(), 1).decode(errors="replace") if ready else ""


def windows_key(seconds: float) -> str:
    """Return a key that is pressed within some seconds, or ""."""
    import msvcrt

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if msvcrt.kbhit():  # type: ignore[attr-defined]
            return msvcrt.getwch()  # type: ignore[attr-defined]
        time.sleep(0.05)
    return ""
