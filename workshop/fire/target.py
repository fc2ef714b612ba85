"""What is under fire: a step's real server, a real Redis, a database, and who saves the notices."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from workshop.base import paths
from workshop.base.problem import Problem
from workshop.fire.clients import Connecting, Page
from workshop.fire.databases import SQLite
from workshop.fire.redis_server import OneRedis
from workshop.fire.servers import Machines, Many
from workshop.serving import settings
from workshop.serving.machines import BALANCER
from workshop.serving.ports import answers, any_port
from workshop.serving.processes import Program
from workshop.serving.redis_cluster import RedisCluster

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
    def machines(self) -> bool:
        """Tell whether these are on several machines, each with a part of a Redis Cluster."""
        return (self.folder / BALANCER).exists()

    @property
    def kind(self) -> str:
        """Return what it is, as a fault names it that can't happen to all."""
        return "machines" if self.machines else "many" if self.many else "one"

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


class Target:
    """A server, or several, with all that it needs."""

    sender: "Sender"  # once all else is up

    def __init__(self, subject: Subject, database: type = SQLite):
        # In memory where there is a folder for that: a commit is quicker, and no disk wears out.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="workshop-fire-", dir=memory))
        self.subject = subject
        self.database = database(self.folder)
        files = self.folder / "redis"
        self.redis: Any = OneRedis(files)
        if subject.machines:
            self.redis = RedisCluster(files, subject.folder)
        self.port = any_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = settings.only(
            **subject.settings,
            DATABASE_URL=self.database.url,
            REDIS_URL=self.redis.url + subject.redis_options,
            SECRET_KEY="only-under-fire",
            POSTS_IN_TEN_SECONDS=1_000_000,
        )
        self.server = self.servers({"cwd": subject.folder, "env": self.environment})
        self.ending = ExitStack()  # of the sender, if there is one

    def servers(self, options: dict) -> Any:
        """Return what serves: a process, several, or several machines."""
        if not self.subject.many:
            return self.subject.serving(self.port, "server", options)
        serving = partial(self.subject.serving, options=options)
        here = serving, self.subject.folder, self.folder, self.port
        return Machines(*here, self.redis) if self.subject.machines else Many(*here)

    def __enter__(self):
        try:
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

    def logs(self) -> Iterator[tuple[Any, str]]:
        """Give each log and who has it: from step 8 on there is one a hall, and notices in one."""
        for each in self.redis.clients():
            with each as client:
                names = client.scan_iter(f"{self.subject.stream}*", _type="stream")
                yield from ((client, name) for name in names)

    def log(self) -> str:
        """Return the log that has the notices, which is the longest."""
        return Counter({name: client.xlen(name) for client, name in self.logs()}).most_common()[0][
            0
        ]

    def published(self) -> list[tuple[int, float]]:
        """Return the ids of the notices in the order in which they were published, and when."""
        entries = [entry for client, log in self.logs() for entry in client.xrange(log)]
        return [
            (json.loads(fields["notice"])["id"], (int(place.split("-")[0]) + 1) / 1000)
            for place, fields in entries
            if "notice" in fields
        ]

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
