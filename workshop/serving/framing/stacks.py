"""What `python3 -m workshop stacks` shows: where each greenlet of a step is, in the step's code.

The tool asks each process over HTTP, with a token that nobody else knows.
"""

import gc
import linecache
import os
import secrets
import sys
import traceback
from collections import Counter

from django.http import HttpResponse
from greenlet import greenlet

STEP = os.getcwd() + os.sep
THREADS = "There are no greenlets: Django's own server has threads. Step 2 brings gevent.\n"
FROZEN = "Not those that were there when gc.freeze() was called: they are hidden since.\n"


def middleware(get_response):
    """Answer the tool; leave everybody else to the step."""
    token = os.environ.get("STACKS_TOKEN", "").encode()

    def answer(request):
        given = request.headers.get("X-Stacks-Token", "").encode()
        if token and secrets.compare_digest(given, token):
            return HttpResponse(show(), "text/plain; charset=utf-8")
        return get_response(request)

    return answer


def show():
    """Return where all greenlets are, those that are at the same place together."""
    if "gevent" not in sys.modules:
        return THREADS
    from gevent import get_hub

    found = [each for each in gc.get_objects() if isinstance(each, greenlet)]
    inside: Counter[str] = Counter()
    waiting: Counter[str] = Counter()
    for stack in (list(traceback.walk_stack(each.gr_frame)) for each in found if each.gr_frame):
        rows = [row(*at) for at in reversed(stack) if at[0].f_code.co_filename.startswith(STEP)]
        if rows:
            inside["\n".join(rows)] += 1
        else:
            waiting[place(*stack[0])] += 1
    parts = [f"{number} ×\n{rows}\n" for rows, number in inside.most_common()]
    parts += ["\nAnd these wait, in no code of the step:\n"] if waiting else []
    parts += [f"{number} × {where}\n" for where, number in waiting.most_common()]
    return "".join(parts) + ("" if get_hub() in found else FROZEN)


def row(frame, number):
    """Return a line of the step, and where it is, one below the other as in a traceback."""
    code = linecache.getline(frame.f_code.co_filename, number).strip()
    return f"    {place(frame, number)}\n        {code}"


def place(frame, number):
    """Return where a line is: its file, seen from the step or from the libraries' folder."""
    path = frame.f_code.co_filename.removeprefix(STEP).split("site-packages" + os.sep)[-1]
    return f"{path}:{number} in {frame.f_code.co_name}"
