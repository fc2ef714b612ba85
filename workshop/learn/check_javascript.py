"""What `node --check FILE` says, by a browser: python check_javascript.py CHROMIUM FILE."""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright


def main(chromium: str, file: str) -> int:
    """Say where the script can't be read; nothing of it is run."""
    text = Path(file).read_text(encoding="utf-8")
    script = {"expression": text, "sourceURL": file, "persistScript": False}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        session = page.context.new_cdp_session(page)
        session.send("Runtime.enable")
        answer = session.send("Runtime.compileScript", script)
    if not (wrong := answer.get("exceptionDetails")):
        return 0
    line, column = wrong["lineNumber"], wrong["columnNumber"]
    code = text.split("\n")[line]
    said = wrong["exception"]["description"].splitlines()[0]
    print(f"{file}:{line + 1}\n{code}\n{' ' * column}^\n\n{said}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
