"""A small server that tests speak to in two ways: as browsers, and by HTTP to say what it does.

test_07_fast_fan_out.py runs it in a copy of the step, as the step's own Server: once with
board.fan_out, and once with what all steps have.
"""

import ast
import collections
import gc
import importlib
import os
import socket
import traceback

import engineio.socket
import gevent
import gevent.socket
import socketio
from gevent.event import AsyncResult
from gevent.monkey import get_original
from gevent.pywsgi import WSGIServer
from greenlet import greenlet
from wsproto.connection import Connection

from board import guard

KernelSocket = get_original("socket", "socket")
FAN_OUT = "FAN_OUT" in os.environ
options = {"ping_timeout": 3}  # Whoever does not answer is looked for once in each of these.
if FAN_OUT:
    fan_out = importlib.import_module("board.fan_out")
    fan_out.AT_ONCE = 2  # of a few browsers, in place of 200 of thousands
    options["client_manager"] = fan_out.Manager()
sio = guard.Server(**options)
diary = []  # what was said to the server, and who has gone, in order
emitted = []  # the texts that everybody was told, in order
counts = collections.Counter()


class Namespace(socketio.Namespace):
    """Hear what is said, and tell everybody."""

    def on_connect(self, sid, environ, auth):
        """Greet who gives a name, though it is not connected yet."""
        if auth:
            self.emit("welcome", auth["name"], to=sid)

    def on_say(self, sid, text):
        """Tell everybody, and acknowledge with the text."""
        environ = self.server.get_environ(sid, self.namespace)
        diary.append((sid, "say", text, environ.get("HTTP_X_NAME")))
        tell(text, self.namespace)
        return text

    def on_disconnect(self, sid, reason):
        """Keep why; who waits for that hears of it."""
        diary.append((sid, "disconnect", reason))
        self.emit("gone", sid, to="waiting for it")


def tell(text, namespace="/hall"):
    """Tell everybody, and keep in which order."""
    emitted.append(text)
    sio.emit("said", text, namespace=namespace)


def series(count):
    """Tell everybody many things, with a look at who says something after each."""
    for number in range(count):
        tell(f"series {number}")
        gevent.sleep(0)


def turns():
    """Tell everybody, and return how often meanwhile somebody heard what had come."""
    here, there = gevent.socket.socketpair()
    taken = []

    def take():
        while True:
            gevent.socket.wait_read(here.fileno())  # It never reads: there is always something.
            taken.append(1)

    somebody = gevent.spawn(take)
    there.send(b"something")
    tell("turns")
    somebody.kill()
    return len(taken)


def overtake(room):
    """Tell everybody, and a few something else as soon as there is a turn."""
    second = gevent.spawn(sio.emit, "told", "second", to=room, namespace="/hall")
    tell("first")
    second.join()


def flood(sid, size, count):
    """Tell one browser very much, with no moment for anything else."""
    for _ in range(count):
        sio.emit("told", "x" * size, to=sid, namespace="/hall")


def ask(sid, event, data, timeout):
    """Emit to one browser, and return what its callback is given.

    call() would do the same, and refuses: where a handler may not wait, as its browser's next
    message waits for it, nobody may.
    """
    answer = AsyncResult()
    sio.emit(event, data, to=sid, namespace="/hall", callback=lambda *args: answer.set(args))
    args = answer.get(timeout=timeout)
    return args[0] if len(args) == 1 else args


def hold(port):
    """Let nobody do anything until the browser at this port has closed its connection."""
    kinds = gevent.socket.socket, KernelSocket
    sockets = [each for each in gc.get_objects() if isinstance(each, kinds)]
    connection = next(each for each in sockets if peer(each)[1] == port)
    print("on hold", port, flush=True)
    get_original("select", "select")([connection], [], [])


def peer(connection):
    """Return the address at the other end, if there is one."""
    try:
        return connection.getpeername()
    except OSError:
        return None, None


def stacks():
    """Return how many greenlets have a stack: those that have begun and not ended."""
    gevent.idle()  # Whoever has yet to notice that its connection is closed does so first.
    greenlets = [each for each in gc.get_objects() if isinstance(each, greenlet)]
    return sum(each.gr_frame is not None for each in greenlets)


def waiting(session):
    """Return how many bytes wait in the queue of a browser, though it may be gone."""
    browsers = [each for each in gc.get_objects() if isinstance(each, engineio.socket.Socket)]
    queues = [browser.queue for browser in browsers if browser.sid == session]
    queues = [getattr(queue, "queue", queue) for queue in queues]  # gevent's, or a list
    items = [item for queue in queues for item in queue if item is not None]
    return sum(len(item.encode() if hasattr(item, "encode") else item) for item in items)


def connections():
    """Return how many are connected, or not all done for: who asks this is one of them."""
    # A browser whose websocket needs no greenlet is nobody's request.
    return counts["requests"] + (len(sio.eio.sockets) if FAN_OUT else 0)


def ping_every(seconds):
    """Ask who connects from now on for a sign of life so often."""
    sio.eio.ping_interval = seconds


TOOLS = {
    "diary": lambda sid: [entry[1:] for entry in diary if entry[0] == sid],
    "emitted": lambda: emitted,
    "hang_up": lambda session: sio.eio.disconnect(session),
    "count": lambda what: counts[what],
    **{
        tool.__name__: tool
        for tool in (
            tell,
            series,
            turns,
            overtake,
            flood,
            ask,
            hold,
            stacks,
            waiting,
            connections,
            ping_every,
        )
    },
}


def do(environ, start_response):
    """Do what a test says, one after the other; nobody else's greenlet comes between."""
    # Python's own notation has tuples and bytes, which JSON has not.
    acts = ast.literal_eval(environ["wsgi.input"].read().decode())
    results = []
    try:
        for name, args, options in acts:
            if name in TOOLS:
                results.append(TOOLS[name](*args, **options))
            else:
                results.append(getattr(sio, name)(*args, **{"namespace": "/hall"} | options))
    except Exception:
        start_response("500 Internal Server Error", [])
        return [traceback.format_exc().encode()]
    start_response("200 OK", [])
    return [repr(results).encode()]


class Handler(guard.Handler):
    """Keep little in the system for each connection, so that much does not fit."""

    def __init__(self, sock, address, server):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)
        super().__init__(sock, address, server)

    def handle(self):
        """Count those for whom not all is done."""
        counts["requests"] += 1
        try:
            super().handle()
        finally:
            counts["requests"] -= 1


def counted(function, what):
    """Return a function that counts how often it is called."""

    def call(*args, **options):
        counts[what] += 1
        return function(*args, **options)

    return call


def serve(address):
    """Answer until the process is ended."""
    host, _, port = address.partition(":")
    for namespace in ("/hall", "/annex", "/empty"):
        sio.register_namespace(Namespace(namespace))
    KernelSocket.send = counted(KernelSocket.send, "sends")
    Connection.send = counted(Connection.send, "frames")
    if FAN_OUT:
        direct = importlib.import_module("board.direct")
        direct.Socket.take = counted(direct.Socket.take, "takes")
    app = socketio.WSGIApp(sio, do)
    WSGIServer((host, int(port)), app, handler_class=Handler).serve_forever()
