"""The log of notices in Redis, a stream for each hall: append to it, once; read from anywhere."""

import json
import logging
import re

import gevent
from redis import RedisError

from .cluster import node_of

PEOPLE = "people"  # the stream of all that is for one person
KEPT = 10_000  # entries of each, about: whoever has missed more loads the page anew
BATCH = 100  # entries that are read at once

logger = logging.getLogger(__name__)
# A script is one step to Redis: nobody comes in between its halves, or dies there.
# It answers how many replicas this node tells what it does.
APPEND_ONCE = """
    if redis.call("EXISTS", KEYS[2]) == 0 then
        redis.call("XADD", KEYS[1], "MAXLEN", "~", ARGV[1], "*", unpack(ARGV, 2))
    end
    redis.call("SET", KEYS[2], "", "EX", 3600) -- also then: what WAIT waits for is what is written
    return tonumber(redis.call("INFO", "replication"):match("connected_slaves:(%d+)"))
"""


def stream_of(hall):
    """Return the name of a hall's stream."""
    return f"notices:{hall}"


def stream_for(notice):
    """Return the stream for a notice, or for what ends somebody's session, which is none."""
    return stream_of(notice.hall) if notice and not notice.to_id else PEOPLE


def publish(stream, entry):
    """Append an entry of the outbox to its stream, unless it was appended before."""
    notice = entry.notice
    said = ["notice", json.dumps(notice.as_dict())] if notice else ["ended", entry.ended]
    if notice and notice.to_id:
        said += ["to", notice.to_id]
    # What is in braces says which node has a key: the one that has the stream.
    args = [stream, f"{{{stream}}}:{entry.key}", KEPT, *said]
    # One connection for all: WAIT is about what it has written.
    with node_of(stream) as node, node.client() as redis:
        replicas = redis.eval(APPEND_ONCE, 2, *args)
        # Who goes on when this node dies has to have it, too.
        safe = (replicas and redis.wait(1, 500)) or alone(redis)
    if not safe:
        raise RedisError(f"only one node has it: {stream}")


def alone(redis):
    """Tell whether a node has no replica that may take its place: the cluster has given it up."""
    replicas = redis.cluster("REPLICAS", redis.cluster("MYID"))
    return all("fail" in replica["flags"].split(",") for replica in replicas.values())


def last_cursor(stream):
    """Return the id of a stream's last entry, and make a first one if there is none."""
    with node_of(stream) as redis:
        last = redis.xrevrange(stream, count=1)
        return last[0][0] if last else redis.xadd(stream, {"began": ""})


def place(cursor):
    """Return a cursor as two numbers, which compare as the entries follow each other."""
    return tuple(map(int, cursor.split("-")))


def read_after(stream, cursor, wait=False):
    """Return what came after a cursor, a batch at most; None if the stream does not have it."""
    if not isinstance(cursor, str) or not re.fullmatch(r"[0-9]{1,19}-[0-9]{1,19}", cursor):
        return None
    with node_of(stream) as redis:
        commands = redis.pipeline(transaction=False)  # all of them in one go
        if wait:
            commands.xread({stream: cursor}, count=1, block=1000)  # Until one came, or so long.
        commands.xrange(stream, min=cursor, count=1 + BATCH)
        entries = commands.execute()[-1]
    # As long as the entry itself is there, nothing after it was trimmed away.
    return entries[1:] if entries and entries[0][0] == cursor else None


def listen(hall):
    """Read what is new, and hand it on, for as long as the server runs."""
    while True:
        try:
            entries = read_after(hall.stream, hall.cursor, wait=hall.live)
            if entries is None:
                hall.begin(last_cursor(hall.stream))
            elif entries:
                hall.broadcast(entries)
            hall.set_live(True)
        except RedisError as error:
            logger.error("Not live, will try again in a second: %s", error)
            hall.set_live(False)
            gevent.sleep(1)
