"""Two keys in one command of a Redis Cluster: they have different slots."""

import redis
from together import CURED, redis_cluster

stream, key = "notices", "notices:42"
if CURED:
    stream, key = "{notices}", "{notices}:42"  # What is in braces says which slot it has.

client = redis.Redis(port=redis_cluster().port)
client.mset({stream: 1, key: 1})
print("Set:", client.exists(stream, key), "keys")
