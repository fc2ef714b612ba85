"""Tell thousands at once: encode and frame once, and write that to each."""

import gevent
from engineio.packet import MESSAGE, Packet
from gevent.lock import RLock
from socketio.packet import EVENT

from . import guard
from .direct import frame

AT_ONCE = 200  # browsers that are told, which takes 2 ms, before somebody else has a turn


class Manager(guard.Manager):
    """Tell the same browsers as the library; write directly to those with a websocket."""

    def __init__(self):
        super().__init__()
        self.turn = RLock()  # for the order: who comes next waits until all know what is before

    def emit(
        self, event, data, namespace, room=None, skip_sid=None, callback=None, to=None, **options
    ):
        """Emit an event; what is the same for everybody is encoded and framed once."""
        args = data if isinstance(data, tuple) else () if data is None else (data,)
        encoded = self.server.packet_class(EVENT, [event, *args], namespace).encode()
        if callback or isinstance(encoded, list):
            # Each browser needs an id of its own, or several frames: that is rare.
            super().emit(event, data, namespace, room, skip_sid, callback, to, **options)
            return
        packet = Packet(MESSAGE, encoded)
        framed = frame(packet)
        skip = skip_sid if isinstance(skip_sid, list) else [skip_sid]
        browsers = self.server.eio.sockets
        with self.turn:
            participants = self.get_participants(namespace, to or room)
            for number, (sid, eio_sid) in enumerate(participants, start=1):
                if sid not in skip:
                    browser = browsers.get(eio_sid)
                    if browser and browser.upgraded:
                        browser.write(framed)
                    else:
                        self.server.eio.send_packet(eio_sid, packet)
                if number % AT_ONCE == 0:
                    gevent.sleep(1e-9)  # With 0, gevent's loop would not look for what comes.
