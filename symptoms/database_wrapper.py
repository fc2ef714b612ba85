"""Django before the patch: all greenlets share one database connection."""

import sys

if "--cured" in sys.argv:
    from gevent import monkey

    monkey.patch_all()  # before anything of Django's

from django.conf import settings
from together import scratch, serve

db = {"ENGINE": "django.db.backends.sqlite3", "NAME": scratch() / "db.sqlite3"}
settings.configure(
    DEBUG=True, SECRET_KEY="only for this", DATABASES={"default": db}, ROOT_URLCONF=__name__
)

from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpResponse
from django.urls import path


def board(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("The board")


urlpatterns = [path("", board)]
application = get_wsgi_application()

from gevent import monkey

monkey.patch_all()

import requests

url = serve(application)
browsers = [requests.Session(), requests.Session()]  # a kept connection each, and a greenlet
for browser in browsers:
    answer = browser.get(url)
    print(f"A browser is answered {answer.status_code}: {answer.text[:50]}", flush=True)
