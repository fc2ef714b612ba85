"""Write the slides to a PDF, or to a folder that needs no server. A part of `slides`."""

import os
import shutil
import tempfile
from pathlib import Path

from workshop.base.paths import NODE_MODULES
from workshop.base.problem import Problem
from workshop.install.programs import HOW_TO_GET_CHROMIUM, find_chromium
from workshop.talk import page

OURS = (
    "ink.js",
    "live.css",
    "look.js",
    "room.css",
    "room.js",
    "slides.css",
    "slides.js",
    "token.js",
)
REVEAL = ("LICENSE", "dist/reset.css", "dist/reveal.css", "dist/reveal.js")
PLUGINS = ("markdown", "highlight", "notes")
FONTS = [*page.FONTS, *(f"{Path(font).parent.parent}/LICENSE" for font in page.FONTS)]
MADE = {"index.html", "pictures", "reveal.js", "@fontsource-variable", *OURS}


def export_site(folder: Path) -> None:
    """Write a folder that any web server can serve, and that opens without one."""
    if folder.exists() and not folder.is_dir():
        raise Problem(f"{folder} is a file. Name a folder, or a file that ends in .pdf.")
    if folder.exists() and (strange := not_an_export(folder)):
        raise Problem(
            f"{folder} has something in it that is no export of the slides ({strange}). "
            "Name another folder, or empty this one."
        )
    try:
        for name in MADE & set(os.listdir(folder)) if folder.exists() else ():
            old = folder / name
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        fill(folder)
    except OSError as error:
        raise Problem(f"{folder} can't be written: {error.strerror}.") from None
    files = [path for path in folder.rglob("*") if path.is_file()]
    print(f"{folder}: {len(files)} files, {megabytes(sum(path.stat().st_size for path in files))}.")
    print(f"Open {folder / 'index.html'}, or put the folder on any web server.")


def not_an_export(folder: Path) -> str | None:
    """Return the name of something that an export would not have put here, or None."""
    names = set(os.listdir(folder))
    if strange := sorted(names - MADE):
        return strange[0]
    index = folder / "index.html"
    mark = 'name="generator" content="python3 -m workshop slides"'
    if names and not (index.is_file() and mark in index.read_text("utf-8", "replace")):
        return sorted(names)[0]
    return None


def fill(folder: Path) -> None:
    """Copy all that the page needs."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(page.render(), encoding="utf-8")
    for name in OURS:
        shutil.copy(page.HERE / name, folder)
    shutil.copytree(page.HERE / "pictures", folder / "pictures")
    reveal = [*REVEAL, *(f"dist/plugin/{name}.js" for name in PLUGINS)]
    for name in [*(f"reveal.js/{name}" for name in reveal), *FONTS]:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(NODE_MODULES / name, target)


# A sheet of paper, upright: the slide, and under it what is said, smaller only where it is much.
WITH_NOTES = """() => {
  const sheet = document.createElement("style");
  sheet.textContent = `
    @page { size: 1280px 1810px !important; margin: 0 !important; }
    html.reveal-print .reveal .slides .pdf-page { height: 1810px !important; width: 1280px !important; }
    .said { position: absolute; z-index: 1; top: 740px; left: 56px; right: 56px; height: 1040px;
            padding-top: 20px; border-top: 2px solid var(--line); font-size: 30px; line-height: 1.4; }
    .said :is(p, ul, ol) { margin: 0 0 0.6em; }`;
  document.head.append(sheet);
  for (const page of document.querySelectorAll(".pdf-page")) {
    const notes = page.querySelector("aside.notes");
    const said = Object.assign(document.createElement("div"), { className: "said" });
    said.innerHTML = notes ? notes.innerHTML : "";
    page.append(said);
    for (let size = 30; said.scrollHeight > said.clientHeight && size > 14; size--) {
      said.style.fontSize = `${size}px`;
    }
  }
}"""  # noqa: E501


def export_pdf(file: Path, notes: bool = False) -> None:
    """Print the slides, one a page, with or without their notes under them."""
    path = find_chromium()
    if path is None:
        raise Problem(f"A PDF is printed by Chromium, and there is none. {HOW_TO_GET_CHROMIUM}")
    if file.is_dir() or not file.parent.is_dir():
        raise Problem(f"{file} can't be written: name a file in a folder that is there.")
    from playwright.sync_api import Error, sync_playwright
    from rich.progress import Progress

    # Chromium's sandbox refuses to run as root.
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    options = ["--disable-background-networking", *(["--no-sandbox"] if root else [])]
    with tempfile.TemporaryDirectory() as folder, Progress(transient=True) as progress:
        task = progress.add_task("Copying the slides", total=4)

        def now(what: str) -> None:
            progress.update(task, advance=1, description=what)

        fill(Path(folder))
        now("Starting Chromium")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=options)
            window = browser.new_page(viewport={"width": 1280, "height": 720}, color_scheme="light")
            now("Laying the slides out")
            window.goto(Path(folder, "index.html").as_uri() + "?view=print")
            window.wait_for_selector(".pdf-page")
            window.evaluate("Promise.all([...document.images].map((image) => image.decode()))")
            count = window.locator(".pdf-page").count()
            if notes:
                window.evaluate(WITH_NOTES)
            now(f"Printing {count} pages")
            try:
                window.pdf(
                    path=file, prefer_css_page_size=True, print_background=True,
                    tagged=True, outline=True,
                )  # fmt: skip
            except (Error, OSError) as error:
                raise Problem(f"{file} can't be written: {error}") from None
            browser.close()
    print(f"{file}: {count} pages, {megabytes(file.stat().st_size)}.")


def megabytes(size: int) -> str:
    """Return a size in bytes as a person says it."""
    return f"{size / 1e6:.1f} MB"
