"""A Redis Cluster of one's own: three primaries, and for each a replica on another machine."""

import contextlib
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

from workshop.serving.ports import any_port, can_listen
from workshop.serving.processes import Program
from workshop.serving.redis_server import valkey

MACHINES = 3
SLOTS = 16384
CONFIG = "redis.conf"  # of a step


def address(machine: int) -> str:
    """Return the address of a machine, of 0 to 2: its own, where the system has so many."""
    own = f"127.0.0.{11 + machine}"
    with contextlib.suppress(OSError), socket.socket() as probe:
        probe.bind((own, 0))
        return own
    return "127.0.0.1"  # macOS, unless somebody has added them


def own_port(host: str) -> int:
    """Return a free port of a machine."""
    while not can_listen(host, port := any_port()):
        pass
    return port


class Node(Program):
    """One server of the cluster."""

    def __init__(self, name: str, machine: int, folder: Path, config: Path):
        self.machine, self.host = machine, address(machine)
        self.port, self.bus = own_port(self.host), own_port(self.host)
        self.url = f"redis://{self.host}:{self.port}"
        self.folder = folder
        bind = ["--bind", self.host, "--bind-source-addr", self.host, "--dir", folder]
        program, *options = valkey(self.port, *bind, "--cluster-port", self.bus)
        command = [program, config, *options]
        super().__init__(name, command, self.answers)

    def launch(self) -> None:
        """Start it, where it was before."""
        self.folder.mkdir(parents=True, exist_ok=True)
        super().launch()

    def ask(self, *command):
        """Return what it answers; a redis.RedisError if it does not."""
        with self.client() as client:
            return client.execute_command(*command)

    def client(self):
        """Return a client of it, which does not wait for long."""
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        options: dict[str, Any] = {"socket_timeout": 2, "socket_connect_timeout": 2}
        options["retry"] = Retry(NoBackoff(), 0)  # or it would try ten times
        return redis.Redis(self.host, self.port, decode_responses=True, **options)

    def answers(self) -> bool:
        """Tell whether it answers."""
        return bool(self.said("PING"))

    def said(self, *command):
        """Return what it answers, or None if it does not."""
        import redis

        with contextlib.suppress(redis.RedisError):
            return self.ask(*command)
        return None

    def is_well(self) -> bool:
        """Tell whether it serves its part, and has its primary's, if it is a replica."""
        cluster, info = self.said("CLUSTER INFO"), self.said("INFO", "replication")
        if not cluster or not info or cluster["cluster_state"] != "ok":
            return False
        return info["role"] == "master" or info["master_link_status"] == "up"

    @property
    def is_primary(self) -> bool:
        """Tell whether it is a primary now, as far as it knows."""
        return self.role == "primary"

    @property
    def role(self) -> str:
        """Return what it is now: "primary", "replica", or "" while it is away."""
        info = self.said("INFO", "replication")
        return {"master": "primary", "slave": "replica"}[info["role"]] if info else ""


class RedisCluster:
    """Six servers: machine N has a primary, and a replica of the primary of the machine before."""

    def __init__(self, folder: Path, step: Path):
        def node(name: str, machine: int) -> Node:
            return Node(name, machine, folder / name, step / CONFIG)

        machines = range(MACHINES)
        self.primaries = [node(f"redis-{n + 1}", n) for n in machines]
        self.replicas = [node(f"replica-{n + 1}", (n + 1) % MACHINES) for n in machines]
        self.nodes = [*self.primaries, *self.replicas]
        self.url = ",".join(node.url for node in self.primaries)

    def on(self, machine: int) -> list[Node]:
        """Return the two nodes of a machine, of 0 to 2."""
        return [self.primaries[machine], self.replicas[machine - 1]]

    def start(self) -> None:
        """Start those that do not run, and wait until all are well; the first time, join them."""
        new = not self.nodes[0].folder.exists()
        for node in self.nodes:
            if not node.runs():
                node.launch()
        for node in self.nodes:
            node.started().must(node.answers, f"The {node.name}")
        if new:
            self.join()
        self.nodes[0].started().must(self.is_well, "The Redis Cluster")

    def is_well(self) -> bool:
        """Tell whether each node serves its part."""
        return all(node.is_well() for node in self.nodes)

    def primary_of(self, key: str) -> Node | None:
        """Return the primary that has a key now, if there is one, and it has the key."""
        having = (node for node in self.nodes if node.is_primary and node.said("EXISTS", key))
        return next(having, None)

    def partner(self, node: Node) -> Node:
        """Return the other node of the two that have the same: one of them is the primary."""
        pairs = zip(self.primaries + self.replicas, self.replicas + self.primaries, strict=True)
        return dict(pairs)[node]

    def give_back(self) -> None:
        """Make each machine's own primary a primary again, while all goes on.

        Two primaries on one machine would be the majority: with it they could not be replaced.
        """
        for node in self.primaries:
            if not node.is_primary:
                node.said("CLUSTER FAILOVER")

    def is_given_back(self) -> bool:
        """Tell whether each machine's own primary is one."""
        return all(node.is_primary for node in self.primaries)

    def join(self) -> None:
        """Make one cluster of new nodes."""
        first, *others = self.nodes
        for number, node in enumerate(self.nodes):
            node.ask("CLUSTER SET-CONFIG-EPOCH", number + 1)
        for number, node in enumerate(self.primaries):
            begin, end = (SLOTS * each // MACHINES for each in (number, number + 1))
            node.ask("CLUSTER ADDSLOTSRANGE", begin, end - 1)
        for node in others:
            first.ask("CLUSTER MEET", node.host, node.port, node.bus)
        first.started().must(self.know_each_other, "The Redis Cluster")
        for primary, replica in zip(self.primaries, self.replicas, strict=True):
            replica.ask("CLUSTER REPLICATE", primary.ask("CLUSTER MYID"))

    def know_each_other(self) -> bool:
        """Tell whether each node has met all others."""
        infos = [node.said("CLUSTER INFO") for node in self.nodes]
        return all(info and info["cluster_known_nodes"] == str(len(self.nodes)) for info in infos)

    # As one Redis

    def clients(self) -> list:
        """Return a client for each primary of now: together they have everything, once."""
        return [node.client() for node in self.nodes if node.is_primary]

    def check(self) -> None:
        """Complain if one has ended by itself."""
        for node in self.nodes:
            node.check()

    def tell(self, number: int) -> None:
        """Send each a signal."""
        for node in self.nodes:
            node.tell(number)

    def kill(self) -> None:
        """Kill them all at the same moment."""
        self.tell(signal.SIGKILL)
        for node in self.nodes:
            node.started().process.wait()

    def forget(self) -> None:
        """Remove what they have kept, but not that they are a cluster."""
        for node in self.nodes:
            shutil.rmtree(node.folder / "appendonlydir")

    def end(self) -> None:
        """End all, if they run."""
        for node in self.nodes:
            if node.child:
                node.child.ask_to_end()
        for node in self.nodes:
            node.end()
