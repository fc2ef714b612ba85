"""A server of a notebook's own, that ends with its block, or with the notebook."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from notice_board import Missing

from workshop.base import paths
from workshop.serving import ports, settings
from workshop.serving.processes import Child

STEP = paths.STEPS / "04_redis_listener"
SCRIPT = Path(__file__).with_name("talks_way.py")


@contextlib.contextmanager
def own_server(way: str, redis_url: str, channel: str) -> Iterator[tuple[str, int]]:
    """Serve step 4 as talks_way.py does; hand out its address and process id."""
    port = ports.free_port("127.0.0.1", 8100)
    environment = settings.environment([]) | {"REDIS_URL": redis_url}
    command = [sys.executable, SCRIPT, way, port, channel]
    child = Child(command, log="notebook", cwd=STEP, env=environment)
    try:
        if not child.wait_until(lambda: ports.answers(port, ("127.0.0.1",))):
            raise Missing(child.said("The server did not start"))
        yield f"http://127.0.0.1:{port}", child.programs()[0].pid
    finally:
        child.end()
