"""What the two bare servers need of HTTP and of the websocket protocol, and no more."""

import base64
import hashlib
from pathlib import Path

PAGE = Path("page.html").read_bytes()
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def answer(request):
    """Return the answer to an HTTP request, and whether it is a websocket from now on."""
    for line in request.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"sec-websocket-key":
            accept = base64.b64encode(hashlib.sha1(value.strip() + GUID).digest())
            head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            return head + b"Connection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n" % accept, True
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
    return head + b"Content-Length: %d\r\n\r\n%b" % (len(PAGE), PAGE), False


def frame(text):
    """Return a text as a websocket frame."""
    size = len(text)
    if size < 126:
        return bytes((0x81, size)) + text
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big") + text
    return b"\x81\x7f" + size.to_bytes(8, "big") + text
