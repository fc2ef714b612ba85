"""What deploy/Dockerfile puts into the image, put into a folder: without Docker."""

import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from workshop.base.paths import ROOT

DEPLOY = ROOT / "deploy"


@dataclass
class Image:
    """The lines of a Dockerfile's last stage, in their order."""

    stages: dict[str, list[tuple[str, str]]] = field(default_factory=dict)  # name: its lines
    base: str = ""

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Return what the last stage says: (COPY, the rest), and so on."""
        return list(self.stages.values())[-1]

    def all(self, word: str) -> list[str]:
        """Return the lines of the last stage that begin with a word."""
        return [rest for each, rest in self.lines if each == word]


def read(dockerfile: Path = DEPLOY / "Dockerfile") -> Image:
    """Read a Dockerfile."""
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(encoding="utf-8"), flags=re.MULTILINE)
    image = Image()
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            image.base, _, name = rest.partition(" AS ")
            image.stages[name] = []
        elif word:
            image.lines.append((word, rest.strip()))
    return image


def command(rest: str) -> list[str]:
    """Return a command as a Dockerfile writes it: CMD ["python", …]."""
    return json.loads(rest[rest.index("[") :])


def ignored() -> list[str]:
    """Return what is not sent to the build, wherever it is: the last part of its name."""
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("**/") for line in lines if line.startswith("**/")]


def copy(rest: str, place: Path, stages: dict[str, Path] | None = None) -> None:
    """Do what a COPY says: from the repository, or from another stage."""
    *options, sources, target = re.fullmatch(r"(--from=\w+ )?(.+) (\S+)", rest).groups()  # type: ignore[union-attr]
    to = place / target
    for source in sources.split():
        path = ROOT / source
        if options[0]:
            # npm has made the stage's folder from the same lock file as ours.
            path = (stages or {}).get("pages", ROOT) / Path(source).relative_to("/pages")
        if path.is_dir():
            ignore = shutil.ignore_patterns(*ignored())
            shutil.copytree(path, to, ignore=ignore, dirs_exist_ok=True)
        else:
            (to if target.endswith("/") else to.parent).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, to)


def assemble(place: Path) -> Path:
    """Put into a folder what the image has, but for Python and its packages."""
    for rest in read().all("COPY"):
        copy(rest, place)
    return place
