"""The log of notices in Redis: append to it, once; read it, from wherever somebody was."""

import json
import logging
import re

import gevent
from django.conf import settings
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

STREAM = "notices"
KEPT = 10_000  # entries, about: whoever has missed more loads the page anew
BATCH = 100  # entries that are read at once

logger = logging.getLogger(__name__)
# One new try, at once: it mends a connection that has died unnoticed, and keeps nobody waiting.
redis = Redis.from_url(
    settings.REDIS_URL,
    retry=Retry(NoBackoff(), 1),
    decode_responses=True,
    encoding_errors="replace",  # Anybody may append anything.
)
# A script is one step to Redis: nobody comes in between its halves, or dies there.
append_once = redis.register_script("""
    if redis.call("EXISTS", KEYS[2]) == 0 then
        redis.call("XADD", KEYS[1], "MAXLEN", "~", ARGV[1], "*", "notice", ARGV[2])
        redis.call("SET", KEYS[2], "", "EX", 3600)
    end
""")


def publish(notice, key):
    """Append a notice to the stream, unless something was appended with this key before."""
    append_once([STREAM, f"{STREAM}:{key}"], [KEPT, json.dumps(notice.as_dict())])


def last_cursor():
    """Return the id of the stream's last entry, and make a first one if there is none."""
    last = redis.xrevrange(STREAM, count=1)
    return last[0][0] if last else redis.xadd(STREAM, {"began": ""})


def place(cursor):
    """Return a cursor as two numbers, which compare as the entries follow each other."""
    return tuple(map(int, cursor.split("-")))


def read_after(cursor, wait=False):
    """Return what came after a cursor, a batch at most; None if the stream does not have it."""
    if not isinstance(cursor, str) or not re.fullmatch(r"[0-9]{1,19}-[0-9]{1,19}", cursor):
        return None
    commands = redis.pipeline(transaction=False)  # all of them in one go
    if wait:
        commands.xread({STREAM: cursor}, count=1, block=1000)  # Until one came, or for a second.
    commands.xrange(STREAM, min=cursor, count=1 + BATCH)
    entries = commands.execute()[-1]
    # As long as the entry itself is there, nothing after it was trimmed away.
    return entries[1:] if entries and entries[0][0] == cursor else None


def listen(notices):
    """Read what is new, and hand it on, for as long as the server runs."""
    while True:
        try:
            entries = read_after(notices.cursor, wait=notices.live)
            if entries is None:
                notices.begin(last_cursor())
            elif entries:
                notices.broadcast(entries)
            notices.set_live(True)
        except RedisError as error:
            logger.error("Not live, will try again in a second: %s", error)
            notices.set_live(False)
            gevent.sleep(1)
