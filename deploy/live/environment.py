"""What must be in the environment. No Django here: gunicorn imports it before its workers."""

import os
import sys

MUST = "SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL"
DRAIN_SECONDS = float(os.environ.get("DRAIN_SECONDS", 10))

if missing := [name for name in MUST if not os.environ.get(name)]:
    sys.exit(f"{', '.join(missing)} must be set in the environment: deploy/README.md says to what.")
