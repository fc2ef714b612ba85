"""The Redis Cluster: each key is on one of its nodes, and a node that dies has a replica."""

import threading
from contextlib import contextmanager
from functools import cache
from urllib.parse import urlsplit

from django.conf import settings
from redis import RedisCluster, RedisError
from redis.cluster import ClusterNode
from redis.exceptions import RedisClusterException

# The last: no node has any slot yet.
AWAY = RedisError, RedisClusterException, IndexError
asking = threading.Lock()  # Where all are silent that takes long, and would be done by each.


@cache
def cluster():
    """Return the client, which knows who has what: any node that answers tells it."""
    first, *others = settings.REDIS_URL.split(",")
    places = [urlsplit(url) for url in others]
    return RedisCluster.from_url(
        first,
        startup_nodes=[ClusterNode(place.hostname, place.port or 6379) for place in places],
        require_full_coverage=False,  # Some halls are better than none.
        socket_connect_timeout=1,  # A machine that is gone does not even refuse,
        socket_timeout=2,  # or say that it goes.
        max_connections=1000,  # to each node: each hall's listener has one
        decode_responses=True,
        encoding_errors="replace",  # Anybody may append anything.
    )


@contextmanager
def node_of(key):
    """Give the node that has a key; when it fails, find out who has the key by now."""
    try:
        client = cluster()
        try:
            yield client.get_node_from_key(key).redis_connection
        except AWAY:
            find_out(client)
            raise
    except (IndexError, RedisClusterException) as error:
        raise RedisError(error) from None


def find_out(client):
    """Have it ask who has what by now, unless it does so already."""
    if asking.acquire(blocking=False):
        try:
            # What others are connected to stays as it is.
            client.nodes_manager.initialize(disconnect_startup_nodes_pools=False)
        except AWAY:
            pass  # Whoever tries again asks again.
        finally:
            asking.release()
