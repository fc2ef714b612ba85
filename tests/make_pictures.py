"""Make the pictures of the running steps: the README's, and those that stand in for live slides.

.venv/bin/python tests/make_pictures.py
"""

import base64
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import sync_playwright

from support import ROOT, STEPS, Client, Database, Redis, Server, manage

sys.path.insert(0, str(ROOT))

from workshop.install.chromium import find_chromium

NOTICES = [
    ("Registration", "The badges are at the desk by the main door."),
    ("Room 3", "The talk on greenlets begins ten minutes late: the microphone is on its way."),
    ("The kitchen", "Coffee is ready!"),
]
LAPTOP = {"viewport": {"width": 860, "height": 620}, "color_scheme": "light"}
PHONE = {"viewport": {"width": 340, "height": 620}, "color_scheme": "dark"}
# From 641 on, the page has its form in one row.
FRAME = {"viewport": {"width": 650, "height": 573}, "color_scheme": "light", "locale": "en-GB"}
FRAME_SCALE = 846 / 650
README = {
    "size": {"width": 1272, "height": 668},
    "sheet": "padding: 24px; gap: 24px; background: #d9dfe4",
    "window": "border-radius: 10px; box-shadow: 0 4px 16px #0006",
}
# One and a half times the 1150 × 500 that it has on a slide: sharp on a projector of 1920 × 1080.
SLIDE = {
    "size": {"width": 1725, "height": 750},
    "sheet": "gap: 25px",
    "window": "border: 2px solid #dcd6c6; border-radius: 12px",
}


def main():
    """Make them all."""
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(
            executable_path=find_chromium(),
            args=["--no-sandbox", "--disable-background-networking"],
        )
        stack.callback(browser.close)
        database = Database(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        redis = Redis()
        stack.callback(redis.stop)

        def serve(number):
            settings = {"DATABASE_URL": database.copy(), "REDIS_URL": redis.url}
            server = Server(STEPS[number], **settings)
            stack.callback(server.stop)
            return server

        make_board(browser, serve(4))
        for number in (1, 2, 3, 4):
            make_step(browser, number, serve(number))


def make_board(browser, server):
    """Let three notices come in to a laptop and a phone."""
    pages = [browser.new_page(device_scale_factor=2, **window) for window in (LAPTOP, PHONE)]
    for page in pages:
        page.goto(server.url)
        page.get_by_text("Live, by websocket").wait_for()
    for author, text in NOTICES[:-1]:
        Client(server.url).post(text, author)
    author, text = NOTICES[-1]
    publish(server, author, text)
    for page in pages:
        page.get_by_text(text).wait_for()
    put_together(browser, pages, "css", README, "pictures/board.png")


def make_step(browser, number, server):
    """Let one notice come in while two windows are open: from step 3 on, both have it."""
    for author, text in NOTICES[:-1]:
        server.post(author, text)
    pages = [browser.new_page(device_scale_factor=FRAME_SCALE, **FRAME) for _ in "12"]
    for page in pages:
        page.goto(server.url)
        if number >= 3:
            page.get_by_text("by websocket").wait_for()
    author, text = NOTICES[-1]
    if number == 4:
        publish(server, author, text)
    else:
        pages[0].get_by_label("Your name").fill(author)
        pages[0].get_by_label("Notice").fill(text)
        pages[0].get_by_role("button", name="Post").click()
    for page in pages if number >= 3 else pages[:1]:
        page.get_by_text(text).wait_for()
    put_together(browser, pages, "device", SLIDE, f"slides/pictures/step-{number}.png")


def publish(server, author, text):
    """Publish a notice from the command line."""
    manage(server.step, "publish", text, "--author", author, **server.extra)


def put_together(browser, pages, scale, look, path):
    """Put pictures of the pages side by side, pixel by pixel, and into a file."""
    images = [base64.b64encode(page.screenshot(scale=scale)).decode() for page in pages]
    sheet = browser.new_page(viewport=look["size"])
    sheet.set_content(
        f'<body style="margin: 0; display: flex; align-items: start; {look["sheet"]}">'
        + "".join(f'<img src="data:image/png;base64,{i}" style="{look["window"]}">' for i in images)
    )
    sheet.screenshot(path=ROOT / path, omit_background=True)
    for page in [*pages, sheet]:
        page.close()


if __name__ == "__main__":
    main()
