"""Who is here, in all processes: each says who is in its own rooms, and one of them adds up."""

import json
import logging
import os
import socket

import gevent
from redis import RedisError

from .cluster import node_of

EVERY = 1  # seconds
FORGET = 3  # seconds after which a process that says nothing has died
NAMES = 20  # that are told of each hall

ME = f"{socket.gethostname()}:{os.getpid()}"
# What is in braces says which node has a key: one node has them all.
HERE = "{presence}:here"  # process: who is there
TURN = "{presence}:turn"  # is there as long as nobody need add up again
SUM = "{presence}:sum"  # who is there, in all of them
NONSENSE = AttributeError, RecursionError, TypeError, ValueError  # Anybody may write anything.

logger = logging.getLogger(__name__)


def count_all(presence, halls):
    """Say who is here and hear who is anywhere, for as long as the server runs."""
    while True:
        here = len(presence.here), {name: who(hall) for name, hall in halls.items()}
        try:
            tell(presence, halls, *exchange(here))
        except (*NONSENSE, RedisError) as error:
            logger.error("Only who is in this process is counted: %s", error)
            tell(presence, halls, *here)
        gevent.sleep(EVERY)


def tell(presence, halls, number, everywhere):
    """Tell this process's browsers how many are anywhere, and who is in each hall."""
    presence.set_count(number)
    for name, hall in halls.items():
        hall.set_here(*everywhere.get(name, (0, [])))


def who(hall):
    """Return how many of this process follow a hall, and the first names of those who have one."""
    number, names = hall.who()
    return number, sorted(set(names))[:NAMES]


def exchange(here):
    """Say who is here, and return who is anywhere, as one of all processes has added it up."""
    with node_of(HERE) as redis:
        commands = redis.pipeline()
        commands.hset(HERE, ME, json.dumps(here)).hexpire(HERE, FORGET, ME)
        commands.set(TURN, ME, nx=True, px=900 * EVERY).get(SUM)
        *_, my_turn, added_up = commands.execute()
        if my_turn or not added_up:
            added_up = json.dumps(add_up(redis.hvals(HERE)))
            redis.set(SUM, added_up, ex=FORGET)
    return json.loads(added_up)


def add_up(everybody):
    """Return who is in all processes together, of what each of them has said."""
    total, halls = 0, {}
    for said in everybody:
        try:
            match json.loads(said):
                case [int(number), dict(theirs)]:
                    total += number
                    for name, hall in theirs.items():
                        halls[name] = add(halls.get(name, (0, [])), hall)
        except NONSENSE as error:
            logger.error("Skipped what is no number: %.200r: %s", said, error)
    return total, halls


def add(before, hall):
    """Return how many follow a hall and their names, with those of one process more."""
    number, names = before
    match hall:
        case [int(more), [*others]]:
            return number + more, sorted({*names, *map(str, others)})[:NAMES]
    return before
