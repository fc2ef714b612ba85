"""Step 9: any machine may die: its processes, its nginx, and its part of the Redis Cluster."""

import contextlib
import itertools
import json
import signal
import sqlite3
import tempfile
from pathlib import Path

import pytest
import redis as redis_py
import test_01_plain_django as plain
import test_06_many_servers as many_servers
import test_08_rooms as rooms
from playwright.sync_api import expect
from test_03_namespace import fill, sees
from test_08_rooms import FOYER, MAIN, PEOPLE, add_users, log_in, log_out, say, shell, write_to

from support import Raw, RedisCluster, free_port, manage, wait_until
from workshop.install.programs import find_nginx
from workshop.serving import redis_cluster
from workshop.serving.nginx import UPSTREAM
from workshop.show import publish

Redis = RedisCluster
tab, stack = rooms.tab, rooms.stack

STEP = 9
STATE = "Live, by {}."
FILES = [*rooms.FILES, "balancer.conf", "notices/cluster.py"]


def save(server, *texts, hall=MAIN):
    """Save notices in another process, which publishes them unless it can't."""
    lines = [f"Notice.objects.create(author='We', text={text!r}, hall={hall!r})" for text in texts]
    shell(server, "\n".join(lines))


def waiting(server):
    """Return how many entries the outbox has."""
    path = server.extra["DATABASE_URL"].removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path, timeout=60)) as database:
        return database.execute("SELECT count(*) FROM notices_outbox").fetchone()[0]


class TestStart(plain.TestStart):
    """As before: a process alone is a whole server."""


class TestOneNode:
    """A cluster may be a single node, as on a laptop."""

    def test_a_page_hears_its_halls_and_what_is_for_its_person(self, server, redis, tab):
        """As in step 8, and nothing more when the session has ended."""
        number = add_users(server, "ada")["ada"]
        ada, bystander = log_in(server, "ada"), tab(server)
        page = tab(server, [MAIN, FOYER], ada)
        save(server, "Coffee", hall=FOYER)
        page.until(FOYER, "Coffee")
        to = f"to=User.objects.get(id={number})"
        shell(server, f"Notice.objects.create(author='We', text='For Ada', {to})")
        page.until(PEOPLE, "For Ada")
        page.packets.clear()
        log_out(server, ada)
        page.wait("41/notices,")
        write_to(redis, number, "After the end")
        say(redis, MAIN, "The end")
        bystander.until(MAIN, "The end")
        page.was_never_told("After the end")
        for text in ("Coffee", "For Ada"):
            bystander.was_never_told(text)

    @pytest.mark.parametrize("halls", ["Main hall,{Foyer", "A}"])
    def test_a_hall_has_no_braces(self, step, halls):
        """They would say which node has a key: another one than its stream's."""
        with pytest.raises(AssertionError, match="ImproperlyConfigured: HALLS: no braces"):
            manage(step, "check", HALLS=halls)

    def test_the_server_starts_before_its_cluster(self, serve, step, raw):
        """What is posted is saved, a page is told to wait, and hears when it is live."""
        mortal = RedisCluster()
        mortal.stop()
        server = serve(step, REDIS_URL=mortal.url)
        assert "Saved all the same" in server.post("Ada", "Saved all the same").text
        page = raw(server)
        page.say('42/notices,0["since",{"Main hall":"0-0"},null]')
        assert page.wait("43/notices,0") == '43/notices,0["wait"]'
        mortal.start()
        page.wait('42/notices,["live",true,"Main hall"]')
        wait_until(lambda: not waiting(server), "what was saved to be published")
        server.stop()
        mortal.stop()


@pytest.fixture(scope="module")
def servers(serve, step, database):
    """Three servers on one database."""
    url = database.copy()
    return [serve(step, DATABASE_URL=url) for _ in range(3)]


@pytest.fixture
def count(stack):
    """Open connections that hear how many are here: count(server)."""

    def start(server):
        page = Raw(server, "/presence")
        stack.callback(page.close)
        return page

    return start


class TestPresence:
    """Each process says who is there, and one of them adds up for all."""

    def test_who_is_elsewhere_is_counted_until_their_process_has_died(self, servers, tab, count):
        """All together, and by hall, with their names."""
        add_users(servers[0], "ada", "bob")
        tabs = [tab(each, [MAIN, FOYER]) for each in servers[:2]]
        counts = [count(each) for each in servers[:2]]
        named = tab(servers[1], [MAIN], log_in(servers[1], "ada"))
        tab(servers[0], [MAIN], log_in(servers[0], "bob"))
        for page in tabs:
            page.wait('42/notices,["here","Main hall",4,["ada","bob"]]')
        for page in counts:
            page.wait('42/presence,["count",2]')
        named.was_never_told('"here","Foyer"')
        servers[1].stop(signal.SIGKILL)
        tabs[0].wait('42/notices,["here","Main hall",2,["bob"]]')
        counts[0].wait('42/presence,["count",1]')
        servers[1].start()

    def test_what_does_not_say_who_is_where_is_not_counted(self, serve, servers, redis, tab, count):
        """Anybody may write anything."""
        page, alone = tab(servers[0], [FOYER]), count(servers[0])
        alone.wait('42/presence,["count",1]')
        with redis_py.Redis.from_url(redis.url) as client:
            nonsense = ["not JSON", "[1]", "[1, 2]", "[" * 100_000, '[0, {"Foyer": "many"}]']
            nonsense += ['[0, {"Foyer": [1]}]', '[0, {"Foyer": [0, [["a"], null]]}]']
            for number, each in enumerate(nonsense):
                client.hset("{presence}:here", f"somebody {number}", each)
            page.wait('42/notices,["here","Foyer",1,["None"')
            for number, _ in enumerate(nonsense):
                client.hdel("{presence}:here", f"somebody {number}")
        assert any("Skipped" in line for each in serve.servers for line in each.log)
        other = tab(servers[1], [FOYER])
        for each in (page, other):
            each.wait('42/notices,["here","Foyer",2,[]]')

    def test_a_sum_that_is_none_is_not_told(self, servers, redis, tab, count):
        """Nor is one from before somebody came: a process knows its own browsers."""
        page = tab(servers[0], [FOYER])
        with redis_py.Redis.from_url(redis.url) as client:
            client.set("{presence}:turn", "for nobody, for a while", ex=600)
            for said in ("not JSON", "5", "[1, 2]", '[1, {"Foyer": 2}]', "[" * 100_000):
                seen = len(servers[0].log)
                wait_until(
                    # Again, if somebody who had the turn before adds up only now.
                    lambda seen=seen, said=said: (
                        client.set("{presence}:sum", said)
                        and any("is counted" in line for line in servers[0].log[seen:])
                    ),
                    "only its own to be counted",
                )
            client.set("{presence}:sum", '[0, {"Foyer": [5, ["eve"]]}]')
            page.wait('42/notices,["here","Foyer",5,["eve"]]')
            alone = count(servers[0])
            assert alone.wait('42/presence,["count",') == '42/presence,["count",1]'
            client.delete("{presence}:turn")
            page.wait('42/notices,["here","Foyer",1,[]]')


class Nginx(many_servers.Nginx):
    """An nginx with one of the step's configurations, in front of what the tests have started."""

    def __init__(self, step, servers, folder, tls=False, config="nginx.conf"):
        named = UPSTREAM.findall((step / config).read_text())
        self.config = config
        super().__init__(step, [*servers, *servers][: len(named)], folder, tls)


class Balancer(Nginx):
    """The balancer, and behind it a machine for each server."""

    def __init__(self, step, servers, folder, tls=False):
        folders = [folder / f"machine-{server.port}" for server in servers]
        for each in folders:
            each.mkdir()
        pairs = zip(servers, folders, strict=True)
        self.machines = [Nginx(step, [server], each) for server, each in pairs]
        super().__init__(step, self.machines, folder, tls, "balancer.conf")
        self.servers = servers

    def machine_of(self, server):
        """Return the nginx of a server's machine."""
        return next(machine for machine in self.machines if machine.servers[0] is server)

    def stop(self):
        """Stop."""
        super().stop()
        for machine in self.machines:
            machine.stop()


@pytest.fixture(scope="module")
def nginx(step, servers, tmp_path_factory):
    """The balancer, in front of three machines."""
    balancer = Balancer(step, servers, tmp_path_factory.mktemp("nginx"))
    yield balancer
    balancer.stop()


@pytest.mark.skipif(not find_nginx(), reason="no nginx")
class TestBalancer:
    """One address, and behind it machines, each with an nginx of its own."""

    @pytest.mark.parametrize("how", ["all of it", "its processes"])
    def test_when_a_machine_dies_its_windows_go_on_with_another(
        self, nginx, redis, visit, connected, how
    ):
        """Whether its nginx refuses, or says that nobody is behind it."""
        page, other = visit(nginx), visit(nginx)
        server = nginx.serving(page)
        machine = nginx.machine_of(server)
        server.stop(signal.SIGKILL)
        if how == "all of it":
            machine.stop()
        try:
            say(redis, MAIN, f"Said when {how} had gone")
            sees(page, f"Said when {how} had gone")
            connected(page)
            assert nginx.serving(page) is not server
            sees(other, f"Said when {how} had gone")
        finally:
            if how == "all of it":
                machine.start()
            server.start()

    test_an_address_that_a_browser_invents_is_not_believed = (
        many_servers.TestWhoItIs.test_an_address_that_a_browser_invents_is_not_believed
    )
    until_refused, post = many_servers.TestWhoItIs.until_refused, many_servers.TestWhoItIs.post

    def test_https_ends_at_the_balancer(self, step, servers, tmp_path, window, connected):
        """A page by https is live, and its form works."""
        balancer = Balancer(step, servers, tmp_path, tls=True)
        try:
            page = window(balancer.url, ignore_https_errors=True)
            connected(page)
            fill(page, "Said by https")
            sees(page, "Said by https")
        finally:
            balancer.stop()


@pytest.fixture(scope="module")
def nodes(step):
    """A cluster of three primaries and three replicas; each test leaves it well."""
    # In memory where the system has a folder for that: six that write to a disk hold up others.
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        cluster = redis_cluster.RedisCluster(Path(folder) / "redis", step)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.end()


@pytest.fixture
def cluster(nodes):
    """The cluster, in which all is well before and after."""
    yield nodes
    for node in nodes.nodes:
        if node.runs():
            node.tell(signal.SIGCONT)
    nodes.start()
    be_patient(nodes.nodes, 1)


@pytest.fixture(scope="module")
def clustered(serve, step, nodes):
    """A server of that cluster."""
    return serve(step, REDIS_URL=nodes.url, POSTS_IN_TEN_SECONDS="100000")


def be_patient(nodes, seconds):
    """Have nodes wait so long until they give another one up; who is frozen is passed over."""
    for node in nodes:
        node.said("CONFIG SET", "cluster-node-timeout", 1000 * seconds)
        node.said("CONFIG SET", "repl-timeout", 5 * seconds)
        # However long it takes until a replica is elected on a busy machine.
        node.said("CONFIG SET", "cluster-replica-validity-factor", 0)


class TestCluster:
    """Nodes die, sleep and change places; nothing is lost, nothing comes twice."""

    def pair(self, cluster, hall):
        """Return the primary and the replica that have a hall's stream."""
        primary = wait_until(lambda: cluster.primary_of(f"notices:{hall}"), f"who has {hall}")
        return primary, cluster.partner(primary)

    def texts(self, node, hall):
        """Return the texts of a hall's stream, as a node has it."""
        entries = node.ask("XRANGE", f"notices:{hall}", "-", "+")
        return [json.loads(each["notice"])["text"] for _, each in entries if "notice" in each]

    def test_any_node_says_where_a_hall_is(self, serve, step, cluster, tab):
        """Others may be away, or a replica."""
        dead = f"redis://127.0.0.1:{free_port()}"
        server = serve(step, REDIS_URL=f"{dead},{cluster.replicas[0].url}")
        page = tab(server, [MAIN, FOYER])
        for hall in (MAIN, FOYER):
            save(server, "Found", hall=hall)
            page.until(hall, "Found")
        server.stop()

    def test_when_a_primary_dies_its_replica_goes_on(self, clustered, cluster, tab):
        """Other halls notice nothing; what is saved meanwhile is told in its order, once."""
        page = tab(clustered, [MAIN, FOYER])
        save(clustered, "Before", hall=FOYER)
        page.until(FOYER, "Before")
        primary, replica = self.pair(cluster, FOYER)
        primary.kill()
        save(clustered, "While it is away", "And another", hall=FOYER)
        save(clustered, "In the main hall", hall=MAIN)
        page.until(MAIN, "In the main hall")
        wait_until(lambda: replica.role == "primary", "the replica to take over")
        wait_until(lambda: not waiting(clustered), "all to be published")
        page.catch_up()
        save(clustered, "After", hall=FOYER)
        page.until(FOYER, "After")
        assert self.texts(replica, FOYER)[-4:] == [
            "Before",
            "While it is away",
            "And another",
            "After",
        ]

    def test_what_only_the_dead_primary_had_is_published_again(self, clustered, cluster, tab):
        """It did not count, as its replica did not have it."""
        page = tab(clustered, [FOYER])
        primary, replica = self.pair(cluster, FOYER)
        be_patient(cluster.nodes, 60)
        replica.tell(signal.SIGSTOP)
        primary.ask("CLIENT KILL", "TYPE", "replica")  # What is sent now does not wait for it.
        save(clustered, "Only one of two has it", hall=FOYER)
        page.until(FOYER, "Only one of two has it")
        assert waiting(clustered) == 1
        be_patient([node for node in cluster.nodes if node is not replica], 1)
        primary.kill()
        replica.tell(signal.SIGCONT)
        be_patient([replica], 1)
        wait_until(lambda: replica.role == "primary", "the replica to take over")
        wait_until(lambda: not waiting(clustered), "it to be published again")
        assert self.texts(replica, FOYER).count("Only one of two has it") == 1
        ask = lambda: page.ask(page.cursors)  # noqa: E731
        assert wait_until(lambda: (answer := ask()) != "wait" and answer, "it") == "reload"

    def test_a_program_that_publishes_waits_for_the_replica(self, clustered, cluster, tab):
        """As `publish` does, which has no outbox."""
        page = tab(clustered, [FOYER])
        primary, _ = self.pair(cluster, FOYER)
        primary.kill()
        notice = {"author": "A program", "text": "Said to whoever has it now"}
        streams = [f"notices:{FOYER}".encode()]
        assert len(publish.publish(cluster.url, notice, 1, 0, streams)) == 1
        page.catch_up()
        if (FOYER, notice["text"]) not in page.told:
            page.until(FOYER, notice["text"])

    def test_it_is_published_once_though_its_replica_was_slow(self, clustered, cluster, tab):
        """It waits in the outbox, with all that comes after it."""
        page = tab(clustered, [FOYER])
        primary, replica = self.pair(cluster, FOYER)
        be_patient(cluster.nodes, 60)
        replica.tell(signal.SIGSTOP)
        save(clustered, "First", "Second", hall=FOYER)
        page.until(FOYER, "First")
        # Also when it was there already, and nothing was appended that had to be waited for.
        tries = lambda: sum("only one node has it" in line for line in clustered.log)  # noqa: E731
        before = tries()
        wait_until(lambda: tries() > before + 2, "the server to try again and again")
        assert waiting(clustered) == 2
        replica.tell(signal.SIGCONT)
        assert page.until(FOYER, "Second") == [(FOYER, "Second")]
        wait_until(lambda: not waiting(clustered), "the outbox to be empty")
        assert self.texts(primary, FOYER)[-2:] == ["First", "Second"]

    def test_where_there_is_no_replica_the_primary_is_enough(self, clustered, cluster, tab):
        """Its machine has died, perhaps."""
        page = tab(clustered, [FOYER])
        _, replica = self.pair(cluster, FOYER)
        replica.kill()
        save(clustered, "There is one", hall=FOYER)
        page.until(FOYER, "There is one")
        wait_until(lambda: not waiting(clustered), "it to count")

    def test_a_hall_whose_nodes_are_away_holds_up_no_other(
        self, clustered, cluster, tab, window, connected
    ):
        """Nor is anybody elsewhere told that something is held up."""
        page = tab(clustered, [MAIN])
        windows = [window(f"{clustered.url}/?hall={hall}") for hall in (MAIN, FOYER)]
        for each in windows:
            connected(each)
        for node in self.pair(cluster, FOYER):
            node.kill()
        save(clustered, "Nobody can have it yet", hall=FOYER)
        save(clustered, "This one can", hall=MAIN)
        page.until(MAIN, "This one can")
        wait_until(lambda: waiting(clustered) == 1, "one to wait")
        expect(windows[1].locator("#state")).to_contain_text("but not live")
        connected(windows[0])  # as ever: its hall is on another node
        numbers = itertools.count()

        def post(hall):
            data = json.dumps({"author": "Ada", "text": "Posted", "hall": hall})
            page.say(f'42/notices,{(number := next(numbers))}["post",{data}]')
            answers = page.wait(f"43/notices,{number}").removeprefix(f"43/notices,{number}")
            return json.loads(answers)

        assert post(FOYER) == [{"ok": True, "held_up": True}]
        # A replica that stands still for half a second may hold one up.
        wait_until(lambda: post(MAIN) == [{"ok": True}], "a post that is held up by nothing")
        cluster.start()
        wait_until(lambda: not waiting(clustered), "all to be published")
        primary, _ = self.pair(cluster, FOYER)
        connected(windows[1])
        sees(windows[1], "Nobody can have it yet")
        assert self.texts(primary, FOYER)[-2:] == ["Nobody can have it yet", "Posted"]

    def test_a_hall_may_move_to_another_node(self, clustered, cluster, tab):
        """While somebody listens, and something is said."""
        be_patient(cluster.nodes, 60)  # Nobody dies here.
        page = tab(clustered, [FOYER])
        source, _ = self.pair(cluster, FOYER)
        slot = source.ask("CLUSTER KEYSLOT", f"notices:{FOYER}")
        target, _ = self.pair(cluster, MAIN)
        for each, other in ((source, target), (target, source)):
            save(clustered, f"Before it leaves {each.name}", hall=FOYER)
            page.until(FOYER, f"Before it leaves {each.name}")
            node = other.ask("CLUSTER MYID")
            each.ask("CLUSTER MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", node)
            wait_until(lambda: self.pair(cluster, FOYER)[0] is other, "it to move")  # noqa: B023
            save(clustered, f"It is on {other.name}", hall=FOYER)
            wait_until(lambda: not waiting(clustered), "it to be published")
            page.catch_up()
            if (FOYER, f"It is on {other.name}") not in page.told:
                page.until(FOYER, f"It is on {other.name}")
