"""Save a notice for each line, through the model. Runs on its own, in a step's folder."""

import os
import sys
import time
import uuid
from contextlib import suppress

sys.path[0] = os.getcwd()
os.environ["DJANGO_SETTINGS_MODULE"] = "board.settings"


def main() -> None:
    """Save, and say so; the end of the pipe is the end, however the tool ends."""
    import django

    django.setup()
    from django.db import Error, connection

    from notices.models import Notice

    keyed = hasattr(Notice, "key")  # from step 5 on
    print("ready", flush=True)
    for line in sys.stdin:
        what = {"author": "Another process", "text": line.strip()}
        key = uuid.uuid4()
        while True:
            try:
                if keyed:
                    # Saved, it may be, and then the database was gone: so it is asked first.
                    Notice.objects.get_or_create(key=key, defaults=what)
                else:
                    Notice.objects.create(**what)
                break
            except Error as error:
                with suppress(OSError):  # The disk is full.
                    print(error, file=sys.stderr, flush=True)
                connection.close()  # which may have died; the next has one of its own
                time.sleep(0.1)
        print("saved", flush=True)


if __name__ == "__main__":
    main()
