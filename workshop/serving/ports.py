"""Ports and addresses of this machine: which are free, and who has them."""

import contextlib
import random
import socket

from workshop.base.paths import WINDOWS
from workshop.base.problem import Problem

FIRST_PORT = 8000
given: set[int] = set()  # by any_port()


def answers(port: int, hosts: tuple[str, ...] = ("127.0.0.1", "::1")) -> bool:
    """Tell whether something listens on this port of this machine."""
    for host in hosts:
        with contextlib.suppress(OSError), socket.create_connection((host, port), 0.3):
            return True
    return False


def can_listen(host: str, port: int) -> bool:
    """Tell whether a server can listen here."""
    # Asked too, as some systems let two programs listen on one port.
    if answers(port):
        return False
    with socket.socket() as probe:
        if not WINDOWS:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str, first: int, count: int = 100) -> int:
    """Return the first port that is free, from this one on."""
    for port in range(first, min(first + count, 65536)):
        if can_listen(host, port):
            return port
    raise Problem(f"No port from {first} on is free. Name one with --port.")


def any_port() -> int:
    """Return a free port, another one each time; below those of outgoing connections."""
    while True:
        port = random.randrange(10_000, 20_000)
        if port not in given and can_listen("127.0.0.1", port):
            given.add(port)  # It may be long until somebody listens on it.
            return port


def choose_port(host: str, wanted: int | None, first: int = FIRST_PORT) -> int:
    """Return the port to listen on, or say who has it."""
    if wanted is None:
        port = free_port(host, first)
        if port != first:
            print(f"Port {first} is taken by {who_listens(first)}.")
        return port
    if not 0 < wanted < 65536:
        raise Problem("A port is a number from 1 to 65535.")
    if can_listen(host, wanted):
        return wanted
    free = free_port(host, wanted + 1 if FIRST_PORT <= wanted < 60_000 else FIRST_PORT)
    if not answers(wanted) and wanted < 1024:
        why = f"Only the system's administrator may use port {wanted}."
    else:
        why = f"Port {wanted} is taken by {who_listens(wanted)}."
    raise Problem(f"{why} End that program, or use another port, for example --port {free}.")


def who_listens(port: int) -> str:
    """Return the name and process id of the program that listens on a port."""
    try:
        import psutil
    except ImportError:
        return "another program"
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return f"{process.name()} (process {process.pid})"
    return "another program"


def addresses() -> list[str]:
    """Return the names of this machine on its network, the best one first."""
    import psutil

    found = []
    # Nothing is sent: this only asks which address the way out begins at.
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        found.append(probe.getsockname()[0])
    for interface in psutil.net_if_addrs().values():
        found += [entry.address for entry in interface if entry.family == socket.AF_INET]
    name = socket.gethostname().lower()
    names = [address for address in found if not address.startswith("127.")]
    return list(dict.fromkeys([*names, name, name.partition(".")[0] + ".local"]))
