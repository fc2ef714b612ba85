"""Ask a process whether it is well, or wait so long until it is: live.well PORT [SECONDS]."""

import sys
import time
import urllib.request


def main(port, seconds="0"):
    """Ask /healthz, until it says yes."""
    deadline = time.monotonic() + float(seconds)
    while True:
        try:
            address = f"http://127.0.0.1:{int(port) + 10_000}/healthz"
            return urllib.request.urlopen(address, timeout=2).close()
        except OSError as error:
            if time.monotonic() > deadline:
                sys.exit(f"The process on port {port} is not well: {error}")
        time.sleep(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
