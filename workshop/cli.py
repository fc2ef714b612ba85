"""The command line: one module a command, named here in a line."""

import argparse
import importlib
import os
import subprocess
import sys
from typing import Any

from workshop.base import symptoms
from workshop.base.paths import ME, VENV_PYTHON, WINDOWS, in_venv
from workshop.base.problem import Problem
from workshop.install import environment, source

# A command is a module with HELP, add_arguments(parser), needs(args) and main(args) -> exit code.
# needs() returns a set of environment.PARTS; None means: go without what is not there. All but
# main() runs before the environment stands, so these modules import other people's packages
# inside their functions.
GROUPS = {
    "who follows along": {
        "run": "workshop.show.run",
        "start": "workshop.learn.start",
        "check": "workshop.learn.check",
        "help": "workshop.learn.help",
        "jump": "workshop.learn.jump",
        "home": "workshop.room.home",
        "diff": "workshop.show.diff",
        "publish": "workshop.show.publish",
        "stacks": "workshop.show.stacks",
        "why": "workshop.learn.why",
        "notebook": "workshop.lab.notebook",
        "doctor": "workshop.show.doctor",
        "map": "workshop.show.overview",
    },
    "who presents": {
        "slides": "workshop.talk.slides",
        "pack": "workshop.hall.pack",
        "host": "workshop.hall.host",
    },
    "who measures": {"fire": "workshop.fire.command", "bench": "workshop.bench.command"},
    "who maintains": {
        "carry": "workshop.authoring.carry",
        "listings": "workshop.authoring.listings",
        "test": "workshop.authoring.testing",
    },
}
COMMANDS = {name: module for group in GROUPS.values() for name, module in group.items()}


def main() -> int:
    """Run the command that was typed."""
    # A Windows console may not know every letter that a notice can hold.
    stream: Any  # whose type in the standard library lacks reconfigure()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")
    try:
        return run_command(source.take(sys.argv[1:]))
    except Problem as problem:
        sys.stdout.flush()
        print(problem, file=sys.stderr)
        if explained := symptoms.pointer(str(problem)):
            print(f"Why, and what ends it:  {explained}", file=sys.stderr)
        return problem.code
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # … | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if not error.filename:
            raise
        sys.stdout.flush()
        print(f"{error.filename}: {error.strerror}. Mend that, and try again.", file=sys.stderr)
        return 1


def run_command(argv: list[str]) -> int:
    """Parse, make the environment stand where the command needs one, and run the command there."""
    args = parse(argv)
    command = args.command_module
    needs = command.needs(args)
    if needs is None:
        if not in_venv() and environment.stands("python"):
            return again_in_venv()
        return command.main(args)
    installed = environment.ensure(needs)
    if installed or not in_venv():
        return again_in_venv()
    try:
        return command.main(args)
    except ModuleNotFoundError as error:
        missing = error.name or "?"
        if missing.startswith("workshop") or os.environ.get("WORKSHOP_REPAIRED"):
            raise
        print(f"The Python package of {missing!r} is incomplete: repairing .venv.", flush=True)
        for part in needs - {"javascript"}:
            environment.forget(part)
        os.environ["WORKSHOP_REPAIRED"] = "1"
        environment.ensure(needs)
        return again_in_venv()


def parse(argv: list[str]) -> argparse.Namespace:
    """Return the parsed arguments, with the module of the command in them."""
    parser = argparse.ArgumentParser(
        prog=ME,
        description="Run, share and test the steps of this workshop. Without a command: the map.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source.add_argument(parser)
    subparsers = parser.add_subparsers(metavar="COMMAND", help="one of these:")
    # What follows -- goes on as it is, to pytest for example.
    split = argv.index("--") if "--" in argv else len(argv)
    ours = argv[:split] or ["map"]
    # Only the command that was typed: to import the others takes longer than most of them run.
    typed = ours[:1] if ours[0] in COMMANDS else COMMANDS
    listed = []
    for whom, commands in GROUPS.items():
        lines = []
        for name in filter(typed.__contains__, commands):
            module = importlib.import_module(COMMANDS[name])
            description = f"For {whom}. {module.__doc__}"
            subparser = subparsers.add_parser(name, description=description)
            subparser.set_defaults(command_module=module)
            module.add_arguments(subparser)
            lines.append(f"  {name:10}{module.HELP}")
        listed.append(f"for {whom}:\n" + "\n".join(lines))
    parser.epilog = "\n\n".join([*listed, f"`{ME} COMMAND --help` tells more."])
    args = parser.parse_args(ours)
    args.rest = argv[split + 1 :]
    return args


def again_in_venv() -> int:
    """Run this command again with the Python of .venv."""
    command = [str(VENV_PYTHON), "-m", "workshop", *sys.argv[1:]]
    sys.stdout.flush()
    if not WINDOWS:
        os.execv(command[0], command)
    try:
        return subprocess.call(command)
    except KeyboardInterrupt:  # the other process hears it too, and ends in order
        return 0
