"""Django's own server has no Socket.IO server in it: that is what serve.py is for."""

from together import CURED, free_port, get, start, wait_for

SITE = """
import sys

from django.conf import settings
from django.http import HttpResponse
from django.urls import path

settings.configure(DEBUG=True, SECRET_KEY="only for this", ROOT_URLCONF=__name__)
urlpatterns = [path("", lambda request: HttpResponse("The board"))]
"""
MANAGE = """
from django.core.management import execute_from_command_line

execute_from_command_line(["manage.py", "runserver", "--noreload", sys.argv[1]])
"""
SERVE = """
import socketio
from django.core.wsgi import get_wsgi_application
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

app = socketio.WSGIApp(socketio.Server(async_mode="gevent"), get_wsgi_application())
WSGIServer(sys.argv[1], app, handler_class=WebSocketHandler).serve_forever()
"""
PATCH = "from gevent import monkey; monkey.patch_all()\n"

port = free_port()
files = {"manage.py": SITE + MANAGE, "serve.py": PATCH + SITE + SERVE}
start(files, "serve.py" if CURED else "manage.py", f"127.0.0.1:{port}")
wait_for(port)
get(f"http://127.0.0.1:{port}/socket.io/?EIO=4&transport=polling")
