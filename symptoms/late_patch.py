"""gevent's patch after an import: what was imported keeps a half of the old."""

import sys

if "--cured" in sys.argv:
    from gevent import monkey

    monkey.patch_all()  # first of all

from urllib3.util.ssl_ import create_urllib3_context

if "--cured" not in sys.argv:
    from gevent import monkey

    monkey.patch_all()

context = create_urllib3_context()
print("TLS is set up, by", type(context).__module__)
