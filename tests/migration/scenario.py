"""What the two servers of test_migration.py share: a page with a client, and what is noted."""

import json
import os
from pathlib import Path

PAGE = b"""<!doctype html><title>Scenario</title><link rel="icon" href="data:,">
<script src="/client.js"></script><script src="/scenario.js"></script>"""
FILES = {
    "/client.js": Path(os.environ["CLIENT"]),
    "/scenario.js": Path(__file__).with_name("scenario.js"),
}
noted = {"asked": [], "left": [], "came": 0, "working": 0}


def application(environ, start_response):
    """Answer with the page, a script, or what is noted."""
    path = environ["PATH_INFO"]
    noted["asked"].append(path)
    kind, body = "text/html", PAGE
    if path in FILES:
        kind, body = "text/javascript", FILES[path].read_bytes()
    elif path == "/noted":
        kind, body = "application/json", json.dumps(noted).encode()
    start_response("200 OK", [("Content-Type", kind)])
    return [body]
