"""The outbox: what is saved, and has yet to be published."""

import logging
import threading
import time

from django.db import connections
from redis import RedisError

from board.outage import OUTAGE

from . import models  # not its names: it is only half there, as it imports this module, too
from .live import publish

logger = logging.getLogger(__name__)
busy = threading.Lock()
held_up = False  # what is saved now is published later


def empty():
    """Publish what the outbox has, in its order; whoever comes meanwhile is published along."""
    global held_up
    outbox = models.Outbox.objects
    try:
        while outbox.exists() and busy.acquire(blocking=False):
            try:
                for entry in outbox.select_related("notice").order_by("id")[:100]:
                    publish(entry)
                    entry.delete()
                held_up = False
            finally:
                busy.release()
    except (*OUTAGE, RedisError) as error:
        held_up = True
        logger.error("Saved, and to be published later: %s", error)


def keep_empty():
    """Publish, while the server runs, what somebody could not: Redis was away, or they died."""
    while True:
        empty()
        connections.close_all()  # as in board/guard.py: nobody else does for a greenlet
        time.sleep(1)
