"""A switch to another greenlet inside a transaction: SQLite stays locked meanwhile."""

from gevent import monkey

monkey.patch_all()

import django
import gevent
from django.conf import settings
from together import CURED, redis_server, scratch

db = {"ENGINE": "django.db.backends.sqlite3", "NAME": scratch() / "db.sqlite3"}
db["OPTIONS"] = {"timeout": 0.5}  # 5 seconds by default: sooner seen
settings.configure(DATABASES={"default": db})
django.setup()

import redis
from django.db import connection, transaction

channel = redis.Redis(port=redis_server().port)


def execute(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def save_and_publish(text):
    """Wait for Redis, and for whoever has a turn meanwhile, with the database locked."""
    with transaction.atomic():
        execute("INSERT INTO notice VALUES (%s)", text)
        channel.publish("notices", text)


def save_then_publish(text):
    """Publish when the transaction is over."""
    with transaction.atomic():
        execute("INSERT INTO notice VALUES (%s)", text)
        transaction.on_commit(lambda: channel.publish("notices", text))


execute("CREATE TABLE notice (text TEXT)")
save = save_then_publish if CURED else save_and_publish
gevent.joinall([gevent.spawn(save, f"Notice {number}") for number in range(5)])
print("Saved:", execute("SELECT count(*) FROM notice")[0][0], "of 5")
