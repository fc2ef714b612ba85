"""The page is opened under a name that Django does not know."""

from gevent import monkey

monkey.patch_all()

from django.conf import settings
from together import CURED, get, serve

settings.configure(
    DEBUG=True, SECRET_KEY="only for this", ALLOWED_HOSTS=["localhost"], ROOT_URLCONF=__name__
)
if CURED:
    settings.ALLOWED_HOSTS += ["board.example"]  # the names in the address bar, and no others

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path


def board(request: HttpRequest):
    """Say who was asked."""
    return HttpResponse(f"The board of {request.get_host()}")


urlpatterns = [path("", board)]
get(serve(get_wsgi_application()) + "/", Host="board.example")
