"""nginx that hands on no Upgrade header: the websocket is refused."""

from gevent import monkey

monkey.patch_all()

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import socketio
from together import CURED, free_port, look_at, page, serve, wait_for

WEBSOCKET = """
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
"""
CONFIG = """
daemon off; pid nginx.pid; error_log stderr error; events {}
http {
    access_log off;
    server {
        listen 127.0.0.1:PORT;
        location / {
            proxy_pass SERVER;
            proxy_set_header Host $http_host;
            HEADERS
        }
    }
}
"""
HTML = """<script src="/client.js"></script><script>
window.done = false;
const socket = io({ transports: ["websocket"], reconnection: false });
socket.on("connect", () => { console.log("Connected."); window.done = true; });
socket.on("connect_error", (error) => { console.log(error.message); window.done = true; });
</script>"""

sio = socketio.Server(async_mode="gevent")
server = serve(socketio.WSGIApp(sio, page(HTML)))
port = str(free_port())
config = CONFIG.replace("PORT", port).replace("SERVER", server)
config = config.replace("HEADERS", WEBSOCKET if CURED else "")
program = os.environ.get("NGINX_PROGRAM") or shutil.which("nginx")
with tempfile.TemporaryDirectory() as folder:
    Path(folder, "nginx.conf").write_text(config)
    nginx = subprocess.Popen([program, "-e", "stderr", "-p", folder, "-c", "nginx.conf"])
    try:
        wait_for(int(port))
        look_at(f"http://127.0.0.1:{port}/")
    finally:
        nginx.terminate()
        nginx.wait()
