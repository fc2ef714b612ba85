"""A server of a notebook's own, that ends with its block, or with the notebook."""

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from notice_board import Missing

from workshop import paths, processes, run

STEP = paths.STEPS / "04_redis_listener"
SCRIPT = Path(__file__).with_name("talks_way.py")


@contextlib.contextmanager
def own_server(way: str, redis_url: str, channel: str) -> Iterator[tuple[str, int]]:
    """Serve step 4 as talks_way.py does; hand out its address and process id."""
    port = processes.free_port("127.0.0.1", 8100)
    settings = run.environment([]) | {"REDIS_URL": redis_url}
    command = [sys.executable, SCRIPT, way, port, channel]
    child = processes.Child(command, log="notebook", cwd=STEP, env=settings)
    try:
        while not processes.answers(port, ("127.0.0.1",)):
            if child.exit_code() is not None:
                log = paths.LOGS / "notebook.log"
                raise Missing(f"The server did not start:\n{paths.last_lines(log)}")
            time.sleep(0.02)
        guardian = psutil.Process(child.process.pid)
        server = [*guardian.children(), guardian][0]
        yield f"http://127.0.0.1:{port}", server.pid
    finally:
        child.end()
