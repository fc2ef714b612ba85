"""Serve a step on machines, any of which may die: each an nginx, two processes and two of Redis."""

import contextlib
import shutil
import time
from functools import partial
from pathlib import Path

import psutil

from workshop.serving import nginx, ports
from workshop.serving.cluster import Cluster, Processes, free_ports
from workshop.serving.postgresql import PostgreSQL
from workshop.serving.processes import Child, Program
from workshop.serving.redis_cluster import CONFIG, MACHINES, Node, RedisCluster, address
from workshop.serving.redis_server import Redis

BALANCER = "balancer.conf"
PAUSE = 6  # seconds until a machine that died is started again: its replica has taken over


class Machine:
    """What dies together."""

    def __init__(self, number: int, cluster: RedisCluster, own_ports: list[int], first: int):
        self.number, self.ports = number, own_ports
        self.host = address(number)
        self.port = ports.free_port(self.host, first)
        self.nodes = cluster.on(number)
        self.nginx: Program | None = None
        self.died = 0.0  # when, if it has

    def __str__(self):
        return f"Machine {self.number + 1}"

    @property
    def programs(self) -> list[Program]:
        """Return what it has beside the step's processes."""
        return [*self.nodes, *([self.nginx] if self.nginx else [])]

    def make_nginx(self, config: str, place) -> Program:
        """Return its nginx, in a folder of its own, which is yet to be started."""
        folder = place / f"machine-{self.number + 1}"
        command = nginx.command(folder, config, self.host, self.port, nginx.local(self.ports))
        ready = partial(ports.answers, self.port, (self.host,))
        self.nginx = Program("nginx", command, ready, f"nginx-{self.number + 1}")
        return self.nginx

    def start_again(self) -> None:
        """Start what of it does not run."""
        self.died = 0.0
        for program in self.programs:
            if not program.runs():
                program.launch()

    def power_off(self) -> None:
        """Kill its nginx, and what it has of Redis."""
        for program in self.programs:
            for process in program.started().programs(deep=True):
                process.kill()


class Fleet(Processes):
    """The processes on all machines, and what each machine has beside them."""

    site: "Machines"
    is_back = False  # a machine, but its primary is yet to be one again

    def __init__(self, site: "Machines", ports: list[int]):
        for machine in site.machines:
            machine.start_again()  # what of it was dead when a file was saved
        super().__init__(site, ports)

    def exit_code(self) -> None:
        """Return none, ever: a machine that has died is started again, after a pause."""
        for machine in self.site.machines:
            if machine.died and time.monotonic() - machine.died > PAUSE:
                machine.start_again()
                for port in machine.ports:
                    self.children[port] = self.site.start_process(port)
                self.away -= {*machine.ports}
                self.is_back = True
                print(f"{machine} is started again.", flush=True)
        cluster = self.site.cluster
        if self.is_back and cluster.is_well():
            cluster.give_back()
            self.is_back = not cluster.is_given_back()
        super().exit_code()

    def kill_machine(self, machine: Machine) -> None:
        """Take a machine's power away."""
        if machine.died:
            return
        machine.died = time.monotonic()
        self.away |= {*machine.ports}
        for port in machine.ports:
            self.kill(port)
        machine.power_off()
        print(f"{machine} has died: its browsers go to the others.", flush=True)


class Machines(Cluster):
    """A balancer at the site's address, machines behind it, and a database for them all."""

    server: Fleet | None
    processes = Fleet

    def __init__(self, *arguments, tls: bool):
        self.machines: list[Machine] = []
        self.balancer = ""  # its configuration, as it has it now
        super().__init__(*arguments, tls=tls)
        shutil.rmtree(self.place, ignore_errors=True)  # of one that was killed
        self.cluster = RedisCluster(self.place / "redis", self.step.folder)
        self.database = None if "DATABASE_URL" in self.environment else PostgreSQL()

    def start_preparation(self) -> Child:
        """Begin to bring the database up to date, once there is one."""
        if self.database and not self.database.runs():
            self.database.start()
            self.environment["DATABASE_URL"] = self.database.url
        return super().start_preparation()

    def find_redis(self) -> Redis:
        """Start a cluster: whatever else there is, has no machines to kill."""
        self.cluster.start()
        return Redis(self.cluster.url, "a Redis Cluster, ends with this command")

    def read_config(self) -> None:
        """Read what each nginx is to do, and give each machine its ports; an old one ends."""
        names = "nginx.conf", BALANCER
        config, balancer = ((self.step.folder / each).read_text(encoding="utf-8") for each in names)
        if (config, balancer) == (self.config, self.balancer):
            return
        self.end_nginx()
        self.config, self.balancer, self.machines = config, balancer, []
        for number in range(MACHINES):
            wanted = [port + 10 * (number + 1) for port in nginx.wanted_ports(config)]
            own_ports = free_ports(wanted, self.port)
            # Not the balancer's, which may listen on all addresses.
            first = self.port + 10 * (number + 1)
            self.machines.append(Machine(number, self.cluster, own_ports, first))
        self.ports = [port for machine in self.machines for port in machine.ports]

    def restart(self, changed: set[Path]) -> None:
        """Restart the processes one after the other, or all of them; the nodes of Redis go on."""
        if any(path.name == CONFIG for path in changed):
            print(f"What is new in {CONFIG} counts when you start this anew.", flush=True)
        super().restart(changed)

    def start_process(self, port: int) -> Child:
        """Start one process of the step, with a log: when a machine dies, they have much to say."""
        command = [self.python, "serve.py", f"127.0.0.1:{port}"]
        return self.child(command, self.environment, log=f"server-{port}")

    def behind(self) -> tuple[str, list[str]]:
        """Start each machine's nginx, and return what the balancer is to do."""
        for machine in self.machines:
            machine.make_nginx(self.config, self.place).start()
        return self.balancer, [f"{machine.host}:{machine.port}" for machine in self.machines]

    def take(self, typed: str) -> None:
        """Kill the machine or the process whose number was typed, or say who is where."""
        numbers = {str(machine.number + 1): machine for machine in self.machines}
        if self.server and typed in numbers:
            self.server.kill_machine(numbers[typed])
        elif typed:
            super().take(typed)
        else:
            self.show_machines()

    @property
    def servers(self) -> str:
        """Return what the screen says about the machines."""
        numbers = ", ".join(str(machine.number + 1) for machine in self.machines)
        return f"machines {numbers}   (type one and Enter: it is killed; Enter: who is where)"

    def show_machines(self) -> None:
        """Print what is on each machine, and how many browsers."""
        from rich.console import Console
        from rich.table import Table

        table = Table("Machine", "Address", "Processes (browsers)", "Redis", box=None)
        for machine in self.machines:
            place = "dead" if machine.died else f"{machine.host}:{machine.port}"
            each = [f"{port} ({self.browsers(port)})" for port in machine.ports]
            nodes = filter(None, map(about, machine.nodes))
            number = str(machine.number + 1)
            table.add_row(number, place, ", ".join(each), "; ".join(nodes))
        Console(highlight=False).print(table)

    def browsers(self, port: int) -> int:
        """Return how many are connected to a process."""
        programs = self.server.children[port].programs() if self.server else []
        with contextlib.suppress(psutil.Error):  # It has just ended.
            return sum(
                each.laddr.port == port and each.status == psutil.CONN_ESTABLISHED
                for program in programs
                for each in program.net_connections("tcp")
            )
        return 0

    def end_nginx(self) -> None:
        """End the balancer, and each machine's nginx."""
        for program in (self.proxy, *(machine.nginx for machine in self.machines)):
            if program:
                program.end()
        self.proxy = None

    def end(self) -> None:
        """End everything, at once."""
        if self.server:
            self.server.ask_to_end()
        self.end_nginx()
        self.cluster.end()
        if self.database:
            self.database.end()
        super().end()


def about(node: Node) -> str:
    """Return what a node of the cluster is now, and of which halls it has the streams."""
    if node.role != "primary":
        return node.role
    halls = [stream.partition(":")[2] for stream in sorted(node.said("KEYS", "notices:*") or ())]
    return f"primary of {', '.join(halls)}" if halls else "primary"
