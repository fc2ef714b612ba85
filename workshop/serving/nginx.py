"""nginx in front of a step: its program, and the step's configuration on other ports."""

import re
import subprocess
from pathlib import Path
from typing import NoReturn

from workshop.base.problem import Problem
from workshop.install.programs import find_nginx, on_path

UPSTREAM = re.compile(r"(?<=server )127\.0\.0\.\d+:\d+")
LISTEN = re.compile(r"(?<=listen )127\.0\.0\.1:\d+(?=[ ;])")


def wanted_ports(config: str) -> list[int]:
    """Return the ports of the servers that a configuration names."""
    return [int(server.partition(":")[2]) for server in UPSTREAM.findall(config)]


def local(ports: list[int]) -> list[str]:
    """Return servers on this machine, as a configuration names them."""
    return [f"127.0.0.1:{port}" for port in ports]


def command(
    place: Path, config: str, host: str, port: int, servers: list[str], tls: bool = False
) -> list:
    """Write a step's configuration into a folder, for other ports; return what starts nginx."""
    (place / "run").mkdir(parents=True, exist_ok=True)
    (place / "nginx.conf").write_text(adapted(config, host, port, servers, tls))
    return [program(), "-p", place, "-c", "nginx.conf"]


def adapted(config: str, host: str, port: int, servers: list[str], tls: bool) -> str:
    """Return a step's configuration for other ports, and with TLS where that is wanted."""
    following = iter(servers)
    config = UPSTREAM.sub(lambda _: next(following), config)
    listen = f"{host}:{port}"
    if tls:
        listen += " ssl; ssl_certificate run/certificate.pem; ssl_certificate_key run/key.pem"
    return LISTEN.sub(listen, config, count=1)


def make_certificate(folder: Path, addresses: list[str]) -> None:
    """Make a certificate for this machine in a folder's run/; nobody else vouches for it."""
    names = ["DNS:localhost", "IP:127.0.0.1"]
    names += [f"{'IP' if re.fullmatch('[0-9.]+', each) else 'DNS'}:{each}" for each in addresses]
    how = "apt install openssl", "brew install openssl"
    command = [on_path("openssl") or missing("openssl", *how)]
    command += ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"]
    command += ["-subj", "/CN=localhost", "-addext", f"subjectAltName={','.join(names)}"]
    command += ["-keyout", "run/key.pem", "-out", "run/certificate.pem"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def program() -> str:
    """Return the path of nginx, or say how to get it."""
    return find_nginx() or missing("nginx", "apt install nginx-light", "brew install nginx")


def missing(program: str, debian: str, macos: str) -> NoReturn:
    """Say how to get a program."""
    raise Problem(f"This needs {program}, which is not installed: `{debian}`, or `{macos}`.")
