"""Run a command, and end it when whoever holds our standard input is gone.

The tool starts every server through this: however the tool dies, kill -9 included, its end of
the pipe closes. Standard library only, and light: it runs as long as the server does.
"""

import contextlib
import signal
import subprocess
import sys
import tempfile
import threading

PATIENCE = 3  # seconds between asking and killing


def end_with(stdin, child: subprocess.Popen) -> None:
    """Wait for the end of the pipe, then end the child."""
    stdin.read()
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(PATIENCE)
    child.kill()


def main(arguments: list[str]) -> int:
    """Run the command in a folder of its own (--scratch, removed afterwards) or in this one."""
    scratch = arguments[0] == "--scratch"
    place = tempfile.TemporaryDirectory(prefix="workshop-") if scratch else contextlib.nullcontext()
    with place as folder:
        command = arguments[scratch:]
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd=folder)
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        # Meant for the server: `pkill -USR1 -f serve.py` finds that name in our arguments too.
        signal.signal(signal.SIGUSR1, lambda *_: None)
        # Not sys.stdin: a daemon thread that holds its lock breaks the interpreter's end.
        pipe = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115
        threading.Thread(target=end_with, args=(pipe, child), daemon=True).start()
        return child.wait()


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.exit(code if code >= 0 else 128 - code)
