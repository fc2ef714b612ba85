"""How much `fire` tries."""

from dataclasses import dataclass


@dataclass
class Size:
    """How much is tried: the full size, unless something else is said."""

    notices: int = 5000
    clients: int = 20  # python-socketio
    windows: int = 2  # Chromium
    rounds: int = 3  # how often what can be repeated in a fault is
    pace: float = 250  # notices a second, held back where a fault takes longer than they last
    hole: float = 6  # seconds that a black hole lasts
    deep_hole: bool = True  # also one that lasts until the ping timeout
    patience: float = 90  # seconds that the last client may take to catch up


AGAINST = Size(notices=1000, clients=10, windows=0, pace=100)
QUICK = Size(notices=400, clients=5, rounds=1, pace=200, deep_hole=False)
