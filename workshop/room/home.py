"""The lessons in your browser: each with its diff, your running step, and what check says."""

import argparse
import os
import secrets
import sys
import webbrowser
from pathlib import Path

from workshop.base import notes
from workshop.base.paths import ROOT, STATE, shown_folder
from workshop.base.problem import Problem
from workshop.base.steps import find
from workshop.learn import events, mine
from workshop.serving import running
from workshop.serving.ports import answers, choose_port
from workshop.serving.processes import Child, keep, when_told_to_end

HELP = "the lessons in your browser, with your board and what check says"
FIRST_PORT = 8100
LENGTH = 20  # letters: a token that is shorter was cut off
HERE = "127.0.0.1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `home`."""
    parser.add_argument("--port", type=int, help="default: 8100, or the next one that is free")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    parser.add_argument("--dir", metavar="DIR", help="another folder than my/")


def needs(args: argparse.Namespace) -> set[str]:
    """Return what must be installed."""
    return {"python", "javascript"}


def main(args: argparse.Namespace) -> int:
    """Serve the lessons on this machine alone, until Ctrl-C; again if the server dies."""
    folder = mine.chosen(args.dir)
    state = STATE / "home"
    state.mkdir(parents=True, exist_ok=True)
    token = token_of(state / "token")
    if other := [each for each in running.everything() if each.get("home") == str(folder)]:
        print("It runs already, in another terminal.")
        show(other[0]["url"], folder, token, not args.no_browser)
        return 0
    stop = when_told_to_end()
    port = choose_port(HERE, args.port, FIRST_PORT)
    url = f"http://localhost:{port}"
    told = []

    def announce() -> None:
        what = {"step": "the lessons", "folder": str(ROOT), "home": str(folder)}
        told.append(running.tell(**what, url=url, port=port, redis=None))
        show(url, folder, token, not args.no_browser)
        print("Ctrl-C ends it, and what its buttons have started.\n", flush=True)

    try:
        keep(
            lambda: start(folder, port, token, state),
            lambda: answers(port, (HERE,)),
            announce,
            stop,
        )
    finally:
        for file in told:
            file.unlink(missing_ok=True)
    print("\nStopped.", flush=True)
    return 0


def show(url: str, folder: Path, token: str, browser: bool) -> None:
    """Print the address, and open it."""
    address = f"{url}/{lesson_of(folder)}?token={token}"
    print(f"\nThe lessons, and what you do in {shown_folder(folder)}:\n\n  {address}\n")
    print("Who has this address can run what is in that folder: keep it to yourself.\n", flush=True)
    if browser:
        webbrowser.open(address)


def lesson_of(folder: Path) -> str:
    """Return the address of the lesson that a folder is in, or of them all."""
    try:
        return f"steps/{find(str(notes.read(folder).get('step'))).name}/README.md"
    except Problem:
        return ""


def start(folder: Path, port: int, token: str, state: Path) -> Child:
    """Start the server."""
    file = state / f"{events.file_of(folder).stem}.json"
    ours = {"HOME_TOKEN": token, "HOME_FOLDER": str(folder), "HOME_FILE": str(file)}
    command = [sys.executable, "-m", "workshop.room.home_server", f"{HERE}:{port}"]
    return Child(command, log="home", cwd=ROOT, env=os.environ | ours)


def token_of(file: Path) -> str:
    """Return a token that is kept, so that a page that is open is let in after a restart."""
    if not file.exists() or len(file.read_text()) < LENGTH:
        part = file.with_name(f"{file.name}.{os.getpid()}")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as new:
            new.write(secrets.token_urlsafe(16))
        part.replace(file)  # All of it is there, or none.
    return file.read_text()
