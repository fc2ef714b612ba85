"""A PostgreSQL server of one's own."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from workshop.install.programs import find_postgresql
from workshop.serving.ports import any_port
from workshop.serving.processes import Program

NOBODY = 65534


class PostgreSQL(Program):
    """A real server in a folder of its own."""

    def __init__(self, _: Path | None = None):
        port = any_port()
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        self.data = tempfile.mkdtemp(prefix="workshop-postgresql-")
        self.as_user = []
        if os.geteuid() == 0:  # which PostgreSQL refuses to run as
            shutil.chown(self.data, NOBODY, NOBODY)
            # Root's folders, one of which ours may be in, stay open to it.
            rights = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
            ids = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            self.as_user = [shutil.which("setpriv"), *ids, *rights]
        options = ["-U", "postgres", "--auth=trust", "--no-sync"]
        make: list = [*self.as_user, find_postgresql("initdb"), "-D", self.data, *options]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, cwd="/")
        serve = [*self.as_user, find_postgresql("postgres"), "-D", self.data, "-p", port, "-k", ""]
        serve += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        serve += ["-c", "max_connections=200"]  # Step 9's six processes may have 20 each.
        super().__init__("postgresql", serve, self.answers, cwd="/")

    def answers(self) -> bool:
        """Tell whether it can be asked."""
        import psycopg

        try:
            return bool(self.query("SELECT 1"))
        except psycopg.OperationalError:
            return False

    def query(self, sql: str) -> list[tuple]:
        """Ask the database."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as db:
            return db.execute(sql).fetchall()

    def end(self) -> None:
        """End it at once, if it runs, and leave nothing."""
        if self.runs():
            self.kill(signal.SIGQUIT)
        shutil.rmtree(self.data, ignore_errors=True)
