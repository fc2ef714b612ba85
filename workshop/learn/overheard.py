"""What a step says to Redis, overheard: a name that is not the lesson's is silent otherwise."""

import contextlib
import re
import threading

import redis

NAME = "notices"  # of the channel in step 4, of the stream from step 5 on
OTHERS = re.compile("presence|notices:.*|people")  # from step 6 on, and from step 8 on
KINDS = {"SUBSCRIBE": "channel", "PUBLISH": "channel", "XREAD": "stream", "XADD": "stream"}


class Overheard:
    """The other names that a Redis was told, and by which command."""

    def __init__(self, url: str):
        self.url = url
        self.others: dict[str, str] = {}
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        """Listen until Redis ends; what stands in for it on Windows tells nothing."""
        with (
            contextlib.suppress(redis.RedisError),
            redis.Redis.from_url(self.url, socket_timeout=None) as client,
            client.monitor() as monitor,
        ):
            for heard in monitor.listen():
                words = heard["command"].split()
                command = words[0].upper()
                if command == "XREAD":
                    words = words[[word.upper() for word in words].index("STREAMS") :]
                if command in KINDS and words[1] != NAME and not OTHERS.fullmatch(words[1]):
                    self.others[command] = words[1]

    def wrong_name(self) -> tuple[str, str] | None:
        """Return the name, and a sentence about it."""
        for command, name in self.others.items():
            kind = KINDS[command]
            return name, f'Redis was told {command} "{name}", and the {kind} is "{NAME}".'
        return None
