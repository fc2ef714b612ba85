"""What is under fire: a step's real server, a real Redis, a database, and who saves the notices."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import redis

from workshop.base import paths
from workshop.base.problem import Problem
from workshop.fire.clients import Connecting, Page
from workshop.fire.databases import SQLite
from workshop.serving import nginx, settings
from workshop.serving.ports import answers, any_port
from workshop.serving.processes import Program
from workshop.serving.redis_server import valkey, why_silent

SENDER = Path(__file__).with_name("sender.py")


@dataclass(frozen=True)
class Subject:
    """What is put under fire: a step, unless something else is said."""

    folder: Path
    command: tuple = (sys.executable, "serve.py", "127.0.0.1:{port}")
    sender: tuple = (sys.executable, SENDER)  # another process, that publishes
    page: type[Connecting] = Page
    settings: dict[str, str] = field(default_factory=dict)
    redis_options: str = ""  # of the URL
    promises: bool = True  # that nothing is missed
    stream: str = "notices"  # how the name of a log in Redis begins, if there is one
    ping: float = 13  # seconds after which a connection that is dead is given up

    @property
    def many(self) -> bool:
        """Tell whether it is several processes behind nginx."""
        return (self.folder / "nginx.conf").exists()

    @property
    def is_django(self) -> bool:
        """Tell whether it has a database."""
        return (self.folder / "manage.py").exists()

    def serving(self, port: int, name: str, options: dict) -> Program:
        """Return its server on a port."""
        command = [str(part).format(port=port) for part in self.command]
        return Program(
            name, command, partial(answers, port, ("127.0.0.1",)), f"fire-{name}", **options
        )


class Servers:
    """nginx and the processes behind it, one of which is ended at a time."""

    def __init__(self, target: "Target", **options):
        self.turn = 0  # whose it is to be ended
        config = (target.subject.folder / "nginx.conf").read_text(encoding="utf-8")
        ports = self.ports = [any_port() for _ in nginx.UPSTREAM.findall(config)]
        self.processes = [
            target.subject.serving(port, f"server-{n}", options) for n, port in enumerate(ports, 1)
        ]
        command = nginx.command(target.folder, config, "127.0.0.1", target.port, ports)
        ready = partial(answers, target.port, ("127.0.0.1",))
        self.nginx = Program("nginx", command, ready, "fire-nginx")

    @property
    def running(self) -> list[psutil.Process]:
        """Return the processes that serve."""
        return [process for program in self.processes for process in program.running]

    def start(self) -> None:
        """Start those that do not run."""
        for program in (*self.processes, self.nginx):
            if not program.runs():
                program.start()

    def launch(self) -> None:
        """Start those that do not run, and wait for none."""
        for program in (*self.processes, self.nginx):
            if not program.runs():
                program.launch()

    def ready(self) -> bool:
        """Tell whether all answer."""
        return all(program.ready() for program in (*self.processes, self.nginx))

    def check(self) -> None:
        """Complain if one has ended by itself."""
        for program in (*self.processes, self.nginx):
            program.check()

    def kill(self, number: int = signal.SIGKILL) -> bool:
        """End the process whose turn it is, and tell whether anybody was connected to it."""
        turn = self.turn % len(self.processes)
        self.turn += 1
        served = any(
            each.laddr.port == self.ports[turn] and each.status == psutil.CONN_ESTABLISHED
            for process in self.processes[turn].running
            for each in process.net_connections("tcp")
        )
        self.processes[turn].kill(number)
        return served

    def kill_all(self) -> None:
        """Kill them all, but not nginx."""
        for program in self.processes:
            program.kill()

    def end(self) -> None:
        """End them, if they run."""
        for program in (self.nginx, *self.processes):
            program.end()


class Target:
    """A server, or several, with all that it needs."""

    sender: "Sender"  # once all else is up

    def __init__(self, subject: Subject, database: type = SQLite):
        # In memory where there is a folder for that: a commit is quicker, and no disk wears out.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="workshop-fire-", dir=memory))
        self.subject = subject
        self.database = database(self.folder)
        port, redis_port = any_port(), any_port()
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self.redis_url = f"redis://127.0.0.1:{redis_port}/0"
        self.environment = settings.only(
            **subject.settings,
            DATABASE_URL=self.database.url,
            REDIS_URL=self.redis_url + subject.redis_options,
            SECRET_KEY="only-under-fire",
            POSTS_IN_TEN_SECONDS=1_000_000,
        )
        self.files = self.folder / "redis"
        here = {"cwd": subject.folder, "env": self.environment}
        one = subject.serving(port, "server", here)
        self.server = Servers(self, **here) if subject.many else one
        command = valkey(redis_port, "--appendonly", "yes", "--dir", self.files)
        self.redis = Program("redis", command, lambda: not why_silent(self.redis_url), "fire-redis")
        self.ending = ExitStack()  # of the sender, if there is one

    def __enter__(self):
        try:
            self.files.mkdir()
            self.database.start()
            self.redis.start()
            if self.subject.is_django:
                self.manage("migrate", "--verbosity=0")
            self.server.start()
            self.sender = Sender(self)
            self.ending.callback(self.sender.end)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.ending.close()
        for program in (self.server, self.redis, self.database):
            program.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def manage(self, *arguments: str) -> None:
        """Run the step's manage.py."""
        command = [self.subject.command[0], "manage.py", *arguments]
        options: dict[str, Any] = {"cwd": self.subject.folder, "env": self.environment}
        done = subprocess.run(command, capture_output=True, text=True, **options)
        if done.returncode:
            raise Problem(
                f"`manage.py {' '.join(arguments)}` did not work:\n{done.stderr[-1000:].rstrip()}"
            )

    def forget(self) -> None:
        """Remove what Redis has kept."""
        shutil.rmtree(self.files)
        self.files.mkdir()

    @contextmanager
    def limited(self, resource: int, most: int) -> Iterator[None]:
        """Let the step's processes, and the one that saves notices, have no more of something."""
        processes = [*self.server.running, psutil.Process(self.sender.process.pid)]
        limits = [process.rlimit(resource) for process in processes]
        try:
            for process, (_, hard) in zip(processes, limits, strict=True):
                process.rlimit(resource, (most, hard))
            yield
        finally:
            for process, before in zip(processes, limits, strict=True):
                with suppress(psutil.Error):  # It has ended.
                    process.rlimit(resource, before)

    def saved(self, after: int) -> list[tuple]:
        """Return the id and text of each notice that was saved after one, in their order."""
        if not self.subject.is_django:
            texts = self.sender.texts[: self.sender.saved]
            return [(number, text) for number, text in enumerate(texts, 1) if number > after]
        sql = f"SELECT id, text FROM notices_notice WHERE id > {after:d} ORDER BY id"
        return self.database.query(sql)

    def streams(self, client: redis.Redis) -> list[bytes]:
        """Return the logs: from step 8 on there is one for each hall, and notices are in one."""
        return list(client.scan_iter(f"{self.subject.stream}*", _type="stream"))

    def published(self) -> list[int]:
        """Return the ids of the notices in the order in which they were published."""
        with redis.Redis.from_url(self.redis_url) as client:
            entries = [entry for each in self.streams(client) for _, entry in client.xrange(each)]
        return [json.loads(entry[b"notice"])["id"] for entry in entries if b"notice" in entry]

    def waiting(self) -> int:
        """Return how many notices wait in the outbox."""
        if not self.subject.promises:
            return 0  # It has no outbox.
        return self.database.query("SELECT count(*) FROM notices_outbox")[0][0]


class Sender:
    """Another process, which publishes: it saves notices through the model, or has no model."""

    process: Any  # a Popen's pipes may be missing, to mypy, even where they are asked for

    def __init__(self, target: Target):
        log = paths.log_file("fire-sender").open("wb")
        self.process = subprocess.Popen(
            target.subject.sender,
            cwd=target.subject.folder,
            env=target.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            bufsize=1,
            start_new_session=True,  # Ctrl-C is the tool's, which ends it.
        )
        log.close()
        self.texts: list[str] = []
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
        self.texts.append(text)
        with suppress(OSError, ValueError):  # It has ended, or the tool is about to end.
            self.process.stdin.write(f"{text}\n")

    def end(self) -> None:
        """End the process; what it has not saved yet, nobody waits for."""
        self.process.kill()
        self.process.wait()
