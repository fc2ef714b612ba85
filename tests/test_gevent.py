"""Where gevent is the wrong choice: what step 2's README says of it, measured.

Each program is a process of its own, since it patches all of Python. A greenlet ticks, the work is
done beside it, and what is printed is the longest time in which nothing ticked.
"""

import json
import subprocess
import sys

import pytest

from support import PATIENCE

PROGRAM = """
from gevent import monkey
monkey.patch_all()
import asyncio, concurrent.futures, json, sqlite3, sys, threading, time
import gevent

def compute(seconds=1):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass

def in_a_thread():
    thread = threading.Thread(target=compute)
    thread.start()
    thread.join()

def in_a_process():
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        pool.submit(compute, 3).result()

def in_gevents_threads():
    gevent.get_hub().threadpool.apply(time_sleep_as_it_was, (3,))

def sqlite():
    numbers = "SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < 2000000"
    query = f"WITH RECURSIVE numbers(i) AS ({numbers}) SELECT count(*) FROM numbers"
    sqlite3.connect(":memory:").execute(query).fetchone()

def psycopg_3():
    import psycopg
    with psycopg.connect(sys.argv[2]) as connection:
        connection.execute("SELECT pg_sleep(3)")

def asyncio_run():
    async def wait():
        await asyncio.sleep(1)
    waiting = wait()
    try:
        asyncio.run(waiting)
    finally:
        waiting.close()

time_sleep_as_it_was = monkey.get_original("time", "sleep")

if __name__ == "__main__":
    work, ticks = globals()[sys.argv[1]], []

    def tick():
        while True:
            ticks.append(time.monotonic())
            gevent.sleep(0.01)

    gevent.spawn(tick)
    gevent.sleep(0.05)
    began = time.monotonic()
    workers = [gevent.spawn(work) for _ in range(3)]
    gevent.joinall(workers)
    took = time.monotonic() - began
    ticks.append(time.monotonic())
    errors = [repr(worker.exception) for worker in workers if worker.exception]
    silence = max(after - before for before, after in zip(ticks, ticks[1:]))
    turns = sum(began < at for at in ticks) - 1  # The last one is ours.
    print(json.dumps({"took": took, "silence": silence, "turns": turns, "errors": errors}))
"""


@pytest.fixture
def measure(tmp_path):
    """Let three greenlets do some work at once: measure(name, …) → what was printed."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, program, *arguments], capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize("work", ["compute", "in_a_thread", "sqlite"])
def test_who_does_not_wait_in_python_holds_everybody(measure, work):
    """One after the other, and nothing ticks meanwhile."""
    seen = measure(work)
    assert not seen["errors"]
    assert seen["silence"] > 0.9 * seen["took"], seen
    assert seen["turns"] < 3, seen


@pytest.mark.parametrize("work", ["in_a_process", "in_gevents_threads"])
def test_elsewhere_it_holds_nobody(measure, work):
    """Another process, and what blocks without computing in a real thread."""
    seen = measure(work)
    assert not seen["errors"]
    assert seen["turns"] > 9, seen


def test_psycopg_3_holds_nobody(measure, postgresql):
    """It waits in Python."""
    seen = measure("psycopg_3", postgresql)
    assert not seen["errors"]
    assert seen["took"] > 1
    assert seen["turns"] > 9, seen


def test_one_event_loop_is_all_that_greenlets_have(measure):
    """All of them are one thread."""
    seen = measure("asyncio_run")
    said = "RuntimeError('asyncio.run() cannot be called from a running event loop')"
    assert seen["errors"] == [said, said]
