"""Be the room's server: what attendees install, how far they are, and a board that shows it.

It is the slides' server without slides: `slides --share` has all of this as well.
"""

import argparse
import secrets
import sys
import threading
from pathlib import Path

from workshop.base.paths import ME, ROOT, STATE, must_be_writable
from workshop.base.problem import Problem
from workshop.hall import pack
from workshop.install import source
from workshop.serving import qr, settings
from workshop.serving.ports import addresses, answers, choose_port
from workshop.serving.processes import Child, keep, when_told_to_end

HELP = "be the room's server: packages for all, and a board that shows how far they are"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `host`."""
    parser.add_argument("folder", nargs="?", type=Path, help="a pack (default: pack/, if there)")
    parser.add_argument("--port", type=int, help="default: 8000, or the next one that is free")
    parser.add_argument(
        "--internet", action="store_true", help="first fetch for the pack what it lacks"
    )
    parser.add_argument(
        "--share", action="store_true", help="let everybody on this network in, and show a QR code"
    )
    parser.add_argument(
        "--report", metavar="FILE", type=Path, help="at the end write how long each point took"
    )


def needs(args: argparse.Namespace) -> set[str]:
    """Return what must be installed."""
    if args.internet:
        pack.check(args.folder or pack.DEFAULT)
    elif args.folder and not source.choices(args.folder):  # or one of an older workshop
        raise Problem(f"There is no pack in {args.folder}. `{ME} pack` makes one.", 2)
    must_be_writable(args.report)
    return {"python", "javascript"}


def main(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    folder = (args.folder or pack.DEFAULT).resolve()
    if args.internet:
        pack.make(folder, source.choices(folder) or pack.ALL)
    Hall(args, folder if source.choices(folder) else None).serve(when_told_to_end())
    print("\nStopped.", flush=True)
    return 0


class Hall:
    """The room's server, kept running."""

    def __init__(self, args: argparse.Namespace, folder: Path | None):
        self.args = args
        self.host = "0.0.0.0" if args.share else "127.0.0.1"
        self.port = choose_port(self.host, args.port)
        self.addresses = addresses() if args.share else []
        names = self.addresses or ["localhost"]
        self.urls = [f"http://{name}:{self.port}" for name in names]
        self.token = secrets.token_hex(10)
        self.folder = folder
        self.members = STATE / f"hall-{self.port}.json"
        self.members.unlink(missing_ok=True)  # Not even of a workshop that was killed.

    def start(self) -> Child:
        """Start the server."""
        ours = {
            "TOKEN": self.token,
            "ROOM": self.urls[0],
            "HALL": "yes",
            "PACK": str(self.folder or ""),
            "ROOM_MEMBERS": str(self.members),
            "REPORT": str(self.args.report.absolute() if self.args.report else ""),
        }
        return Child(
            [sys.executable, "-m", "workshop.talk.server", f"{self.host}:{self.port}"],
            log="host",
            cwd=ROOT,
            env=settings.environment(self.addresses) | ours,
        )

    def serve(self, stop: threading.Event) -> None:
        """Serve until stop is set, and forget who was here."""
        try:
            keep(self.start, lambda: answers(self.port, ("127.0.0.1",)), self.announce, stop)
        finally:
            self.members.unlink(missing_ok=True)
        if self.args.report:
            print(f"\nHow long each point took: {self.args.report}")

    def announce(self) -> None:
        """Say where it all is."""
        print(f"\nThe room is at {' and '.join(self.urls)}: a page that says what to type.")
        if self.args.share:
            qr.show(self.urls[0])
        else:
            print("Only this machine can open it; --share lets the room in.")
        if not self.folder:
            print(f"There is no pack: all install from the internet. `{ME} pack` makes one.")
        print(f"How far the room is, for you alone: {self.urls[0]}/board.html?token={self.token}")
        print("Ctrl-C ends it.", flush=True)
