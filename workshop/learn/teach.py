"""What `check` shows: what is ticked off, one hint, and how far the lesson is."""

import difflib
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from workshop.base import notes
from workshop.base.parts import extent, where
from workshop.base.paths import ME, shown, shown_folder
from workshop.base.steps import Step
from workshop.learn import by_comparing, mine
from workshop.learn.events import Events
from workshop.learn.hint import Hint

BAR = 32  # columns
FEW = 3  # differences from a step that a person may not know of; more are a way of their own
WIDEST = 100


@dataclass
class Outcome:
    """How far a folder is, and what is next."""

    total: int
    passed: list[str] = field(default_factory=list)  # what works, in order
    skipped: list[str] = field(default_factory=list)  # what could not be tried on this machine
    hint: Hint | None = None
    stopped: bool = False  # something was saved meanwhile
    tried: bool = False  # not only read


def console():
    """Return the terminal, not wider than a person reads."""
    from rich.console import Console

    screen = Console(highlight=False, emoji=False)
    if screen.width > WIDEST:
        screen.width = WIDEST
    return screen


def clear_screen() -> None:
    """Begin at the top, where somebody watches."""
    if sys.stdout.isatty():
        console().clear()


class Page:
    """One look at a folder, from the title to what to do next."""

    def __init__(self, folder: Path, step: Step, watched: bool = False):
        self.folder, self.step, self.watched = folder, step, watched
        self.console = console()
        self.busy = False
        self.events = Events(folder, step)
        self.print(f"\nStep {int(step.number)}: {step.title}", style="bold")
        self.print(f"in {shown_folder(folder)}\n", style="dim")

    def print(self, text: str = "", **options) -> None:
        """Print text as it is, without markup."""
        self.console.print(text, markup=False, **options)

    def tick(self, mark: str, what: str) -> None:
        """Say what is tried (no mark), or that it works."""
        self.events.tell("tick", mark=mark, what=what)
        self.quiet()
        if mark:
            self.print(f"  {mark} {what}", style="green" if mark == "✓" else "yellow")
        elif self.console.is_terminal:
            # No spinner: its thread would write into what pytest captures.
            self.console.print(f"  · {what} …", markup=False, style="dim", end="\r", no_wrap=True)
            self.busy = True

    def quiet(self) -> None:
        """Take away what is tried."""
        if self.busy:
            self.console.print(" " * (self.console.width - 1), end="\r")
            self.busy = False

    def show(self, outcome: Outcome, level: int) -> None:
        """Print the hint if there is one, the bar, and what comes next."""
        self.events.tell("outcome", **self.in_data(outcome, level))
        self.quiet()
        if outcome.hint:
            self.show_hint(outcome.hint, level)
        self.show_bar(outcome)
        if not outcome.hint:
            self.show_next(outcome)
        elif not self.watched:
            self.show_more(outcome.hint, level)
        if self.watched:
            self.show_keys(outcome, level)
        self.print()

    def in_data(self, outcome: Outcome, level: int) -> dict:
        """Return what is shown, for a page that shows it too."""
        data = asdict(outcome) | {"level": level}
        if hint := outcome.hint:
            title, lines = difference(self.folder, hint, self.step)
            lesson = {"step": int(hint.lesson.number), "name": hint.lesson.name}
            data["hint"] |= {
                "lesson": lesson | {"section": hint.section.strip('"')},
                "place": place(self.folder, hint),
                "levels": hint.levels,
                "difference": {"title": title, "lines": lines},
            }
        return data

    def show_hint(self, hint: Hint, level: int) -> None:
        """Print what was expected, what happened, and where to look."""
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        self.print(f"  ✗ {hint.name}\n", style="bold red")
        table = Table.grid(padding=(0, 2))
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        table.add_row("  Expected", Text(hint.expected))
        table.add_row("  Happened", Text(hint.happened))
        if hint.code:
            table.add_row("", Padding(Text(hint.code, style="cyan"), (1, 0, 1, 2)))
        table.add_row("  Look at", Text(f"{place(self.folder, hint)}\n{readme(hint)}"))
        if hint.symptom:
            table.add_row("  Why", Text(hint.symptom))
        if level > 1:
            table.add_row("", "")
            lines = hint.more.splitlines()
            words = [line for line in lines if not line.startswith("$ ")]
            table.add_row("  Hint", Text("\n".join(words)))
        self.console.print(table)
        # Commands are not wrapped, so that they can be copied.
        for line in hint.more.splitlines() if level > 1 else ():
            if line.startswith("$ "):
                self.print(f"\n  {line[2:]}", style="cyan", soft_wrap=True)
        if level > 2:
            self.show_difference(hint)
        self.print()

    def show_difference(self, hint: Hint) -> None:
        """Print what a step changes in the hint's file, or how yours differs where it does not."""
        title, lines = difference(self.folder, hint, self.step)
        self.print(f"\n  {title}", style="bold")
        colours = {"+": "green", "-": "red", "@": "dim"}
        for line in lines:
            self.console.print(
                f"    {line}", markup=False, style=colours.get(line[:1]), soft_wrap=True
            )

    def show_bar(self, outcome: Outcome) -> None:
        """Print how much of the lesson works."""
        from rich.text import Text

        done, total = len(outcome.passed) + len(outcome.skipped), outcome.total
        if outcome.hint is None:
            self.print()
        full = BAR * done // total
        line = Text("  ")
        line.append("━" * full, style="green").append("─" * (BAR - full), style="dim")
        line.append(f"  {done} of {total}{'' if outcome.tried or not done else ' the last time'}")
        self.console.print(line)

    def show_more(self, hint: Hint, level: int) -> None:
        """Say how to get a better hint."""
        where = "" if self.folder == notes.MY.resolve() else f" --dir {shown(self.folder)}"
        number = (
            ""
            if notes.read(self.folder).get("step") == self.step.name
            else (f" {int(self.step.number)}")
        )
        command = f"{ME} check{number}{where} --hint"
        if level == 1:
            self.print(f"\n  A second hint:  {command}")
        elif level < hint.levels:
            self.print(f"\n  The lines themselves:  {command}")

    def show_keys(self, outcome: Outcome, level: int) -> None:
        """Say which keys there are, and what each does."""
        if not sys.stdin.isatty():
            self.print("\n  Save a file to check again; Ctrl-C ends it.")
            return
        levels = outcome.hint.levels if outcome.hint else 0
        keys = {"h": "a better hint"} if level < min(2, levels) else {}
        keys |= {"l": "the lines themselves"} if level < levels == 3 else {}
        keys |= {"d": "all that differs from the step"}
        if following := mine.after(self.step):
            keys |= {"j": f"jump to step {int(following.number)}"}
        self.print("\n  Save a file to check again, or press")
        for key, what in (keys | {"q": "end"}).items():
            self.print(f"    {key}  {what}")

    def show_next(self, outcome: Outcome) -> None:
        """Say that all is done, and what comes after."""
        number = int(self.step.number)
        self.print(f"\n  All done: step {number} works.", style="bold green")
        if 0 < len(places := by_comparing.differences(self.folder, self.step) or []) <= FEW:
            lines = ", ".join(f"{place.file}, line {place.line}" for place in places)
            self.print(f"  Not as in the step, which may be what you want: {lines}.")
        if outcome.skipped:
            self.print(f"  Not tried on this machine: {len(outcome.skipped)} of {outcome.total}.")
        if not (following := mine.after(self.step)):
            self.print("  That was the last step. What still hurts is in its README.")
            return
        n = int(following.number)
        self.print(f"\n  Next is step {n}: {following.title}.")
        self.print(f"  {ME} start {n} --keep   goes on with your own code")
        self.print(f"  {ME} start {n}          begins with ours, and keeps yours aside")


def place(folder: Path, hint: Hint) -> str:
    """Return where to look in one's own folder."""
    path = folder / hint.file
    line = hint.line or (where(path, hint.part) if path.is_file() else None)
    about = f", line {line}" if line else ""
    if not line and hint.part[:1].isalpha() and path.is_file():
        about = f": there is no `{hint.part}` in it yet"
    return f"{shown(path)}{about}"


def readme(hint: Hint) -> str:
    """Return which section of which README to look at."""
    return f'{shown(hint.lesson.folder / "README.md")}, "{hint.section.strip(chr(34))}"'


def difference(folder: Path, hint: Hint, step: Step) -> tuple[str, list[str]]:
    """Return a title and the lines of the diff that a hint is about."""
    theirs = lines_of(step.folder / hint.file)
    # A file that step 3 changes last is compared with step 2; one that it leaves, with their own.
    lesson = mine.before(hint.lesson)
    old = lines_of(lesson.folder / hint.file) if lesson else theirs
    new = lines_of(hint.lesson.folder / hint.file)
    title = f"What step {int(hint.lesson.number)} changes in {hint.file}"
    if old == new or hint.differs:
        old, new = lines_of(folder / hint.file), theirs
        title = f"How {shown(folder / hint.file)} differs from step {int(step.number)}"
    first, last = extent("".join(new), Path(hint.file).suffix, hint.part)
    chosen = part_of_diff(old, new, first, last) if first and last else []
    if not any(line[:1] in "+-" for line in chosen):
        chosen = part_of_diff(old, new, 1, len(new) or 1)
    return title, chosen or ["There is no difference."]


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file, none where there is none."""
    return path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []


def part_of_diff(old: list[str], new: list[str], first: int, last: int) -> list[str]:
    """Return the lines of a diff whose place in the new text is between these two."""
    result: list[str] = []
    near = 3
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for group in matcher.get_grouped_opcodes(near):
        lines = []
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                lines += [(number + 1, "  " + new[number]) for number in range(j1, j2)]
                continue
            lines += [(j1 + 1, "- " + line) for line in old[i1:i2]]
            lines += [(number + 1, "+ " + new[number]) for number in range(j1, j2)]
        inside = [text.rstrip() for number, text in lines if first <= number <= last]
        if any(line[:1] in "+-" for line in inside):
            result += (["…"] if result else []) + inside
    return result
