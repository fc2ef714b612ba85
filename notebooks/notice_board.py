"""Find the running notice board and its Redis, and show the board beside a cell.

What is missing is said in a sentence: Jupyter shows it in place of a traceback, and stops there.
"""

import contextlib
import os
import queue
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import redis
import websocket
from IPython.display import HTML
from socketio.exceptions import SocketIOError

sys.path.append(str(Path(__file__).resolve().parent.parent))

from workshop.base.paths import ME
from workshop.serving import ports, redis_server, running
from workshop.serving.proxy import Proxy

MANY = 4096
START = f"Start it in a terminal with\n    {ME} run 4\nThen run this cell again."


class Missing(Exception):
    """Something that a lesson needs and that is not there."""

    def _render_traceback_(self) -> list[str]:
        """Return what Jupyter shows."""
        return [str(self)]


def say_gone(error: Exception) -> list[str]:
    """Return the same for what libraries raise when the board goes away during a lesson."""
    what = str(error) or "Nothing came in time."
    limit = "And it takes ten notices in ten seconds, no more."
    return [f"{what}\nIs the board gone? {START}\n{limit}"]


for kind in (redis.ConnectionError, SocketIOError, websocket.WebSocketException, queue.Empty):
    kind._render_traceback_ = say_gone


def board_url() -> str:
    """Return the address of the running board."""
    for url in candidates("BOARD_URL", "url"):
        place = urlsplit(url)
        if ports.answers(place.port or 80, (place.hostname,)):
            return url
    raise Missing(f"There is no notice board. {START}")


def cable() -> Proxy:
    """Return a cable to the board that can be cut: a network of a client's own."""
    return Proxy(ports.any_port(), urlsplit(board_url()).port or 80).open()


def redis_url() -> str:
    """Return the address of the Redis that the running board listens to, or else of any."""
    for url in [*candidates("REDIS_URL", "redis"), redis_server.DEFAULT_URL]:
        if not redis_server.why_silent(url):
            return url
    raise Missing(f"There is no Redis; step 4 brings one. {START}")


def candidates(variable: str, key: str) -> Iterator[str]:
    """Yield what the environment names, then what runs, the latest first."""
    if variable in os.environ:
        yield os.environ[variable]
    yield from (board[key] for board in reversed(running.boards()))


def show_board() -> HTML:
    """Return the board in an IFrame, for Jupyter to show."""
    # `python3 -m workshop notebook` has a second view of this output beside the notebook, always
    # in sight. Where there is one, the first is hidden, and so lazy that it is no client.
    style = (
        ".board {width: 100%; height: 60vh; border: 0}"
        ".jp-LinkedOutputView .board {height: 90vh}"
        "body:has(.jp-LinkedOutputView .board) .jp-Notebook .board {display: none}"
    )
    frame = f'<iframe class="board" title="The board" src="{board_url()}" loading="lazy"></iframe>'
    return HTML(f"<style>{style}</style>{frame}")


def allow_many_files() -> None:
    """Let this process and its children have some thousand connections: each is an open file."""
    with contextlib.suppress(ImportError):  # Windows has no such limit
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < MANY:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, MANY), hard))
