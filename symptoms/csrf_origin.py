"""Behind a proxy that ends TLS, Django takes the form of its own page for a stranger's."""

from gevent import monkey

monkey.patch_all()

from django.conf import settings
from together import CURED, get, serve

settings.configure(
    DEBUG=True,
    SECRET_KEY="only for this",
    ALLOWED_HOSTS=["board.example"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
)
if CURED:
    # In settings.py, where the proxy sets this header itself, so that no browser can:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.urls import path


def board(request):
    """Show a form's token, or take the form."""
    return HttpResponse(get_token(request) if request.method == "GET" else "Posted")


urlpatterns = [path("", board)]
url = serve(get_wsgi_application()) + "/"
# As the proxy hands on what a browser at https://board.example says:
said = {"Host": "board.example", "X_Forwarded_Proto": "https"}
_, token = get(url, **said)
form = f"csrfmiddlewaretoken={token}".encode()
get(url, form, Origin="https://board.example", Cookie=f"csrftoken={token}", **said)
