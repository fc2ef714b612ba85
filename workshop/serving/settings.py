"""The environment variables with which a step is served."""

import os
import secrets

from workshop.base.paths import NODE_MODULES, STATE

# What a step reads from its environment, and what could put other modules in its place.
SETTINGS = {"SECRET_KEY", "DEBUG", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL", "NODE_PATH"}
SETTINGS |= {"FRAME_ANCESTORS", "POSTS_IN_TEN_SECONDS", "DJANGO_SETTINGS_MODULE", "PYTHONPATH"}
SETTINGS |= {"STACKS_TOKEN", "STAGE_FILE", "PROJECTOR", "HALLS"}


def environment(addresses: list[str]) -> dict[str, str]:
    """Return the environment of a step as it is run; with addresses, of one that is shared."""
    result = dict(os.environ)
    result.setdefault("SECRET_KEY", secret_key())
    result["NODE_PATH"] = str(NODE_MODULES)
    result["PYTHONUNBUFFERED"] = "1"
    if addresses:
        hosts = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
        result["ALLOWED_HOSTS"] = ",".join([*hosts, *addresses])
        result["DEBUG"] = "0"  # debug pages tell strangers too much
    return result


def secret_key() -> str:
    """Return a key that is kept, so that a restart logs nobody out."""
    file = STATE / "secret_key"
    STATE.mkdir(exist_ok=True)
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            new.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    return file.read_text()


def only(**settings) -> dict[str, str]:
    """Return this process's environment with these settings of a step, and no others."""
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    fixed = {"NODE_PATH": str(NODE_MODULES), "PYTHONDONTWRITEBYTECODE": "1"}
    return kept | fixed | {name: str(value) for name, value in settings.items()}
