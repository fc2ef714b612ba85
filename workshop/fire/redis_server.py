"""The Redis under fire: one that keeps what it has. A cluster of several has the same methods."""

import shutil
from pathlib import Path

import redis

from workshop.serving.ports import any_port
from workshop.serving.processes import Program
from workshop.serving.redis_server import valkey, why_silent


class OneRedis(Program):
    """A server of the Redis protocol, that keeps what it has."""

    def __init__(self, folder: Path):
        port = any_port()
        self.folder = folder
        self.url = f"redis://127.0.0.1:{port}/0"
        command = valkey(port, "--appendonly", "yes", "--dir", folder)
        super().__init__("redis", command, lambda: not why_silent(self.url), "fire-redis")

    def launch(self) -> None:
        """Start it, where it was before."""
        self.folder.mkdir(exist_ok=True)
        super().launch()

    def clients(self) -> list[redis.Redis]:
        """Return a client for each server that has something of its own."""
        return [redis.Redis.from_url(self.url, decode_responses=True)]

    def forget(self) -> None:
        """Remove what it has kept."""
        shutil.rmtree(self.folder)
