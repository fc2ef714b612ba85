"""Step 6 or 7 with some of what makes step 7 fast: ladder.py RUNG PORT, in the step's folder.

Or step 7 with heartbeats as seldom as Socket.IO's own server has them: ladder.py heartbeats PORT.
"""

# ruff: noqa: E402  (the patch comes before every import)
from gevent import monkey

monkey.patch_all()

import functools
import gc
import os
import sys

import engineio.socket

sys.path.insert(0, os.getcwd())
rung, port = sys.argv[1:]


def poll(self):
    """Wait for packets as the library does, but without a timer."""
    packets = [self.queue.get()]
    while not self.queue.empty():
        packets.append(self.queue.get())
    return packets if None not in packets else []


if rung in ("garbage", "timer"):  # of step 6
    gc.freeze()
    gc.set_threshold(100_000)
    if rung == "timer":
        engineio.socket.Socket.poll = poll
elif rung == "heartbeats":
    from board import guard

    guard.PING_EVERY, guard.MAX_PONG = 25, 20
else:
    from board import direct, fan_out, guard

    fan_out.Manager = guard.Manager  # the library's own emit
    if rung == "framed":
        direct.frame = functools.lru_cache(100)(direct.frame)  # once for each packet

import serve

serve.serve(port=int(port))
