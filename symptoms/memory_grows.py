"""A browser that does not read what it is sent: all of it waits, in the server's memory."""

from gevent import monkey

monkey.patch_all()

import gc
import tracemalloc

import engineio
import gevent
import socketio
import websocket
from together import CURED, serve

MOST = 200  # packets that may wait for one browser


def emit(text):
    """Tell everybody."""
    sio.emit("notice", text)
    if CURED:
        let_go()


def let_go():
    """Hang up on whoever is too far behind; a page that reads again comes back by itself."""
    for browser in list(sio.eio.sockets.values()):
        if browser.queue.qsize() > MOST:
            while browser.queue.qsize():
                browser.queue.get()  # What waited is free now, not when its writer ends.
            gevent.spawn(browser.close, wait=False, abort=True)


def whose(before):
    """Say what there is more of than before, where it was made, and whom it waits for."""
    gc.collect()
    packets = sum(isinstance(each, engineio.packet.Packet) for each in gc.get_objects())
    print("Packets in memory:", packets)
    for line in tracemalloc.take_snapshot().compare_to(before, "filename")[:2]:
        print(f"  {line.size_diff >> 10} KiB more from {line.traceback}")
    for sid, browser in sio.eio.sockets.items():
        print(f"  {sid}: {browser.queue.qsize()} packets wait for it")


sio = socketio.Server(async_mode="gevent")
url = serve(socketio.WSGIApp(sio)).replace("http", "ws")
url += "/socket.io/?EIO=4&transport=websocket"
browsers = [websocket.create_connection(url, skip_utf8_validation=True) for _ in range(2)]
for browser in browsers:
    browser.send("40")  # into the namespace /
    while not browser.recv().startswith("40"):
        pass
sleeper, reader = browsers  # The first reads nothing more.
tracemalloc.start()
before = tracemalloc.take_snapshot()
for _ in range(2000):
    emit("Coffee is ready. " * 200)
    while "Coffee" not in reader.recv():
        pass
whose(before)
