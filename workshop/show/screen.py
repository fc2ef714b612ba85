"""The screenful that says what runs and what to try."""

import re
import textwrap

from workshop.base import notes
from workshop.base.paths import STEPS, shown, shown_folder
from workshop.base.steps import Step, find
from workshop.serving import qr
from workshop.serving.site import Site

ADDRESS_IN_READMES = "http://localhost:8000"


def show(site: Site) -> None:
    """Print a screenful about a site that is up."""
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.padding import Padding
    from rich.table import Table

    console = Console(highlight=False)
    lesson, title = what_it_is(site.step)
    console.print(f"\n[bold]{title}[/bold]\n")
    table = Table.grid(padding=(0, 2))
    table.add_row("  Page", f"[bold]{site.url}[/bold]")
    who = f"user [bold]admin[/bold]   password [bold]{site.password}[/bold]"
    if not site.password:
        who = "with the users of that DATABASE_URL"
    table.add_row("  Admin", f"{site.url}/admin/   {who}")
    if site.redis:
        table.add_row("  Redis", f"{site.redis.url}   ({site.redis.about})")
    if site.servers:
        table.add_row("  Servers", site.servers)
    table.add_row("  Files", f"{shown(site.step.folder)}   (a saved change restarts the server)")
    console.print(table)
    if lesson.see_it:
        console.print("\n[bold]See it[/bold]")
        text = lesson.see_it.replace(ADDRESS_IN_READMES, site.url)
        text = re.sub(r"<(https?://[^>]+)>", r"\1", text)  # else shown twice
        # Commands are not wrapped, so that they can be copied: every second part is one.
        for at, part in enumerate(re.split(r"(?ms)^```.*?\n(.*?)^```$", text)):
            if at % 2:
                console.out("\n" + textwrap.indent(part, "    "), highlight=False)
            else:
                console.print(Padding(Markdown(part.strip(), hyperlinks=False), (0, 2)))
    if site.addresses:
        show_how_to_join(console, site)
    console.print("\nCtrl-C ends it.\n")


def what_it_is(step: Step) -> tuple[Step, str]:
    """Return whose lesson to show, and the title: a folder of one's own is to be a step."""
    goal = None if step.folder.parent == STEPS else notes.read(step.folder).get("step")
    if not goal:
        return step, f"Step {int(step.number)}: {step.title}" if step.number else step.title
    lesson = find(goal)
    here = shown_folder(step.folder)
    return lesson, f"{here}, to be step {int(lesson.number)}: {lesson.title}"


def show_how_to_join(console, site: Site) -> None:
    """Print the address for the room, its QR code, and what sharing means."""
    show_address(console, site.url.replace("localhost", site.addresses[0]))
    console.print(
        "\nEverybody here can read and post; with the password above, use the admin page."
    )
    if site.url.startswith("http:"):
        console.print(
            "It is plain HTTP: who listens on this network reads along, that password too."
        )
    else:
        console.print("Browsers will warn: nobody vouches for a certificate made just now.")


def show_address(console, url: str) -> None:
    """Print an address for the room, and its QR code."""
    console.print(f"\n[bold]On this network: {url}[/bold]\n")
    qr.show(url)
