"""The outbox: what is saved, and has yet to be published."""

import logging
import threading
import time

from django.db import connections
from redis import RedisError

from board.outage import OUTAGE

from . import models  # not its names: it is only half there, as it imports this module, too
from .live import publish, stream_for

logger = logging.getLogger(__name__)
busy = threading.Lock()
held_up = set()  # streams: what is saved for them now is published later


def empty():
    """Publish what the outbox has, each stream in its order; what comes meanwhile goes along."""
    outbox = models.Outbox.objects
    try:
        goes_on = True
        while goes_on and outbox.exists() and busy.acquire(blocking=False):
            try:
                goes_on = publish_all(outbox.select_related("notice").order_by("id"))
            finally:
                busy.release()
    except OUTAGE as error:
        logger.error("Saved, and to be published later: %s", error)


def publish_all(outbox):
    """Publish each entry, but for those whose stream is away; return how many were published."""
    stuck, number, last = set(), 0, 0
    while entries := outbox.filter(id__gt=last)[:100]:
        for entry in entries:
            last, stream = entry.id, stream_for(entry.notice)
            if stream in stuck:
                continue  # In its order: after the one before.
            try:
                publish(stream, entry)
            except RedisError as error:
                stuck.add(stream)
                logger.error("Saved, and to be published later: %s", error)
            else:
                entry.delete()
                number += 1
    held_up.clear()
    held_up.update(stuck)
    return number


def keep_empty():
    """Publish, while the server runs, what somebody could not: Redis was away, or they died."""
    while True:
        empty()
        connections.close_all()  # as in board/guard.py: nobody else does for a greenlet
        time.sleep(1)
