"""Prepare a step's database. Runs on its own, in the step's folder: python prepare.py

In one process, as starting Django costs more than all that is done here.
"""

import contextlib
import os
import signal
import sys
from pathlib import Path

sys.path[0] = os.getcwd()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "board.settings")

SEEDS = [
    ("Registration", "Welcome! Badges are at the desk by the entrance.", True),
    ("Track B", "The next talk starts ten minutes late.", True),
    ("Lost and found", "Somebody left a blue umbrella in room 2.", False),
]


def main() -> None:
    """Migrate, give the admin user this run's password, and fill an empty board."""
    import django
    from django.core.management import call_command

    django.setup()
    with in_full():
        call_command("migrate", verbosity=0, interactive=False)
        if password := os.environ.get("WORKSHOP_ADMIN_PASSWORD"):
            set_admin_password(password)
        fill_empty_board()


@contextlib.contextmanager
def in_full():
    """Make a new SQLite file in full or not at all: half of it could not be migrated any more."""
    from django.db import connection

    file = Path(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or connection.is_in_memory_db() or is_made(file):
        yield
        return
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    connection.settings_dict["NAME"] = str(part)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that it tidies up
    try:
        yield
        connection.close()
        if not is_made(file):  # another call may have made it meanwhile
            part.replace(file)
    finally:
        connection.close()
        part.unlink(missing_ok=True)


def is_made(file):
    """Tell whether there is something in a file: whoever only looks at it leaves it empty."""
    return file.exists() and file.stat().st_size > 0


def set_admin_password(password: str) -> None:
    """Give the user admin this password."""
    from django.contrib.auth.hashers import PBKDF2PasswordHasher
    from django.contrib.auth.models import User

    # A million rounds protect a word that a person chose and cost half a second here; this one
    # is random, and Django brings it to strength by itself when it is first used.
    hasher = PBKDF2PasswordHasher()
    encoded = hasher.encode(password, hasher.salt(), iterations=1000)
    rights = {"password": encoded, "is_staff": True, "is_superuser": True, "is_active": True}
    User.objects.update_or_create(username="admin", defaults=rights)


def fill_empty_board() -> None:
    """Add a few notices where there is none."""
    from notices.models import Notice

    if not Notice.objects.exists():
        # In bulk, as that publishes nothing.
        Notice.objects.bulk_create(
            Notice(author=author, text=text, official=official) for author, text, official in SEEDS
        )


if __name__ == "__main__":
    main()
