"""A PostgreSQL server of one's own, where one is installed."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from workshop.serving.ports import any_port
from workshop.serving.processes import Program


class PostgreSQL(Program):
    """A real server in a folder of its own."""

    def __init__(self, _: Path | None = None):
        port = any_port()
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        self.data = tempfile.mkdtemp(prefix="workshop-postgresql-")
        self.as_user = []
        if os.geteuid() == 0:  # which PostgreSQL refuses to run as
            shutil.chown(self.data, "postgres", "postgres")
            ids = ["--reuid=postgres", "--regid=postgres", "--clear-groups"]
            self.as_user = [shutil.which("setpriv"), *ids]
        options = ["-U", "postgres", "--auth=trust", "--no-sync"]
        make: list = [*self.as_user, self.find("initdb"), "-D", self.data, *options]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, cwd="/")
        serve = [*self.as_user, self.find("postgres"), "-D", self.data, "-p", port, "-k", ""]
        serve += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        super().__init__("postgresql", serve, self.answers, cwd="/")

    @staticmethod
    def find(program: str) -> str | None:
        """Return the path of one of PostgreSQL's programs; Debian keeps them off PATH."""
        places = [os.environ["PATH"], *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))]
        return shutil.which(program, path=os.pathsep.join(places))

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
