"""What has happened, numbered: a page that was away asks for what came after its last one.

It is step 5's stream and cursor, small enough for a file.
"""

import time
from typing import Any

from workshop.serving.kept import Kept

MOST = 200  # entries of a topic: of what a command prints, the oldest goes


class Past:
    """Entries of some topics: each an id, the topic, a kind, and data."""

    def __init__(self, kept: Kept):
        self.kept = kept
        self.topics: dict[str, list[list]] = kept.get("topics", {})
        self.last = max((entry[0] for all in self.topics.values() for entry in all), default=0)

    def add(self, topic: str, kind: str, data: dict[str, Any]) -> list:
        """Keep an entry, and return it; where a topic begins again, what was before is over."""
        # By the clock: what a killed server had no time to write down has no later number.
        self.last = max(self.last + 1, int(time.time() * 1000))
        entry = [self.last, topic, kind, data]
        if kind == "began":
            self.topics[topic] = []
        entries = self.topics.setdefault(topic, [])
        entries.append(entry)
        if len(entries) > MOST:
            del entries[1]
        self.kept.set("topics", self.topics)
        return entry

    def after(self, last: int) -> list[list]:
        """Return all entries that came after one, in order."""
        return sorted(entry for all in self.topics.values() for entry in all if entry[0] > last)

    def is_open(self, topic: str) -> bool:
        """Tell whether a topic has begun, and not ended."""
        entries = self.topics.get(topic, [])
        return entries != [] and entries[-1][2] != "ended"
