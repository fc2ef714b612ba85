"""Passwords are hashed where they hold up nobody."""

import gevent
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from gevent.lock import BoundedSemaphore

turn = BoundedSemaphore(1)


class Hasher(PBKDF2PasswordHasher):
    """Hash in a thread of the system's, one at a time: that takes long, on purpose."""

    def encode(self, password, salt, iterations=None):
        with turn:
            hashing = super().encode, (password, salt, iterations)
            return gevent.get_hub().threadpool.apply(*hashing)
