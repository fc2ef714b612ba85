"""How much one browser may post, and all those together that share an address."""

import secrets
import time

from django.conf import settings
from redis import RedisError

from .cluster import node_of

COOKIE = "browser"
WINDOW = 10  # seconds


def give_cookie(request, response):
    """Give a browser a name with its first page; it is signed, or a script would make up more."""
    if request.get_signed_cookie(COOKIE, None) is None:
        response.set_signed_cookie(COOKIE, secrets.token_hex(8), httponly=True, samesite="Lax")
    return response


def is_too_much(request):
    """Count a post, and tell whether it is one too many.

    A browser may post so much in ten seconds, and an address fifty times as much: a whole room
    can be behind one router, and a script can ask for the page, and a name, again and again.
    """
    address = request.META["REMOTE_ADDR"]
    browser = request.get_signed_cookie(COOKIE, f"nameless-{address}")
    most = settings.POSTS_IN_TEN_SECONDS
    return is_over(browser, most) or is_over(address, 50 * most)


def is_over(who, most):
    """Count one more in these ten seconds, over all processes, and tell whether it is too much."""
    key = f"posts-{who}-{time.time() // WINDOW:.0f}"
    try:
        with node_of(key) as redis:
            count, _ = redis.pipeline().incr(key).expire(key, 2 * WINDOW).execute()
    except RedisError:
        return False  # Better too much than nothing: what is posted is saved.
    return count > most
