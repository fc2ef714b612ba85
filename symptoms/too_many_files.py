"""Each browser is an open file of the server's, and a process may have so many of them."""

from gevent import monkey

monkey.patch_all()

import resource

from together import CURED, PATIENCE, page, serve, start

_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))  # 1024 in most shells: sooner seen
if CURED:
    # In the server, or `ulimit -n` before it, or LimitNOFILE= in systemd:
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(most, 65536)), most))

BROWSERS = """
import resource, socket, sys
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, most))
browsers = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(100)]
answered = 0
for browser in browsers:
    browser.settimeout(float(sys.argv[2]))
    try:
        browser.sendall(b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
        answered += browser.recv(12) == b"HTTP/1.1 200"
    except TimeoutError:
        break
print("Answered:", answered, "of", len(browsers))
"""
port = serve(page("The board")).rpartition(":")[2]
browsers = start({"browsers.py": BROWSERS}, "browsers.py", port, str(PATIENCE))
browsers.wait()
