"""What the browser is answered."""

import threading
import time

from django.http import HttpResponse
from django.shortcuts import redirect, render

from .forms import NoticeForm
from .models import Notice
from .namespaces import notices
from .post_limit import give_cookie


def board(request):
    """Show the last 50 notices and a form, and save what the form sends."""
    form = NoticeForm(request.POST or None, request=request)
    if form.is_valid():
        form.instance.official = request.user.is_staff
        form.save()
        return redirect("board")
    context = {
        # Before the notices: one that is saved in between comes twice, and is shown once.
        "cursor": notices.cursor,
        "form": form,
        "notices": Notice.objects.all()[:50],
    }
    return give_cookie(request, render(request, "notices/board.html", context))


def slow(request):
    """Take 5 seconds, as a slow database or a far-away service would, and say on which thread."""
    time.sleep(5)
    return HttpResponse(f"5 seconds on thread {threading.get_native_id()}\n", "text/plain")
