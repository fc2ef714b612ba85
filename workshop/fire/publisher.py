"""Publish a notice for each line, to a server without a model: publisher.py FOLDER WIRE.

Runs on its own, as sender.py does. Whoever publishes tries until Redis has taken it.
"""

import importlib
import json
import os
import sys
import time


def main(folder: str, wire: str) -> None:
    """Publish, and say so; the end of the pipe is the end, however the tool ends."""
    import redis
    import socketio
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    url = os.environ["REDIS_URL"]
    if wire == "Manager":  # python-socketio's own way; it keeps from us whether Redis took it
        manager = socketio.RedisManager(url, write_only=True)

        def publish(notice):
            manager.emit("notice", notice, namespace="/notices")
    else:
        sys.path.insert(0, folder)
        wires = importlib.import_module("wire").WIRES
        client = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0))

        def publish(notice):
            client.execute_command(*wires[wire](0).publishing(json.dumps(notice).encode()))

    print("ready", flush=True)
    for number, line in enumerate(sys.stdin, 1):
        while True:
            try:
                publish({"id": number, "author": "Another process", "text": line.strip()})
                break
            except redis.RedisError as error:
                print(error, file=sys.stderr, flush=True)
                time.sleep(0.1)
        print("published", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
