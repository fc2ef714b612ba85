"""A wait for what nobody can ever do: gevent sees that nothing is left to run, and says so."""

from gevent import monkey

monkey.patch_all()

import gevent
from gevent.queue import Queue
from together import CURED

notices = Queue()


def listen():
    """Put into the queue what is published."""
    gevent.sleep(0.01)
    notices.put("Coffee is ready")


if CURED:
    gevent.spawn(listen)
print("Heard:", notices.get())
