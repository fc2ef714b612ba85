"""A database connection for each greenlet: PostgreSQL has a hundred, or two."""

from gevent import monkey

monkey.patch_all()

import os

import dj_database_url
import django
import socketio
from django.conf import settings
from gevent.event import Event
from gevent.lock import BoundedSemaphore
from together import CURED, serve

settings.configure(DATABASES={"default": dj_database_url.parse(os.environ["DATABASE_URL"])})
django.setup()

from django.db import connection, connections


def answer(number):
    """Ask the database, as a handler of events does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s", [number])
        return cursor.fetchone()[0]


turns = BoundedSemaphore(20)


def answer_in_turn(number):
    """Ask the database: twenty at a time, and nobody keeps the connection."""
    with turns:
        try:
            return answer(number)
        finally:
            connections.close_all()


MANY = 205
answers, asked, over = [], [], Event()


def ask(sid, number):
    """Answer an event of a browser."""
    try:
        answers.append(answer_in_turn(number) if CURED else answer(number))
    finally:
        asked.append(number)
        if len(asked) == MANY:
            over.set()
    over.wait()  # A handler waits for this and that. So long it has what it does not give back.


sio = socketio.Server(async_mode="gevent")
sio.on("ask", ask)
client = socketio.Client()
client.connect(serve(socketio.WSGIApp(sio)), transports=["websocket"], wait_timeout=60)
for number in range(MANY):  # Each event is a greenlet, so one browser is enough.
    client.emit("ask", number)
over.wait()
print(f"Answered: {len(answers)} of {MANY}")
client.disconnect()
