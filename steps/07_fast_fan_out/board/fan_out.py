"""Tell thousands at once: encode and frame once, and write that to each."""

from engineio.packet import MESSAGE, Packet
from socketio.packet import EVENT

from . import guard
from .direct import frame


class Manager(guard.Manager):
    """Tell the same browsers as the library; write directly to those with a websocket."""

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
        for sid, eio_sid in self.get_participants(namespace, to or room):
            if sid not in skip:
                browser = browsers.get(eio_sid)
                if browser and browser.upgraded:
                    browser.write(framed)
                else:
                    self.server.eio.send_packet(eio_sid, packet)
