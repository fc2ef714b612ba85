"""Step 4's server with one listener, or as the talk had it: a listener for each browser.

Notebook 4 runs it in step 4's folder: python talks_way.py one|each PORT CHANNEL
"""

from gevent import monkey

monkey.patch_all()

import os
import sys

import gevent

sys.path[0] = os.getcwd()

import serve as step

from notices import live
from notices.namespaces import Notices


class ForOneBrowser(Notices):
    """Tells one browser what it is told."""

    def __init__(self, server, sid):
        super().__init__("/notices")
        self._set_server(server)
        self.sid = sid

    def emit(self, event, data):
        """Emit to this browser alone."""
        super().emit(event, data, to=self.sid)


class OneEach(Notices):
    """A greenlet and a connection to Redis for each browser."""

    listeners = {}

    def on_connect(self, sid, environ, auth):
        """Begin to listen for this browser."""
        one = ForOneBrowser(self.server, sid)
        self.listeners[sid] = gevent.spawn(live.listen, one)

    def on_disconnect(self, sid, reason):
        """Listen no more."""
        self.listeners.pop(sid).kill(block=False)


if __name__ == "__main__":
    way, port, live.CHANNEL = sys.argv[1:]
    if way == "each":
        step.sio.register_namespace(OneEach("/notices"))
        step.listen = lambda notices: None
        # redis-py stops at 100, and says so: one for each browser was not what it was made for.
        live.redis.connection_pool.max_connections = 10_000
    step.serve(port=int(port))
