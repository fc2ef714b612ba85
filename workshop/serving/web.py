"""Django for a server of the tool's own: no project, no database, only pages."""

import gzip
import os
from functools import lru_cache

import django
from django.conf import settings
from django.http import HttpResponse

from workshop.serving.files import PACKED, TYPES


def configure(urls: str, frames: str) -> None:
    """Set Django up; frames says who may show the pages in a frame: SAMEORIGIN, or DENY."""
    settings.configure(
        ALLOWED_HOSTS=os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(","),
        ROOT_URLCONF=urls,
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.http.ConditionalGetMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
        X_FRAME_OPTIONS=frames,
        SECURE_CROSS_ORIGIN_OPENER_POLICY=None,  # Without TLS it is but an error in the console.
    )
    django.setup()


squeeze = lru_cache(maxsize=100)(gzip.compress)


def answer(request, data: bytes, suffix: str) -> HttpResponse:
    """Return a response that a browser keeps, and asks again whether it is still the one."""
    response = HttpResponse(data, TYPES[suffix])
    if suffix not in PACKED and "gzip" in request.headers.get("Accept-Encoding", ""):
        response.content = squeeze(data)
        response["Content-Encoding"] = "gzip"
    response["Vary"] = "Accept-Encoding"
    response["Cache-Control"] = "no-cache"
    return response
