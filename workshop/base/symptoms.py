"""The symptoms of symptoms/README.md, and which of them a text speaks of. Standard library only."""

import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workshop.base.paths import ME, ROOT

FOLDER = ROOT / "symptoms"
PAGE = FOLDER / "README.md"
SECTION = re.compile(r'^### <a id="(\w+)"></a>(.+)\n((?:(?!##).*\n?)*)', re.MULTILINE)
ALSO = re.compile(r"^Also: (.+)$", re.MULTILINE)
SEARCHED = re.compile(r"^Searched for as: (.+)$", re.MULTILINE)
SEEN = re.compile(r"^Seen in (.+?)\.(?: |$)", re.MULTILINE)
# What is another one each time: addresses, the numbers of ports and of lines, keys.
# (But 404 and 500 say what is wrong.)
VARIES = re.compile(
    r"(?:https?|wss?|rediss?|postgresql)://[^\s'\"`’”,)]+|0x[0-9a-f]+"
    r"|(?<!\d)(?![45]\d\d(?!\d))\d+(?:[.:]\d+)*"
)
# What a terminal makes colours and links of.
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()].)")
ERROR = re.compile(r"(?:Uncaught )?[\w.]+: \S")  # an error by its name, and what it says
ENOUGH = 0.65  # of a text's words, each as much as it is rare
NEAR = 0.3  # to be named as the nearest
SHORTEST, LONGEST = 4, 500  # letters of what can be a part of a text
LONGER = 3  # times as many words as it has may be about a text


@dataclass(frozen=True)
class Symptom:
    """One entry of the page."""

    name: str
    heading: str
    body: str  # Markdown, below the heading

    @property
    def texts(self) -> list[str]:
        """Return what is printed, letter by letter: "…" stands for anything. None: no error."""
        also = ALSO.search(self.body)
        first = [self.title] if self.heading == f"`{self.title}`" else []
        return first + re.findall(r"`(.+?)`", also[1] if also else "")

    @property
    def phrases(self) -> list[str]:
        """Return these, and in which words it is searched for."""
        searched = SEARCHED.search(self.body)
        return [self.title, *self.texts, *(searched[1].split(", ") if searched else ())]

    @property
    def title(self) -> str:
        """Return the heading without its marks."""
        return self.heading.replace("`", "")

    @property
    def seen(self) -> str:
        """Return where it is seen."""
        found = SEEN.search(self.body)
        return found[1] if found else ""

    @property
    def script(self) -> Path:
        """Return the program that makes it appear."""
        return FOLDER / f"{self.name}.py"


@cache
def everything() -> tuple[Symptom, ...]:
    """Return all symptoms, in the order of the page."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    return tuple(Symptom(name, heading, body) for name, heading, body in SECTION.findall(text))


def named(name: str) -> Symptom | None:
    """Return the symptom of this name."""
    name = name.strip().replace("-", "_").lower()
    return next((each for each in everything() if each.name == name), None)


def known(text: str) -> Symptom | None:
    """Return the symptom whose very words are in a text; of several, the one that says most."""
    query = plain(text)
    found = [(length, each) for each in everything() if (length := said(each, query))]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def pointer(text: str) -> str:
    """Return the command that explains an error in a text, or nothing."""
    symptom = known(text)
    return f"{ME} why {symptom.name}" if symptom else ""


def ranked(text: str) -> list[tuple[float, Symptom]]:
    """Return the symptoms that a text may speak of, best first: from 1 on, its very words."""
    text = bare(text)
    query, line = plain(text), telling_line(text)[:LONGEST]
    scored = [(score(each, text, query, line), each) for each in everything()]
    return sorted((pair for pair in scored if pair[0] > 0), key=lambda pair: -pair[0])


def score(symptom: Symptom, text: str, query: str, line: str) -> float:
    """Return how well a text fits: its very words, a part of them, or some that are alike."""
    if length := said(symptom, query):
        return 2 + length / 1000
    if len(query) >= SHORTEST and len(text) <= LONGEST:
        part = re.compile(rf"(?<!\d){re.escape(text)}(?!\d)", re.IGNORECASE)
        if any(map(part.search, symptom.phrases)):
            return 1.5  # with the same number
        if "#" in query and len(words(query)) < 2:
            return 0  # Without its number it is anybody's: "[Errno 13]".
        if any(query in plain(phrase) for phrase in symptom.phrases):
            return 1
    return likeness(symptom, line)


def bare(text: str) -> str:
    """Return a text without what only a terminal understands."""
    return ESCAPES.sub("", text).strip()


def telling_line(text: str) -> str:
    """Return the line of a bare text that says what is wrong: its last error, or its last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next(filter(ERROR.match, reversed(lines)), lines[-1] if lines else "")


def plain(text: str) -> str:
    """Return a text without what differs from one time to the next, or from paste to paste."""
    text = VARIES.sub("#", bare(text).lower())
    return " ".join(re.sub(r"[\"'`“”‘’«»]", "", text).split())


def said(symptom: Symptom, text: str) -> int:
    """Return how many letters of a symptom's words are in a text, 0 where they are not all."""
    return max((len(one) for one in symptom.texts if pattern(one).search(text)), default=0)


@cache
def pattern(text: str) -> re.Pattern:
    """Return what finds a symptom's text in a plain one."""
    text = re.sub(r"\w+://…", "…", text)
    middle = ".{0,200}?".join(re.escape(plain(part)) for part in text.strip("…").split("…"))
    # Not within a word: but "/…" is the beginning of one.
    first, last = r"(?<!\w)" * text[:1].isalnum(), r"(?!\w)" * text[-1:].isalnum()
    return re.compile(f"{first}{middle}{last}")


def words(text: str) -> set[str]:
    """Return the words of a plain text."""
    return set(re.findall(r"[^\W\d_]{2,}", plain(text)))


@cache
def rarity() -> dict[str, float]:
    """Return how much each word says: the fewer symptoms have it, the more."""
    count = Counter(word for each in everything() for word in words(" ".join(each.phrases)))
    return {word: math.log(1 + len(everything()) / number) for word, number in count.items()}


def likeness(symptom: Symptom, line: str) -> float:
    """Return how much of a symptom's words are in a line, or of a line's words in these.

    An error that says something else is another error, however alike: it is near, and no more.
    """
    asked, most, best = words(line), math.log(1 + len(everything())), 0.0
    weigh = lambda some: sum(rarity().get(word, most) for word in some)  # noqa: E731
    for text in symptom.phrases:
        theirs = words(text)
        if common := asked & theirs:
            best = max(best, weigh(common) / weigh(asked))
            if len(asked) <= LONGER * len(theirs):
                best = max(best, weigh(common) / weigh(theirs))
    return min(best, ENOUGH - 0.01 if ERROR.match(line) else 0.99)
