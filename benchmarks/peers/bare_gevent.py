"""The least that gevent can do: frame once, `send` to each. python bare_gevent.py PORT"""

# ruff: noqa: E402  (the patch comes before every import)
from gevent import monkey

monkey.patch_all()

import os
import socket
import sys

import gevent
import redis
from frames import answer, frame
from gevent.server import StreamServer

clients = set()


def handle(client, address):
    """Answer one request; a websocket stays."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    request = b""
    while b"\r\n\r\n" not in request:
        data = client.recv(65536)
        if not data:
            return
        request += data
    reply, is_websocket = answer(request)
    client.sendall(reply)
    if is_websocket:
        clients.add(client)
        try:
            while client.recv(65536):  # Nobody here has anything to say.
                pass
        except OSError:
            pass
        finally:
            clients.discard(client)


def listen():
    """Subscribe, and tell every browser what is heard; who can't take it is let go."""
    pubsub = redis.Redis.from_url(os.environ["REDIS_URL"]).pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe("notices")
    for message in pubsub.listen():
        data = frame(message["data"])
        for client in list(clients):
            try:
                whole = client.send(data, 0, 0.0) == len(data)  # 0.0: do not wait
            except OSError:
                whole = False
            if not whole:
                clients.discard(client)
                client.close()


if __name__ == "__main__":
    gevent.spawn(listen)
    StreamServer(("127.0.0.1", int(sys.argv[1])), handle).serve_forever()
