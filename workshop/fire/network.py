"""The network among the nodes of a Redis Cluster, which can be cut, one machine from the others."""

import time

from workshop.serving.proxy import Proxy
from workshop.serving.redis_cluster import Node, RedisCluster, address

PATIENCE = 20  # seconds until the nodes have found each other by another way


def no_addresses() -> str:
    """Say why a machine cannot be told from another by its address, if it cannot."""
    return "" if address(0) != address(1) else "only on Linux has each machine its own address"


def by_network(node: Node) -> str:
    """Return the address at which the other nodes find one."""
    return node.host.replace("127.0.0.", "127.0.1.")


class Network:
    """A proxy in front of each node, for other nodes alone: the step's processes go directly."""

    def __init__(self, cluster: RedisCluster):
        self.nodes = cluster.nodes
        self.buses = [Proxy(n.bus, n.bus, by_network(n), n.host) for n in self.nodes]
        self.ports = [Proxy(n.port, n.port, by_network(n), n.host) for n in self.nodes]
        self.proxies = [*self.buses, *self.ports]
        self.machines = {n.host for n in self.nodes}

    def __enter__(self):
        for proxy in self.proxies:
            proxy.open()
        for node in self.nodes:
            # What processes are told, and then what nodes are.
            node.ask("CONFIG SET", "cluster-announce-client-ipv4", node.host)
            node.ask("CONFIG SET", "cluster-announce-ip", by_network(node))
        return self

    def __exit__(self, *_):
        self.heal()
        for node in self.nodes:
            node.said("CONFIG SET", "cluster-announce-ip", node.host)  # It may be dead.
        end = time.monotonic() + PATIENCE
        while any(proxy.links for proxy in self.proxies) and time.monotonic() < end:
            time.sleep(0.05)
        for proxy in self.proxies:
            proxy.close()

    def carries(self) -> bool:
        """Tell whether all nodes reach each other through it, and replicas their primaries."""
        others = len(self.nodes) - 1
        replicas = sum(len(proxy.links) for proxy in self.ports)
        everybody = all(len(proxy.links) >= others for proxy in self.buses)
        return everybody and replicas == len(self.nodes) / 2

    def cut_off(self, machine: str, closed: bool) -> None:
        """Let nothing pass between a machine and the others; if it is closed, they see that."""
        for proxy in self.proxies:
            for host in self.machines:
                if (proxy.to_host == machine) != (host == machine):
                    proxy.swallow_from(host)
                    if closed:
                        proxy.drop(host)

    def heal(self) -> None:
        """Let everything pass again."""
        for proxy in self.proxies:
            for host in self.machines:
                proxy.flow_from(host)
