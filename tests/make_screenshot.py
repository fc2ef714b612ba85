"""Make pictures/board.png, the README's screenshot, from the running step 4.

.venv/bin/python tests/make_screenshot.py
"""

import base64
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from support import ROOT, STEPS, Client, Database, Redis, Server, manage

sys.path.insert(0, str(ROOT))

from workshop.chromium import find_chromium

NOTICES = [
    ("Registration", "The badges are at the desk by the main door."),
    ("Room 3", "The talk on greenlets begins ten minutes late: the microphone is on its way."),
    ("The kitchen", "Coffee is ready!"),
]
WINDOWS = {
    "laptop": {"viewport": {"width": 860, "height": 620}, "color_scheme": "light"},
    "phone": {"viewport": {"width": 340, "height": 620}, "color_scheme": "dark"},
}
FRAME = """
<body style="margin: 0; padding: 24px; display: flex; gap: 24px; background: #d9dfe4">
  {}
</body>"""
IMAGE = (
    '<img src="data:image/png;base64,{}" style="border-radius: 10px; box-shadow: 0 4px 16px #0006">'
)


def main():
    """Open two windows, let three notices come in, and put the windows side by side."""
    redis = Redis()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        url = Database(Path(folder)).copy()
        server = Server(STEPS[4], DATABASE_URL=url, REDIS_URL=redis.url)
        browser = playwright.chromium.launch(
            executable_path=find_chromium(),
            args=["--no-sandbox", "--disable-background-networking"],
        )
        pages = [browser.new_page(device_scale_factor=2, **window) for window in WINDOWS.values()]
        for page in pages:
            page.goto(server.url)
            page.get_by_text("Live, by websocket").wait_for()
        for author, text in NOTICES[:-1]:
            Client(server.url).post(text, author)
        author, text = NOTICES[-1]
        manage(STEPS[4], "publish", text, "--author", author, DATABASE_URL=url, REDIS_URL=redis.url)
        for page in pages:
            page.get_by_text(text).wait_for()
        images = [base64.b64encode(page.screenshot(scale="css")).decode() for page in pages]
        frame = browser.new_page(viewport={"width": 1272, "height": 668})
        frame.set_content(FRAME.format("".join(map(IMAGE.format, images))))
        frame.screenshot(path=ROOT / "pictures" / "board.png")
        browser.close()
        server.stop()
    redis.stop()


if __name__ == "__main__":
    main()
