"""What the browser is answered."""

import threading
import time

from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from socketio import socketio_manage

from .forms import NoticeForm
from .models import Notice
from .namespaces import Notices, Presence
from .post_limit import give_cookie

TRANSPORTS = ["websocket", "xhr-polling", "jsonp-polling"]


def board(request):
    """Show the last 50 notices and a form, and save what the form sends."""
    form = NoticeForm(request.POST or None, request=request)
    if form.is_valid():
        form.instance.official = request.user.is_staff
        form.save()
        return redirect("board")
    wanted = request.GET.get("transport")
    context = {
        "form": form,
        "notices": Notice.objects.all()[:50],
        # What the client may use, in the order in which it tries; ?transport=polling forces one.
        "transports": [wanted] if wanted in TRANSPORTS else TRANSPORTS,
    }
    return give_cookie(request, render(request, "notices/board.html", context))


def slow(request):
    """Take 5 seconds, as a slow database or a far-away service would, and say on which thread."""
    time.sleep(5)
    return HttpResponse(f"5 seconds on thread {threading.get_native_id()}\n", "text/plain")


def socketio(request):
    """Hand a new connection to its namespaces, and wait for its end."""
    if "socketio" not in request.environ:
        return HttpResponseBadRequest("Only for socket.io-client.\n", "text/plain")
    socketio_manage(request.environ, {"/notices": Notices, "/presence": Presence}, request)
    return HttpResponse()
