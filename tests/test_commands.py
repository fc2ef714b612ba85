"""The commands that the READMEs show, run as a reader does, in the order of each page.

Each page has a clean copy of the repository. In a step's README, `python3 -m workshop …` is typed
in the repository's folder and all else in the step's, where `python` is that of .venv. A server
runs until the next one starts or the page ends, and Ctrl-C must then end it in order. What differs
from what a reader types, as this machine may be somebody else's as well:

- A server gets a free port as its last argument, and `localhost:8000` is replaced to match.
- REDIS_URL names a Redis of the test's own, and so does a `-p` after `redis-cli`.
- `pkill` gets a `-g`: it looks only at the processes of this page's server.
- BROWSER is a program that opens nothing.
"""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import venv
from pathlib import Path

import psutil
import pytest
import requests

from support import PATIENCE, ROOT, environment, free_port, wait_until
from test_tool import MADE
from workshop import listings

pytestmark = pytest.mark.skipif(os.name == "nt", reason="written with POSIX signals")

PAGES = ["README.md", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("steps/*/README.md"))]
SERVER = re.compile(r"python3 -m workshop run\b|python (manage\.py runserver|serve\.py)\b")
TOOL = re.compile(r"python3 -m workshop\b")
