"""How it goes, a line a fault; and what came of it, as a table, a picture or Markdown."""

import threading
import time
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from workshop.base.paths import ME, shown, shown_folder
from workshop.base.steps import Step
from workshop.base.words import counted
from workshop.fire.size import Size
from workshop.fire.tally import Tally

WIDTH = 84
HEADINGS = ("fault", "sent", "received", "lost", "twice", "out of order", "longest silence")
# Where to look in an attendee's folder. The clients are a page that is known to do right: what
# they lack is the server's doing, and what only a window lacks is the page's.
LOOK = {
    "the log": "Look at `publish` in notices/live.py: what leaves the outbox is in the log, once, "
    "and for good; of a cluster, on two of its nodes.",
    "the server": "Look at notices/namespaces.py: `on_since` tells a page all that came after "
    "its cursor, and `broadcast` tells the others.",
    "the page": "Look at notices/static/notices/board.js: its cursor moves with each entry, what "
    "is not after it is skipped, and `catchUp` asks for what came since.",
    "the outbox": "Look at notices/outbox.py and the model's `save`: what is saved waits there "
    "until it is published, whoever dies meanwhile.",
    "a post": "Look at `on_post` in notices/namespaces.py: what a page posts is saved, once for "
    "each key, and answered.",
    "nobody": "Nothing was lost, but it took too long: look at what `on_since` answers, and when "
    "the server says that it is live.",
}
# As rich's own, without the font that it would fetch.
SVG = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


class Display:
    """All faults of a call."""

    def __init__(self, step: Step, size: Size, faults: list, folder: Path | None = None):
        self.step, self.size, self.faults, self.folder = step, size, faults, folder
        self.tallies: list[Tally] = []
        self.stop = threading.Event()
        self.stopped = False
        self.console = Console(highlight=False)
        self.progress = Progress(
            TextColumn("{task.fields[name]:16}"),
            BarColumn(20),
            TextColumn("{task.fields[said]}"),
            console=self.console,
            refresh_per_second=4,
            disable=not self.console.is_terminal,  # In a file, a line a fault is enough.
        )

    def __enter__(self):
        windows = f" and {self.size.windows} Chromium windows" if self.size.windows else ""
        self.console.print(
            f"{self.name} under fire: {self.size.notices} notices to "
            f"{self.size.clients} clients{windows}, under {counted(len(self.faults), 'fault')}. "
            "Ctrl-C ends it.\n"
        )
        self.progress.start()

    def __exit__(self, *_):
        self.progress.stop()

    @property
    def name(self) -> str:
        """Return what is under fire."""
        step = f"tep {int(self.step.number)}"
        return f"{shown_folder(self.folder)} as s{step}" if self.folder else f"S{step}"

    def task(self, fault):
        """Return the line of a fault that begins."""
        return Line(self, fault)

    def report(self, file: Path | None) -> None:
        """Print what is known, and write it to a file."""
        if not self.tallies:
            print("Stopped before the first fault had ended.")
            return
        self.console.print()
        self.print_to(self.console)
        if self.stopped:
            return  # A file shows a whole run.
        if file and file.suffix == ".md":
            file.write_text(self.markdown(), encoding="utf-8")
        elif file:
            canvas = Console(record=True, width=WIDTH, file=StringIO(), highlight=False)
            self.print_to(canvas)
            number = int(self.step.number)
            title = f"{ME} fire {f'--dir {shown(self.folder)}' if self.folder else number}"
            svg = canvas.export_svg(title=title, code_format=SVG, unique_id="fire")
            file.write_text(svg, encoding="utf-8")

    def print_to(self, console: Console) -> None:
        """Print the table, and what there is to say about it."""
        table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
        for heading in HEADINGS:
            table.add_column(heading, justify="left" if heading == "fault" else "right")
        for tally in self.tallies:
            style = "" if tally.good else "red"
            table.add_row(*row(tally), style=style)
        console.print(table)
        for line in self.notes():
            console.print(line)

    def markdown(self) -> str:
        """Return the report as Markdown."""
        rows = [HEADINGS, ["---", *["---:"] * (len(HEADINGS) - 1)], *map(row, self.tallies)]
        table = "".join(f"| {' | '.join(cells)} |\n" for cells in rows)
        return table + "".join(f"\n{line}\n" for line in self.notes() if line)

    def notes(self) -> list[str]:
        """Return the lines under the table."""
        lines = [""]
        for tally in self.tallies:
            lines += [f"{tally.fault}: {sentence}." for sentence in tally.wrong + tally.unseen]
        size, last = self.size, len(self.tallies)
        who = counted(size.clients, "python-socketio client")
        who += f" and {counted(size.windows, 'Chromium window')}" if size.windows else ""
        lines.append(f"Each notice went to {who}." + ("" if size.windows else " No Chromium."))
        if off := sum(tally.off for tally in self.tallies):
            lines.append(
                f"{off} neither received nor lost: they had scrolled off the board, which shows "
                "50, when a page loaded it anew."
            )
        dropped = {tally.fault: tally.dropped for tally in self.tallies if tally.dropped}
        if dropped:
            where = ", ".join(f"{fault} {count}" for fault, count in dropped.items())
            lines.append(f"Came to clients a second time, and were not shown: {where}.")
        if self.stopped:
            lines.append(f"Stopped: {last} of {len(self.faults)} faults were tried.")
        elif all(tally.good for tally in self.tallies):
            lines.append("Nothing was lost, nothing shown twice, nothing out of order.")
        elif self.folder:
            lines += self.where_to_look(self.folder, self.tallies[-1])
        return lines

    def where_to_look(self, folder: Path, tally: Tally) -> list[str]:
        """Return where in somebody's folder the mistake is, as far as that can be seen."""
        whose = next((each for each in LOOK if each in tally.theirs), "nobody")
        left = len(self.faults) - len(self.tallies)
        return [
            LOOK["the outbox" if tally.waiting else whose],
            f"{ME} diff {int(self.step.number)} --dir {shown(folder)}  shows how the step differs,",
            f"{ME} check --dir {shown(folder)}  tries one piece after the other.",
            *([f"Not tried after this one: {counted(left, 'fault')}."] if left else []),
        ]


class Line:
    """The line of one fault."""

    def __init__(self, display: Display, fault):
        self.display, self.name = display, fault.name
        self.began = time.monotonic()
        self.id = display.progress.add_task(
            "", total=display.size.notices, name=fault.name, said="connecting"
        )

    def tick(self, run) -> None:
        """Show how far it is, unless it is to stop: here, as Playwright may be left alone now."""
        if self.display.stop.is_set():
            raise KeyboardInterrupt
        if run.streaming:
            sent = run.stream.sent
            received = sum(len(viewer.times) for viewer in run.viewers)
            said = f"{sent} sent, {received} received, {time.monotonic() - self.began:.0f} s"
            self.display.progress.update(self.id, completed=sent, said=said)

    def done(self, tally: Tally) -> None:
        """Show what came of it."""
        said = f"{tally.sent} sent, {tally.received} received, {tally.lost} lost, "
        said += f"{tally.twice} twice, {tally.disorder} out of order"
        if not tally.good:
            said = f"[red]{said}[/red]"
        self.display.tallies.append(tally)
        self.display.progress.update(self.id, completed=tally.sent, said=said)
        if not self.display.console.is_terminal:
            self.display.console.print(f"{tally.fault:16} {said}")


def row(tally: Tally) -> list[str]:
    """Return a tally as the cells of its row."""
    numbers = (tally.sent, tally.received, tally.lost, tally.twice, tally.disorder)
    return [tally.fault, *(f"{n:,}".replace(",", " ") for n in numbers), f"{tally.silence:.1f} s"]
