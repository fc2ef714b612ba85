"""Settings of the notice board: what a laptop and a server have apart is in the environment."""

import os
from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent

# Debug pages show the settings to whoever makes one appear: DEBUG=0 before anyone else can connect.
DEBUG = os.environ.get("DEBUG", "1") == "1"
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

# Made on the first start and ignored by git: a key in a repository is a key that everybody has.
if "SECRET_KEY" in os.environ:
    SECRET_KEY = os.environ["SECRET_KEY"]
else:
    key_file = BASE_DIR / "secret_key.txt"
    if not key_file.exists():
        key_file.write_text(get_random_secret_key())
    SECRET_KEY = key_file.read_text()

# For example postgresql://user:password@localhost/board
DATABASES = {"default": dj_database_url.config(default=f"sqlite:///{BASE_DIR / 'db.sqlite3'}")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "notices",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "board.outage.Middleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

ROOT_URLCONF = "board.urls"
WSGI_APPLICATION = "board.wsgi.application"
STATIC_URL = "static/"

# socket.io-client comes from npm: from the nearest node_modules, or from where NODE_PATH says.
folders = [folder / "node_modules" for folder in (BASE_DIR, *BASE_DIR.parents)]
folders.append(Path(os.environ.get("NODE_PATH", folders[0])))
clients = [folder / "socket.io-client" / "dist" for folder in folders]
STATICFILES_DIRS = [("socket.io", next(filter(Path.is_dir, clients), clients[0]))]

TIME_ZONE = "UTC"

# One line a request, as runserver prints it.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"geventwebsocket": {"handlers": ["console"], "level": "INFO"}},
}

# Only nginx reaches a process, and says whether the browser came by https.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

halls = os.environ.get("HALLS", "Main hall,Track B,Foyer").split(",")
HALLS = [hall.strip() for hall in halls if hall.strip()]
if not HALLS or {"people", "person", "session"} & {hall.split()[0] for hall in HALLS}:
    raise ImproperlyConfigured("HALLS: one or more, none of which begins as another room's name.")
if {*"{}"} & {*"".join(HALLS)}:
    raise ImproperlyConfigured("HALLS: no braces, by which a Redis Cluster says where a key is.")

PASSWORD_HASHERS = ["board.hashers.Hasher"]
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "board"

POSTS_IN_TEN_SECONDS = int(os.environ.get("POSTS_IN_TEN_SECONDS", 10))  # from one browser

# Some nodes of a cluster, with commas between: any that answers knows the others.
REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:6379")
