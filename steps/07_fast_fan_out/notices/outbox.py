"""The outbox: what is saved, and has yet to be published."""

import logging
import threading
import time
import uuid

from django.db import DatabaseError, connections, models
from redis import RedisError

from .live import publish

logger = logging.getLogger(__name__)
busy = threading.Lock()


class Outbox(models.Model):
    """A notice that has yet to be published, under a key that makes sure that it is only once."""

    notice = models.ForeignKey("Notice", on_delete=models.CASCADE)
    key = models.UUIDField(default=uuid.uuid4)


def empty():
    """Publish what the outbox has, in its order; whoever comes meanwhile is published along."""
    while Outbox.objects.exists() and busy.acquire(blocking=False):
        try:
            for entry in Outbox.objects.select_related("notice").order_by("id")[:100]:
                publish(entry.notice, entry.key)
                entry.delete()
        except RedisError as error:
            logger.error("Saved, and to be published once Redis is back: %s", error)
            return
        finally:
            busy.release()


def keep_empty():
    """Publish, while the server runs, what somebody could not: Redis was away, or they died."""
    while True:
        try:
            empty()
        except DatabaseError as error:
            logger.error("The outbox can't be read, will try again in a second: %s", error)
        finally:
            connections.close_all()  # as in Namespace: nobody else does for a greenlet
        time.sleep(1)
