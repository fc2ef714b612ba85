"""Serve a pack to the room: a page with one line to paste, the repository, and all packages."""

import argparse
from pathlib import Path

from workshop.base.paths import ME
from workshop.base.problem import Problem
from workshop.hall import pack
from workshop.install import source
from workshop.serving import ports

HELP = "serve a pack to a room: the repository and all packages"
PORT = 8090


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `host`."""
    parser.add_argument("folder", nargs="?", type=Path, default=pack.DEFAULT, help="default: pack/")
    parser.add_argument("--port", type=int, help=f"default: {PORT}, or the next one that is free")
    parser.add_argument(
        "--internet", action="store_true", help="first fetch for the pack what it lacks"
    )
    parser.add_argument(
        "--share", action="store_true", help="let everybody on this network in, and show a QR code"
    )


def needs(args: argparse.Namespace) -> set[str]:
    """Return what must be installed."""
    if args.internet:
        pack.check(args.folder)
    elif not source.choices(args.folder):  # or one of an older workshop, which does not say
        raise Problem(f"There is no pack in {args.folder}. `{ME} pack` makes one.", 2)
    return {"python"}


def main(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    if args.internet:
        pack.make(args.folder.resolve(), source.choices(args.folder) or pack.ALL)
    from gevent.pywsgi import WSGIServer

    from workshop.hall.site import Site

    host = "0.0.0.0" if args.share else "127.0.0.1"
    port = ports.choose_port(host, args.port, PORT)
    addresses = ports.addresses() if args.share else []
    urls = [f"http://{address}:{port}" for address in addresses or ["localhost"]]
    site = Site(args.folder.resolve(), urls[0])
    print(f"The pack is at {' and '.join(urls)}: a page that says what to type.")
    if args.share:
        import segno

        segno.make(urls[0], micro=False).terminal(compact=True, border=2)
    else:
        print("Only this machine can open it; --share lets the room in.")
    print("Ctrl-C ends it.", flush=True)
    WSGIServer((host, port), site, log=None, backlog=4096).serve_forever()
    return 0
