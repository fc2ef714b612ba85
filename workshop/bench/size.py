"""How much `bench` measures."""

from dataclasses import dataclass


@dataclass
class Size:
    """How much is measured: the full size, unless something else is said."""

    clients: tuple = (100, 1000, 5000)
    rounds: int = 3
    settle: float = 1.0  # seconds before the memory is asked for, or after a room's phase
    one: float = 2.0  # seconds of one notice at a time, but at least 5 notices
    burst: int = 200  # notices that are published at once
    burst_seconds: float = 3.0  # that a burst may last: it is smaller where it would last longer
    bursts: int = 2
    paced_seconds: float = 6.0
    rate: float = 4.0  # notices a second by the clock: what the slowest server can keep up with
    paced_clients: int = 1000
    pairs: int = 100
    deaf: float = 20.0  # MB that are sent to the client that never reads
    limit: float = 0.0  # seconds for a full room to come, or come back; 0: there is none
    minute: float = 0.0  # seconds of one notice after the other to very many; 0: there are not
    away: int = 10  # notices that are told while very many are away
    block: float = 0.0  # seconds that a process waits for a stream; 0: there are only browsers


QUICK = Size(
    (1000,), 1, settle=0.3, one=0.3, burst=50, burst_seconds=0.5, bursts=1, paced_seconds=1,
    pairs=20, deaf=3,
)  # fmt: skip


LADDER = Size((1000,), 5, one=3.0, bursts=0, rate=0, pairs=0, deaf=0)
HALLS = LADDER
ARRIVALS = Size((500, 1000, 2000), 3, settle=0.5, pairs=0, limit=300)
# The settling is a whole round of pings: Node asks each browser every 25 s.
SCALE = Size(
    (1000, 5000, 20_000, 50_000), 1, settle=25, one=5, burst=20, bursts=3, pairs=0, minute=60
)
SCALE_QUICK = Size((1000,), 1, settle=5, one=2, burst=20, bursts=1, pairs=0, minute=5)
ARRIVALS_QUICK = Size((200,), 1, settle=0.5, pairs=0, limit=100)
# As long as step 9 waits.
READERS = Size(
    (4, 40, 400, 4000), 3, settle=3, one=2, burst=100, bursts=3, paced_seconds=3, pairs=0, block=1
)
READERS_QUICK = Size(
    (4, 40), 1, settle=1, one=0.3, burst=20, bursts=1, paced_seconds=1, pairs=0, block=1
)
