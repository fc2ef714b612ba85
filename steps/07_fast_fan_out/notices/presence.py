"""How many are here, in all processes: each says its own number, and hears the others'."""

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

ME = f"{socket.gethostname()}:{os.getpid()}"

logger = logging.getLogger(__name__)


def count_all(presence):
    """Say how many are here and hear how many are elsewhere, for as long as the server runs."""
    # A channel, not a stream: what was said two seconds ago nobody needs to know.
    while True:
        heard = {}  # process: what it said, and when
        try:
            with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                pubsub.subscribe(CHANNEL)
                while True:
                    redis.publish(CHANNEL, json.dumps([ME, len(presence.here)]))
                    hear(pubsub, heard)
                    presence.set_elsewhere(sum(number for number, _ in heard.values()))
        except RedisError as error:
            logger.error("Only who is in this process is counted: %s", error)
            presence.set_elsewhere(0)
            gevent.sleep(EVERY)


def hear(pubsub, heard):
    """Note for a moment what the others say; forget who has not said anything for long."""
    end = time.monotonic() + EVERY
    while (left := end - time.monotonic()) > 0:
        message = pubsub.get_message(timeout=left)
        try:
            match json.loads(message["data"]) if message else None:
                case [str(process), int(number)] if process != ME:
                    heard[process] = number, time.monotonic()
        except (RecursionError, ValueError) as error:
            logger.error("Skipped what is no number: %.200r: %s", message["data"], error)
    for process in [each for each, (_, when) in heard.items() if end - when > FORGET]:
        del heard[process]
