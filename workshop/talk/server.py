"""Serve the slides, and let the room follow them: python -m workshop.talk.server [[HOST:]PORT].

It is made of what the talk teaches: gevent, Django for the pages, a Socket.IO server in front.
`python3 -m workshop slides` starts it and the steps, and tells it by the environment what it needs.
"""

from gevent import monkey

monkey.patch_all()

import json
import os
import signal
import sys
from pathlib import Path

import gevent
import socketio
from django.core.handlers.wsgi import WSGIHandler
from django.http import Http404, JsonResponse
from django.urls import path, re_path
from gevent.pywsgi import WSGIServer
from gevent.util import print_run_info

from workshop.hall.site import Site
from workshop.room import lessons
from workshop.room.namespace import Room
from workshop.serving import qr
from workshop.serving.guard import Handler, Server
from workshop.serving.kept import Kept
from workshop.serving.web import answer, configure
from workshop.talk import page
from workshop.talk.lead import TOKEN
from workshop.talk.room import Slides
from workshop.talk.stage import ROOM

HALL = "HALL" in os.environ  # There is no deck.
PACK = os.environ.get("PACK")  # a folder
MEMBERS = os.environ.get("ROOM_MEMBERS")  # where who is in the room is kept over a crash
REPORT = os.environ.get("REPORT")  # where to write at the end how long each point took

configure(__name__, frames="SAMEORIGIN")  # The presenter's view has the deck in frames.


def deck(request):
    """Show the slides."""
    return answer(request, page.render(live=True, room=ROOM).encode(), ".html")


def file(request, address):
    """Send a file of the deck or of its libraries."""
    found = page.find(address)
    if found is None:
        raise Http404
    response = answer(request, found.read_bytes(), found.suffix)
    if address.startswith(page.PACKAGES) or found.suffix == ".webp":
        response["Cache-Control"] = "max-age=3600"
    return response


def code(request):
    """Draw the room's address for the cameras of phones."""
    return answer(request, qr.svg(ROOM or request.build_absolute_uri("/")), ".svg")


def room(request):
    """Say that this is a room, to who asks before joining."""
    return JsonResponse({"room": True})


def lesson(request, address):
    """Show a lesson, or a file that it names, to who has nothing installed."""
    if (found := lessons.find(address)) is None:
        raise Http404
    return answer(request, *found)


urlpatterns = [
    path("", deck),
    path("qr.svg", code),
    path("room.json", room),
    re_path(r"^lessons/([\w./@-]*)$", lesson),
    re_path(r"^([\w./@-]+)$", file),
]


def serve(host="127.0.0.1", port=8000):
    """Answer requests until SIGINT (Ctrl-C) or SIGTERM."""
    sio = Server()
    slides = Slides("/slides")
    sio.register_namespace(slides)
    pack = Path(PACK) if PACK else None
    place = "/" if HALL else "/setup"
    site = Site(pack, ROOM or f"http://localhost:{port}", place, WSGIHandler())
    attendees = Room("/room", Kept(Path(MEMBERS) if MEMBERS else None), slides.what_lets_lead)
    sio.register_namespace(attendees)
    app = socketio.WSGIApp(sio, site)
    server = WSGIServer((host, port), app, handler_class=Handler, backlog=4096)
    try:
        server.start()
    except OSError as error:
        sys.exit(f"{error.strerror}. Another port: python -m workshop.talk.server {port + 1}")
    # Not before: what stops a server that is yet to start ends in a traceback.
    gevent.signal_handler(signal.SIGINT, server.stop)
    gevent.signal_handler(signal.SIGTERM, server.stop)
    if hasattr(signal, "SIGUSR1"):  # Meant for a step, and not the end of the talk.
        gevent.signal_handler(signal.SIGUSR1, print_run_info)
    if "TOKEN" not in os.environ:
        print(f"The presenter's own address is http://localhost:{port}/?token={TOKEN}")
    print(f"The slides are at http://{host}:{port}/ (Ctrl-C stops it)", flush=True)
    gevent.spawn(slides.look_around)
    gevent.spawn(slides.look_at_stage)
    server.serve_forever()
    slides.save(os.environ.get("RESULTS"), os.environ.get("REHEARSAL"))
    if REPORT:
        Path(REPORT).write_text(json.dumps(attendees.members.report(), indent=2) + "\n")


if __name__ == "__main__":
    host, _, port = (sys.argv[1] if sys.argv[1:] else "8000").rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        sys.exit("Usage: python -m workshop.talk.server [[HOST:]PORT]")
    serve(host or "127.0.0.1", int(port))
