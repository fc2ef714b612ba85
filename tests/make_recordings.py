"""Make the recordings that stand in for the demos on the slides: slides/pictures/step-N.webp.

.venv/bin/python tests/make_recordings.py [step-1 | step-2 | step-3 | step-3-polling | step-4 …]

Without a name it makes them all, and step-2.png, the picture of the same slide. Nothing is drawn:
the steps run in the deck, and each frame is a screenshot of it. What is typed is shown quicker
than it was; a page that takes five seconds takes five.
"""

import base64
import json
import struct
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from make_pictures import with_palette
from test_follow import Deck, joined

from support import FRAMED, ROOT, STEPS, Database, Redis, Server
from workshop.install.programs import find_chromium

PICTURES = ROOT / "slides" / "pictures"
SCALE = 1.5  # sharp on a projector of 1920 × 1080
LONGEST = 15_000  # milliseconds
TOKEN = "only-for-recordings"
NOTICES = [
    ("Registration", "The badges are at the desk by the main door."),
    ("Room 3", "The talk on greenlets begins ten minutes late."),
]

# Of each frame only what has changed since the one before.
ENCODE = """async (pngs) => {
  const found = [];
  let before = null;
  for (const png of pngs) {
    const image = await createImageBitmap(await (await fetch(png)).blob());
    const { width, height } = image;
    const whole = new OffscreenCanvas(width, height).getContext("2d", { alpha: false });
    whole.drawImage(image, 0, 0);
    const { data } = whole.getImageData(0, 0, width, height);
    let [left, top, right, bottom] = before ? [width, height, 0, 0] : [0, 0, width, height];
    for (let at = 0; before && at < data.length; at += 4) {
      if (data[at] === before[at] && data[at + 1] === before[at + 1] && data[at + 2] === before[at + 2]) continue;
      const x = (at / 4) % width, y = Math.floor(at / 4 / width);
      left = Math.min(left, x), right = Math.max(right, x + 1);
      top = Math.min(top, y), bottom = Math.max(bottom, y + 1);
    }
    before = data;
    if (right <= left) [left, top, right, bottom] = [0, 0, 2, 2];
    left -= left % 2, top -= top % 2; // the format has even places only
    const part = new OffscreenCanvas(right - left, bottom - top);
    part.getContext("2d", { alpha: false }).drawImage(image, -left, -top);
    const blob = await part.convertToBlob({ type: "image/webp", quality: 0.8 });
    const bytes = new Uint8Array(await blob.arrayBuffer());
    let text = "";
    for (let n = 0; n < bytes.length; n += 8192) text += String.fromCharCode(...bytes.subarray(n, n + 8192));
    found.push([left, top, right - left, bottom - top, width, height, btoa(text)]);
  }
  return found;
}"""  # noqa: E501, fmt: skip


class Film:
    """Frames of what runs on the slide, and how long each is shown."""

    def __init__(self, deck):
        self.deck = deck
        self.frames = []
        self.boards = [
            deck.frame_locator(".live iframe").nth(n)
            for n in range(deck.locator(".live iframe").count())
        ]

    def shot(self, milliseconds):
        """Keep the slide as it is now."""
        picture = self.deck.locator(".present .live").screenshot(scale="device")
        self.frames.append((picture, milliseconds))

    def post(self, board, author, text, wait=700):
        """Type a notice and post it."""
        board.get_by_label("Your name").fill(author)
        self.shot(400)
        for end in (len(text) // 3, 2 * len(text) // 3, len(text)):
            board.get_by_label("Notice").fill(text[:end])
            self.shot(250)
        board.get_by_role("button", name="Post").click()
        expect(board.locator("#notices li").first).to_contain_text(text)
        self.shot(wait)

    def write(self, browser, name):
        """Write an animated WebP that is played once."""
        assert sum(milliseconds for _, milliseconds in self.frames) <= LONGEST
        page = browser.new_page()
        pngs = [f"data:image/png;base64,{base64.b64encode(png).decode()}" for png, _ in self.frames]
        parts = page.evaluate(ENCODE, pngs)
        page.close()
        width, height = parts[0][4:6]
        chunks = chunk(b"VP8X", bytes([2, 0, 0, 0]) + u24(width - 1) + u24(height - 1))
        chunks += chunk(b"ANIM", struct.pack("<IH", 0xFFFFFFFF, 1))
        for (left, top, wide, high, *_, data), (_, time) in zip(parts, self.frames, strict=True):
            place = b"".join(map(u24, (left // 2, top // 2, wide - 1, high - 1, time)))
            chunks += chunk(b"ANMF", place + b"\x02" + pixels(base64.b64decode(data)))
        path = PICTURES / f"{name}.webp"
        path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks)
        seconds = sum(milliseconds for _, milliseconds in self.frames) / 1000
        print(f"{path.relative_to(ROOT)}: {seconds:.1f} s, {path.stat().st_size} bytes")


def u24(number):
    """Return a number as the format has it."""
    return struct.pack("<I", number)[:3]


def pixels(webp):
    """Return of a picture's chunks the one that has the pixels: not its colour profile."""
    at = 12
    while not webp[at : at + 4].startswith((b"VP8 ", b"VP8L")):
        at += 8 + struct.unpack_from("<I", webp, at + 4)[0]
        at += at % 2
    return chunk(webp[at : at + 4], webp[at + 8 :][: struct.unpack_from("<I", webp, at + 4)[0]])


def chunk(name, data):
    """Return a part of the file, of an even length."""
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def step_1(film):
    """The window that has posted has the notice; the other one once it is reloaded."""
    left, right = film.boards
    film.shot(1000)
    film.post(left, "The kitchen", "Coffee is ready!", wait=2500)
    right.get_by_role("link", name="reload").click()
    expect(right.locator("#notices li").first).to_contain_text("Coffee is ready!")
    film.shot(2500)


def step_2(film):
    """A page that takes five seconds, and the board that answers meanwhile."""
    deck, left = film.deck, film.boards[0]
    film.shot(800)
    deck.get_by_role("button", name="Ask for /slow/").click()
    for second in range(5):
        deck.wait_for_function(f"document.querySelector('.clock').textContent === '{second} s'")
        film.shot(1000)
        if second == 1:
            left.get_by_label("Your name").fill("The kitchen")
            left.get_by_label("Notice").fill("Coffee is ready!")
        if second == 2:
            left.get_by_role("button", name="Post").click()
            expect(left.locator("#notices li").first).to_contain_text("Coffee is ready!")
    deck.locator(".answered").wait_for()
    film.shot(4000)
    picture = with_palette(deck.context.browser, film.frames[-1][0])
    (PICTURES / "step-2.png").write_bytes(picture)


def step_3(film):
    """Posted in one window, and in the other one at once; and the other way."""
    left, right = film.boards
    film.shot(1000)
    for board, other, notice in (
        (left, right, ("The kitchen", "Coffee is ready!")),
        (right, left, ("Room 5", "There are seats left.")),
    ):
        film.post(board, *notice, wait=100)
        expect(other.locator("#notices li").first).to_contain_text(notice[1])
        film.shot(2500)


def step_4(film):
    """Published from the slide, and posted on the board: on all screens at once."""
    film.shot(800)
    film.deck.locator(".publish input").fill("Coffee is ready!")
    film.deck.keyboard.press("Enter")
    for board in film.boards:
        expect(board.locator("#notices li").first).to_contain_text("Coffee is ready!")
    film.shot(3000)
    film.post(film.boards[0], "Room 5", "There are seats left.", wait=100)
    expect(film.boards[1].locator("#notices li").first).to_contain_text("There are seats left.")
    film.shot(2500)


FILMS = {
    "step-1": (1, step_1),
    "step-2": (2, step_2),
    "step-3": (3, step_3),
    "step-3-polling": (3, step_3),
    "step-4": (4, step_4),
}


def main(*wanted):
    """Make them all, or those that are wanted."""
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        options = {"args": ["--no-sandbox", "--disable-background-networking"]}
        browser = playwright.chromium.launch(executable_path=find_chromium(), **options)
        stack.callback(browser.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = Database(folder)
        redis = Redis()
        stack.callback(redis.stop)
        for name in wanted or FILMS:
            number, act = FILMS[name]
            settings = {"DATABASE_URL": database.copy(), "REDIS_URL": redis.url, **FRAMED}
            settings |= {
                "STAGE_FILE": str(folder / f"{name}.json"),
                "STACKS_TOKEN": TOKEN,
                "PROJECTOR": "",
            }
            step = Server(STEPS[number], **settings)
            stack.callback(step.stop)
            for author, text in NOTICES:
                step.post(author, text)
            ports = {str(number): step.port}
            talk = Deck(
                ROOT, TOKEN=TOKEN, PYTHONPATH=None, REDIS_URL=redis.url, STEPS=json.dumps(ports),
                TOKENS=json.dumps({str(number): TOKEN}),
            )  # fmt: skip
            stack.callback(talk.stop)
            film = Film(begin(browser, talk, name))
            act(film)
            film.write(browser, name)
            film.deck.context.close()


def begin(browser, talk, name):
    """Open the deck on the slide of a recording, and wait until all that runs in it is there."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 720}, device_scale_factor=SCALE,
        color_scheme="light", locale="en-GB", reduced_motion="reduce",
    )  # fmt: skip
    deck = context.new_page()
    deck.goto(f"{talk.url.replace('127.0.0.1', 'localhost')}/?token={TOKEN}")
    joined(deck)
    deck.evaluate(
        """name => Reveal.slide(Reveal.getSlides().findIndex((slide) =>
             slide.querySelector(`[data-recording="${name}"]`)))""",
        name,
    )
    deck.add_style_tag(content=".reveal .live > button { visibility: hidden }")
    deck.locator(".present .live").wait_for()
    windows = deck.locator(".live > iframe").count()
    for number in range(windows):
        board = deck.frame_locator(".live iframe").nth(number)
        expect(board.locator("#notices li").first).to_be_visible()
        if board.locator("#state").count():
            expect(board.locator("#state")).to_contain_text("by ")
        if board.locator("#count").count():
            expect(board.locator("#count")).to_contain_text("2 are here")
    return deck


if __name__ == "__main__":
    main(*sys.argv[1:])
