"""A step's own settings, and who may show its pages in a frame: the slides and the notebooks.

Django lets nobody. The tool serves a step with DJANGO_SETTINGS_MODULE=framed, and its PYTHONPATH
has this folder, with what else the tool adds; the step itself knows nothing of it.
"""

import os

from board.settings import *  # noqa: F403
from board.settings import INSTALLED_APPS, MIDDLEWARE

MIDDLEWARE = ["stacks.middleware", *MIDDLEWARE, "framed.frame_ancestors"]
if "STAGE_FILE" in os.environ:  # in the slides
    INSTALLED_APPS = ["stage.Stage", *INSTALLED_APPS]
    MIDDLEWARE = ["stage.middleware", *MIDDLEWARE]
if "PROJECTOR" in os.environ:  # in the slides
    MIDDLEWARE = [*MIDDLEWARE, "projector.middleware"]
MINE = "'self' http://localhost:* http://127.0.0.1:*"


def frame_ancestors(get_response):
    """Let pages of this machine frame the site, or those that FRAME_ANCESTORS names, nobody else's.

    Another's page could hide ours under its own buttons, and have you press what you do not see.
    X-Frame-Options can't name pages, only DENY them all: a browser goes by frame-ancestors, or is
    too old to know it. Both are on every page, the admin's too, and not on static files.
    """

    def middleware(request):
        response = get_response(request)
        allowed = os.environ.get("FRAME_ANCESTORS", MINE)
        response["Content-Security-Policy"] = f"frame-ancestors {allowed}"
        return response

    return middleware
