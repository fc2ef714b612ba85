"""What is said while the database does not answer, or has no room for more."""

import logging

from django.db import InterfaceError, OperationalError
from django.http import HttpResponse

OUTAGE = (InterfaceError, OperationalError)

logger = logging.getLogger(__name__)


class Middleware:
    """Answer a request that needs the database with a sentence, and log a line."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        """Called by Django when a view has failed."""
        if not isinstance(exception, OUTAGE):
            return None
        logger.error("%s %s: %s", request.method, request.path, exception)
        said = "The database does not answer. If you sent something, it is not saved: "
        return HttpResponse(said + "go back, and try again in a moment.\n", "text/plain", 503)
