"""Who is here, in all processes: each says who is in its own rooms, and hears the others."""

import json
import logging
import os
import socket
import time

import gevent
from redis import RedisError

from .live import redis

CHANNEL = "presence"
EVERY = 1  # seconds
FORGET = 3  # seconds after which a process that says nothing has died
NAMES = 20  # that are told of each hall

ME = f"{socket.gethostname()}:{os.getpid()}"

logger = logging.getLogger(__name__)


def count_all(presence, halls):
    """Say who is here and hear who is elsewhere, for as long as the server runs."""
    # A channel, not a stream: what was said two seconds ago nobody needs to know.
    while True:
        heard = {}  # process: what it said, and when
        try:
            with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                pubsub.subscribe(CHANNEL)
                while True:
                    here = {name: hall.who() for name, hall in halls.items()}
                    redis.publish(CHANNEL, json.dumps([ME, len(presence.here), here]))
                    hear(pubsub, heard)
                    add_up(presence, halls, heard)
        except RedisError as error:
            logger.error("Only who is in this process is counted: %s", error)
            add_up(presence, halls, {})
            gevent.sleep(EVERY)


def hear(pubsub, heard):
    """Note for a moment what the others say; forget who has not said anything for long."""
    end = time.monotonic() + EVERY
    while (left := end - time.monotonic()) > 0:
        message = pubsub.get_message(timeout=left)
        try:
            match json.loads(message["data"]) if message else None:
                case [str(process), int(number), dict(elsewhere)] if process != ME:
                    heard[process] = (number, elsewhere), time.monotonic()
        except (RecursionError, ValueError) as error:
            logger.error("Skipped what is no number: %.200r: %s", message["data"], error)
    for process in [each for each, (_, when) in heard.items() if end - when > FORGET]:
        del heard[process]


def add_up(presence, halls, heard):
    """Add who is elsewhere to who is here."""
    presence.set_elsewhere(sum(number for (number, _), _ in heard.values()))
    for hall in halls.values():
        number, names = hall.who()
        for (_, elsewhere), _ in heard.values():
            match elsewhere.get(hall.name):
                case [int(more), [*others]]:
                    number += more
                    names += map(str, others)
        hall.set_here(number, sorted(set(names))[:NAMES])
