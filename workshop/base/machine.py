"""How busy this machine is: what takes a second on a quiet one may take several."""

import contextlib
import os
from pathlib import Path


def slowness() -> float:
    """Return how many programs want each processor, 1 where it is at most one or not known."""
    try:
        return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    except (AttributeError, OSError):  # Windows
        return 1.0


def crowd() -> float:
    """Return the same at this moment, where many may only just have begun; 1 if not known."""
    with contextlib.suppress(OSError):
        running = Path("/proc/loadavg").read_text().split()[3].partition("/")[0]
        return max(1.0, int(running) / (os.cpu_count() or 1))
    return 1.0
