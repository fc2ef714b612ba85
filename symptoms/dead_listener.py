"""The except clause is for another ConnectionError: the listener dies, and the server stays up."""

from gevent import monkey

monkey.patch_all()

import gevent
import redis
from gevent.event import Event
from together import CURED, redis_server

outage = ConnectionError  # Python's own
if CURED:
    outage = redis.RedisError  # redis-py's: its ConnectionError and its TimeoutError are such


def listen():
    """Hand on what is published, for as long as the server runs."""
    while True:
        try:
            with redis.Redis(port=port).pubsub(ignore_subscribe_messages=True) as pubsub:
                pubsub.subscribe("notices")
                for message in pubsub.listen():
                    print("The listener heard:", message["data"].decode(), flush=True)
                    heard.set()
        except outage as error:
            print("Not live, will try again:", error, flush=True)
            noticed.set()
            gevent.sleep(0.1)


def publish(text):
    """Publish until somebody hears it, unless nobody ever will."""
    while not listener.dead and not redis.Redis(port=port).publish("notices", text):
        gevent.sleep(0.02)
    gevent.wait([heard, listener], count=1)


server = redis_server()
port = server.port
heard, noticed = Event(), Event()
listener = gevent.spawn(listen)
publish("Lunch is ready")

server.stop()  # An outage: Redis is updated.
gevent.wait([noticed, listener], count=1)
server = redis_server(port)
heard.clear()
publish("Coffee is ready")
if listener.dead:
    print("The server runs, and nobody listens.")
