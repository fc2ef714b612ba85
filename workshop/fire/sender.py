"""Save a notice for each line, through the model. Runs on its own, in a step's folder."""

import os
import sys
import time

sys.path[0] = os.getcwd()
os.environ["DJANGO_SETTINGS_MODULE"] = "board.settings"


def main() -> None:
    """Save, and say so; the end of the pipe is the end, however the tool ends."""
    import django

    django.setup()
    from django.db import DatabaseError

    from notices.models import Notice

    print("ready", flush=True)
    for line in sys.stdin:
        while True:
            try:
                Notice.objects.create(author="Another process", text=line.strip())
                break
            except DatabaseError as error:  # SQLite is busy: nothing was saved.
                print(error, file=sys.stderr, flush=True)
                time.sleep(0.1)
        print("saved", flush=True)


if __name__ == "__main__":
    main()
