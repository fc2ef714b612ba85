"""Serve a step that has an nginx.conf: nginx, and behind it several processes that may die."""

import os
import shutil
import sys
import threading
import time
from pathlib import Path

from workshop.base.paths import STATE, WINDOWS
from workshop.base.problem import Problem
from workshop.serving import nginx, ports
from workshop.serving.processes import Child
from workshop.serving.site import Site

PAUSE = 3  # seconds until a process that died is started again: long enough to see that


class Processes:
    """The processes of a step, by their ports; to a Site they are its server."""

    def __init__(self, site: "Cluster", ports: list[int]):
        self.site = site
        self.children = {port: site.start_process(port) for port in ports}
        self.died: dict[int, float] = {}
        self.away: set[int] = set()  # with all that is on their machine

    def exit_code(self) -> None:
        """Return none, ever: who has died is started again, after a pause."""
        for port, child in self.children.items():
            if child.exit_code() is None or port in self.away:
                continue
            if port not in self.died:
                self.died[port] = time.monotonic()
                print(f"Process {port} has died: its browsers go to the others.", flush=True)
            elif time.monotonic() - self.died[port] > PAUSE:
                del self.died[port]
                self.children[port] = self.site.start_process(port)
                print(f"Process {port} is started again.", flush=True)

    def renew(self) -> bool:
        """Restart one after the other, so that some always answer; tell whether all do."""
        for port, child in self.children.items():
            if port in self.away:
                continue  # It comes with its machine.
            child.end()
            self.children[port] = self.site.start_process(port)
            if not self.site.comes_up(self.children[port], port):
                return False
        return True

    def kill(self, port: int) -> None:
        """Kill a process as kill -9 does: it has no time to say anything."""
        for server in self.children[port].programs():
            server.kill()

    def ask_to_end(self) -> None:
        """Ask all to end, without waiting."""
        for child in self.children.values():
            child.ask_to_end()

    def end(self) -> None:
        """End all."""
        self.ask_to_end()
        for child in self.children.values():
            child.end()


class Cluster(Site):
    """nginx at the site's address, and a process for each server in its configuration."""

    server: Processes | None
    processes: type[Processes] = Processes

    def __init__(self, *arguments, tls: bool):
        super().__init__(*arguments)
        nginx.program()  # or it is said now
        self.config = ""  # as nginx has it now
        self.place = STATE / f"nginx-{self.port}"
        self.proxy: Child | None = None
        self.tls = tls
        if tls:
            self.url = self.url.replace("http:", "https:")
        self.ports: list[int] = []
        threading.Thread(target=self.read_keys, daemon=True).start()

    def start_server(self) -> bool:
        """Start the processes and nginx, and wait until all answer; tell whether they do."""
        self.read_config()
        self.server = self.processes(self, self.ports)
        for port, child in self.server.children.items():
            if not self.comes_up(child, port):
                self.server.end()
                self.server = None
                if not self.stop.is_set():
                    self.say_retry("A process did not start", child.log)
                return False
        if self.proxy is None:
            self.start_proxy()
        return True

    def read_config(self) -> None:
        """Read what nginx is to do; one that does something else ends."""
        config = (self.step.folder / "nginx.conf").read_text(encoding="utf-8")
        if config == self.config:
            return
        if self.proxy:
            self.proxy.end()
            self.proxy = None
        self.config = config
        self.ports = free_ports(nginx.wanted_ports(config), self.port)

    def start_process(self, port: int) -> Child:
        """Start one process of the step."""
        command = [self.python, "serve.py", f"127.0.0.1:{port}"]
        return self.child(command, self.environment, log=self.server_log)

    def start_proxy(self) -> None:
        """Start nginx with the step's configuration, on the ports that are free here."""
        config, servers = self.behind()
        command = nginx.command(self.place, config, self.host, self.port, servers, self.tls)
        if self.tls:
            nginx.make_certificate(self.place, self.addresses)
        self.proxy = self.child(command, self.environment, log="nginx")
        if not self.comes_up(self.proxy, self.port):
            raise Problem(self.proxy.said("nginx did not start"))

    def behind(self) -> tuple[str, list[str]]:
        """Return the configuration of the nginx at the site's address, and who is behind it."""
        return self.config, nginx.local(self.ports)

    def restart(self, changed: set[Path]) -> None:
        """Restart the processes one after the other: a browser always finds one that answers."""
        anew = {path for path in changed if "migrations" in path.parts or path.suffix == ".conf"}
        if not self.server or anew:
            return super().restart(changed)
        if not self.is_broken(changed):
            began = time.monotonic()
            if self.server.renew():
                print(f"Restarted one by one, in {time.monotonic() - began:.1f} s.", flush=True)
            else:
                self.server.end()
                self.server = None
                self.say_retry("A process did not start", None)
        return None

    def read_keys(self) -> None:
        """Kill the process whose number somebody types, until the terminal has no more."""
        if not WINDOWS and sys.stdin.isatty() and os.tcgetpgrp(0) != os.getpgrp():
            return  # in the background, where reading would stop us
        for line in sys.stdin:
            if self.server:
                self.take(line.strip())

    def take(self, typed: str) -> None:
        """Kill the process whose number was typed."""
        port = int(typed) if typed.isdecimal() else 0
        if self.server and port in self.server.children:
            self.server.kill(port)
        elif typed:
            print(f"The processes are {', '.join(map(str, self.ports))}.", flush=True)

    @property
    def servers(self) -> str:
        """Return what the screen says about the processes."""
        numbers = ", ".join(map(str, self.ports))
        return f"{numbers}   (type a number and Enter: that one is killed)"

    def end(self) -> None:
        """End everything, at once."""
        super().end()
        if self.proxy:
            self.proxy.end()
        shutil.rmtree(self.place, ignore_errors=True)


def free_ports(wanted: list[int], taken_soon: int) -> list[int]:
    """Return as many free ports, each the one that is wanted or a later one."""
    result: list[int] = []
    for port in wanted:
        first = max([port, *(each + 1 for each in result)])
        found = ports.free_port("127.0.0.1", first)
        if found == taken_soon:
            found = ports.free_port("127.0.0.1", found + 1)
        result.append(found)
    return result
