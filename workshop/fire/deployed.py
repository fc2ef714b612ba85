"""deploy/ under fire: all of it is restarted in turn, and each of a thousand pages is watched."""

import json
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from workshop.base import paths
from workshop.base.problem import Problem
from workshop.fire import image
from workshop.fire.target import Subject, Target
from workshop.serving import settings
from workshop.serving.postgresql import PostgreSQL

PAGES = Path(__file__).with_name("pages.py")
LIVE = {  # All that deploy/ reads, so that nothing comes from whose shell this is.
    "DJANGO_SETTINGS_MODULE": "live.settings",
    "MONITOR": "127.0.0.1",
    "DRAIN_SECONDS": "10",
    "HSTS_SECONDS": "3600",
    "CSRF_TRUSTED_ORIGINS": "",
}
PACE = 5  # notices a second, to every page
GOAL = 2.0  # seconds that a page may be without a live one
PATIENCE = 120  # seconds until all are live again


def site(place: Path) -> Path:
    """Put the site into a folder as the image has it, and nginx.conf as one without TLS."""
    image.assemble(place)
    nothing = {"SECRET_KEY": "-", "ALLOWED_HOSTS": "-", "REDIS_URL": "redis://-"}
    environment = settings.only(DATABASE_URL="sqlite:///-", **LIVE, **nothing)
    command = [sys.executable, "manage.py", "collectstatic", "--noinput"]
    subprocess.run(command, cwd=place, env=environment, check=True, capture_output=True)
    (place / "nginx.conf").write_text(plain((image.DEPLOY / "nginx.conf").read_text(), str(place)))
    return place


def plain(config: str, static: str = "/srv/board") -> str:
    """Return deploy/nginx.conf in one piece, for one port of this machine, without TLS."""
    for name in ("processes.conf", "proxy.conf"):
        config = config.replace(f"include {name};", (image.DEPLOY / name).read_text())
    # The other two servers are those of port 80 and of other names.
    *_, board = config.split("\n    server {\n")
    head = config.partition("    # Whoever asks for another name")[0]
    config = f"daemon off;\n{head}    server {{\n{board}"
    config = re.sub(r"^ *(ssl|server_name|listen \[).*\n", "", config, flags=re.MULTILINE)
    changes = {
        "listen 443 ssl;": "listen 127.0.0.1:8000;",
        "$scheme": "https",  # as it would be
        "pid /run/": "pid run/",
        "error_log /var/log/nginx/error.log": "error_log stderr",
        "access_log /var/log/nginx/access.log": "access_log off",
        "include mime.types;": "types { text/css css; text/javascript js; }\n"
        + "".join(
            f"    {name}_temp_path run/{name};\n"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        ),
        "root /srv/board;": f"root {static};",
    }
    for old, new in changes.items():
        config = config.replace(old, new)
    return config


class Pages:
    """The pages, in a process of their own: what they measure must not wait for us."""

    process: Any

    def __init__(self, port: int, number: int):
        command: list = [sys.executable, "-I", PAGES, str(port), str(number)]
        pipe: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.log = paths.log_file("fire-pages")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stderr=log, start_new_session=True, **pipe)

    def ask(self, what: str) -> dict:
        """Ask, and return the answer; "reset" has none."""
        try:
            print(what, file=self.process.stdin, flush=True)
            return {} if what == "reset" else json.loads(self.process.stdout.readline())
        except (OSError, ValueError):
            raise Problem(f"The pages have ended:\n{paths.last_lines(self.log)}") from None

    def end(self) -> None:
        """End them."""
        self.process.kill()
        self.process.wait()


class Rolling:
    """One run."""

    def __init__(self, target: Target, pages: int, stop: threading.Event):
        self.target, self.number, self.stop = target, pages, stop
        self.rows: list[tuple[str, dict]] = []
        self.handed = 0
        self.left: list[psutil.Process] = []  # nginxes that are nobody's
        self.ended = threading.Event()

    def wait(self, ready: Callable[[], object], what: str) -> None:
        """Wait for something."""
        deadline = time.monotonic() + PATIENCE
        while not ready():
            if self.stop.is_set():
                raise KeyboardInterrupt
            if time.monotonic() > deadline:
                raise Problem(f"In {PATIENCE} seconds it did not come: {what}.")
            time.sleep(0.1)

    def all_live(self) -> None:
        """Wait until each page is live."""
        self.wait(lambda: self.pages.ask("look")["live"] == self.number, "all pages to be live")

    def run(self) -> dict:
        """Restart everything, and return what the pages were told."""
        self.pages = Pages(self.target.port, self.number)
        try:
            self.all_live()
            threading.Thread(target=self.send, daemon=True).start()
            for name, restart in self.restarts():
                self.pages.ask("reset")
                restart()
                self.all_live()
                # What one restart has set off must not be counted to the next.
                self.wait(lambda: self.quiet() and self.told(), "all to have what was said")
                self.rows.append((name, self.pages.ask("look")))
            self.ended.set()
            sent = lambda: self.target.sender.saved == self.handed  # noqa: E731
            self.wait(sent, "the notices to be saved")
            self.wait(self.told, "all pages to have the last")
            return self.pages.ask(f"end {self.handed}")
        finally:
            self.ended.set()
            self.pages.end()
            for process in self.left:
                with suppress(psutil.Error):
                    process.terminate()

    def send(self) -> None:
        """Have notices saved, by another process."""
        while not self.ended.wait(1 / PACE):
            self.handed += 1
            self.target.sender.save(str(self.handed))

    def told(self) -> bool:
        """Tell whether every page has what is saved so far, but for what is on its way."""
        saved = self.target.sender.saved
        return self.pages.ask("look")["least"] >= saved - (0 if self.ended.is_set() else PACE)

    def quiet(self) -> bool:
        """Let a second pass."""
        return not self.stop.wait(1)

    def restarts(self):
        """Yield what is restarted, and how."""
        nginx = self.target.server.nginxes[0]
        for number, which in enumerate(self.processes, 1):
            yield f"process {number}", lambda which=which: self.renew(*which)
        yield "nginx, reload", lambda: nginx.tell(signal.SIGHUP)
        for program in (self.target.database, self.target.redis):
            # SIGINT: PostgreSQL does not wait for those who are connected.
            again = lambda p=program: (p.kill(signal.SIGINT), p.start())  # noqa: E731
            yield {"postgresql": "PostgreSQL", "redis": "Redis"}[program.name], again
        yield "nginx, restart", lambda: (nginx.kill(signal.SIGTERM), nginx.start())
        yield "nginx, upgrade", self.upgrade

    @property
    def processes(self) -> list[tuple]:
        """Return the processes, and their ports."""
        return list(zip(self.target.server.processes, self.target.server.ports, strict=True))

    def upgrade(self) -> None:
        """Replace nginx's program: the new one takes who comes, the old one ends with its last.

        That it has a last one, the processes see to, which drain in turn.
        """
        file = self.target.folder / "run" / "nginx.pid"
        child = self.target.server.nginxes[0].started()
        (old,) = child.programs()
        # A server that whoever started it waits for is not replaced: a daemon is.
        child.process.kill()
        child.process.wait()
        self.left.append(old)
        old.send_signal(signal.SIGUSR2)
        self.wait(lambda: read_pid(file) not in (0, old.pid), "the new nginx")
        self.left.append(psutil.Process(read_pid(file)))
        old.send_signal(signal.SIGQUIT)
        for which in self.processes:
            self.renew(*which)
        self.wait(lambda: not old.is_running(), "the old nginx to end")

    def renew(self, process, port: int) -> None:
        """Have a process drain and end, start it again, and wait until it hears Redis."""
        process.kill(signal.SIGTERM)
        process.launch()
        self.wait(lambda: healthy(port), "the process to be well")


def read_pid(file: Path) -> int:
    """Return what a pid file says, or 0 while it says nothing."""
    with suppress(FileNotFoundError):  # nginx renames it.
        return int(file.read_text() or 0)
    return 0


def healthy(port: int) -> bool:
    """Ask a process whether it is well, as deploy/ does."""
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port + 10_000}/healthz", timeout=2).read()
    except OSError:
        return False


def run(pages: int, drain: float, stop: threading.Event) -> int:
    """Put deploy/ under fire, report, and return the exit code."""
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="workshop-deployed-") as folder:
        own = LIVE | {"ALLOWED_HOSTS": "127.0.0.1", "DRAIN_SECONDS": str(drain)}
        command = sys.executable, "-m", "live.serve", "127.0.0.1:{port}"
        subject = Subject(site(Path(folder)), command, settings=own)
        console.print(
            f"deploy/ under fire: {pages} pages, {PACE} notices a second; each process, nginx, "
            f"PostgreSQL and Redis are restarted, a process drains for {drain:g} s. Ctrl-C ends it."
        )
        with Target(subject, PostgreSQL) as target:
            rolling = Rolling(target, pages, stop)
            tally = rolling.run()
    report(console, rolling, tally)
    return int(any(tally[kind] for kind in ("lost", "twice", "disorder")))


def report(console: Console, rolling: Rolling, tally: dict) -> None:
    """Print what came of it."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("restarted", "pages away", "longest", "page loads failed", "slowest load"):
        table.add_column(heading, justify="left" if heading == "restarted" else "right")
    for name, seen in rolling.rows:
        over = "red" if seen["longest"] > GOAL else ""
        table.add_row(
            name,
            str(seen["away"]),
            f"{seen['longest']:.2f} s",
            str(seen["failed"]),
            f"{seen['slowest']:.2f} s",
            style=over,
        )
    console.print(table)
    console.print(
        f"{rolling.handed} notices, {tally['received']} received: {tally['lost']} lost, "
        f"{tally['twice']} twice, {tally['disorder']} out of order; "
        f"{tally['reloads']} pages loaded anew."
    )
    late = [name for name, seen in rolling.rows if seen["longest"] > GOAL]
    console.print(
        f"Longer than {GOAL:g} seconds without a live page: {', '.join(late)}."
        if late
        else f"No page was without a live one for more than {GOAL:g} seconds."
    )
