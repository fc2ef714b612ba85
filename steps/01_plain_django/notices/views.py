"""What the browser is answered."""

from django.shortcuts import redirect, render

from .forms import NoticeForm
from .models import Notice


def board(request):
    """Show the last 50 notices and a form, and save what the form sends."""
    form = NoticeForm(request.POST or None)
    if form.is_valid():
        form.instance.official = request.user.is_staff
        form.save()
        return redirect("board")
    return render(
        request, "notices/board.html", {"form": form, "notices": Notice.objects.all()[:50]}
    )
