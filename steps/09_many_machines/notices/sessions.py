"""Who is told what ends with a session, and with what a person may do."""

import logging
import time

from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import connections, transaction
from django.db.models.signals import post_delete, post_save
from django.utils import timezone

from board.outage import OUTAGE

from . import outbox
from .models import Outbox

AT_ONCE = 10  # sessions: each is an entry of the outbox, in which notices wait, too

logger = logging.getLogger(__name__)


def session(key):
    """Return the room of all tabs of one log-in."""
    return f"session {key}"


def person(number):
    """Return the room of all tabs and phones of one user."""
    return f"person {number}"


def session_ends(instance, **kwargs):
    """Hear that a session was deleted: that is a log-out, among others."""
    end(session(instance.session_key))


def person_changes(instance, created=False, update_fields=None, **kwargs):
    """Hear of a new password, for example, or that somebody is gone; a log-in is no such change."""
    if not created and update_fields != {"last_login"}:
        end(person(instance.id))


def end(room):
    """Have every process hang up on a room, once it has told what was said before."""
    Outbox.objects.create(ended=room)
    transaction.on_commit(outbox.empty, robust=True)


def end_old():
    """End the sessions whose time is over, while the server runs: Django would only ignore them."""
    while True:
        try:
            old = Session.objects.filter(expire_date__lt=timezone.now())
            Session.objects.filter(pk__in=[session.pk for session in old[:AT_ONCE]]).delete()
        except OUTAGE as error:
            logger.error("No session is ended: %s", error)
        connections.close_all()
        time.sleep(1)


post_delete.connect(session_ends, Session)
post_save.connect(person_changes, get_user_model())
post_delete.connect(person_changes, get_user_model())
