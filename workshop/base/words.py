"""Words."""


def counted(number: int, what: str) -> str:
    """Return "1 fault" or "2 faults"."""
    return f"{number} {what}" + ("" if number == 1 else "s")
