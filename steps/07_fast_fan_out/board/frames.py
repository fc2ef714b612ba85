"""Who may show the site in a frame of a page of theirs."""

from django.conf import settings


def frame_ancestors(get_response):
    """Let pages of this machine frame the site, as slides and notebooks do, and nobody else's.

    Another's page could hide ours under its own buttons, and have you press what you do not see.
    X-Frame-Options can't name pages, only DENY them all: a browser goes by frame-ancestors, or is
    too old to know it. Both are on every page, the admin's too, and not on static files.
    """

    def middleware(request):
        response = get_response(request)
        response["Content-Security-Policy"] = f"frame-ancestors {settings.FRAME_ANCESTORS}"
        return response

    return middleware
