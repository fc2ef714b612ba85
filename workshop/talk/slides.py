"""Present the talk: slides, notes, the steps running in them, and a room that follows."""

import argparse
import contextlib
import itertools
import json
import os
import re
import secrets
import sys
import threading
import time
import webbrowser
from pathlib import Path

from workshop.base.paths import ME, ROOT, STATE, must_be_writable, shown
from workshop.base.problem import Problem
from workshop.base.steps import Step, all_steps
from workshop.hall import pack
from workshop.install import source
from workshop.serving import redis_server, running, settings, watching
from workshop.serving.ports import addresses, answers, choose_port, free_port
from workshop.serving.processes import Child, when_told_to_end
from workshop.serving.site import Site
from workshop.show import screen
from workshop.talk import rehearsal
from workshop.talk.export import export_pdf, export_site

HELP = "present the talk; --share lets the room follow, --export writes a PDF or a site"
SLIDES = ROOT / "slides"
POSTS_IN_TEN_SECONDS = "3"  # from one phone
RETRY = 5  # seconds, before a step that could not be started is tried again
preparing = threading.Lock()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `slides`."""
    parser.add_argument("--port", type=int, help="default: 8000, or the next one that is free")
    parser.add_argument(
        "--share", action="store_true", help="let everybody on this network follow, by a QR code"
    )
    past = parser.add_mutually_exclusive_group()
    past.add_argument("--fresh", action="store_true", help="empty boards, no votes: the default")
    past.add_argument("--keep", action="store_true", help="go on with what the last talk left")
    parser.add_argument("--no-browser", action="store_true", help="do not open the pages")
    parser.add_argument(
        "--rehearse", action="store_true", help="time each slide, and compare with the plan"
    )
    parser.add_argument(
        "--results",
        metavar="FILE",
        type=Path,
        help="where polls and questions are saved (default: .workshop/slides/results.json)",
    )
    parser.add_argument(
        "--report",
        metavar="FILE",
        type=Path,
        help="at the end write how long each point of the lessons took the attendees",
    )
    parser.add_argument(
        "--export",
        metavar="WHERE",
        help="only write the slides: to talk.pdf, or as a site that needs no server to site/",
    )
    parser.add_argument(
        "--notes", action="store_true", help="with --export talk.pdf: each slide's notes under it"
    )
    parser.add_argument(
        "--speaker", metavar="NAME", help="who speaks, on the first and the last slide; or SPEAKER"
    )
    parser.add_argument(
        "--address", metavar="URL", help="where the repository is, on the last slide; or ADDRESS"
    )


def needs(args: argparse.Namespace) -> set[str]:
    """Return what must be installed."""
    return {"python", "javascript"} | ({"tests", "chromium"} if is_pdf(args.export) else set())


def is_pdf(export: str | None) -> bool:
    """Tell whether a PDF is wanted."""
    return export is not None and export.lower().endswith(".pdf")


def main(args: argparse.Namespace) -> int:
    """Present until Ctrl-C, or export."""
    set_about(args)
    if args.notes and not is_pdf(args.export):
        raise Problem(f"Notes are for a PDF:  {ME} slides --export talk-notes.pdf --notes")
    if args.export:
        if is_pdf(args.export):
            export_pdf(Path(args.export), args.notes)
        else:
            export_site(Path(args.export))
        return 0
    STATE.mkdir(exist_ok=True)
    for file in (args.results, args.report):
        must_be_writable(file)
    stop = when_told_to_end()
    talk = Talk(args, stop)
    try:
        talk.serve()
    finally:
        talk.end()
        talk.show_results()
    print("\nStopped.", flush=True)
    return 0


def set_about(args: argparse.Namespace) -> None:
    """Have page.py, also in the deck's own process, know who speaks and where the repository is."""
    for name in ("SPEAKER", "ADDRESS"):
        if (given := getattr(args, name.lower())) is not None:
            os.environ[name] = given.strip()
    address = os.environ.get("ADDRESS", "")
    if address and not re.fullmatch(r"https?://[^\s/]\S{0,500}", address):
        raise Problem(
            f"{address!r} is no address for the last slide: it is like https://host/name."
        )


class LiveStep(Site):
    """A step beside the slides: what it prints goes to a log, and it is kept running."""

    def __init__(self, step: Step, host: str, port: int, stop: threading.Event):
        super().__init__(step, host, port, stop)
        self.server_log = f"slides-{step.number}"
        self.prepare_log = f"slides-{step.number}-prepare"
        self.is_up = False
        self.tried = 0.0

    def keep(self) -> None:
        """Serve until stop is set; again when it has died, and anew when a file has changed."""
        changes = watching.changes(self.step.folder, self.stop)
        # Two can't prepare one and the same database side by side.
        turn = preparing if "DATABASE_URL" in os.environ else contextlib.nullcontext()
        with turn:
            self.is_up = self.start(watching.python_files(self.step.folder))
        for changed in changes:
            if changed:
                self.restart(changed)
            elif self.server and self.server.exit_code() is not None:
                print(f"Step {int(self.step.number)} had died: started again.", flush=True)
                self.server = None
                self.try_again()
            elif not self.server and not self.broken and time.monotonic() > self.tried + RETRY:
                self.try_again()

    def try_again(self) -> None:
        """Start again what did not stay up."""
        self.tried = time.monotonic()
        self.is_up = self.start(set())


def state_folder() -> Path:
    """Return where a talk keeps its boards and votes: one that runs beside it has another."""
    if named := os.environ.get("SLIDES_STATE"):
        return Path(named)
    taken = {what.get("talk") for what in running.everything()}
    names = itertools.chain(["slides"], (f"slides-{number}" for number in itertools.count(2)))
    return next(STATE / name for name in names if str(STATE / name) not in taken)


class Talk:
    """The deck's server, the steps, and the Redis of both."""

    def __init__(self, args: argparse.Namespace, stop: threading.Event):
        self.args = args
        self.stop = stop
        self.host = "0.0.0.0" if args.share else "127.0.0.1"
        self.port = choose_port(self.host, args.port)
        self.url = f"http://localhost:{self.port}"
        self.addresses = addresses() if args.share else []
        self.room = f"http://{self.addresses[0]}:{self.port}" if args.share else ""
        self.token = secrets.token_hex(10)
        self.password = secrets.token_urlsafe(9)
        # Whoever has 6379 may go away in the middle of the talk, or say things of its own.
        self.redis = redis_server.own_or_named()
        self.folder = state_folder()
        self.members = self.folder / "members.json"  # who is here, while the talk goes on
        self.past = self.begin(args.keep)
        self.steps: list[LiveStep] = []
        self.threads: list[threading.Thread] = []
        self.deck: Child | None = None
        self.told: Path | None = None
        self.began = time.time()
        # With the rest of the talk, which the next one puts away.
        self.results = (args.results or self.folder / "results.json").absolute()
        self.record = rehearsal.new_record() if args.rehearse else None

    def begin(self, keep: bool) -> str:
        """Put away what the last talk left, unless it is to be kept; return what came of it."""
        said = "empty"
        if keep:
            said = "as the last talk left them"
        elif self.folder.exists():
            # With the time, as an attendee's my/: two starts in a row lose nothing.
            now = time.strftime("%Y-%m-%d-%H%M%S")
            before = self.folder.with_name(f"{self.folder.name}-{now}")
            self.members.unlink(missing_ok=True)  # Not even of a talk that was killed.
            self.folder.rename(before)
            said = f"empty: without --keep, what the last talk left goes to {shown(before)}"
        self.folder.mkdir(parents=True, exist_ok=True)
        return said if "DATABASE_URL" not in os.environ else "in DATABASE_URL: what is there stays"

    def serve(self) -> None:
        """Start everything, the deck first; start again what dies, until stop is set."""
        self.choose_steps()
        deck = self.start_deck()
        self.wait_for_deck(deck)
        self.announce()
        self.threads = [threading.Thread(target=step.keep, daemon=True) for step in self.steps]
        for thread in self.threads:
            thread.start()
        waiting = True
        while not self.stop.wait(0.2):
            if deck.exit_code() is not None:
                print("The slides' server had died: started again.", flush=True)
                deck = self.start_deck()
                self.stop.wait(1)
            if self.redis.had_died():
                print("Redis had died: started again.", flush=True)
                self.stop.wait(1)
            if waiting and all(step.is_up for step in self.steps):
                print("The steps are up.", flush=True)
                waiting = False

    def choose_steps(self) -> None:
        """Give each step that is live on a slide a port, and all the same Redis and password."""
        port = self.port
        # The deck is on the network under each of these, and has the steps in frames.
        deck = [f"http://{address}:{self.port}" for address in self.addresses]
        allowed = " ".join(["'self'", "http://localhost:*", "http://127.0.0.1:*", *deck])
        shown_live = (SLIDES / "deck.md").read_text(encoding="utf-8")
        for step in all_steps():
            if f'data-live="{int(step.number)}"' not in shown_live:
                continue
            port = free_port(self.host, port + 1)
            # Until step 3 nothing reaches another's screen, and Django's own server can't hold a
            # room: the room has a picture of it.
            with_room = int(step.number) >= 3
            live = LiveStep(step, self.host if with_room else "127.0.0.1", port, self.stop)
            live.password = self.password
            live.redis = self.redis
            live.environment |= {"REDIS_URL": self.redis.url, "FRAME_ANCESTORS": allowed}
            live.environment["PROJECTOR"] = ""  # large in the frames
            # Not the attendee's own board, and the tool can empty it.
            database = f"sqlite:///{self.folder / f'{step.number}.sqlite3'}"
            live.environment.setdefault("DATABASE_URL", database)
            if with_room:
                live.environment["STAGE_FILE"] = str(self.folder / f"{step.number}.json")
                live.environment.setdefault("POSTS_IN_TEN_SECONDS", POSTS_IN_TEN_SECONDS)
            self.steps.append(live)

    def start_deck(self) -> Child:
        """Start the deck's server."""
        ports = {str(int(step.step.number)): step.port for step in self.steps}
        ours = {
            "TOKEN": self.token,
            "ROOM": self.room,
            "REDIS_URL": self.redis.url,
            "STEPS": json.dumps(ports),
            "RESULTS": str(self.results),
            "REHEARSAL": str(self.record or ""),
            "TOKENS": json.dumps({str(int(s.step.number)): s.stacks_token for s in self.steps}),
            "ROOM_FILE": str(self.folder / "room.json"),
            "ROOM_MEMBERS": str(self.members),
            "REPORT": str(self.args.report.absolute() if self.args.report else ""),
            # Whoever may follow may install from here as well.
            "PACK": str(pack.DEFAULT) if self.room and source.choices(pack.DEFAULT) else "",
        }
        self.deck = Child(
            [sys.executable, "-m", "workshop.talk.server", f"{self.host}:{self.port}"],
            log="slides",
            cwd=ROOT,
            env=settings.environment(self.addresses) | ours,
        )
        return self.deck

    def wait_for_deck(self, deck: Child) -> None:
        """Wait until the deck's server answers."""
        up = deck.wait_until(lambda: answers(self.port, ("127.0.0.1",)), self.stop)
        if not up and not self.stop.is_set():
            raise Problem(deck.said("The slides' server did not start"))

    def announce(self) -> None:
        """Say what runs: to other commands, to the presenter, and to the browser."""
        board = next(step for step in self.steps if step.step.number == "04")
        self.told = running.tell(
            step=f"{board.step.name}, in the slides at {self.url}",
            folder=str(board.step.folder),
            url=board.url,
            port=board.port,
            redis=self.redis.url,
            talk=str(self.folder),
        )
        self.show()
        if not self.args.no_browser:
            webbrowser.open(self.leading("presenter.html"), new=1)
            webbrowser.open(self.leading(""), new=1)

    def leading(self, page: str, url: str | None = None) -> str:
        """Return the address of a page that leads."""
        return f"{url or self.url}/{page}?token={self.token}"

    def show(self) -> None:
        """Print a screenful."""
        from rich.console import Console
        from rich.table import Table

        console = Console(highlight=False, soft_wrap=True)
        console.print("\n[bold]The slides[/bold]\n")
        table = Table.grid(padding=(0, 2))
        table.add_row("  Projector", f"[bold]{self.leading('')}[/bold]")
        table.add_row("  Presenter", f"[bold]{self.leading('presenter.html')}[/bold]")
        steps = ", ".join(f"{int(s.step.number)} at :{s.port}" for s in self.steps)
        if self.room:
            remote = self.leading("remote.html", self.room)
            table.add_row("  Remote", f"[bold]{remote}[/bold]   (your phone)")
            board = self.leading("board.html", self.room)
            table.add_row("  Attendees", f"[bold]{board}[/bold]   (how far they are)")
        table.add_row("  Steps", steps)
        table.add_row("  Admin", f"user [bold]admin[/bold]   password [bold]{self.password}[/bold]")
        table.add_row("  Redis", f"{redis_server.without_password(self.redis.url)}")
        table.add_row("  Files", f"{shown(SLIDES)}   (a saved change reloads the slides)")
        console.print(table)
        console.print(f"\nThe boards are {self.past}.")
        console.print(
            "\nWho has these addresses leads: keep them to yourself."
            "\nOn the slides: arrows or a clicker, S the presenter's view, F full screen, B black,"
            "\nO overview, P the box to publish from, ? all keys."
        )
        if self.room:
            self.show_how_to_follow(console)
        else:
            console.print(f"\nTo let the room follow on its phones:  {ME} slides --share")
        console.print("\nCtrl-C ends it.\n")

    def show_how_to_follow(self, console) -> None:
        """Print the address for the room, and what to do when the phones can't reach it."""
        screen.show_address(console, self.room)
        console.print(
            f"\nWho follows along installs by {self.room}/setup and joins with check --watch."
            f"\nOther names of this machine: {', '.join(self.addresses[1:])}"
            f"\nLead from a tablet of your own: {self.leading('presenter.html', self.room)}"
            "\n\nBefore the talk, open the address on a phone. If it does not come up there, and"
            "\nthe presenter's view goes on saying that 0 follow, then a firewall on this"
            "\nmachine is in the way, or the network keeps its guests apart, as many do. Then"
            "\nshare a phone's hotspot or a small router of your own, or go by cable. Or go on"
            f"\nwithout, and give the room a site:  {ME} slides --export site/"
            "\n\nEverybody on this network can follow and post. It is plain HTTP."
        )

    def show_results(self) -> None:
        """Say what the room has left, and how long each slide took."""
        if self.results.exists() and self.results.stat().st_mtime >= self.began:
            print(f"\nPolls and questions: {shown(self.results)}")
        if self.args.report:
            print(f"\nHow long each point took: {self.args.report}")
        if self.record:
            rehearsal.show(self.record)

    def end(self) -> None:
        """End everything, at once."""
        self.stop.set()
        if self.told:
            self.told.unlink(missing_ok=True)
        for thread in self.threads:
            thread.join(1)
        children = [self.deck, *(step.server for step in self.steps), self.redis.child]
        for child in filter(None, children):
            child.ask_to_end()
        for child in filter(None, children):
            child.end()
        self.members.unlink(missing_ok=True)  # Nobody's name stays.
