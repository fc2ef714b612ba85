"""Show where each greenlet of the running step is: its own lines, not those of the libraries."""

import argparse
import urllib.request

from workshop.base.paths import ME
from workshop.base.problem import Problem
from workshop.serving import running

HELP = "show where each greenlet of the running step is"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`stacks` has no arguments."""


def needs(args: argparse.Namespace) -> set[str]:
    """Return what must be installed."""
    return {"python"}


def main(args: argparse.Namespace) -> int:
    """Ask each process of the step that was started last."""
    steps = [what for what in running.everything() if what.get("stacks_token")]
    if not steps:
        raise Problem(f"No step is running. Start one in another terminal:  {ME} run 2")
    for port in steps[-1]["processes"]:
        print(f"{steps[-1]['step']}, at port {port}\n")
        print(ask(port, steps[-1]["stacks_token"]))
    return 0


def ask(port: int, token: str) -> str:
    """Return what a process says of its greenlets."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"X-Stacks-Token": token})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=30) as answer:
            return answer.read().decode()
    except OSError as error:
        return f"No answer: {error}. Does a greenlet compute? It lets no other one run.\n"
