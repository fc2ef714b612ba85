"""The listener waits for an answer longer than redis-py waits for one: 5 seconds."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from together import CURED, redis_server

# socket_timeout is 5, and it tries three times more, where nothing is said: sooner seen.
client = redis.Redis(port=redis_server().port, socket_timeout=2, retry=Retry(NoBackoff(), 0))
wait = 5000  # milliseconds in which nothing may come
if CURED:
    wait = 100  # less than socket_timeout
print("In this time came:", client.xread({"notices": "$"}, block=wait) or "nothing")
