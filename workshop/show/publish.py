"""Publish a notice to Redis, as any program could: every page from step 4 on shows it."""

import argparse
import itertools
import json
import os
import re
import time
from collections.abc import Callable

from workshop.base.paths import ME
from workshop.base.problem import Problem
from workshop.base.words import counted
from workshop.serving import running
from workshop.serving.redis_server import DEFAULT_URL, client_of, why_silent, without_password

HELP = "publish a notice to the pages of a step from 4 on"
NAME = "notices"  # of the channel in step 4, and how the names of streams begin from step 5 on
LONGEST = {"text": 280, "author": 40}
PATIENCE = 10  # seconds in which a cluster replaces a node that died
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "": 1}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `publish`."""
    parser.add_argument("text")
    parser.add_argument("--author", default="The workshop", metavar="NAME")
    parser.add_argument("--every", type=duration, metavar="TIME", help="again: 200ms, 1s, 2m")
    parser.add_argument(
        "--count", type=int, metavar="N", help="how often (each second, or --every)"
    )


def needs(args: argparse.Namespace) -> set[str]:
    """Return what must be installed."""
    return {"python"}


def duration(text: str) -> float:
    """Return the seconds that 200ms, 1s or 2m means."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 200ms, 1s or 2m")
    seconds = float(match[1]) * SECONDS[match[2]]
    if seconds > 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is more than a day")
    return seconds


def main(args: argparse.Namespace) -> int:
    """Publish, and say who heard it."""
    count = args.count if args.count is not None else (None if args.every is not None else 1)
    if count is not None and count < 1:
        raise Problem("--count is 1 or more.")
    notice = {"author": args.author.strip(), "text": args.text.strip()}
    for name, value in notice.items():
        if not value:
            raise Problem(f"The {name} is empty: say something.")
        # More than one are numbered, which needs room.
        longest = LONGEST[name] - (10 if name == "text" and count != 1 else 0)
        if len(value) > longest:
            raise Problem(f"The {name} has {len(value)} characters; at most {longest} are allowed.")
    url, where = which_redis()
    if error := why_silent(url):
        raise Problem(
            f"There is no Redis at {without_password(url)} ({where}): {error}.\n"
            f"Start step 4, which brings one:  {ME} run 4"
        )
    kept = streams(url)
    heard = publish(url, notice, count, 1.0 if args.every is None else args.every, kept)
    return report(bool(kept), heard, f"{without_password(url)} ({where})")


def which_redis() -> tuple[str, str]:
    """Return the URL of the Redis to publish to, and where that is known from."""
    if url := os.environ.get("REDIS_URL"):
        return url, "from REDIS_URL"
    steps = [what for what in running.everything() if what["redis"]]
    if steps:
        return steps[-1]["redis"], f"of {steps[-1]['step']}, which is running"
    return DEFAULT_URL, "the default, as no step that uses Redis is running"


def streams(url: str) -> list[bytes]:
    """Return the streams by which boards are told, as a server begins them from step 5 on.

    From step 8 on each hall has one.
    """
    import redis

    with client_of(url) as client:
        try:
            return list(client.scan_iter(f"{NAME}*", _type="stream"))
        except redis.RedisError as error:  # It is too old for that, or this user may not ask.
            raise Problem(f"Redis did not say which streams it has: {error}.") from None


def publish(
    url: str, notice: dict, count: int | None, pause: float, kept: list[bytes]
) -> list[int]:
    """Publish a notice, numbered if it is more than one; return how many servers heard each.

    It is appended to the streams as well, which no server need be there to hear.
    """
    import redis
    from redis.exceptions import RedisClusterException
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    heard = []
    columns = TextColumn("Publishing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with client_of(url) as client, Progress(*columns, disable=count == 1) as progress:
        task = progress.add_task("", total=count)
        patience = PATIENCE if "," in url else 0
        began = time.monotonic()
        try:
            for number in itertools.count(1) if count is None else range(1, count + 1):
                text = notice["text"] if count == 1 else f"{notice['text']} {number}"
                message = json.dumps(notice | {"text": text})
                heard.append(insist(client.publish, NAME, message, patience=patience))
                for stream in kept:
                    entry = {"notice": message}
                    insist(client.xadd, stream, entry, maxlen=10_000, patience=patience)
                progress.advance(task)
                if number != count:
                    # Against the clock, so that the time to publish does not add up.
                    time.sleep(max(0, began + number * pause - time.monotonic()))
        except (redis.RedisError, RedisClusterException) as error:
            raise Problem(f"Redis was gone after {len(heard)} notices: {error}.") from None
        except KeyboardInterrupt:
            pass  # --every without --count ends like this
    return heard


def insist(command: Callable, *arguments, patience: float, **options):
    """Send a command, again and again for so many seconds: a cluster's node may be replaced."""
    import redis
    from redis.exceptions import RedisClusterException

    end = time.monotonic() + patience
    while True:
        try:
            return command(*arguments, **options)
        except (redis.RedisError, RedisClusterException):
            if time.monotonic() > end:
                raise
        time.sleep(0.2)


def report(kept: bool, heard: list[int], redis_name: str) -> int:
    """Say how many servers heard it, and what to check when none did."""
    what = "Published" if len(heard) == 1 else f"Published {len(heard)} notices"
    unheard = heard.count(0)
    if not heard:
        return 130
    if kept:
        also = f"{counted(min(heard), 'server')} heard it, and " if min(heard) else ""
        print(f"{what}: {also}it is in the stream, so who is away is told later.")
        return 0
    if not unheard:
        print(f"{what}: {counted(min(heard), 'server')} heard it.")
        print("A channel keeps nothing: reload a page, and what was said is gone.")
        return 0
    if unheard < len(heard):
        print(f"{what}, but nobody heard {unheard} of them: was the server away for a moment?")
        return 1
    print(
        f"{what}, but nobody heard it.\nThe Redis was {redis_name}.\nIs step 4 running?  {ME} run 4"
    )
    print("If it is: does it use this Redis? Its screen says which; REDIS_URL names another one.")
    return 1
