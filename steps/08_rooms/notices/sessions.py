"""A session that ends takes its rooms along: by a log-out, by its time, or by an organiser."""

import logging
import time

from django.contrib.sessions.models import Session
from django.db import connections, transaction
from django.db.models.signals import post_delete
from django.utils import timezone

from board.outage import OUTAGE

from . import outbox
from .models import Outbox

logger = logging.getLogger(__name__)


def say_so(instance, **kwargs):
    """Have every process hear, after what was said before it, that a session has ended."""
    Outbox.objects.create(ended=instance.session_key)
    transaction.on_commit(outbox.empty, robust=True)


def end_old():
    """End the sessions whose time is over, while the server runs: Django would only ignore them."""
    while True:
        try:
            Session.objects.filter(expire_date__lt=timezone.now()).delete()
        except OUTAGE as error:
            logger.error("No session is ended: %s", error)
        connections.close_all()
        time.sleep(1)


post_delete.connect(say_so, Session)
