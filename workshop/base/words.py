"""Words."""

import unicodedata


def counted(number: int, what: str) -> str:
    """Return "1 fault" or "2 faults"."""
    return f"{number} {what}" + ("" if number == 1 else "s")


def clean(text: object, most: int = 2000) -> str:
    """Return a text in one line, without what would turn or hide the letters around it."""
    if not isinstance(text, str):
        return ""
    text = "".join(" " if letter.isspace() else letter for letter in text[:most])
    return " ".join("".join(c for c in text if unicodedata.category(c)[0] != "C").split())
