"""The step's settings, and what the internet needs. What a place has apart is its environment."""

import os

# Before the step's, which would make up what is missing.
from .environment import DRAIN_SECONDS  # noqa: F401  # isort: skip

from board.settings import *  # noqa: F403
from board.settings import BASE_DIR

DEBUG = False

# The browser keeps to https, and sends its cookies by nothing else.
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
SECURE_HSTS_SECONDS = int(os.environ.get("HSTS_SECONDS", 3600))
# These would speak for other sites of the same domain, too, and can't be taken back for a year.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# Pages of other addresses that may post and connect, such as https://www.example.org
trusted = os.environ.get("CSRF_TRUSTED_ORIGINS", "")
CSRF_TRUSTED_ORIGINS = [origin for origin in trusted.split(",") if origin]

# A file's name changes with what is in it: a browser may keep it for good.
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}

# To stdout, where Docker, systemd and Kubernetes look. Each request is a line of nginx's.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "live.logs.OneLine"}},
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": "line",
        },
        "count": {"class": "live.logs.Count"},
    },
    "root": {"handlers": ["stdout", "count"], "level": "INFO"},
    "loggers": {
        # Django's own would print these in a way of its own.
        "django": {"handlers": [], "level": "INFO"},
        # Otherwise each packet is a line.
        **{name: {"level": "WARNING"} for name in ("engineio", "socketio", "geventwebsocket")},
    },
}
