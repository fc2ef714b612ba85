"""The servers that the steps are compared with, at toy size; heavy to install: `test peers`."""

import subprocess
import sys

import pytest
from test_bench import (
    CROWDS,
    ROOMS,
    SERVERS,
    TOY,
    TOY_CROWD,
    TOY_ROOM,
    check,
    check_crowd,
    check_room,
)

from support import ROOT
from workshop.bench.run import run_all
from workshop.install import environment
from workshop.install.programs import find_nginx, find_node

sys.path.insert(0, str(ROOT / "benchmarks"))
from wire import WIRES

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")


@pytest.fixture(scope="module", autouse=True)
def installed():
    """What they need; only the tool's `bench` installs it otherwise."""
    environment.ensure({"classic", "bench", "node", "nodejs", "javascript", "nginx"})


@pytest.mark.parametrize("key", [key for key in SERVERS if key not in ("step4", "step7", "gevent")])
def test_a_peer_does_the_same_job(key):
    if key == "node" and not find_node():
        pytest.skip("no Node.js")
    check(run_all([SERVERS[key]], TOY))


@pytest.mark.parametrize("key", [key for key in ROOMS if key != "step4"])
def test_a_full_room_comes_and_comes_back(key):
    if "node" in ROOMS[key].needs and not find_node():
        pytest.skip("no Node.js")
    if ROOMS[key].behind_nginx and not find_nginx():
        pytest.skip("no nginx")
    [run] = run_all([ROOMS[key]], TOY_ROOM)["runs"]
    check_room(run)


@pytest.mark.parametrize("key", [key for key in CROWDS if key != "step7"])
def test_very_many_are_told_and_come_back(key):
    if "node" in CROWDS[key].needs and not find_node():
        pytest.skip("no Node.js")
    if CROWDS[key].behind_nginx and not find_nginx():
        pytest.skip("no nginx")
    [run] = run_all([CROWDS[key]], TOY_CROWD)["runs"]
    # Node's cluster adapter forgets; its documentation says so.
    check_crowd(run, missed=3 if key == "node-cluster" else 0)


@pytest.mark.parametrize("size", [150, 300])
def test_a_notice_to_channels_is_what_group_send_publishes(size):
    """The load generator writes these bytes itself."""
    code = (
        "from channels_redis.pubsub import RedisPubSubChannelLayer as Layer\n"
        "layer = Layer(['redis://127.0.0.1:1'])\n"
        f"message = layer.serialize({{'type': 'notice', 'text': 'x' * {size}}})\n"
        "import asyncio\n"
        "async def main(): return layer._get_layer()._get_group_channel_name('notices')\n"
        "print(asyncio.run(main()), message.hex())"
    )
    said = subprocess.check_output([environment.BENCH_PYTHON, "-c", code], text=True)
    _, channel, message = WIRES["Channels"](1).publishing(b"x" * size)
    assert said.split() == [channel, message.hex()]
