"""The steps, as their folders and their READMEs describe them."""

import re
from dataclasses import dataclass
from pathlib import Path

from workshop.base.paths import STEPS
from workshop.base.problem import Problem

LINK = re.compile(r"\[([^]]+)\]\([^)]*\)")


@dataclass(frozen=True)
class Step:
    """A folder with a runnable Django project."""

    folder: Path

    @property
    def name(self) -> str:
        """Return the folder's name, such as 03_namespace."""
        return self.folder.name

    @property
    def number(self) -> str:
        """Return the two digits that the name begins with, or nothing."""
        match = re.match(r"\d\d(?=_)", self.name)
        return match[0] if match else ""

    @property
    def readme(self) -> str:
        """Return the lesson's text."""
        path = self.folder / "README.md"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def title(self) -> str:
        """Return the lesson's title, without its "Step 3:"."""
        match = re.search(r"^# (?:Step \d+: )?(.+)$", self.readme, re.MULTILINE)
        return plain(match[1]) if match else self.name

    @property
    def lesson(self) -> str:
        """Return the first paragraph after the title, on one line."""
        match = re.search(r"^# .+\n\s*\n((?:.*\S.*\n?)+)", self.readme, re.MULTILINE)
        return plain(" ".join(match[1].split())) if match else ""

    @property
    def see_it(self) -> str:
        """Return the section "See it" of the lesson, as a terminal shows it: no picture."""
        match = re.search(r"^## See it\n(.*?)(?=^## |\Z)", self.readme, re.MULTILINE | re.DOTALL)
        section = re.sub(r"^!\[.*\n\s*", "", match[1], flags=re.MULTILINE) if match else ""
        return LINK.sub(r"\1", section).strip()

    @property
    def is_classic(self) -> bool:
        """Tell whether this is classic/ or a copy of it, which has an environment of its own."""
        requirements = self.folder / "requirements.txt"
        return requirements.exists() and "gevent-socketio" in requirements.read_text(
            "utf-8", "replace"
        )

    @property
    def has_machines(self) -> bool:
        """Tell whether this is served on several machines, from step 9 on."""
        return (self.folder / "balancer.conf").exists()

    def mentions(self, word: str) -> bool:
        """Tell whether the settings of the step use something."""
        settings = self.folder / "board" / "settings.py"
        return settings.exists() and word in settings.read_text("utf-8", "replace")


def plain(markdown: str) -> str:
    """Return a line of Markdown without its marks."""
    return re.sub(r"[*`]|<!--.*?-->", "", LINK.sub(r"\1", markdown)).strip()


def all_steps() -> list[Step]:
    """Return every step, in order."""
    return [Step(manage.parent) for manage in sorted(STEPS.glob("[0-9][0-9]_*/manage.py"))]


def find(wanted: str) -> Step:
    """Return the step that 4, 04, redis_listener or 04_redis_listener means."""
    for step in all_steps():
        names = {step.name, step.number, step.number.lstrip("0"), step.name[3:]}
        if wanted.strip("/").removeprefix("steps/") in names:
            return step
    raise Problem(f"There is no step {wanted!r}. The steps are:\n{listing()}")


def listing() -> str:
    """Return the names of the steps, a line each."""
    return "\n".join("    " + step.name for step in all_steps())
