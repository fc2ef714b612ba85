"""The servers that the steps are compared with, at toy size; heavy to install: `test peers`."""

import json
import subprocess
import sys

import pytest
import redis
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
from workshop.bench.servers import PEERS, Bench
from workshop.install import environment
from workshop.install.programs import find_bun, find_nchan, find_nginx, find_node

sys.path.insert(0, str(ROOT / "benchmarks"))
from wire import WIRES

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")


@pytest.fixture(scope="module", autouse=True)
def installed():
    """What they need; only the tool's `bench` installs it otherwise."""
    environment.ensure({"classic", "bench", "node", "nodejs", "bun", "javascript", "nginx"})


def skip_without(server):
    """Skip what this system can't have."""
    for part, find in (("nodejs", find_node), ("bun", find_bun)):
        if part in server.needs and not find():
            pytest.skip(f"no {part}")


ELSEWHERE = {"step4", "step7", "gevent"} | (set() if find_nchan() else {"nchan"})


@pytest.mark.parametrize("key", [key for key in SERVERS if key not in ELSEWHERE])
def test_a_peer_does_the_same_job(key):
    skip_without(SERVERS[key])
    check(run_all([SERVERS[key]], TOY))


@pytest.mark.parametrize("key", [key for key in ROOMS if key != "step4"])
def test_a_full_room_comes_and_comes_back(key):
    skip_without(ROOMS[key])
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


def test_a_notice_to_node_with_recovery_is_what_emit_appends():
    """The load generator writes this entry itself."""
    if not find_node():
        pytest.skip("no Node.js")
    code = """
        const redis = require("redis").createClient({ url: process.argv[1] });
        redis.connect().then(async () => {
          const { createAdapter } = require("@socket.io/redis-streams-adapter");
          const io = new (require("socket.io").Server)({ adapter: createAdapter(redis) });
          io.of("/notices").emit("notice", { id: 1 });
          while (!(await redis.xLen("socket.io")));
          process.exit();
        });
    """
    with Bench() as bench, redis.Redis(port=bench.redis_port) as client:
        url = f"redis://127.0.0.1:{bench.redis_port}"
        subprocess.run([find_node(), "-e", code, url], cwd=PEERS, check=True, timeout=60)
        client.execute_command(*WIRES["Recovery"](1).publishing(b'{"id":1}'))
        theirs, ours = (entry for _, entry in client.xrange("socket.io"))
    assert theirs.pop(b"uid") != ours.pop(b"uid")  # A server does not listen to itself.
    assert json.loads(theirs.pop(b"data")) == json.loads(ours.pop(b"data"))
    assert theirs == ours
