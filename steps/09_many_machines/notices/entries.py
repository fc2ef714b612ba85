"""What an entry of the stream says: anybody may append anything."""

import json
import logging
from datetime import UTC, datetime
from functools import lru_cache

from django.core.exceptions import ValidationError

from .forms import NoticeForm
from .live import place

logger = logging.getLogger(__name__)


def check(entries):
    """Return entries as a browser takes them: each cursor, and its notice if it has one."""
    return [
        (cursor, None if "began" in fields else read_notice(cursor, fields.get("notice", "")))
        for cursor, fields in entries
    ]


@lru_cache(1000)  # The same for each browser that catches up.
def read_notice(cursor, data):
    """Return what an entry says, or None if it is no notice."""
    try:
        notice = json.loads(data)
        fields = NoticeForm.base_fields  # A whole form takes 30 times as long, for each notice.
        return {
            "id": notice["id"] if isinstance(notice.get("id"), int) else None,
            "author": fields["author"].clean(notice.get("author")),
            "text": fields["text"].clean(notice.get("text")),
            "official": notice.get("official") is True,
            "created": str(notice.get("created") or time_of(cursor)),
        }
    except (AttributeError, OverflowError, RecursionError, ValidationError, ValueError) as error:
        logger.error("Skipped what is not a notice: %.200r: %s", data, error)
        return None


def time_of(cursor):
    """Return when an entry was appended: that is its first number, in milliseconds."""
    return datetime.fromtimestamp(place(cursor)[0] / 1000, UTC).isoformat()
