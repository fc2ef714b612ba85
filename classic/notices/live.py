"""Redis between whoever has something to say and every server: publish; subscribe and listen."""

import json
import logging

import gevent
from django.conf import settings
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

CHANNEL = "notices"

logger = logging.getLogger(__name__)
# One new try, at once: it mends a connection that has died unnoticed, and keeps nobody waiting.
redis = Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 1))


def publish(notice):
    """Publish a notice that is saved."""
    try:
        redis.publish(CHANNEL, json.dumps(notice.as_dict()))
    except RedisError as error:
        # Better a page that has to be reloaded than a notice refused: it is saved.
        logger.error("Notice %s is saved, but no screen was told: %s", notice.id, error)


def listen(notices):
    """Subscribe and listen, and hand on what is heard, for as long as the server runs."""
    while True:
        try:
            with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                pubsub.subscribe(CHANNEL)
                notices.set_live(True)
                for message in pubsub.listen():
                    notices.broadcast(message["data"])
                    gevent.sleep(0)  # In a burst, let this one go out before the next comes in.
        except RedisError as error:
            logger.error("Not live, will try again in a second: %s", error)
            notices.set_live(False)
            gevent.sleep(1)
