"""Start the tool. This file must parse on any Python, to be able to say which one is needed."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        "This workshop needs Python 3.11 or newer, and this is Python %d.%d. "  # noqa: UP031
        "Install a newer one from https://www.python.org/downloads/ or with your "
        "system's packages, then try again with it, for example: "
        "python3.13 -m workshop" % sys.version_info[:2]
    )

from workshop.cli import main

sys.exit(main())
