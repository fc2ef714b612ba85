"""What a failed test says, in words and without its code."""

import ast
import re


def is_late(error: BaseException) -> bool:
    """Tell whether something was waited for in vain."""
    return bool(re.search("Timeout|DidNotCome", type(error).__name__))


def in_words(error: BaseException) -> str:
    """Return a sentence for what a test found."""
    text = re.sub(r"\x1b\[[\d;]*m", "", str(error)).strip()
    name = type(error).__name__
    if match := re.search(r"Actual value: (.*)", text):
        return on_the_page(text, match[1])
    if "Timeout" in name:
        if "GET" in text or "Page.goto" in text:
            return "The page did not come."
        if action := re.search(r"waiting for (\S+\(.*\))", text):
            return f"The page has no {located(action[1])}."
        if seconds := re.search(r"read timeout=([\d.]+)", text):
            return f"The server did not answer an HTTP request in {float(seconds[1]):g} seconds."
        return "The server gave no answer: neither an event nor an acknowledgement came."
    if name == "ConnectionError" and "namespaces" in text:
        refused = re.search(r"namespaces failed to connect: (.*)", text)
        return f"The server refused the namespace {refused[1] if refused else ''}.".replace(
            " .", "."
        )
    if isinstance(error, AssertionError):
        return asserted(text)
    if isinstance(error, KeyError):
        return f"There is no {text} in what the server sent."
    if name.startswith("WebSocket"):
        return f"The websocket did not come about: {text}."
    return f"{name}: {text.splitlines()[0] if text else ''}".rstrip(": ")


def on_the_page(text: str, actual: str) -> str:
    """Say what a window should have shown, and what it did."""
    what = re.search(r"Locator expected (?:to )?(.*)", text)
    place = re.search(r"waiting for (.*)", text)
    who = located(place[1]) if place else "the page"
    shows = " ".join(actual.split())
    notice = re.search(r'get_by_text\("(.*?)"', text)
    if notice and "count" in (what[1] if what else ""):
        return f"The window shows {shows} notices {notice[1]!r}, and should show one."
    shows = f"{shows[:120]} …" if len(shows) > 120 else shows
    wanted = re.sub(r"re\.compile\((.*?)\)", r"\1", what[1].rstrip()) if what else "something else"
    return f"In the window, {who} should {wanted}, and it is: {shows or 'empty'}"


def located(locator: str) -> str:
    """Return what a locator of Playwright points at, in words."""
    if match := re.search(r'get_by_label\("(.*?)"', locator):
        return f"field {match[1]!r}"
    if match := re.search(r'get_by_role\("(\w+)", name="(.*?)"', locator):
        return f"{match[1]} {match[2]!r}"
    if match := re.search(r'locator\("(.*?)"\)', locator):
        return match[1]
    return locator


def asserted(text: str) -> str:
    """Return an assertion's own words, and what it compared, as pytest_assertrepr_compare says."""
    said, _, compared = text.partition("assert ")
    said = " ".join(said.split())
    if said.endswith("."):
        return said  # a sentence of its own
    if said.startswith("python manage.py") or len(said) > 300:
        return said[:300]
    compared = compared.partition("\n")[0].strip()
    sentences = [f"Not so: {said.rstrip(':')}."] if said else []
    sentences += [compared] if compared.endswith(".") else []
    return " ".join(sentences) or "Not so: see what was expected."


def is_value(text: str) -> bool:
    """Tell whether this is a value that a person can read, and not an object's address."""
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    return len(text) < 200
