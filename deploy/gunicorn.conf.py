"""The other way to serve: gunicorn live.serve, one for each port, behind the same nginx."""

import os

from live.environment import DRAIN_SECONDS  # or what is missing: said once, before any worker

wsgi_app = "live.serve:application"
bind = os.environ.get("BIND", "127.0.0.1:8001")
# A browser's session is in one process: with two behind one port, its next request would come to
# the other. So there is a gunicorn for each process, and nginx in front of them.
workers = 1
worker_class = "live.worker.Worker"
backlog = 4096
# As long as draining may take; gunicorn kills what is left then.
graceful_timeout = int(DRAIN_SECONDS) + 15
control_socket_disable = True  # It would want a folder to write to.
