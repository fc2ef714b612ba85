"""The servers under fire, where they are several: behind an nginx, or on machines."""

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil

from workshop.serving import nginx
from workshop.serving.machines import BALANCER, Machine
from workshop.serving.ports import answers, any_port
from workshop.serving.processes import Program
from workshop.serving.redis_cluster import MACHINES, RedisCluster

HOST = "127.0.0.1"


class Servers:
    """Processes behind nginx, one of which is ended at a time."""

    def __init__(self, serving: Callable, ports: list[int], nginxes: list[Program]):
        self.turn = 0  # whose it is to be ended
        self.ports = ports
        self.processes = [serving(port, f"server-{n}") for n, port in enumerate(ports, 1)]
        self.nginxes = nginxes  # The first is in front of all.

    @property
    def programs(self) -> list[Program]:
        """Return all that serves."""
        return [*self.processes, *self.nginxes]

    @property
    def running(self) -> list[psutil.Process]:
        """Return the processes that serve."""
        return [process for program in self.processes for process in program.running]

    def start(self) -> None:
        """Start those that do not run, and wait until all answer."""
        self.launch()
        for program in self.programs:
            program.started().must(program.ready, f"The {program.name}")

    def launch(self) -> None:
        """Start those that do not run, and wait for none."""
        for program in self.programs:
            if not program.runs():
                program.launch()

    def ready(self) -> bool:
        """Tell whether all answer."""
        return all(program.ready() for program in self.programs)

    def check(self) -> None:
        """Complain if one has ended by itself."""
        for program in self.programs:
            program.check()

    def kill(self, number: int = signal.SIGKILL) -> bool:
        """End the process whose turn it is, and tell whether anybody was connected to it."""
        turn = self.turn % len(self.processes)
        self.turn += 1
        served = serves(self.processes[turn])
        self.processes[turn].kill(number)
        return served

    def stop_nginx(self, turn: int) -> bool:
        """Ask an nginx to end, and tell whether anybody was connected to it."""
        served = serves(self.nginxes[turn])
        self.nginxes[turn].kill(signal.SIGTERM)  # After kill -9 its workers would go on.
        return served

    def kill_all(self) -> None:
        """Kill all processes, but no nginx."""
        for program in self.processes:
            program.kill()

    def end(self) -> None:
        """End them, if they run."""
        for program in self.programs:
            if program.child:
                program.child.ask_to_end()
        for program in self.programs:
            program.end()


class Many(Servers):
    """As many processes as the step's nginx.conf names."""

    def __init__(self, serving: Callable, step: Path, place: Path, port: int):
        config = (step / "nginx.conf").read_text(encoding="utf-8")
        ports = [any_port() for _ in nginx.wanted_ports(config)]
        super().__init__(serving, ports, [front(place, config, port, nginx.local(ports))])


class Machines(Servers):
    """So many on each machine, and a balancer in front of the machines."""

    def __init__(
        self, serving: Callable, step: Path, place: Path, port: int, cluster: RedisCluster
    ):
        config, balancer = (
            (step / name).read_text(encoding="utf-8") for name in ("nginx.conf", BALANCER)
        )
        self.machines = [
            Machine(number, cluster, [any_port() for _ in nginx.wanted_ports(config)], any_port())
            for number in range(MACHINES)
        ]
        addresses = [f"{machine.host}:{machine.port}" for machine in self.machines]
        nginxes = [machine.make_nginx(config, place) for machine in self.machines]
        super().__init__(
            serving,
            [each for machine in self.machines for each in machine.ports],
            [front(place, balancer, port, addresses), *nginxes],
        )

    def kill_machine(self, number: int) -> bool:
        """Take a machine's power away, and tell whether anybody was connected to it."""
        machine = self.machines[number]
        own = [self.processes[self.ports.index(port)] for port in machine.ports]
        served = any(serves(program) for program in own)
        for program in own:
            program.tell(signal.SIGKILL)
        machine.power_off()
        for program in (*own, *machine.programs):
            program.started().process.wait()
        return served


def front(place: Path, config: str, port: int, servers: list[str]) -> Program:
    """Return the nginx in front of all, as the step's configuration has it."""
    command = nginx.command(place, config, HOST, port, servers)
    return Program("nginx", command, partial(answers, port, (HOST,)), "fire-nginx")


def serves(program: Program) -> bool:
    """Tell whether anybody is connected to it, whom it has accepted."""
    connections = [
        each
        for process in program.started().programs(deep=True)
        for each in process.net_connections("tcp")
    ]
    listens = {each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN}
    return any(
        each.laddr.port in listens and each.status == psutil.CONN_ESTABLISHED
        for each in connections
    )
