"""The lesson of step 9."""

from workshop.learn.lessons import point

POINTS = [
    point(
        "a process alone is a whole server",
        "TestStart::test_the_server_answers",
        expected="With a cluster of one node the board is at / as before.",
        more="cluster() in notices/cluster.py makes a RedisCluster of the URLs in "
        "settings.REDIS_URL, which have commas between. Nobody imports `redis` from live.py any "
        "more: ask node_of(key).",
        file="notices/cluster.py",
        section="Which node has a hall",
        part="cluster",
    ),
    point(
        "a page hears its halls and what is for its person",
        "TestOneNode::test_a_page_hears_its_halls_and_what_is_for_its_person",
        "TestOneNode::test_a_hall_has_no_braces",
        expected="All that step 8 told is told as before, by way of the node that has it.",
        more="read_after(), last_cursor() and publish() in live.py ask within `with "
        "node_of(stream) as redis:`. The keys of the script lie on one node if the second has the "
        "first in braces.",
        file="notices/live.py",
        section="Which node has a hall",
        part="publish",
    ),
    point(
        "it starts before its cluster, and is live when that comes",
        "TestOneNode::test_the_server_starts_before_its_cluster",
        expected="A node that does not answer is a RedisError, wherever it is asked; the client is "
        "made when it is first needed, and again if that failed.",
        more="node_of() catches RedisError and RedisClusterException, has the nodes asked anew "
        "(nodes_manager.initialize()), and raises a RedisError. cluster() has @cache, which keeps "
        "no failure.",
        file="notices/cluster.py",
        section="Which node has a hall",
        part="node_of",
    ),
    point(
        "any node says where a hall is",
        "TestCluster::test_any_node_says_where_a_hall_is",
        expected="REDIS_URL names some nodes; one of them answering is enough.",
        more="The first URL goes to from_url(), the others are startup_nodes, each a ClusterNode "
        "of its host and its port.",
        file="notices/cluster.py",
        section="Which node has a hall",
        part="cluster",
    ),
    point(
        "when a primary dies its replica goes on",
        "TestCluster::test_when_a_primary_dies_its_replica_goes_on",
        "TestCluster::test_a_hall_may_move_to_another_node",
        expected="What was saved while nobody had the hall is told in its order, once, by the node "
        "that has it now.",
        more="node_of() asks who has the key by now whenever the node fails, also if it answers "
        "MOVED.",
        file="notices/cluster.py",
        section="Which node has a hall",
        part="node_of",
    ),
    point(
        "what only the dead primary had is published again",
        "TestCluster::test_what_only_the_dead_primary_had_is_published_again",
        "TestCluster::test_it_is_published_once_though_its_replica_was_slow",
        "TestCluster::test_where_there_is_no_replica_the_primary_is_enough",
        expected="An entry leaves the outbox when a replica has it, too; or when there is none "
        "that could take over.",
        more="publish() calls wait(1, 500) on the connection on which it has appended, and raises "
        "a RedisError if that is 0. Where no replica is connected, alone() looks whether the "
        "cluster has given it up. The script writes something also when it appends nothing.",
        file="notices/live.py",
        section="When it counts",
        part="publish",
    ),
    point(
        "a hall whose nodes are away holds up no other",
        "TestCluster::test_a_hall_whose_nodes_are_away_holds_up_no_other",
        expected="What is for the same stream waits, in its order, and the rest is published; only "
        "who posts to that hall is told that something is held up.",
        more="publish_all() keeps the streams that failed in a set, and passes over their entries. "
        "held_up is that set; save() in namespaces.py looks for the stream of its notice in it.",
        file="notices/outbox.py",
        section="One hall that waits, and the others",
        part="publish_all",
    ),
    point(
        "who is elsewhere is counted until their process has died",
        "TestPresence::test_who_is_elsewhere_is_counted_until_their_process_has_died",
        "TestPresence::test_what_does_not_say_who_is_where_is_not_counted",
        expected="Each process leaves a report for three seconds; one of them adds up, and all "
        "say what it has found.",
        more="exchange() in presence.py writes with hset and hexpire, and whoever gets TURN adds "
        "up what hvals returns. count_all() hands the sum to presence.set_count() and to each "
        "hall.set_here().",
        file="notices/presence.py",
        section="Who is here",
        part="exchange",
    ),
    point(
        "when a machine dies its windows go on with another",
        "TestBalancer::test_when_a_machine_dies_its_windows_go_on_with_another",
        "TestBalancer::test_an_address_that_a_browser_invents_is_not_believed",
        "TestBalancer::test_https_ends_at_the_balancer",
        expected="The balancer passes over a machine whose nginx refuses, is silent, or has nobody "
        "behind it; it says who the browser is, and the machine's nginx hands that on.",
        more="In balancer.conf: proxy_next_upstream error timeout http_502; and in nginx.conf "
        "X-Real-IP $http_x_real_ip, X-Forwarded-Proto $http_x_forwarded_proto.",
        file="balancer.conf",
        section="An nginx on each machine, and one before them",
    ),
]
