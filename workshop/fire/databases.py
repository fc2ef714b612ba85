"""The database under fire, unless it is a PostgreSQL: a file."""

import sqlite3
from contextlib import closing
from pathlib import Path


class SQLite:
    """A file."""

    def __init__(self, folder: Path):
        self.path = folder / "db.sqlite3"
        self.url = f"sqlite:///{self.path}"

    def start(self) -> None:
        """Be there."""

    check = end = start  # It is the target's folder that is removed.

    def query(self, sql: str) -> list[tuple]:
        """Ask the database."""
        # A moment is enough for whoever writes; read-only, so that nobody waits for this.
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", timeout=10, uri=True)) as db:
            return db.execute(sql).fetchall()
