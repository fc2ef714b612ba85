"""The benchmark at toy size: that it counts right, sees what is wrong, and reports it."""

# ruff: noqa: E402  (the paths come first)
import argparse
import contextlib
import dataclasses
import json
import os
import shutil
import signal
import sys
import types
import xml.etree.ElementTree as ElementTree

import psutil
import pytest
from test_tool import Call, gone

from support import ROOT

sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import arrivals
import load
import readers
import scale
from wire import TEXT, WIRES, WireError, frames

from workshop.base.problem import Problem
from workshop.bench import command as bench
from workshop.bench import report
from workshop.bench.readers import ways
from workshop.bench.run import FEW, measure, plan, run_all, trouble
from workshop.bench.servers import PEERS, Bench, crowds, halls, ladder, rooms, roomy, servers
from workshop.bench.size import READERS, Size
from workshop.install.programs import find_nchan

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")
SERVERS = {server.key: server for server in servers()}
ROOMS = {server.key: server for server in rooms()}
TOY = Size(
    (8,), 1, settle=0.05, one=0.05, burst=10, burst_seconds=2, bursts=2, paced_seconds=0.5,
    rate=8, paced_clients=8, pairs=2, deaf=0.1,
)  # fmt: skip
CROWDS = {server.key: server for server in crowds()}
TOY_CROWD = Size((8,), 1, settle=0.1, one=2, burst=5, bursts=1, pairs=0, minute=0.1, away=3)
TOY_READERS = Size(
    (5,), 1, settle=0.6, one=0.05, burst=20, bursts=1, paced_seconds=1, pairs=0, block=0.2
)
TOY_ROOM = Size((10,), 1, settle=0.05, pairs=0, limit=30)
FAULTLESS = {"lost": 0, "twice": 0, "out of order": 0, "changed": 0}


@pytest.fixture(scope="module")
def redis_and_folder():
    """A Redis for all that is measured one by one."""
    with Bench() as bench:
        yield bench


@pytest.fixture(scope="module")
def data(redis_and_folder):
    """What a run of a limit and two steps came to."""
    result = run_all([SERVERS["gevent"]], TOY)
    for key in ("step4", "step7"):
        # Both of a server's turns in one: starting Django is most of what this costs.
        job = plan(TOY, FEW, 1) | plan(TOY, 8, 1)
        run = measure(redis_and_folder, SERVERS[key], job)
        run |= {"server": key, "name": SERVERS[key].name, "round": 1}
        result["runs"] += [run, run | {"clients": FEW}]
    return result


def check(data):
    """Every row of every server must be there, and nothing wrong."""
    names = {run["name"] for run in data["runs"]}
    assert len(data["runs"]) == 2 * len(names)
    for run in data["runs"]:
        assert not trouble(run), (run["name"], trouble(run))
        assert run["faults"] == FAULTLESS
        if run["clients"] == FEW:
            assert 0 < run["pair"]["p50"] <= run["pair"]["p99"]
            assert run["deaf"]["notices"] >= 200
            continue
        assert run["connect"]["per_second"] > 0
        assert run["memory"]["server_kib"] > 0  # eight clients may take less than a page more
        assert run["redis"]["connections"] >= 1
        assert run["one"]["deliveries"] == 8 * run["one"]["notices"] >= 8 * 5
        assert run["burst"]["deliveries"] == 8 * 2 * run["burst"]["size"] == 8 * 2 * 10
        for phase in ("connect", "one", "burst"):
            for who in ("server_us", "load_us", "redis_us"):
                # Redis may have nothing to do with a handshake.
                assert run[phase][who] > 0 or (phase, who) == ("connect", "redis_us")
        assert run["paced"]["notices"] == 4
        assert run["page"]["pages"] >= 1
        assert run["page"]["notices"] >= 1
        for phase in ("paced", "page"):
            assert 0 < run[phase]["p50"] <= run[phase]["p99"] <= run[phase]["max"]


def test_a_run_has_every_row_and_nothing_wrong(data):
    check(data)
    assert data["machine"]["cores"] == os.cpu_count()
    assert {"Python", "Valkey", "gevent"} <= data["versions"].keys()


def test_the_report_of_a_run_has_every_server(data, tmp_path):
    # Eight clients may take less memory than a page more: of nothing there is no ratio.
    runs = [
        run | {"memory": run["memory"] | {"kib": 24.0}} if "memory" in run else run
        for run in data["runs"]
    ]
    report.write(data | {"left_out": [], "runs": runs}, tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text()
    for name in ("step 4", "step 7", "bare gevent"):
        # ratios to step 4 alone: there is no Node; nothing of what was measured is missing
        lines = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
        assert len(lines) == 9 + 5
        assert not [line for line in lines if "–" in line]
    assert os.uname().nodename not in text
    assert str(ROOT) not in text + (tmp_path / "report.json").read_text()


def test_each_rung_of_the_ladder_works_and_is_in_its_report(tmp_path):
    size = dataclasses.replace(TOY, bursts=0, rate=0, pairs=0)
    rungs = ladder()
    result = run_all(rungs[1:-2], size)  # The others run above.
    report.write(result | {"left_out": [], "ladder": True}, tmp_path / "ladder.md")
    text, plot = ((tmp_path / f"ladder{end}").read_text() for end in (".md", "-cpu.svg"))
    for run, rung in zip(result["runs"], rungs[1:], strict=False):
        assert not trouble(run), (run["name"], trouble(run))
        assert run["one"]["deliveries"] == 8 * run["one"]["notices"] >= 8 * 5
        assert f"| {rung.name} |" in text
        assert f">{rung.name}</text>" in plot


def test_only_who_follows_a_hall_is_told_and_the_report_says_what_that_costs(tmp_path):
    size = dataclasses.replace(TOY, clients=(100,), bursts=0, rate=0, pairs=0)
    result = run_all(halls(), size)
    report.write(result | {"left_out": [], "halls": True}, tmp_path / "halls.md")
    text = (tmp_path / "halls.md").read_text()
    for run, told in zip(result["runs"], (100, 10, 1), strict=True):
        assert not trouble(run), (run["name"], trouble(run))
        assert run["one"]["told"] == told
        assert f"| {run['name']} | {told} |" in text


# Planted faults: a bare server that does something wrong to its third client, once.

SEND = "client.send(data, 0, 0.0) == len(data)"
PLANT = '''

held = []


def plant(client, data):
    """Send; the third client gets notices 12 and 13 otherwise."""
    if [client] != sorted(clients, key=lambda each: each.getpeername()[1])[2:3]:
        return client.sendall(data) is None
    if b'"id": 12,' in data:
        FAULT
    elif b'"id": 13,' in data and held:
        client.sendall(data + held.pop())
    else:
        client.sendall(data)
    return True
'''
PLANTED = {
    "lost": "pass",
    "twice": "client.sendall(data + data)",
    "out of order": "held.append(data)",
    "changed": "client.sendall(data.replace(b'Track', b'Trick').replace(b'track', b'trick'))",
}


def planted(folder, kind):
    """Copy the peers to a folder, with a fault in the bare server, and return it."""
    shutil.copytree(PEERS, folder, dirs_exist_ok=True)
    code = (folder / "bare_gevent.py").read_text()
    assert code.count(SEND) == 1
    head, end, rest = code.replace(SEND, "plant(client, data)").partition("clients = set()\n")
    (folder / "bare_gevent.py").write_text(
        head + end + PLANT.replace("FAULT", PLANTED[kind]) + rest
    )
    return folder


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_fault_is_seen_and_named(kind, redis_and_folder, tmp_path):
    server = dataclasses.replace(SERVERS["gevent"], folder=planted(tmp_path, kind))
    burst = plan(TOY, 8, 1)["burst"] | {"size": 30}
    # What is lost is waited for in vain.
    patience = 5 if kind == "lost" else 20
    small = {"clients": 8, "settle": 0.05, "burst": burst, "patience": patience}
    run = measure(redis_and_folder, server, small)
    assert run["faults"] == FAULTLESS | {kind: 1}
    assert f"1 {kind}" in trouble(run)
    # One to warm up; after a burst in which something was lost there is no other.
    assert run["deliveries"] == 1 + 8 * 30 * (1 if kind == "lost" else 2)


# A full room

BARE_ROOM = """
import contextlib


class Room(set):
    def add(self, client):
        super().add(client)
        self.count()

    def discard(self, client):
        super().discard(client)
        self.count()

    def count(self):
        data = frame(b'{"count": %d}' % (len(self) + MORE))
        for client in list(self):
            with contextlib.suppress(OSError):
                client.send(data)


clients = Room()
"""


@pytest.mark.parametrize("more", [0, 1])
def test_a_full_room_is_counted_right(more, redis_and_folder, tmp_path):
    """A bare server tells each arrival and each leave to everybody: the sums are known."""
    shutil.copytree(PEERS, tmp_path, dirs_exist_ok=True)
    code = (tmp_path / "bare_gevent.py").read_text()
    assert code.count("clients = set()\n") == 1
    code = code.replace("clients = set()\n", BARE_ROOM.replace("MORE", str(more)))
    (tmp_path / "bare_gevent.py").write_text(code)
    server = dataclasses.replace(SERVERS["gevent"], folder=tmp_path, wire="Channels")
    job = plan(TOY_ROOM, 10, 1)
    run = measure(redis_and_folder, server, job | {"limit": 5 if more else 30})
    if more:
        assert trouble(run) == "after 5 s 1 of 11 are live, or not everybody knows the right number"
        return
    check_room(run)
    # 11 with the one who was there before; the first to arrive hears of all ten, the last of one.
    assert run["arrive"]["packets"] == sum(range(1, 11)) / 10
    assert sum(range(1, 11)) / 10 <= run["back"]["packets"] <= sum(range(2, 12)) / 10
    assert run["leave"]["packets"] == 10


def check_room(run):
    """All must have been live, and all come back."""
    assert not trouble(run)
    for phase in ("arrive", "back", "leave"):
        assert run[phase]["failed"] == 0
        assert min(run[phase][who] for who in ("seconds", "page", "server", "load")) > 0
        assert run[phase]["packets"] >= 1  # how many are here
    assert run["back"]["down"] > 0


@pytest.fixture(scope="module")
def room(redis_and_folder):
    """A full room of ten at step 4: a page begins by polling there."""
    run = measure(redis_and_folder, ROOMS["step4"], plan(TOY_ROOM, 10, 1))
    return run | {"server": "step4", "name": "step 4", "round": 1}


def test_a_full_room_comes_and_comes_back(room):
    check_room(room)
    assert room["options"]["polling"]


def reported(data, file):
    """Write a report from figures, as by hand, and return its path."""
    figures = file.with_name("canned.json")
    figures.write_text(json.dumps(data))
    assert bench.main(typed("--from", str(figures), "--report", str(file))) == 0
    return file


def test_the_report_of_a_full_room(room, tmp_path, capsys):
    size = dataclasses.asdict(TOY_ROOM) | {"clients": [10], "paced_clients": 10}
    data = canned() | {"runs": [room], "size": size, "arrivals": True}
    file = reported(data, tmp_path / "arrivals.md")
    assert "told how many they are" in capsys.readouterr().out
    text, plot = file.read_text(), (tmp_path / "arrivals-cpu.svg").read_text()
    lines = [line for line in text.splitlines() if line.startswith("| step 4 |")]
    assert len(lines) == 3
    assert not [line for line in lines if "–" in line]
    assert ">step 4</text>" in plot
    room = room | {"problem": "3 of 11 are live"}
    report.write(data | {"runs": [room]}, file)
    assert "- **step 4, 10 clients, round 1: 3 of 11 are live.**" in file.read_text()


def test_a_page_waits_as_socket_io_client_does():
    class Room:
        options = {"delay_max": 3000}

    page = arrivals.Page(Room, 1)
    for chance, delays in ((0.25, [0.875, 1.75, 3]), (0.75, [1.375, 2.75, 3])):
        page.attempts, page.random.random = 0, lambda chance=chance: chance
        assert [page.delay() for _ in delays] == delays


def test_a_page_connects_as_its_script_says():
    said = 'const options = { transports: ["websocket"], reconnectionDelayMax: 3_000 };'
    assert arrivals.options(said) == {"polling": False, "remembers": False, "delay_max": 3000}
    said = "const options = { transports, rememberUpgrade: true };"
    assert arrivals.options(said) == {"polling": True, "remembers": True, "delay_max": 5000}
    with pytest.raises(WireError, match="not understood"):
        arrivals.options("reconnectionDelayMax: SOON")


# Very many


@pytest.fixture(scope="module")
def crowd(redis_and_folder):
    """Four processes of step 7, and four of the load, each with two browsers."""
    run = measure(redis_and_folder, CROWDS["step7"], plan(TOY_CROWD, 8, 1))
    return run | {"server": "step7", "name": "step 7", "round": 1}


def check_crowd(run, missed):
    """All must have been told everything, and have come back."""
    assert not trouble(run)
    assert run["faults"] == FAULTLESS
    assert run["processes"] == 4
    assert run["ping_every"] == 25  # the same work for each server
    for phase in ("connect", "one", "minute", "burst", "back"):  # idle for 0.1 s, it may do nothing
        assert min(run[phase][who] for who in ("server_us", "load_us", "load_busy")) > 0
    for phase in ("one", "minute", "burst"):
        assert 0 < run[phase]["last"] <= run[phase]["worst"]
        assert run[phase].get("net_us", 0) <= run[phase]["server_us"]
    assert run["back"]["missed"] == missed
    told = 2 + run["minute"]["notices"] + 5 + (0 if missed else 3)
    assert run["deliveries"] == 4 + 8 * told  # One browser of each process was there first.


def test_very_many_are_told_and_come_back(crowd):
    check_crowd(crowd, missed=0)


def test_the_report_of_very_many(crowd, tmp_path, capsys):
    size = dataclasses.asdict(TOY_CROWD) | {"clients": [8], "paced_clients": 8}
    more = crowd | {"clients": 16}
    machine = canned()["machine"] | {"each": 1}
    data = canned() | {"machine": machine, "runs": [crowd, more], "scale": True}
    data["size"] = size | {"clients": [8, 16]}
    file = reported(data, tmp_path / "scale.md")
    assert "until all have come back" in capsys.readouterr().out
    text, plot = file.read_text(), (tmp_path / "scale-last.svg").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| step 7 |")]
    assert len(rows) == 6
    assert not [row for row in rows if "–" in row]
    assert ">step 7</text>" in plot
    assert len(ElementTree.fromstring(plot).findall("{*}circle")) == 2  # a mark for each size
    report.write(data | {"runs": [crowd | {"problem": "a process has ended"}]}, file)
    assert "- **step 7, 8 clients, round 1: a process has ended.**" in file.read_text()


def test_who_comes_back_goes_on_from_what_it_was_told_last():
    """Even if notices and "again" come in the same packet of the network."""
    crowd = load.Load({"port": 1, "wire": "Stream", "pids": [], "redis_port": 1, "redis_pid": 1})
    crowd.expect(2, 1)
    client, asked = types.SimpleNamespace(next=1, rest=b"", missing=set()), []
    client.say = asked.append
    entries = [[f"{notice['id']}-0", notice] for notice in crowd.sent[1:]]
    event = "42/notices," + json.dumps(["notices", entries, "0-1"])
    packets = (event.encode(), b'43/notices,0["again"]')
    data = b"".join(b"\x81\x7e" + len(each).to_bytes(2, "big") + each for each in packets)
    crowd.take(client, data)
    assert asked == [b'42/notices,0["since","2-0"]']
    assert (crowd.left, crowd.faults.total()) == (0, 0)


@pytest.mark.parametrize("kind", ["lost", "twice"])
def test_a_planted_fault_is_seen_by_one_of_many_processes(kind, redis_and_folder, tmp_path):
    server = dataclasses.replace(SERVERS["gevent"], folder=planted(tmp_path, kind))
    size = dataclasses.replace(TOY_CROWD, burst=30)
    patience = 5 if kind == "lost" else 20
    run = measure(redis_and_folder, server, plan(size, 8, 1) | {"patience": patience})
    assert run["faults"] == FAULTLESS | {kind: 1}


def test_a_process_of_the_load_ends_with_the_one_that_leads(redis_and_folder):
    ports = {"ports": [1], "pids": [], "redis_port": redis_and_folder.redis_port, "redis_pid": 1}
    led = scale.Crowd({"wire": "Plain", "clients": 8} | ports).parts
    for part in led:
        part.stdin.close()  # as the kernel does when a process has ended
        assert part.wait(30) == 0
        part.stdout.close()


def test_what_the_limit_of_open_files_does_not_allow_is_left_out(monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(bench, "raised", lambda wanted: 250)
    monkeypatch.setattr(
        "workshop.bench.run.run_all",
        lambda names, size, patience: ran.append((names, size.clients)) or {},
    )
    words = ["--scale", "--only", "step7", "--clients", "100,200"]
    assert bench.measured(typed(*words))["left_out"] == [
        "200 clients: this system lets a process open 250 files, and it takes 260. "
        "Raise it as root (`ulimit -n`), then try again."
    ]
    assert "Left out: 200 clients" in capsys.readouterr().out
    assert [(server.key, sizes) for [server], sizes in ran] == [("step7", (100,))]


def test_nginx_has_as_many_processes_as_the_limit_takes(monkeypatch):
    config = (CROWDS["step7-nginx"].folder / "nginx.conf").read_text()
    assert roomy(config, 100) == config
    monkeypatch.setattr("resource.getrlimit", lambda which: (1000, 1000))
    text = roomy(config, 1000)
    for line in ("worker_processes 3;", "worker_connections 1000;", "listen 127.0.0.1:8000 reuse"):
        assert line in text


# Many processes


@pytest.fixture(scope="module")
def read():
    """What five processes cost a Redis, in each way."""
    return run_all(ways(), TOY_READERS) | {"left_out": [], "readers": True}


def test_each_process_is_told_each_notice_and_the_report_says_what_that_costs(read, tmp_path):
    stream, channel, everybody, one_adds_up = read["runs"]
    for run in read["runs"]:
        assert not trouble(run), (run["name"], trouble(run))
    for run in (stream, channel):
        notices = sum(run[phase]["notices"] for phase in ("rare", "one", "burst"))
        assert run["deliveries"] == 5 * (notices + 9)  # nine to get warm
        assert run["burst"]["notices"] == 20
    assert stream["silent"]["asked"] > 5
    # A second that is not measured, and one that is.
    reports = everybody["one"]["notices"] + everybody["burst"]["notices"] + 9 + 2 * 5
    assert everybody["deliveries"] == 5 * reports
    assert one_adds_up["deliveries"] == 2 * 5
    file = reported(read, tmp_path / "readers.md")
    text = file.read_text()
    lines = [line for line in text.splitlines() if line.startswith("| 5 processes |")]
    assert len(lines) == 4
    assert not [line for line in lines if "–" in line]
    for name in ("notice", "presence"):
        assert f"(readers-{name}.svg)" in text


def test_the_plots_of_many_processes_have_a_mark_for_each_way(read, tmp_path):
    """Not for a figure below 0: less what Redis takes anyway, so few processes may cost that."""
    cost = {"one": {"redis_us": 100.0}, "second": {"redis_ms": 10.0}}
    runs = [run | {key: run[key] | cost[key] for key in cost if key in run} for run in read["runs"]]
    reported(read | {"runs": runs}, tmp_path / "readers.md")
    for name in ("notice", "presence"):
        plot = ElementTree.parse(tmp_path / f"readers-{name}.svg")
        assert len(plot.findall("{*}circle")) == 2 + 1  # with the one that says what it means


def test_what_so_many_would_tell_each_other_is_derived(read, tmp_path):
    runs = [dict(run, clients=1000) for run in read["runs"]]
    del runs[2]["second"]
    size = read["size"] | {"clients": [1000]}
    text = reported(read | {"runs": runs, "size": size}, tmp_path / "readers.md").read_text()
    each = runs[2]["burst"]["redis_us"]
    assert f"| 1000 processes | {report.number(each)}, derived |" in text
    assert "| 1 000 000 | – | – |" in text


def read_by(redis_and_folder, **more):
    """Return the plan of a run of the generator itself."""
    redis = {"redis_port": redis_and_folder.redis_port, "redis_pid": redis_and_folder.redis_pid()}
    return plan(TOY_READERS, 5, 1) | redis | {"patience": 5} | more


HEARD = {  # in place of a notice
    "lost": lambda what: [],
    "twice": lambda what: [what, what],
    "changed": lambda what: [b"?", what],
}


@pytest.mark.parametrize("kind", HEARD)
@pytest.mark.parametrize("wire", ["Stream", "Channel"])
def test_a_process_that_is_not_told_a_notice_is_seen(kind, wire, redis_and_folder, monkeypatch):
    """Or told it twice, or another one."""
    tell, planted = readers.Way.told, []

    def told(way, process, what):
        if process is way.all[2] and process.next == 7 and not planted:
            planted.append(what)
            for each in HEARD[kind](what):
                tell(way, process, each)
        else:
            tell(way, process, what)

    monkeypatch.setattr(readers.Way, "told", told)
    monkeypatch.setattr(readers.Stream, "last", b"")  # There is no replica to wait for.
    result = readers.run(read_by(redis_and_folder, wire=wire))
    assert result["faults"] == {"lost": 0} | {kind: 1}
    assert trouble(result).startswith(f"of {result['deliveries']} deliveries 1 {kind}")
    # One that is lost is waited for.
    assert ("not everything arrived" in trouble(result)) == (kind == "lost")


def test_a_notice_that_is_left_out_of_many_is_lost(redis_and_folder):
    way = readers.Channel(read_by(redis_and_folder, clients=2, wire="Channel"))
    way.sent, way.left = [b"1", b"2", b"3"], 3
    for what in (b"1", b"3"):
        way.told(way.all[0], what)
    assert (way.faults, way.left) == ({"lost": 1}, 0)


def test_a_report_that_is_missing_when_all_are_added_up_is_lost(redis_and_folder, monkeypatch):
    say = readers.exchange
    monkeypatch.setattr(readers, "exchange", lambda who, report: say("all of them", report))
    result = readers.run(read_by(redis_and_folder, wire="OneAddsUp"))
    assert result["faults"]["lost"] >= 4


def test_the_generator_says_what_step_9_says(redis_and_folder, monkeypatch):
    from redis import Redis, RedisError

    live, presence = readers.live, readers.presence
    client = Redis(port=redis_and_folder.redis_port, decode_responses=True)
    monkeypatch.setattr(live, "node_of", lambda key: contextlib.nullcontext(client))
    monkeypatch.setattr(presence, "node_of", lambda key: contextlib.nullcontext(client))
    monkeypatch.setattr(readers, "uuid4", lambda: types.SimpleNamespace(hex="1"))
    job = plan(READERS, 1, 1) | {"redis_port": redis_and_folder.redis_port}
    stream, adding = readers.Stream(job), readers.OneAddsUp(job)
    [(who, here)] = readers.said(1).items()
    monkeypatch.setattr(presence, "ME", who)
    notice = stream.new(1)
    saved = types.SimpleNamespace(to_id=None, as_dict=lambda: json.loads(notice))
    entry = types.SimpleNamespace(notice=saved, key="1")

    def publish():
        with contextlib.suppress(RedisError):  # It has no replica, and is of no cluster.
            live.publish(stream.stream, entry)

    def say(data):
        stream.speaker.say(data)
        stream.stay(0.2)

    pairs = [
        (publish, lambda: say(stream.command(notice))),
        (lambda: live.read_after(stream.stream, first, wait=True),
         lambda: say(stream.question(first))),
        (lambda: presence.exchange(here), lambda: say(adding.exchanges[0])),
    ]  # fmt: skip
    for step, ours in pairs:
        client.flushall()
        first = client.xadd(stream.stream, {"began": ""})
        client.xadd(stream.stream, {"notice": "{}"})
        client.set(presence.SUM, "[0, {}]")
        client.set(presence.TURN, "somebody")
        assert commands(client, ours) == commands(client, step) != []


def commands(client, do):
    """Return the commands that are said to a Redis meanwhile."""
    heard = []
    with client.monitor() as monitor:
        do()
        client.echo("the end")
        while (each := monitor.next_command())["command"] != "ECHO the end":
            if each["client_type"] != "lua":
                heard.append(each["command"])
    return [each for each in heard if not each.startswith(("HELLO", "CLIENT", "CLUSTER"))]


# What goes over the wire


def test_frames_may_be_joined_and_split_anywhere():
    written = b"".join(
        bytes((0x81,)) + size + b"x" * int.from_bytes(size[-2:], "big")
        for size in (b"\x05", b"\x7e\x00\x7e", b"\x7e\x01\x00")
    )
    sizes = [5, 126, 256]
    for cut in range(len(written) + 1):
        first, rest = frames(written[:cut])
        second, rest = frames(rest + written[cut:])
        assert [(kind, len(text)) for kind, text in first + second] == [(TEXT, n) for n in sizes]
        assert rest == b""


@pytest.mark.parametrize("begin", ["c105", "8185", "0105", "8205"])
def test_a_frame_that_no_server_here_sends_is_an_error(begin):
    with pytest.raises(WireError, match=begin):
        frames(bytes.fromhex(begin) + b"12345")


def test_one_event_of_step_7_may_hold_several_notices():
    wire = WIRES["Stream"](1)
    event = b'42/notices,["notices",[["1-0",{"id":1}],["2-0",null],["3-0",{"id":2}]],"0-1"]'
    assert wire.notices(event) == [{"id": 1}, {"id": 2}]
    assert wire.notices(b'42/notices,["live",true]') is None


# The report of what was measured elsewhere


def canned():
    """Return two rounds of two servers, and one run in which something was lost."""
    runs = []
    for number, node_cost in ((1, 10.0), (2, 20.0)):
        for key, name, cost in (("step4", "step 4", 40.0), ("node", "Node <&>", node_cost)):
            cost = {"server_us": cost, "load_us": 2.5, "load_busy": 30.0, "redis_us": 0.1}
            cost |= {"notices": 10, "size": 200, "redis_us_notice": 80.0}
            taken = {"p50": 2.0, "p99": 9.0, "max": 11.0, "late": 0, "notices": 8}
            runs.append({
                "server": key, "name": name, "round": number, "clients": 1000, "faults": {},
                "deliveries": 1000, "connect": cost | {"per_second": 1234.0}, "one": cost,
                "burst": cost, "paced": taken, "page": taken, "memory": {"kib": 24.0},
                "redis": {"connections": 1},
            })  # fmt: skip
    runs.append(runs[0] | {"server": "gevent", "name": "bare gevent", "faults": {"lost": 7}})
    machine = {"cpu": "A processor", "cores": 2, "system": "Linux 6.1", "pinned": True}
    size = dataclasses.asdict(Size()) | {"clients": [1000]}
    return {
        "date": "2026-01-01", "seconds": 60, "machine": machine, "versions": {"Python": "3.11.7"},
        "size": size, "runs": runs, "left_out": ["5000 clients: too few files."],
    }  # fmt: skip


def typed(*words):
    """Return the arguments of a command line."""
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize("more", [[], ["--quick"]])
def test_halls_are_not_measured_with_a_single_client(more):
    """It would share no hall with anybody."""
    assert bench.sized(typed("--halls", *more)).pairs == 0


def test_a_report_is_made_again_from_its_json(tmp_path, capsys):
    source, file = tmp_path / "canned.json", tmp_path / "report.md"
    source.write_text(json.dumps(canned()))
    assert bench.main(typed("--from", str(source), "--report", str(file))) == 1
    assert "WRONG: bare gevent, 1000 clients, round 1: of 1000 deliveries 7 lost" in "".join(
        capsys.readouterr().out.replace("\n", " ")
    )
    text = file.read_text()
    assert "**bare gevent, 1000 clients, round 1: of 1000 deliveries 7 lost.**" in text
    assert "Left out: 5000 clients: too few files." in text
    assert "| Node <&> | 15.0 (10.0–20.0) | 2.50 | 30.0 | 0.10 |" in text
    # per round: 40/10 and 40/20
    assert "| step 4 | 1.00 (1.00–1.00) | 3.00 (2.00–4.00) |" in text
    assert "| bare gevent | – |" in text
    assert json.loads((tmp_path / "report.json").read_text()) == canned()


def test_the_plots_can_be_read_by_eyes_and_ears(tmp_path):
    report.write(canned(), tmp_path / "report.md")
    names = {"cpu", "bursts", "latency", "memory"}
    assert {path.stem.partition("-")[2] for path in tmp_path.glob("*.svg")} == names
    for name in names:
        assert f"(report-{name}.svg)" in (tmp_path / "report.md").read_text()
        root = ElementTree.parse(tmp_path / f"report-{name}.svg").getroot()
        space = root.tag.removesuffix("svg")
        texts = root.findall(f"{space}text")
        assert "Node <&>" in [each.text for each in texts]
        assert min(float(each.get("font-size")) for each in texts) >= 13
        assert root.find(f"{space}title").text
        assert "step 4: " in root.find(f"{space}desc").text
        assert root.find(f"{space}rect").get("fill") == "#fff"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--only", "step7,apache"], "no server 'apache'. There are: step4, step7,"),
        (["--only", ""], "There are: step4"),
        (["--arrivals", "--only", "gevent"], "There are: step4, step7, step6-nginx, node"),
        (["--clients", "many"], "--clients is numbers"),
        (["--clients", "1"], "from 2 to 20000"),
        (["--scale", "--only", "gevent"], "There are: step7, step7-nginx, node-cluster"),
        (["--scale", "--clients", "200000"], "from 2 to 100000"),
        (["--readers", "--only", "gevent"], "There are: stream, channel, everybody, one-adds-up"),
        (["--rounds", "0"], "--rounds is 1 or more"),
        (["--report", "report.svg"], "ends in .md"),
        (["--report", "no/such/report.md"], "no folder"),
        (["--from", "no-such.json"], "is no report of this command"),
    ],
)
def test_what_makes_no_sense_is_said(words, sentence):
    with pytest.raises(Problem, match=sentence.replace(".", r"\.")):
        bench.main(typed(*words))


@pytest.mark.parametrize("other", ["--ladder", "--halls", "--arrivals", "--scale"])
def test_one_thing_is_measured_at_a_time(other):
    with pytest.raises(Problem, match=r"One of .*--scale and --readers\."):
        bench.needs(typed("--readers", other))


def test_what_is_not_here_is_left_out_with_a_sentence(monkeypatch, capsys):
    monkeypatch.setattr(bench, "PROGRAMS", {"bun": ("Bun", lambda: None)})
    with pytest.raises(Problem, match="Nothing is left"):
        bench.main(typed("--only", "bun,bare-bun"))
    said = capsys.readouterr().out
    assert "Left out: Bun socket.io: there is no Bun here." in said
    assert "Left out: bare Bun: there is no Bun here." in said


def test_nchan_is_looked_for_beside_the_nginx_that_is_found(tmp_path, monkeypatch):
    """A system has both under the same prefix; an nginx of our own loads no module."""
    nginx = tmp_path / "sbin/nginx"
    nginx.parent.mkdir()
    nginx.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(nginx.parent))
    assert find_nchan() is None
    module = tmp_path / "lib/nginx/modules/ngx_nchan_module.so"
    module.parent.mkdir(parents=True)
    module.touch()
    assert find_nchan() == str(module)


def test_ctrl_c_ends_all_of_it():
    """Without a traceback, and with nothing left."""
    with Call(ROOT, "bench", "--quick", "--only=gevent", "--clients=2", "--rounds=9") as tool:
        tool.wait_for("round 1 of 9, bare gevent, 2 clients: ok")
        processes = psutil.Process(tool.process.pid).children(recursive=True)
        tool.process.send_signal(signal.SIGINT)
        assert tool.wait(30) == 130
        assert not gone(processes)
    assert "Traceback" not in tool.output
