"""Another program, or the same one from before, has the port."""

from gevent import monkey

monkey.patch_all()

from gevent.pywsgi import WSGIServer
from together import CURED, free_port, get, page, serve

port = int(serve(page("The server of before")).rpartition(":")[2])
if CURED:
    port = free_port()  # another one; or end the one that has it: lsof -i :8000 says which
server = WSGIServer(("127.0.0.1", port), page("The board"), log=None)
server.start()
get(f"http://127.0.0.1:{port}/")
