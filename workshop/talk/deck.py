"""What deck.md says of its slides: titles, the plan of their times, the answers of polls."""

import re
from dataclasses import dataclass

from workshop.talk import page


@dataclass
class Slide:
    """A slide, without what it shows."""

    title: str
    section: str
    seconds: int  # that the plan gives it
    skip: bool  # when time is short
    poll: str | None
    answers: list[str]


def slides() -> list[Slide]:
    """Return all slides, in their order."""
    found: list[Slide] = []
    for text in re.split(r"^---$", page.read("deck.md"), flags=re.MULTILINE):
        shown = re.split(r"^Note:\s*$", text, flags=re.MULTILINE)[0]
        comment = re.search(r"<!-- \.slide:(.*?)-->", shown)
        given = dict(re.findall(r'\bdata-([\w-]+)(?:="([^"]*)")?', comment[1] if comment else ""))
        title = re.search(r"^##? (.+)$", shown, re.MULTILINE)
        poll = given.get("poll")
        answers = re.findall(r"^(?:[-*+]|\d+[.)]) (.+)$", shown, re.MULTILINE) if poll else []
        found.append(
            Slide(
                title=re.sub("[*`]", "", title[1]) if title else "",
                section=given.get("section") or (found[-1].section if found else ""),
                seconds=int(timing) if (timing := given.get("timing", "")).isdecimal() else 0,
                skip="skip" in given,
                poll=poll,
                answers=[re.sub("<!--.*?-->|[*`]", "", answer).strip() for answer in answers],
            )
        )
    return found
