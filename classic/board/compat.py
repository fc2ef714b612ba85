"""What gevent-socketio lacks with today's Python and gevent: each part says what it cures.

board/guard.py of step 4 holds off more than this does: a message that is too large, a browser that
does not read, nonsense without end. Therefore this server is for one machine.
"""

import inspect
import json
import logging
import secrets
from urllib.parse import parse_qs

import gevent
import socketio.server
from django.core.exceptions import DisallowedHost
from django.core.handlers.wsgi import WSGIRequest
from django.db import connections
from gevent.hub import Hub
from gevent.pywsgi import WSGIHandler
from geventwebsocket import WebSocketError
from socketio import transports
from socketio.handler import SocketIOHandler
from socketio.namespace import BaseNamespace

logger = logging.getLogger(__name__)

# Gone since Python 3.11: each event from a browser ended in an AttributeError.
inspect.getargspec = inspect.getfullargspec

# A window that is closed while it is written to is no error: it was a traceback.
Hub.NOT_ERROR += (WebSocketError,)


class Socket(socketio.server.Socket):
    """Have a session id that can't be guessed: random's next ones follow from those before."""

    def __init__(self, *args):
        super().__init__(*args)
        self.sessid = secrets.token_urlsafe()

    def error(self, error_name, error_message, endpoint=None, *args, **kwargs):
        # A packet that could not be read has no namespace: adding None to a text ended the rest.
        return super().error(error_name, error_message, endpoint or "", *args, **kwargs)

    def put_server_msg(self, msg):
        super().put_server_msg(msg)
        gevent.sleep(0)  # What lies ready is read without waiting: nobody else would have a turn,

    def get_server_msg(self, **kwargs):
        gevent.sleep(0)  # nor while what has been read is done.
        return super().get_server_msg(**kwargs)


socketio.server.Socket = Socket  # There is no setting for this.


class Websocket(transports.WebsocketTransport):
    """Notice a window that is closed: it was here, with its listener, for up to a minute more."""

    def do_exchange(self, socket, request_method):
        super().do_exchange(socket, request_method)
        for job in socket.jobs:  # One writes and one reads: when one ends, the other must.
            job.link(lambda job: gevent.spawn(socket.kill, detach=True))


class JSONPPolling(transports.JSONPolling):
    """Read and write JavaScript strings as JSON: they were taken for bytes, and nothing escaped."""

    def _request_body(self):
        fields = parse_qs(self.handler.wsgi_input.read().decode())
        return json.loads(fields["d"][0]).encode()

    def write(self, data=""):
        text = data if isinstance(data, str) else data.decode()
        number = int(parse_qs(self.handler.environ["QUERY_STRING"])["i"][0])
        transports.BaseTransport.write(self, f"io.j[{number}]({json.dumps(text)});")


class Handler(SocketIOHandler):
    """Answer this site's own pages, in bytes, with the transports that work."""

    # What else there was is for Flash and Internet Explorer; any URL had it, also when it was off.
    handler_types = {
        "websocket": Websocket,
        "xhr-polling": transports.XHRPollingTransport,
        "jsonp-polling": JSONPPolling,
    }

    def write_smart(self, data):
        # Text was written as it is: "a bytes-like object is required" ended every poll.
        self.write_plain_result(data.encode() if isinstance(data, str) else data)
        self.process_result()

    def handle_bad_request(self):
        self.answer("400 Bad Request")

    def handle_disconnect_request(self):
        self.answer("200 OK")

    def answer(self, status):
        # The library's answer has a number for a header, which gevent refuses, and is never sent.
        headers = [("Content-Type", "text/plain"), ("Content-Length", "0"), ("Connection", "close")]
        self.start_response(status, headers)
        self.write(b"")

    def handle_one_response(self):
        if not self.environ["PATH_INFO"].lstrip("/").startswith("socket.io/"):
            return super().handle_one_response()
        try:
            problem = self.find_problem()
            if not problem:
                return super().handle_one_response()
            self.application = lambda environ, start_response: self.refuse(problem, start_response)
            return WSGIHandler.handle_one_response(self)
        except Exception as error:
            logger.warning("a request was not answered: %r", error)
            self.close_connection = True

    def refuse(self, problem, start_response):
        start_response("400 Bad Request", [("Content-Type", "text/plain"), ("Connection", "close")])
        return [problem.encode()]

    def find_problem(self):
        """Say what is wrong with a request to the Socket.IO server, or None."""
        request = WSGIRequest(self.environ)
        try:
            own = f"{request.scheme}://{request.get_host()}"
        except DisallowedHost:
            return "not a host of this site: see ALLOWED_HOSTS"
        # A script that another site's page asks for, as JSONP does, comes without an Origin.
        script = self.environ.get("HTTP_SEC_FETCH_SITE", "same-origin") == "same-origin"
        if self.environ.get("HTTP_ORIGIN", own if script else None) != own:
            return "not a page of this site"
        tokens = self.RE_REQUEST_URL.match(self.environ["PATH_INFO"])
        if tokens and tokens["transport_id"] not in self.handler_types:
            return "not a transport of this server"
        return None


class Namespace(BaseNamespace):
    """Survive what a browser sends: after one wrong event, no other of it was heard."""

    def process_packet(self, packet):
        try:
            return super().process_packet(packet)
        except Exception as error:
            logger.warning("%s %s: %r", self.ns_name, packet.get("name", packet["type"]), error)
        finally:
            # A browser's events are one greenlet, and Django keeps a connection for each.
            connections.close_all()
