"""A cable between a client and a server that can be pulled: a lost network, and nobody else's."""

import contextlib
import socket
import threading
from urllib.parse import urlsplit


class Cable:
    """Listens on a port of its own, and carries each connection to the server at url."""

    def __init__(self, url: str):
        place = urlsplit(url)
        self.server = (place.hostname, place.port)
        self.plugged = True
        self.open: set[socket.socket] = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        """Take connections, until close()."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                if not self.plugged:
                    client.close()
                    continue
                server = socket.create_connection(self.server)
                self.open |= {client, server}
                for ends in [(client, server), (server, client)]:
                    threading.Thread(target=self.carry, args=ends, daemon=True).start()

    def carry(self, source: socket.socket, target: socket.socket) -> None:
        """Carry what comes in at one end to the other, until one of them closes."""
        with contextlib.suppress(OSError):
            while some := source.recv(65536):
                target.sendall(some)
        for end in (source, target):
            self.open.discard(end)
            hang_up(end)

    def pull(self) -> None:
        """Break all connections, and let nobody connect."""
        self.plugged = False
        for end in list(self.open):
            hang_up(end)

    def plug(self) -> None:
        """Let clients connect again."""
        self.plugged = True

    def close(self) -> None:
        """Break all connections, and listen no more."""
        self.pull()
        hang_up(self.listener)


def hang_up(end: socket.socket) -> None:
    """Close a socket, and wake the thread that waits for it, which close() alone does not."""
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
