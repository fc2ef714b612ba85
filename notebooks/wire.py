"""A bare websocket that stays open while somebody reads: it answers the server's pings."""

import contextlib
import queue
import threading

import websocket


class Wire(websocket.WebSocket):
    """Connected to an address; what comes is kept until it is asked for, and no ping is."""

    def __init__(self, address: str):
        super().__init__()
        self.connect(address, timeout=5)
        self.settimeout(None)
        self.packets: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        """Keep each packet but the pings, which are answered, until one side hangs up."""
        with contextlib.suppress(websocket.WebSocketException, OSError):
            while packet := super().recv():
                if packet == "2":
                    self.send("3")
                else:
                    self.packets.put(packet)
        self.packets.put("")

    def recv(self) -> str:
        """Return the next packet, or "" when the server has hung up; wait for 5 seconds at most."""
        return self.packets.get(timeout=5)
