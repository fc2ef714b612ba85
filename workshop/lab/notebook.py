"""Open a notebook in JupyterLab, with the running board beside it; start what is missing."""

import argparse
import contextlib
import http.client
import json
import os
import secrets
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Any

from workshop.base.paths import ROOT, STATE, shown
from workshop.base.problem import Problem
from workshop.base.steps import all_steps
from workshop.serving import running, watching
from workshop.serving.ports import answers, choose_port
from workshop.serving.processes import Child, when_told_to_end
from workshop.serving.redis_server import without_password
from workshop.serving.site import Site

HELP = "open a notebook, with the board beside it"
NOTEBOOKS = ROOT / "notebooks"
FIRST_PORT = 8888
SETTINGS = Path(__file__).with_name("jupyter")
JUPYTER = STATE / "jupyter"  # what Jupyter writes; the places of your own Jupyter are left alone


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `notebook`."""
    parser.add_argument(
        "name", nargs="?", default="1", metavar="NAME", help="3, 03, greenlets or 03_greenlets"
    )
    parser.add_argument("--port", type=int, help="JupyterLab's; default: 8888, or the next free")
    parser.add_argument("--no-browser", action="store_true", help="do not open the notebook")


def needs(args: argparse.Namespace) -> set[str]:
    """Return what must be installed."""
    return {"python", "javascript", "notebooks"}


def main(args: argparse.Namespace) -> int:
    """Serve JupyterLab, and the board if none is running, until Ctrl-C."""
    notebook = find(args.name)
    port = choose_port("127.0.0.1", args.port, FIRST_PORT)
    save_layout(notebook)
    stop = when_told_to_end()
    with contextlib.ExitStack() as stack:
        if running.boards() or start_board(stack, stop):
            lab = Lab(notebook, port, running.boards()[-1])
            stack.callback(lab.end)
            lab.serve(stop, browser=not args.no_browser)
    print("\nStopped.", flush=True)
    return 0


def find(name: str) -> Path:
    """Return the notebook that 3, 03, greenlets or 03_greenlets means."""
    paths = sorted(NOTEBOOKS.glob("[0-9]*_*.ipynb"))
    for path in paths:
        number, _, rest = path.stem.partition("_")
        if name.removesuffix(".ipynb") in (path.stem, rest, number, number.lstrip("0")):
            return path
    there = "\n".join(f"    {path.stem}" for path in paths)
    raise Problem(f"There is no notebook {name!r}. There are:\n{there}", 2)


def save_layout(notebook: Path) -> None:
    """Have JupyterLab open a notebook at the left, and what show_board() shows at the right."""
    from jupyterlab_server.workspaces_handler import WorkspacesManager

    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError, TypeError) as error:
        raise Problem(f"{shown(notebook)} is no notebook any more: {error!r}.") from None
    path = notebook.relative_to(ROOT).as_posix()
    views: dict[str, Any] = {f"notebook:{path}": {"path": path, "factory": "Notebook"}}
    for number, cell in enumerate(cells):
        if "show_board()" in "".join(cell["source"]):
            views[f"cloned-outputs:{path}:{number}"] = {"path": path, "index": number}
    tabs = [{"type": "tab-area", "currentIndex": 0, "widgets": [view]} for view in views]
    dock = {"type": "split-area", "orientation": "horizontal", "children": tabs}
    data: dict[str, Any] = {view: {"data": options} for view, options in views.items()}
    data["file-browser-filebrowser:cwd"] = {"path": NOTEBOOKS.name}
    data["layout-restorer:data"] = {
        "main": {"dock": dock | {"sizes": [1] * len(tabs)}},
        "left": {"collapsed": True, "widgets": ["filebrowser"]},
    }
    content = {"data": data, "metadata": {"id": notebook.stem}}
    WorkspacesManager(str(JUPYTER / "workspaces")).save(notebook.stem, json.dumps(content))


def start_board(stack: contextlib.ExitStack, stop: threading.Event) -> bool:
    """Serve the first step that listens to Redis, until the stack unwinds; tell whether it does."""
    step = next(step for step in all_steps() if step.mentions("REDIS_URL"))
    site = Site(step, "127.0.0.1", choose_port("127.0.0.1", None), stop)
    stack.callback(site.end)
    if not site.start(watching.python_files(step.folder)):
        if stop.is_set():
            return False
        raise Problem("The board did not start: the reason is above.")
    site.announce()
    return True


class Lab:
    """JupyterLab with a notebook open, as a child."""

    def __init__(self, notebook: Path, port: int, board: dict):
        self.notebook = notebook
        self.port = port
        self.board = board
        self.token = secrets.token_urlsafe(16)
        self.url = f"http://localhost:{port}/lab/workspaces/{notebook.stem}?token={self.token}"
        self.child = Child(
            [sys.executable, "-m", "jupyterlab", f"--ServerApp.port={port}"],
            log="jupyter",
            cwd=ROOT,
            env=self.environment(),
        )

    def environment(self) -> dict[str, str]:
        """Return what makes it ours: of the person's own Jupyter, nothing is read or written."""
        kept = {name: value for name, value in os.environ.items() if name[:7] != "JUPYTER"}
        places = {
            "JUPYTER_CONFIG_DIR": JUPYTER / "config",
            "JUPYTER_CONFIG_PATH": SETTINGS,
            "JUPYTER_DATA_DIR": JUPYTER / "data",
            "JUPYTER_RUNTIME_DIR": JUPYTER / "runtime",
            "JUPYTERLAB_SETTINGS_DIR": JUPYTER / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": JUPYTER / "workspaces",
            "IPYTHONDIR": JUPYTER / "ipython",
        }
        settings = {name: str(place) for name, place in places.items()}
        settings["JUPYTER_TOKEN"] = self.token  # not an argument: those are shown to all users here
        settings["BOARD_URL"] = self.board["url"]
        settings["REDIS_URL"] = self.board["redis"]
        return kept | settings

    def serve(self, stop: threading.Event, browser: bool) -> None:
        """Wait until it is up, say so, and wait for stop."""
        up = self.child.wait_until(lambda: answers(self.port, ("127.0.0.1",)), stop)
        if stop.is_set():
            return
        if not up:
            raise Problem(self.child.said("JupyterLab did not start"))
        self.show()
        if browser:
            webbrowser.open(self.url)
        if self.child.wait(stop) is not None:
            raise Problem(self.child.said("JupyterLab has ended by itself"))

    def show(self) -> None:
        """Print a screenful."""
        print(f"\nNotebook {self.notebook.stem}\n")
        print(f"  Notebook  {self.url}")
        print(f"  Board     {self.board['url']}   ({self.board['step']})")
        print(f"  Redis     {without_password(self.board['redis'])}\n")
        print("Run its cells from top to bottom with Shift-Enter. The board shows beside them.")
        print("For the other notebooks, click on the folder at the left.\n")
        print("Ctrl-C ends it.\n", flush=True)

    def end(self) -> None:
        """End it, its kernels first, in order."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Authorization": f"token {self.token}"}
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("POST", "/api/shutdown", headers=headers)
            connection.getresponse().read()  # once all kernels have ended
        connection.close()
        self.child.end()
