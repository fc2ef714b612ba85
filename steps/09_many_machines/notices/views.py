"""What the browser is answered."""

import threading
import time

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render

from .forms import NoticeForm
from .live import PEOPLE
from .models import Notice
from .namespaces import notices
from .post_limit import give_cookie


def board(request):
    """Show the last 50 notices of some halls and a form, and save what the form sends."""
    form = NoticeForm(request.POST or None, request=request)
    if form.is_valid():
        form.instance.official = request.user.is_staff
        form.save()
        return redirect(request.get_full_path())
    asked = request.GET.getlist("hall", settings.HALLS[:1])
    follows = [hall for hall in settings.HALLS if hall in asked]
    form.initial["hall"] = (follows or settings.HALLS)[0]
    own = [PEOPLE] if request.user.is_authenticated else []
    context = {
        # Before the notices: one that is saved in between comes twice, and is shown once.
        "cursors": {hall: notices.halls[hall].cursor for hall in follows + own},
        "form": form,
        "halls": {hall: hall in follows for hall in settings.HALLS},
        "notices": Notice.objects.filter(hall__in=follows, to=None)[:50],
        "people": Notice.objects.filter(to=request.user.id)[:50] if own else [],
    }
    return give_cookie(request, render(request, "notices/board.html", context))


def slow(request):
    """Take 5 seconds, as a slow database or a far-away service would, and say on which thread."""
    time.sleep(5)
    return HttpResponse(f"5 seconds on thread {threading.get_native_id()}\n", "text/plain")
