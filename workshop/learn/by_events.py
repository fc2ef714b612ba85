"""What a page and its server say to each other, and whether somebody hears it."""

import ast
import contextlib
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from workshop.base.steps import Step, all_steps
from workshop.learn.hint import BOARD_JS, NAMESPACES, Hint, nearest

# Events that socket.io-client and python-socketio fire themselves.
BUILT_IN = {"connect", "disconnect", "connect_error"}


def event_names(folder: Path, step: Step) -> Hint | None:
    """Compare what board.js says and hears with what the namespaces hear and say."""
    python, javascript = folder / NAMESPACES, folder / BOARD_JS
    if not (python.is_file() and javascript.is_file() and (folder / "serve.py").is_file()):
        return None
    classes = namespace_classes(python)
    for path in python.parent.glob("*.py"):
        with contextlib.suppress(SyntaxError, ValueError):  # That is another hint.
            for events in classes.values():
                events.elsewhere |= emitted(ast.parse(path.read_bytes())).keys()
    paths = registered(python, classes) | registered(folder / "serve.py", classes)
    text = without_comments(javascript.read_text(encoding="utf-8"))
    if hint := asynchronous(python) or nameless(text, paths) or form_slips(text):
        return hint
    for variable, path, line in matches(r"(\w+)\s*=\s*io\(\s*[\"'`]([^\"'`]*)", text):
        if path not in paths:
            return wrong_namespace(path, line, paths, text, step)
        says, hears = client_events(text, variable)
        hint = unheard(says, paths[path], step, text) or unsaid(hears, paths[path], step, text)
        if hint:
            return hint
    return None


def form_slips(text: str) -> Hint | None:
    """Look for a form that the browser sends too, and for an answer that nobody waits for."""
    slips = (
        (
            r"(addEventListener)\(\s*[\"'`]submit",
            "preventDefault|return false",
            "the form is sent to the server by the browser, too",
            "The listener of submit begins with event.preventDefault(): then the browser leaves "
            "the form to it.",
        ),
        (
            r"\.(emitWithAck)\(",
            r"\bawait\b|\.then\(",
            "emitWithAck() returns at once, and nobody waits for the answer",
            "It returns a promise: await notices.timeout(5000).emitWithAck(…), in a function that "
            "is async.",
        ),
    )
    for begins, goes_on, happened, more in slips:
        found = matches(begins, text)
        if found and not re.search(goes_on, text):
            hint = event_hint(f"In board.js {happened}.", more, BOARD_JS, found[0][1], text)
            expected = "board.js sends the form itself, and waits for the acknowledgement."
            return replace(hint, name="how the form is sent", expected=expected)
    return None


def asynchronous(path: Path) -> Hint | None:
    """Look for an event that nobody would await."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("on_"):
            return event_hint(
                f"{node.name} is an `async def`, and this server awaits nothing.",
                "With gevent a function is a plain `def`: it gives way wherever it waits.",
                NAMESPACES,
                node.lineno,
            )
    return None


def nameless(text: str, paths: dict[str, "Events"]) -> Hint | None:
    """Look for a connection to no namespace, which is the one called "/"."""
    for _, line in matches(r"=\s*(io)\((?!\s*[\"'`])", text):
        if "/" not in paths:
            return event_hint(
                'io() without a name first connects to the namespace "/", and serve.py registers '
                + (" and ".join(f'"{each}"' for each in paths) or "none")
                + ".",
                'The path comes first, the options after it: io("/notices", options).',
                BOARD_JS,
                line,
                text,
            )
    return None


@dataclass
class Events:
    """A class of namespaces.py: the names of its events, and where they are."""

    name: str
    hears: dict[str, int]
    says: dict[str, int]
    elsewhere: set[str] = field(default_factory=set)  # what other files have it emit, as step 8's


def namespace_classes(path: Path) -> dict[str, Events]:
    """Return the classes of namespaces.py by name."""
    result = {}
    for node in ast.parse(path.read_bytes()).body:
        if not isinstance(node, ast.ClassDef):
            continue
        found = Events(node.name, {}, {})
        for each in ast.walk(node):
            if isinstance(each, ast.FunctionDef) and each.name.startswith("on_"):
                found.hears[each.name.removeprefix("on_")] = each.lineno
        found.says |= emitted(node)
        result[node.name] = found
    return result


def emitted(tree: ast.AST) -> dict[str, int]:
    """Return the names of the events that some code emits, with the lines."""
    return {
        str(node.args[0].value): node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", "") in ("emit", "send")
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


def registered(path: Path, classes: dict[str, Events]) -> dict[str, Events]:
    """Return the namespaces that a file makes by their path: Notices("/notices") says both."""
    result = {}
    for node in ast.walk(ast.parse(path.read_bytes())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
            continue
        if node.func.id in classes:
            with contextlib.suppress(ValueError):
                result[ast.literal_eval(node.args[0])] = classes[node.func.id]
    return result


def without_comments(text: str) -> str:
    """Blank the comments of a script, so that lines keep their numbers."""
    text = re.sub(r"/\*.*?\*/", lambda match: "\n" * match[0].count("\n"), text, flags=re.DOTALL)
    return re.sub(r"(^|\s)//.*", r"\1", text)


def matches(pattern: str, text: str) -> list[tuple]:
    """Return the groups of each match, and its line."""
    return [
        (*match.groups(), text.count("\n", 0, match.start()) + 1)
        for match in re.finditer(pattern, text)
    ]


def client_events(text: str, variable: str) -> tuple[dict[str, int], dict[str, int]]:
    """Return what a script emits and listens for on one namespace, with the lines."""
    says = rf"\b{variable}\s*(?:\.timeout\([^)]*\)\s*)?\.emit(?:WithAck)?\(\s*[\"'`](\w+)"
    hears = rf"\b{variable}\s*\.on(?:ce)?\(\s*[\"'`](\w+)"
    return dict(matches(says, text)), dict(matches(hears, text))


def wrong_namespace(path: str, line: int, paths: dict[str, Events], text: str, step: Step) -> Hint:
    """Say that the client connects to what is not there."""
    serve = step.folder / "serve.py"
    right = serve.is_file() and f'"{path}"' in serve.read_text(encoding="utf-8")
    hint = event_hint(
        f'board.js connects to "{path}", and serve.py registers '
        + (" and ".join(f'"{each}"' for each in paths) or "no namespace")
        + ".",
        'The path is the same on both sides: io("/notices") and Notices("/notices").',
        BOARD_JS,
        line,
        text,
    )
    return replace(hint, file="serve.py", line=None, code="", part="sio") if right else hint


def unheard(says: dict[str, int], events: Events, step: Step, text: str) -> Hint | None:
    """Say that the client emits what no method is called for."""
    for name, line in says.items():
        if name in events.hears:
            continue
        near = nearest(name, set(events.hears) - BUILT_IN - set(says))
        happened = f'board.js emits "{name}", and {events.name} has no on_{name}.'
        more = "An event without a method is passed over in silence."
        if near and name in own_names(step):
            more += f" Did you mean on_{name} where it says on_{near}?"
            return event_hint(happened, more, NAMESPACES, events.hears[near])
        if near or (near := nearest(name, events.hears)):
            more += f' Did you mean "{near}"?'
        return event_hint(happened, more, BOARD_JS, line, text)
    return None


def unsaid(hears: dict[str, int], events: Events, step: Step, text: str) -> Hint | None:
    """Say that the client listens for what is never emitted."""
    for name, line in hears.items():
        if name in events.says or name in events.elsewhere | BUILT_IN:
            continue
        near = nearest(name, set(events.says) - set(hears))
        happened = f'board.js listens for "{name}", and {events.name} never emits it.'
        more = "Both sides need the same name."
        if near and name in own_names(step):
            more += f' Did you mean "{name}" where it says "{near}"?'
            return event_hint(happened, more, NAMESPACES, events.says[near])
        if near or (near := nearest(name, events.says)):
            more += f' Did you mean "{near}"?'
        return event_hint(happened, more, BOARD_JS, line, text)
    return None


def own_names(step: Step) -> set[str]:
    """Return the names of the step's own events."""
    path = step.folder / NAMESPACES
    if not path.is_file():
        return set()
    return {name for each in namespace_classes(path).values() for name in (*each.hears, *each.says)}


def event_hint(happened: str, more: str, file: str, line: int, text: str = "") -> Hint:
    """Return the hint about the name of an event."""
    return Hint(
        name="event name",
        expected='Event and method have the same name: emit("post") calls on_post, and what the '
        'one side emits the other has an on("…") for.',
        happened=happened,
        more=more,
        file=file,
        line=line,
        code=text.splitlines()[line - 1].strip() if text else "",
        lesson=all_steps()[2],
        section="What can go wrong",
    )
