"""A crowd of browsers without a screen, to measure with, in a process of its own.

python crowd.py URL REDIS_URL CHANNEL CLIENTS ROUNDS [PID of the server]
"""

import contextlib
import json
import selectors
import sys
import time

import psutil
import redis
import websocket

PATIENCE = 10  # seconds
PING = b"\x81\x012"  # a websocket frame with the text "2"


def main(url, redis_url, channel, clients, rounds, pid=None):
    """Connect, publish so many rounds, and print what was measured as JSON."""
    server = psutil.Process(int(pid)) if pid else None
    with (
        contextlib.ExitStack() as stack,
        redis.Redis.from_url(redis_url) as publisher,
    ):
        selector = stack.enter_context(selectors.DefaultSelector())
        for _ in range(int(clients)):
            try:
                client = connect(url)
            except (websocket.WebSocketException, OSError):
                break  # The server takes no more; its limit is then what was measured.
            stack.callback(client.shutdown)
            selector.register(client.sock, selectors.EVENT_READ, client)
            list(receive(selector, 0))
        count = len(selector.get_map())
        if not count:
            sys.exit(f"Nobody could connect to {url}.")
        one_round(publisher, channel, 0, selector, count)  # to warm up
        began, crowd_cpu, server_cpu = (
            time.perf_counter(),
            time.process_time(),
            cpu(server),
        )
        latencies = [
            one_round(publisher, channel, number, selector, count)
            for number in range(1, int(rounds) + 1)
        ]
        result = {
            "clients": count,
            "latencies": latencies,  # of each round, in the order of arrival; all times in seconds
            "seconds": time.perf_counter() - began,
            "crowd_cpu": time.process_time() - crowd_cpu,
            "server_cpu": cpu(server) - server_cpu,
            "server_memory": server.memory_info().rss if server else 0,  # bytes
            "redis_connections": publisher.info("clients")["connected_clients"],
        }
    print(json.dumps(result))


def connect(url):
    """Return a client that has joined /notices, and that the server will tell what is said."""
    address = url.replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
    client = websocket.create_connection(address, timeout=PATIENCE)
    client.send("40/notices,")
    while '["live",true]' not in client.recv():
        pass
    return client


def one_round(publisher, channel, number, selector, count):
    """Publish a notice; return after how many seconds each client had it."""
    mark = f"Round {number}."
    notice = json.dumps({"author": "The crowd", "text": mark})
    latencies = []
    began = time.perf_counter()
    publisher.publish(channel, notice)
    while len(latencies) < count:
        for received in receive(selector):
            if mark.encode() in received:
                latencies.append(time.perf_counter() - began)
        if time.perf_counter() - began > PATIENCE:
            sys.exit(f"Of {count} clients {len(latencies)} heard of it.")
    return latencies


def receive(selector, patience=PATIENCE):
    """Yield what has come for each client; answer pings, or the server would hang up."""
    for key, _ in selector.select(patience):
        # Not decoded: that would cost more than sending it did.
        received = key.fileobj.recv(65536)
        if not received:
            sys.exit("The server has hung up.")
        if PING in received:
            key.data.send("3")
        yield received


def cpu(process):
    """Return how long a process has kept a core busy."""
    return sum(process.cpu_times()[:2]) if process else 0


if __name__ == "__main__":
    main(*sys.argv[1:])
