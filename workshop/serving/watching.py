"""Notice which files of a step change, and whether they are Python."""

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

ENDINGS = {".py", ".html", ".js", ".css", ".conf"}
TICK = 0.2  # seconds


def changes(folder: Path, stop: threading.Event) -> Iterator[set[Path]]:
    """Yield the files that changed, or an empty set now and then, until stop is set.

    Files are watched from this call on, not from the first iteration.
    """
    changed: queue.Queue[set[Path]] = queue.Queue()
    watched = threading.Event()
    threading.Thread(target=watch, args=(folder, stop, changed, watched), daemon=True).start()
    watched.wait()
    return ticks(changed, stop)


def never(stop: threading.Event) -> Iterator[set[Path]]:
    """Yield an empty set now and then, until stop is set."""
    return ticks(queue.Queue(), stop)


def ticks(changed: queue.Queue, stop: threading.Event) -> Iterator[set[Path]]:
    """Yield what comes, or an empty set."""
    yield set()
    while not stop.is_set():
        try:
            yield changed.get(timeout=TICK)
        except queue.Empty:
            yield set()


def watch(
    folder: Path, stop: threading.Event, changed: queue.Queue, watched: threading.Event
) -> None:
    """Put the files that change into a queue; say when they are watched, or can't be."""
    import watchfiles

    def wanted(_, path: str) -> bool:
        parts = Path(path).relative_to(folder).parts
        return Path(path).suffix in ENDINGS and not any(part.startswith(".") for part in parts)

    try:
        # It yields when nothing has changed, too: then it is watching.
        for seen in watchfiles.watch(
            folder,
            watch_filter=wanted,
            stop_event=stop,
            debounce=200,
            step=50,
            rust_timeout=100,
            yield_on_timeout=True,
        ):
            watched.set()
            if seen:
                changed.put({Path(path) for _, path in seen})
    except (OSError, RuntimeError) as error:  # the second: WatchfilesRustInternalError
        print(f"Changes are not noticed ({error}): restart this command after one.", flush=True)
    finally:
        watched.set()


def python_files(folder: Path) -> set[Path]:
    """Return the Python files of a step."""
    return {path for path in folder.rglob("*.py") if ".venv" not in path.parts}


def compiles(path: Path) -> bool:
    """Tell whether a file is Python (or something else); if not, show where it is broken."""
    if path.suffix != ".py" or not path.exists():
        return True
    try:
        compile(path.read_bytes(), path, "exec", dont_inherit=True)
    except SyntaxError as error:
        print(f"\n{path.name}:{error.lineno}: {error.msg}")
        if error.text:
            line = error.text.rstrip()
            print("    " + line.lstrip())
            caret = (error.offset or 1) - 1 - (len(line) - len(line.lstrip()))
            print("    " + " " * max(caret, 0) + "^")
        return False
    except ValueError as error:  # a null byte, before Python 3.12
        print(f"\n{path.name}: {error}")
        return False
    return True
