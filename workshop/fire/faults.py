"""The faults: what each does to the stream of notices while 20 clients and 2 windows look on."""

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import psutil

from workshop.base.problem import Problem
from workshop.fire.databases import SQLite
from workshop.fire.network import Network, no_addresses
from workshop.fire.run import AWHILE, SLOW, Run
from workshop.fire.target import Subject
from workshop.install.programs import find_postgresql
from workshop.serving.postgresql import PostgreSQL

FAULTS: dict[str, "Fault"] = {}
EACH = (None, "polling", "websocket")  # None is a page as it comes: it polls, and upgrades


def no_limits() -> str:
    """Say why a process cannot be limited from outside, if it cannot."""
    return "" if psutil.LINUX else "only Linux limits a process that runs"


def no_postgresql() -> str:
    """Say how to get a PostgreSQL, if there is none."""
    return "" if find_postgresql("initdb") else "there is no PostgreSQL: apt install postgresql"


@dataclass(frozen=True)
class Fault:
    """A fault by its name."""

    name: str
    happen: Callable[[Run], None]
    proxy: bool = False  # between the clients and the server
    transports: tuple[str | None, ...] = (None,)  # that clients use, by turns
    servers: tuple[str, ...] = ("one", "many", "machines")  # where it can happen
    database: type = SQLite
    lacks: Callable[[], str] = str  # why it cannot happen here, or ""
    to: str = ""  # what a server must have for it: one of HAS

    @property
    def about(self) -> str:
        """Return what happens, in a line."""
        return self.happen.__doc__ or ""


# What a server must have for a fault, and why the fault is left out where it has not.
HAS: dict[str, tuple[Callable, str]] = {
    "outbox": (lambda it: it.promises, "it has no outbox, and its pages send nothing again"),
    "polling": (lambda it: it.page.polls and not it.many, "its pages do not poll"),
    "upgrade": (
        lambda it: it.page.upgrades and not it.many,
        "its pages do not upgrade, or not a second time",
    ),
    "log": (lambda it: it.stream, "it keeps no log"),
    "nginx": (lambda it: it.many, "it is one process"),
    "machines": (lambda it: it.machines, "it is on one machine, with one Redis"),
}


def fault(name: str, **options):
    """Register a function as the fault of this name."""

    def register(function):
        FAULTS[name] = Fault(name, function, **options)
        return function

    return register


def chosen(names: list[str], *servers: str) -> list[Fault]:
    """Return the faults of these names, or all, of those that can happen to such servers."""
    able = [each for each in FAULTS.values() if {*servers} & {*each.servers}]
    possible = {each.name: each for each in able}
    for name in names:
        if name not in possible:
            there = "\n".join(f"    {each.name:18}{each.about}" for each in possible.values())
            raise Problem(f"There is no fault {name!r} for this step. There are:\n{there}", 2)
    return [possible[name] for name in dict.fromkeys(names or possible)]


def left_out(fault: Fault, subject: Subject) -> str:
    """Say why a fault can't happen to a server, if it can't."""
    has, why = HAS.get(fault.to, (bool, ""))
    return "" if has(subject) else why


def rounds(run: Run, number: int, quiet: Callable[[int], None] | None = None):
    """Divide the stream: each round begins with notices, and has others while the fault lasts."""
    for each in range(number):
        run.send((2 * each + 1) / (2 * number + 1))
        seen = [viewer.connections for viewer in run.viewers]
        if quiet:
            run.settle()  # An answer on its way would be taken for a poll that waits.
            quiet(each)  # before the others
        run.allow((2 * each + 2) / (2 * number + 1))
        yield each, partial(have_reconnected, run, seen)


def have_reconnected(run: Run, seen: list[int]) -> list:
    """Return who has connected again since."""
    return [each for each, n in zip(run.viewers, seen, strict=True) if each.connections > n]


def all_lost(run: Run, reconnected: Callable[[], list]) -> None:
    """Wait until each client has lost its connection, and all are live again."""
    run.wait(lambda: {*run.pages} <= {*reconnected()}, "each client to lose its connection")
    run.all_live()


def some_lost(run: Run, reconnected: Callable[[], list]) -> None:
    """Wait as well, where a client may have had nothing open: between two polls."""
    run.wait(lambda: bool(reconnected()), "somebody to lose their connection")
    run.all_live()


def its_own_lost(run: Run, reconnected: Callable[[], list], served: bool) -> None:
    """Wait where one of several processes was ended: few clients may all be at the others."""
    if served:
        some_lost(run, reconnected)
    else:
        run.all_live()


@fault("none")
def none(run):
    """Nothing happens: what the others are compared with."""


def end_server(run, number):
    """End the server again and again, and start it."""
    for _, reconnected in rounds(run, run.size.rounds):
        served = run.target.server.kill(number)
        run.pause(0.5)
        run.target.server.start()
        if run.target.subject.many:
            its_own_lost(run, reconnected, served)
        else:
            all_lost(run, reconnected)


@fault("server-killed")
def server_killed(run):
    """The server is killed (-9) and started again, three times."""
    end_server(run, signal.SIGKILL)


@fault("server-stopped")
def server_stopped(run):
    """The server is asked to end (SIGTERM) and started again, three times."""
    end_server(run, signal.SIGTERM)


@fault("rolling-restart", servers=("many", "machines"), to="nginx")
def rolling_restart(run):
    """Each process is asked to end (SIGTERM) and started again, one after the other."""
    for _, reconnected in rounds(run, len(run.target.server.processes)):
        served = run.target.server.kill(signal.SIGTERM)
        run.target.server.start()
        its_own_lost(run, reconnected, served)


@fault("nginx-stopped", servers=("many", "machines"), to="nginx")
def nginx_stopped(run):
    """nginx is asked to end (SIGTERM) and started again, three times; of machines each one's."""
    number = len(run.target.server.nginxes)
    for each, reconnected in rounds(run, max(number, run.size.rounds)):
        served = run.target.server.stop_nginx(each % number)
        run.pause(0.5)
        run.target.server.start()
        if each % number:
            its_own_lost(run, reconnected, served)
        else:
            all_lost(run, reconnected)


@fault("redis-persistent")
def redis_persistent(run):
    """Redis is killed (-9), and comes back with what it had (appendonly yes)."""
    run.send(1 / 3)
    run.allow(2 / 3)
    run.target.redis.kill()
    run.expect(lambda: not any(viewer.live for viewer in run.viewers), "the pages to say: not live")
    run.target.redis.start()
    hears_again(run)


def hears_again(run):
    """Wait until the pages are live, which few servers' pages know to be about Redis as well."""
    if not run.promises:
        run.pause(AWHILE)
    run.all_live()


@fault("redis-forgets")
def redis_forgets(run):
    """Redis is killed (-9), and comes back empty: each page loads the board anew."""
    run.send(1 / 2)
    before = [viewer.anew for viewer in run.viewers]
    slowly(run)
    run.will_forget()
    run.target.redis.kill()
    run.pause(0.5)
    run.target.redis.forget()
    run.target.redis.start()
    loaded_anew(run, before)


def slowly(run):
    """Go on at a pace at which a board, which has 50 notices, keeps all that pages miss."""
    run.stream.pace = SLOW
    run.allow(1)


def loaded_anew(run, before):
    """Wait until each page has loaded the board anew, and go on at full pace."""
    run.expect(
        lambda: all(v.anew > n for v, n in zip(run.viewers, before, strict=True)),
        "each page to load the board anew",
    )
    run.all_live()
    run.stream.pace = run.size.pace


@fault("network-cut", proxy=True)
def network_cut(run):
    """All connections are closed, and new ones refused for 1 to 2 s, six times."""
    number = 2 * run.size.rounds
    for each, reconnected in rounds(run, number):
        run.proxy.cut()
        run.pause(1 + each / number)
        run.proxy.mend()
        all_lost(run, reconnected)


@fault("black-hole", proxy=True, transports=EACH)
def black_hole(run):
    """Connections stay, nothing comes through: for 6 s, and until the ping timeout (14 s)."""
    # A step's server asks every 5 s for a sign of life, and each side waits for 8 s more.
    ping = run.target.subject.ping
    holes = [run.size.hole, *([ping + 1] if run.size.deep_hole else [])]
    for (_, reconnected), seconds in zip(rounds(run, len(holes)), holes, strict=True):
        run.proxy.swallow()
        run.pause(0.5)  # What was on its way has arrived.
        before = [len(viewer.times) for viewer in run.viewers]
        run.pause(seconds)
        still = [len(viewer.times) for viewer in run.viewers] == before
        run.happened(still, "something came through the black hole")
        run.proxy.flow()
        if seconds > ping:
            all_lost(run, reconnected)
        run.all_live()


@fault("half-open", proxy=True, transports=EACH)
def half_open(run):
    """All that is connected is dead, for ever, and nobody is told; new connections work."""
    polling = sum(client.transports == ["polling"] for client in run.pages)

    def strand(_):
        # Whoever is between two polls has nothing open, and loses nothing.
        run.wait(lambda: run.proxy.polls >= polling, "each page that polls to wait for an answer")
        run.proxy.strand()

    for _, reconnected in rounds(run, 1, quiet=strand):
        all_lost(run, reconnected)


@fault("asleep")
def asleep(run):
    """A window is frozen, and every second client reads nothing, for nearly the whole stream."""
    run.send(0.05)
    run.settle()
    sleepers = [*run.pages[1::2], *run.windows[:1]]
    for client in run.pages[1::2]:
        client.sleep()
    for window in run.windows[:1]:
        window.freeze(True)
    before = [len(viewer.times) for viewer in sleepers]
    run.send(0.95)
    run.pause(0.5)
    awake = [len(viewer.times) for viewer in sleepers] != before
    woken = time.time()
    for window in run.windows[:1]:
        window.freeze(False)
        window.look()
        awake |= any(window.frozen_at < at < woken - 0.2 for at in window.times)
    for client in run.pages[1::2]:
        client.wake()
    run.happened(bool(sleepers) and not awake, "somebody was not asleep")


@fault("polling", proxy=True, transports=("polling",), servers=("one",), to="polling")
def polling(run):
    """Clients only poll, and connections are cut: new ones refused, or taken at once."""

    def drop(each):
        if each % 2 == 0:
            # A browser repeats its poll by itself on a new connection, and what the server now
            # answers to the first one is lost, with nobody told.
            run.wait(lambda: run.proxy.polls >= len(run.viewers), "each page to poll")
            run.proxy.drop()

    for each, reconnected in rounds(run, 2 * run.size.rounds, quiet=drop):
        if each % 2 == 0:
            some_lost(run, reconnected)
        else:
            run.proxy.cut()
            run.pause(0.5)
            run.proxy.mend()
            all_lost(run, reconnected)


@fault("upgrade", proxy=True, servers=("one",), to="upgrade")
def upgrade(run):
    """Connections are cut in the middle of the upgrade to websocket, at each of its stages."""
    for _, reconnected in rounds(run, run.size.rounds):
        cuts = run.proxy.cuts
        run.proxy.cut()
        run.proxy.cutting = True
        run.pause(0.2)
        run.proxy.mend()
        run.wait(lambda cuts=cuts: run.proxy.cuts >= cuts + len(run.viewers), "upgrades to be cut")
        run.proxy.cutting = False
        run.pause(0.5)
        run.proxy.drop()  # Some poll now, some have a websocket.
        some_lost(run, reconnected)


@fault("trimmed", proxy=True, to="log")
def trimmed(run):
    """Clients are cut off, and what they missed is trimmed from the stream (XTRIM)."""
    run.send(1 / 2)
    before = [viewer.anew for viewer in run.viewers]
    run.proxy.cut()
    slowly(run)
    handed = run.stream.handed
    run.wait(lambda: run.stream.handed > handed + 5, "some notices that they miss")
    run.will_forget()
    for client, log in run.target.logs():
        client.xtrim(log, maxlen=1, approximate=False)
    run.proxy.mend()
    loaded_anew(run, before)


@fault("two-at-once")
def two_at_once(run):
    """The server is killed (-9) while Redis is, and comes back first."""
    run.send(1 / 3)
    run.allow(2 / 3)
    run.target.redis.kill()
    run.pause(0.3)
    run.target.server.kill()
    run.pause(0.3)
    run.target.server.launch()
    run.expect(run.target.server.ready, "the server, while Redis is away")
    run.pause(0.5)
    run.target.redis.start()
    run.wait(run.target.server.ready, "the server")
    hears_again(run)


@fault("outbox", to="outbox")
def outbox(run):
    """Notices are saved while Redis is away, and the server dies between commit and publish."""
    target = run.target
    run.send(1 / 3)
    target.redis.kill()
    run.send(1 / 2)  # while Redis is away
    run.happened(target.waiting() > 0, "the outbox was not needed")
    target.redis.start()
    run.all_live()
    run.wait(lambda: not target.waiting(), "the outbox to be empty again")
    # A Redis that hangs: the server has committed, and waits for it to take what it publishes.
    target.redis.tell(signal.SIGSTOP)
    run.stream.post_one_more()
    run.wait(lambda: target.waiting() > 0, "a notice in the outbox")
    target.server.kill_all()
    target.redis.kill()
    run.happened(target.waiting() > 0, "the server did not die in time")
    target.redis.start()
    target.server.start()
    # Nobody saves anything now: it is the server that finds what was left.
    run.wait(lambda: not target.waiting(), "the new server to publish what the old one left")
    run.all_live()


# Of machines the database is PostgreSQL, and no file of the step's processes is what is filled.
@fault("disk-full", servers=("one", "many"), lacks=no_limits, to="outbox")
def disk_full(run):
    """No file can grow for a while: what is posted is refused, with a sentence, and sent again."""
    import resource

    run.send(1 / 3)
    before = run.target.saved(0)
    with run.target.limited(resource.RLIMIT_FSIZE, 0):
        refuses(run, 2 / 3)
        run.pause(1)
        run.happened(run.target.saved(0) == before, "something was saved")


def refuses(run, share):
    """Let the stream go on, and wait until a post is refused."""
    refused = run.pages[0].refused
    run.allow(share)
    run.wait(lambda: run.pages[0].refused > refused, "a post to be refused")


@fault("redis-full")
def redis_full(run):
    """Redis has no room for a while: what is saved waits in the outbox (maxmemory 1)."""
    run.send(1 / 3)
    with ExitStack() as stack:
        for each in run.target.redis.clients():
            client = stack.enter_context(each)
            client.config_set("maxmemory", 1)
            stack.callback(client.config_set, "maxmemory", 0)
        run.allow(2 / 3)
        held_up = lambda: run.stream.drained() and run.pages[0].held_up  # noqa: E731
        run.expect(held_up, "a post to be saved and held up")
        run.happened(not run.promises or run.target.waiting() > 0, "the outbox was not needed")
    run.wait(lambda: not run.target.waiting(), "the outbox to be empty again")


@fault("no-files", lacks=no_limits)
def no_files(run):
    """The server can open nothing more for a while: whoever is there stays, others wait."""
    import resource

    run.send(1 / 4)
    leavers = run.pages[1::2]
    with run.target.limited(resource.RLIMIT_NOFILE, 1):
        for client in leavers:
            client.hang_up()
        run.wait(lambda: not any(client.connected for client in leavers), "some to lose it")
        if run.promises:
            refuses(run, 3 / 4)
        else:
            run.allow(3 / 4)
        run.pause(2)
        run.happened(not any(client.live for client in leavers), "the server could open a file")
    run.all_live()


@fault("database-stopped", database=PostgreSQL, lacks=no_postgresql, to="outbox")
def database_stopped(run):
    """PostgreSQL, here the database, is stopped at once (SIGQUIT) and started again, twice."""
    for each in (0, 3):
        run.send((each + 1) / 7)
        run.allow((each + 2) / 7)
        run.pause(0.05)  # so that it ends in the middle of something
        run.target.database.kill(signal.SIGQUIT)
        try:
            refuses(run, (each + 3) / 7)
        finally:
            run.target.database.start()


# What only machines have, each with a part of a Redis Cluster


def in_each(run, number: int, turns: int = 1, quiet: Callable[[int], None] | None = None):
    """Divide the stream, and give each round's primary: that of the notices, or others by turns."""
    cluster = run.target.redis
    for each, reconnected in rounds(run, number, quiet):
        on_its_way(run)
        home = primary_of(run, run.target.log()).machine
        yield cluster.primaries[(home + turns * each) % len(cluster.primaries)], reconnected


def primary_of(run, log):
    """Return the primary that has a log, once there is one."""
    run.wait(lambda: run.target.redis.primary_of(log), "a primary that has the notices")
    return run.target.redis.primary_of(log)


def on_its_way(run):
    """Wait until the stream goes on: so that what happens comes in the middle of it."""
    handed = run.stream.handed
    run.wait(lambda: run.stream.handed > handed + 3, "some notices on their way")


def takes_over(run, replica):
    """Wait until a replica is the primary."""
    run.wait(lambda: replica.is_primary, "the replica to take over")


def as_before(run):
    """Wait until all of Redis is well; then each machine's own primary takes over again."""
    cluster = run.target.redis
    run.wait(cluster.is_well, "all of Redis to be well")
    cluster.give_back()
    run.wait(cluster.is_given_back, "each machine's own primary to take over")
    run.wait(cluster.is_well, "all of Redis to be well")
    run.all_live()


@fault("primary-killed", servers=("machines",), to="machines")
def primary_killed(run):
    """A primary of Redis is killed (-9), its replica takes over, it comes back; and another one."""
    for primary, _ in in_each(run, run.size.rounds):
        primary.kill()
        takes_over(run, run.target.redis.partner(primary))
        run.all_live()
        primary.start()
        run.wait(lambda node=primary: node.role == "replica", "it to come back as a replica")
        as_before(run)


@fault("replica-killed", servers=("machines",), to="machines")
def replica_killed(run):
    """A replica of Redis is killed (-9), its primary goes on, it comes back; and another one."""
    for primary, _ in in_each(run, run.size.rounds):
        replica = run.target.redis.partner(primary)
        replica.kill()
        run.settle()  # without it
        replica.start()
        as_before(run)


@fault("machine-killed", servers=("machines",), to="machines")
def machine_killed(run):
    """A machine with all that is on it is killed (-9) and started again, and then another."""
    target = run.target
    for primary, reconnected in in_each(run, run.size.rounds):
        served = target.server.kill_machine(primary.machine)
        takes_over(run, target.redis.partner(primary))
        its_own_lost(run, reconnected, served)  # They are at the other machines now.
        target.redis.start()
        target.server.start()
        as_before(run)


@fault("cluster-cut", servers=("machines",), lacks=no_addresses, to="machines")
def cluster_cut(run):
    """A machine's Redis is cut off from the others, until it is replaced, but from no process."""

    def slow(_):
        run.stream.pace = SLOW / 2  # A board that is loaded anew has all that pages missed.

    with Network(run.target.redis) as network:
        run.wait(network.carries, "the nodes to use the network")
        homes = in_each(run, 2, turns=0, quiet=slow)
        # The second time each side sees at once that the other is gone.
        for (primary, _), closed in zip(homes, (False, True), strict=True):
            before = run.stream.handed
            network.cut_off(primary.host, closed)
            run.pause(1)
            run.happened(run.stream.handed > before, "nothing was said meanwhile")
            run.pause(3)
            takes_over(run, run.target.redis.partner(primary))
            run.happened(primary.is_primary, "they were not primaries both")
            network.heal()
            as_before(run)
            run.stream.pace = run.size.pace


@fault("primary-frozen", servers=("machines",), to="machines")
def primary_frozen(run):
    """The primary that has the notices sleeps for 4 s (SIGSTOP), and wakes when it is replaced."""
    for primary, _ in in_each(run, 1):
        primary.tell(signal.SIGSTOP)
        run.pause(4)
        takes_over(run, run.target.redis.partner(primary))
        primary.tell(signal.SIGCONT)
        run.wait(lambda node=primary: node.role == "replica", "it to see that it is a replica")
        as_before(run)


@fault("slot-moved", servers=("machines",), to="machines")
def slot_moved(run):
    """The part of Redis that has the notices moves to another machine while it serves, and back."""
    cluster = run.target.redis
    for each, _ in rounds(run, 2):
        on_its_way(run)
        log = run.target.log()
        home = primary_of(run, log)
        if not each:
            first = home
        goal = first if each else cluster.primaries[home.machine - 1]
        slot = home.ask("CLUSTER KEYSLOT", log)
        home.ask("CLUSTER MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", goal.ask("CLUSTER MYID"))
        run.wait(lambda log=log, goal=goal: cluster.primary_of(log) == goal, "it to move")
        run.all_live()
