"""The servers that are compared, and how each is started."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from workshop.base.paths import ROOT, STEPS
from workshop.base.problem import Problem
from workshop.base.words import counted
from workshop.install.environment import BENCH_PYTHON, CLASSIC_PYTHON
from workshop.install.programs import find_bun, find_nchan, find_node
from workshop.serving import nginx, settings
from workshop.serving.ports import any_port
from workshop.serving.processes import PATIENCE, Child
from workshop.serving.redis_server import valkey, why_silent

PEERS = ROOT / "benchmarks" / "peers"
PREPARE = ROOT / "workshop" / "serving" / "prepare.py"
FIND = {"node": find_node, "bun": find_bun}  # what may be fetched after this was imported
CONNECTIONS = re.compile(r"(?<=worker_connections )\d+")
UVICORN = ("-m", "uvicorn", "--log-level=warning", "--no-access-log", "--port={port}")


@dataclass(frozen=True)
class Server:
    """A server of the comparison."""

    key: str  # for --only
    name: str
    wire: str  # a class of benchmarks/wire.py, or of arrivals.py
    command: tuple  # {port} in it is the port
    needs: frozenset = frozenset()  # parts of the environment beside python
    folder: Path = PEERS
    settings: dict = field(default_factory=dict)
    behind_nginx: bool = False  # as many processes as its nginx.conf says, and nginx
    processes: int = 1  # without nginx, each on a port of its own
    most: int = 100_000  # clients

    @property
    def is_django(self) -> bool:
        """Tell whether it has a database."""
        return (self.folder / "manage.py").exists()


def step(number: int, wire: str) -> Server:
    """Return a step of the workshop."""
    folder = next(STEPS.glob(f"{number:02}_*"))
    command = (sys.executable, "serve.py", "{port}")
    return Server(f"step{number}", f"step {number}", wire, command, folder=folder)


def servers() -> list[Server]:
    """Return all, in the order of the report."""
    classic, bench = frozenset({"classic"}), frozenset({"bench"})
    node = frozenset({"node", "nodejs", "javascript"})  # It serves socket.io-client as well.
    bun = node - {"nodejs"} | {"bun"}
    old = (CLASSIC_PYTHON, "serve.py", "{port}")
    asgi = (BENCH_PYTHON, *UVICORN)
    daphne = (BENCH_PYTHON, "-m", "daphne", "-v0", "-b127.0.0.1", "-p{port}")
    site, production = "channels_site:application", {"NODE_ENV": "production"}
    return [
        step(4, "SocketIO"),
        step(7, "Stream"),
        # Each browser takes a connection to Redis, and redis-py would end at a hundred.
        Server("classic", "classic", "Classic", old, classic, ROOT / "classic",
               {"REDIS_OPTIONS": "?max_connections=100000"}),
        Server("uvicorn", "python-socketio on uvicorn", "SocketIO",
               (*asgi, "socketio_asgi:app"), bench),
        Server("channels-uvicorn", "Channels on uvicorn", "Channels", (*asgi, site), bench),
        Server("channels-daphne", "Channels on daphne", "Channels", (*daphne, site), bench),
        Server("node", "Node socket.io", "SocketIO", ("node", "socketio_node.js", "{port}"),
               node, settings=production),
        Server("node-recovery", "Node with recovery", "Recovery",
               ("node", "socketio_recovery.js", "{port}"), node, settings=production),
        Server("bun", "Bun socket.io", "SocketIO", ("bun", "socketio_bun.js", "{port}"), bun,
               settings=production),
        Server("nchan", "nginx with nchan", "Nchan", ("nginx", "nchan.conf"), frozenset({"nchan"})),
        Server("gevent", "bare gevent", "Plain", (sys.executable, "bare_gevent.py", "{port}")),
        Server("uvloop", "bare uvloop", "Plain", (BENCH_PYTHON, "bare_uvloop.py", "{port}"), bench),
        Server("picows", "bare picows", "Plain", (BENCH_PYTHON, "bare_picows.py", "{port}"), bench),
        Server("bare-bun", "bare Bun", "Plain", ("bun", "bare_bun.js", "{port}"), bun - {"node"}),
    ]  # fmt: skip


def ladder() -> list[Server]:
    """Return the way from step 6 to step 7, one change after the other."""

    def rung(key: str, name: str, number: int) -> Server:
        command = (sys.executable, PEERS / "ladder.py", key, "{port}")
        return Server(key, name, "Stream", command, folder=step(number, "").folder)

    bare = next(server for server in servers() if server.key == "gevent")
    return [
        step(6, "Stream"),
        rung("garbage", "look for garbage less often", 6),
        rung("timer", "no timer for each wait", 6),
        rung("direct", "write directly", 7),
        rung("framed", "frame once", 7),
        step(7, "Stream"),
        bare,
    ]


def halls() -> list[Server]:
    """Return step 8 with one hall, with ten, and with a hundred."""
    return [
        replace(step(8, "Halls"), key=f"halls-{number}", name=counted(number, "hall"),
                settings={"HALLS": ",".join(f"Hall {each}" for each in range(1, number + 1))})
        for number in (1, 10, 100)
    ]  # fmt: skip


def rooms() -> list[Server]:
    """Return who gets a full room of pages, each with the class of its page."""
    page = frozenset({"javascript"})  # Its script and socket.io-client.
    peers = {server.key: server for server in servers()}
    channels = replace(peers["channels-uvicorn"], wire="Channels", needs=page | {"bench"})
    node = replace(peers["node"], wire="Page")
    second = {"PRESENCE": "second"}
    many = replace(step(6, "Stream"), key="step6-nginx", name="step 6 behind nginx")
    return [
        replace(step(4, "Live"), needs=page),
        replace(step(7, "Stream"), needs=page),
        replace(many, needs=page | {"nginx"}, behind_nginx=True),
        node,
        replace(node, key="node-second", name="Node, once a second",
                settings=node.settings | second),
        replace(peers["node-recovery"], wire="Page", name="Node with recovery, once a second",
                settings=node.settings | second),
        replace(peers["bun"], wire="Page", name="Bun, once a second",
                settings=node.settings | second),
        replace(channels, most=500),  # Twice as many would take it four times as long: 15 minutes.
        replace(channels, key="channels-second", name="Channels, once a second",
                settings=second),
    ]  # fmt: skip


def crowds() -> list[Server]:
    """Return who gets very many browsers: four processes each."""
    seldom = (sys.executable, PEERS / "ladder.py", "heartbeats", "{port}")
    four = replace(step(7, "Stream"), command=seldom, processes=4)
    behind = replace(four, key="step7-nginx", name="step 7 behind nginx", behind_nginx=True)
    node = next(server for server in servers() if server.key == "node")
    command = ("node", "socketio_cluster.js", "{port}")
    return [
        four,
        replace(behind, needs=frozenset({"nginx"})),
        # Its primary process hands each connection on to one of four others.
        replace(node, key="node-cluster", name="Node's cluster", command=command),
    ]


def pin(cores: set[int] | None) -> None:
    """Keep this process and those that it starts from now on to some cores."""
    if cores:
        os.sched_setaffinity(0, cores)


def cores(many: bool = False) -> tuple[set[int] | None, set[int] | None]:
    """Return the core of the server, and the one of the load and Redis; None: not pinned.

    With many processes of each it is a half of all cores.
    """
    every = sorted(os.sched_getaffinity(0))
    if len(every) < 2:
        return None, None
    half = len(every) // 2 if many else 1
    return set(every[:half]), set(every[half : 2 * half])


class Bench:
    """A Redis, a folder of databases, and one server at a time."""

    redis: Child  # within `with`

    def __init__(self, many: bool = False, readers: bool = False):
        self.readers = readers  # Redis is what is measured: a primary as in step 9
        self.server_core, self.load_core = cores(many)
        self.before = os.sched_getaffinity(0)
        self.folder = Path(tempfile.mkdtemp(prefix="workshop-bench-"))
        self.redis_port = any_port()
        self.ending = ExitStack()  # of Redis, if it was started
        self.nginx: Child | None = None
        self.children: list[Child] = []  # the server
        self.ports: list[int] = []  # on which each of them listens
        self.load: subprocess.Popen | None = None

    def __enter__(self):
        try:
            pin(self.server_core if self.readers else self.load_core)
            # A listener that is slow is not hung up on: who loses something must do it alone.
            patient = ("--client-output-buffer-limit", "pubsub 0 0 0", "--maxclients", "20000")
            primary = ("--appendonly", "yes", "--repl-diskless-sync-delay", "0")
            command = valkey(self.redis_port, *patient, *(primary if self.readers else ()))
            self.redis = Child(command, log="bench-redis", cwd=self.folder)
            self.ending.callback(self.redis.end)
            url = f"redis://127.0.0.1:{self.redis_port}/0"
            self.redis.must(lambda: not why_silent(url), "Redis")
            pin(self.load_core)
            if self.readers:
                self.start_replica()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.load:
            self.load.kill()
            self.load.wait()
        self.stop()
        self.ending.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        os.sched_setaffinity(0, self.before)

    def start_replica(self) -> None:
        """Start a replica of Redis, on the core of the load, and wait until it follows."""
        import redis

        port, folder = any_port(), self.folder / "replica"
        folder.mkdir()
        command = valkey(port, "--replicaof", "127.0.0.1", self.redis_port)
        replica = Child(command, log="bench-replica", cwd=folder)
        self.ending.callback(replica.end)
        with redis.Redis(port=port) as client:
            replica.must(lambda: follows(client), "The replica")

    def start(self, server: Server, clients: int) -> tuple[list[int], list[int]]:
        """Start a server afresh for so many browsers; return its ports and processes."""
        import redis

        with redis.Redis(port=self.redis_port) as client:
            client.flushall()
        if server.is_django and not (self.folder / f"{server.key}.sqlite3").exists():
            command = [server.command[0], PREPARE]
            options: dict[str, Any] = {"cwd": server.folder, "env": self.environment(server)}
            done = subprocess.run(command, capture_output=True, text=True, **options)
            if done.returncode:
                raise Problem(f"The database of {server.name}:\n{done.stderr[-1000:]}")
        config = (server.folder / "nginx.conf").read_text() if server.behind_nginx else ""
        config = roomy(config, clients)
        upstream = nginx.wanted_ports(config) or range(server.processes)
        self.ports = [any_port() for _ in upstream]
        self.launch(server)
        for port, child in zip(self.ports, self.children, strict=True):
            child.must(partial(answers_a_request, port), server.name)
        ports = [self.start_nginx(config)] if config else self.ports
        return ports, self.pids()

    def launch(self, server: Server) -> None:
        """Start the processes of a server, each on its port."""
        pin(self.server_core)
        try:
            for port in self.ports:
                command = [str(part).format(port=port) for part in server.command]
                if command[0] == "nginx":
                    command = self.nchan(server.folder / command[1], port)
                if find := FIND.get(command[0]):
                    command[0] = find() or command[0]
                options = {"cwd": server.folder, "env": self.environment(server)}
                self.children.append(Child(command, log=f"bench-{server.key}", **options))
        finally:
            pin(self.load_core)

    def nchan(self, file: Path, port: int) -> list:
        """Return the command of an nginx whose module is the server."""
        place, redis = self.folder / "nchan", [self.redis_port]
        command = nginx.command(place, file.read_text(), "127.0.0.1", port, nginx.local(redis))
        return [*command, "-g", f"load_module {find_nchan()};"]

    def start_nginx(self, config: str) -> int:
        """Start nginx before the server, on the server's core, and return its port."""
        port, place = any_port(), self.folder / "nginx"
        command = nginx.command(place, config, "127.0.0.1", port, nginx.local(self.ports))
        pin(self.server_core)
        try:
            self.nginx = Child(command, log="bench-nginx")
        finally:
            pin(self.load_core)
        self.nginx.must(partial(answers_a_request, port), "nginx")
        return port

    def restart(self, server: Server) -> list[int]:
        """Kill the server as kill -9 does, start it again, and return its processes."""
        for pid in [each.pid for child in self.children for each in child.programs(deep=True)]:
            os.kill(pid, signal.SIGKILL)
        for child in self.children:
            child.process.wait()
        self.children = []
        self.launch(server)
        while not all(child.programs() for child in self.children):
            time.sleep(0.005)
        return self.pids()

    def pids(self) -> list[int]:
        """Return the processes of the server, with those of nginx."""
        children = [*self.children, *([self.nginx] if self.nginx else [])]
        return [each.pid for child in children for each in child.programs(deep=True)]

    def environment(self, server: Server) -> dict[str, str]:
        """Return the environment variables of a server."""
        own = dict(server.settings)
        options = own.pop("REDIS_OPTIONS", "")
        return settings.only(
            **own,
            DATABASE_URL=f"sqlite:///{self.folder / server.key}.sqlite3",
            REDIS_URL=f"redis://127.0.0.1:{self.redis_port}/0{options}",
            SECRET_KEY="only-for-the-benchmark",
            DEBUG=0,
            ALLOWED_HOSTS="127.0.0.1",
        )

    def redis_pid(self) -> int:
        """Return the process of Redis."""
        return self.redis.programs()[0].pid

    def stop(self) -> None:
        """End the server, if there is one."""
        for child in (self.nginx, *self.children):
            if child:
                child.end()
        self.nginx, self.children = None, []


def follows(replica) -> bool:
    """Tell whether a replica, as its client, has what its primary has."""
    import redis

    try:
        return replica.info("replication")["master_link_status"] == "up"
    except redis.RedisError:
        return False


def roomy(config: str, clients: int) -> str:
    """Return an nginx.conf with room for so many browsers, each with two connections."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = int(2.2 * clients) + 200
    if wanted <= files:
        return CONNECTIONS.sub(lambda own: f"{max(wanted, int(own[0]))}", config)
    # More than one process may have. Each then has a queue of its own, which the kernel fills.
    config = CONNECTIONS.sub(f"{files}", config)
    config = config.replace("worker_processes 1;", f"worker_processes {-(-wanted // files)};")
    return nginx.LISTEN.sub(r"\g<0> reuseport", config, count=1)


def answers_a_request(port: int) -> bool:
    """Tell whether a server shows its page."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE) as answer:
            return answer.status == 200
    except OSError:
        return False
