"""How busy this machine is: what takes a second on a quiet one may take several."""

import os


def slowness() -> float:
    """Return how many programs want each processor, 1 where it is at most one or not known."""
    try:
        return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    except (AttributeError, OSError):  # Windows
        return 1.0
