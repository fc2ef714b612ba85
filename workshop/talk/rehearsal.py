"""What a rehearsal took, slide by slide, beside the plan and beside the last time."""

import json
import time
from pathlib import Path

from workshop.base.paths import STATE, shown
from workshop.talk import deck

REHEARSALS = STATE / "rehearsals"


def new_record() -> Path:
    """Return the file that a rehearsal is written to."""
    return REHEARSALS / time.strftime("%Y-%m-%d-%H%M%S.json")


def show(record: Path) -> None:
    """Print what it took, or that there is nothing."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not record.exists():
        console.print(
            "\nNo rehearsal was recorded: the clock did not run. It starts in the presenter's view"
            " (or on the remote), when you leave the first slide."
        )
        return
    took = read(record)
    older = sorted(path for path in record.parent.glob("*.json") if path.name < record.name)
    last = read(older[-1]) if older else {}
    table = Table(title="The rehearsal", title_justify="left", show_edge=False)
    table.add_column("Slide")
    for name in ("Plan", "Took", "Difference", "Last time"):
        table.add_column(name, justify="right")
    rows: dict[str, list[tuple[str, list[float]]]] = {}
    for (title, number), slide in titled():
        times = [slide.seconds, took.get((title, number), 0), last.get((title, number), 0)]
        if any(times):
            rows.setdefault(slide.section, []).append((title, times))
    for section, slides in rows.items():
        table.add_row(section, *cells([times for _, times in slides]), style="bold")
        for title, times in slides:
            table.add_row(f"  {title}", *cells([times]))
        table.add_section()
    table.add_row("All", *cells([t for slides in rows.values() for _, t in slides]), style="bold")
    console.print()
    console.print(table)
    console.print(f"\nKept in {shown(record)}, for the next time.")


def titled() -> list[tuple[tuple[str, int], deck.Slide]]:
    """Return all slides, by title, and a number for those that have the same."""
    slides = deck.slides()
    titles = [slide.title for slide in slides]
    return [((s.title, titles[:n].count(s.title)), s) for n, s in enumerate(slides)]


def read(record: Path) -> dict[tuple[str, int], float]:
    """Return the seconds of each slide of a record; of none, if it can't be read."""
    found: dict[tuple[str, int], float] = {}
    try:
        for slide in json.loads(record.read_text(encoding="utf-8"))["slides"]:
            number = sum(title == slide["title"] for title, _ in found)
            found[slide["title"], number] = float(slide["seconds"])
    except (OSError, ValueError, TypeError, KeyError):
        return {}
    return found


def cells(times: list[list[float]]) -> list[str]:
    """Return the sums of plan, took and last time as they are shown, with the difference."""
    plan, took, last = (sum(column) for column in zip(*times, strict=True))
    difference = round(took) - round(plan)
    sign = "+" if difference > 0 else "−" if difference < 0 else ""
    return [
        minutes(plan),
        minutes(took) if took else "",
        f"{sign}{minutes(abs(difference))}" if took else "",
        minutes(last) if last else "",
    ]


def minutes(seconds: float) -> str:
    """Return seconds as minutes and seconds."""
    return f"{round(seconds) // 60}:{round(seconds) % 60:02}"
