"""Make the pictures of the running steps: the READMEs', and those that stand in for live slides.

.venv/bin/python tests/make_pictures.py [board | slides | lessons | lesson-3 …]

Without a name it makes them all. Nothing is drawn: each window is a real one, and what a terminal
shows was printed. In lessons the port of a test becomes 8000, as the README has it.
"""

import base64
import html
import re
import selectors
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import zlib
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path

import websocket
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from test_06_many_servers import Nginx
from test_08_rooms import add_users, shell
from test_09_many_machines import Balancer

from support import (
    ROOT,
    STEPS,
    Client,
    Database,
    Redis,
    RedisCluster,
    Server,
    environment,
    manage,
)
from workshop.base.steps import Step
from workshop.install.programs import find_chromium

NOTICES = [
    ("Registration", "The badges are at the desk by the main door."),
    ("Room 3", "The talk on greenlets begins ten minutes late: the microphone is on its way."),
    ("The kitchen", "Coffee is ready!"),
]
LAPTOP = {"viewport": {"width": 860, "height": 620}, "color_scheme": "light"}
PHONE = {"viewport": {"width": 340, "height": 620}, "color_scheme": "dark"}
# As in a frame of the slides, and half as large again: sharp on a projector of 1920 × 1080.
FRAME = {"viewport": {"width": 590, "height": 498}, "color_scheme": "light", "locale": "en-GB"}
FRAME_SCALE = 1.5
PROJECTOR = ROOT / "workshop" / "serving" / "framing" / "projector.css"
README = {
    "size": {"width": 1272, "height": 668},
    "sheet": "padding: 24px; gap: 24px; background: #d9dfe4",
    "window": "border-radius: 10px; box-shadow: 0 4px 16px #0006",
}
SLIDE = {
    "size": {"width": 1808, "height": 751},
    "sheet": "gap: 30px",
    "window": "border: 2px solid #dcd6c6; border-radius: 12px",
}
# What a README shows at its own width, and half as sharp again: two windows, or one and a terminal.
LESSON_WIDTH, LESSON_SCALE = 830, 1.5
COLOURS = 64
MARGIN = 10  # below the last notice
NARROW, WIDE = (500, 395, 700), (960, 806, 560)  # a page's width, how wide it is shown, its height
LESSON_NOTICES = [
    ("Registration", "The badges are at the main door."),
    ("Room 3", "Greenlets begin ten minutes late."),
    ("The kitchen", "Coffee is ready!"),
]
LESSON_STYLE = """
body { margin: 0; padding: 12px; display: flex; flex-wrap: wrap; gap: 16px; background: #d9dfe4; }
figure { margin: 0; width: 395px; border-radius: 8px; overflow: hidden; background: #fffdf7; }
figure.wide, figure:has(pre) { width: 806px; }
figure:has(pre) { background: #14191f; }
figcaption { padding: 5px 16px; background: #2c3540; color: #fff; }
figcaption { font: 600 14px/1.4 system-ui, sans-serif; }
img { display: block; width: 100%; }
pre { margin: 0; padding: 12px 16px; color: #e7ebef; white-space: pre-wrap; }
pre { font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
b { color: #6fd6bf; }
"""


def main(*wanted):
    """Make them all, or those that are wanted."""
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(
            executable_path=find_chromium(),
            args=["--no-sandbox", "--disable-background-networking"],
        )
        stack.callback(browser.close)
        database = Database(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        redis, cluster = Redis(), RedisCluster()
        stack.callback(redis.stop)
        stack.callback(cluster.stop)

        def serve(number, kind=Server, **extra):
            own = cluster if Step(STEPS[number]).has_machines else redis
            settings = {"DATABASE_URL": database.copy(), "REDIS_URL": own.url}
            server = kind(STEPS[number], **settings | extra)
            stack.callback(server.stop)
            return server

        if not wanted or "board" in wanted:
            make_board(browser, serve(4))
        for number in (1, 2, 3, 4):
            if not wanted or "slides" in wanted:
                make_step(browser, number, serve(number))
        for name, make in LESSONS.items():
            if not wanted or {name, "lessons"} & {*wanted}:
                shots = make(browser, serve)
                path = ROOT / "pictures" / f"{name}.png"
                path.write_bytes(with_palette(browser, side_by_side(browser, shots)))
                print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")


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
    for page in pages:
        page.add_style_tag(path=PROJECTOR)
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


# A picture for each lesson: two shots, each a caption and what is under it


def lesson_1(browser, serve):
    """The window that has posted shows the notice, the other one doesn't."""
    server = begin(serve(1))
    pages = [open_page(browser, server), open_page(browser, server)]
    post(pages[0], *LESSON_NOTICES[-1])
    pages[0].get_by_text(LESSON_NOTICES[-1][1]).wait_for()
    return [
        shot("This window has just posted", pages[0]),
        shot("This one has not been reloaded", pages[1]),
    ]


def lesson_2(browser, serve):
    """A hundred slow requests at once, and meanwhile the board answers."""
    server = begin(serve(2))
    command = "seq 100 | xargs -P 100 -I_ curl -s http://localhost:8000/slow/ | sort | uniq -c"
    page = open_page(browser, server, size=WIDE)
    shell = subprocess.Popen(
        ["bash", "-c", command.replace("8000", str(server.port))], stdout=subprocess.PIPE, text=True
    )
    post(page, *LESSON_NOTICES[-1])
    page.get_by_text(LESSON_NOTICES[-1][1]).wait_for()
    assert shell.poll() is None, "The board should answer while the slow ones wait."
    printed, _ = shell.communicate(timeout=60)
    return [
        terminal(
            "In a terminal: a hundred slow requests at once, on one thread", (command, printed)
        ),
        shot("Meanwhile, in a window", page),
    ]


def lesson_3(browser, serve):
    """One by websocket and one by polling; both have it at once."""
    server = begin(serve(3))
    pages = [open_page(browser, server), open_page(browser, server, "/?transport=polling")]
    for page in pages:
        page.get_by_text("2 are here.").wait_for()
    post(pages[0], *LESSON_NOTICES[-1])
    for page in pages:
        page.get_by_text(LESSON_NOTICES[-1][1]).wait_for()
    return [
        shot("This window has just posted", pages[0]),
        shot("This one has ?transport=polling", pages[1]),
    ]


def lesson_4(browser, serve):
    """Published from a terminal, and on the screen."""
    server = begin(serve(4))
    page = open_page(browser, server, size=WIDE)
    page.get_by_text("Live, by websocket").wait_for()
    commands = [
        'python3 -m workshop publish "Coffee is ready!" --author "The kitchen"',
        'redis-cli PUBLISH notices \'{"author": "redis-cli", "text": "Hello from a terminal"}\'',
    ]
    said = [(command, run(command, server)) for command in commands]
    for text in ("Coffee is ready!", "Hello from a terminal"):
        page.get_by_text(text).wait_for()
    return [terminal("In another terminal", *said), shot("At once, in each window", page)]


def lesson_5(browser, serve):
    """A window while its server is away, and when it is back."""
    server = begin(serve(5))
    page = open_page(browser, server)
    page.get_by_text("Live, by websocket").wait_for()
    server.stop(signal.SIGKILL)
    page.get_by_text("Waiting for the network").wait_for()
    post(page, *LESSON_NOTICES[-1])
    page.get_by_text(LESSON_NOTICES[-1][1]).wait_for()
    away = shot("While the server is away", page)
    for number in (1, 2):
        publish(server, "Room 5", f"Said while the server was away: {number}.")
    server.start()
    page.get_by_text("Live, by websocket").wait_for()
    page.get_by_text("the server was away: 2").wait_for()
    page.locator("#notices").get_by_text(LESSON_NOTICES[-1][1]).wait_for()
    page.get_by_text("waiting to be sent").wait_for(state="hidden")
    return [away, shot("The same window, when it is back", page)]


def before_and_after(browser, front, title, title_after, end):
    """Return a window before and after what serves it has died.

    end(what serves it, another window) ends it, has something said, and returns a part of that.
    """
    page, other = open_page(browser, front), open_page(browser, front)
    page.get_by_text("2 are here.").wait_for()
    died = front.serving(page)
    before = shot(title(died), page)
    page.get_by_text(end(died, other)).wait_for()
    page.wait_for_function(
        f"!document.querySelector('#process').textContent.match(/{died.port}|^$/)"
    )
    page.get_by_text("2 are here.").wait_for()
    after = shot(title_after(died), page)
    other.close()
    return [before, after]


def several(serve, step, *ports):
    """Start servers of a step, with one database."""
    first, *others = ports
    servers = [serve(step, at(first))]
    shared = {"DATABASE_URL": servers[0].extra["DATABASE_URL"]}
    servers += [serve(step, at(port), **shared) for port in others]
    begin(servers[0])
    return servers


def lesson_6(browser, serve):
    """A window before and after its process was killed."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        servers = several(serve, 6, 8001, 8002, 8003, 8004)
        nginx = Nginx(STEPS[6], servers, Path(folder))
        stack.callback(nginx.stop)

        def end(died, other):
            died.stop(signal.SIGKILL)
            publish(servers[0], "Room 5", f"Said when process {died.port} had died.")
            return "had died"

        killed = "The same window: {0.port} was killed".format
        return before_and_after(browser, nginx, "A window, and its process".format, killed, end)


def lesson_7(browser, serve):
    """Two windows among a thousand."""
    server = begin(serve(7, at(8001)))
    with crowd(server, 998):
        pages = [open_page(browser, server), open_page(browser, server)]
        for page in pages:
            page.get_by_text("1000 are here.").wait_for(timeout=60_000)
        post(pages[0], *LESSON_NOTICES[-1])
        for page in pages:
            page.locator("#notices").get_by_text(LESSON_NOTICES[-1][1]).wait_for()
        return [
            shot("This window has just posted", pages[0]),
            shot("Another of a thousand browsers", pages[1]),
        ]


def lesson_8(browser, serve):
    """A person's window and somebody else's, who follow different halls."""
    server = begin(serve(8, at(8001)))
    add_users(server, "ada")
    pages = [
        open_page(browser, server, "/login/"),
        open_page(browser, server, "/?hall=Main+hall&hall=Foyer"),
    ]
    pages[0].get_by_label("Username").fill("ada")
    pages[0].get_by_label("Password").fill("ada")
    pages[0].get_by_role("button", name="Log in").click()
    pages[0].get_by_text("by websocket").wait_for()
    pages[1].locator("#post [name=hall]").select_option("Foyer")
    post(pages[1], "The kitchen", "Coffee is here.")
    pages[1].locator("#notices").get_by_text("Coffee is here.").wait_for()
    text = "Your talk begins at three, in Track B."
    to = "official=True, to=User.objects.get(username='ada')"
    shell(server, f"Notice.objects.create(author='The organisers', text='{text}', {to})")
    pages[0].get_by_text("Your talk begins").wait_for()
    pages[1].get_by_text("(2, ada)").wait_for()
    return [
        shot("Who has logged in follows the main hall", pages[0]),
        shot("Somebody else follows the Foyer as well", pages[1]),
    ]


def lesson_9(browser, serve):
    """A window before and after its machine died."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        servers = several(serve, 9, 8011, 8021, 8031)
        balancer = Balancer(STEPS[9], servers, Path(folder))
        stack.callback(balancer.stop)

        def live(died):
            return f"A window, live from machine {servers.index(died) + 1}"

        def end(died, other):
            balancer.machine_of(died).stop()
            died.stop(signal.SIGKILL)
            post(other, "Room 5", "Who has a charger?")
            return "charger"

        after = "The same window, when it had died".format
        return before_and_after(browser, balancer, live, after, end)


LESSONS = {
    f"lesson-{number}": make
    for number, make in enumerate(
        (
            lesson_1,
            lesson_2,
            lesson_3,
            lesson_4,
            lesson_5,
            lesson_6,
            lesson_7,
            lesson_8,
            lesson_9,
        ),
        start=1,
    )
}


def begin(server):
    """Let two notices be on the board of a server."""
    for author, text in LESSON_NOTICES[:-1]:
        server.post(author, text)
    return server


def at(port):
    """Return a kind of server that has this port."""

    class At(Server):
        def start(self):
            self.port, self.url = port, f"http://127.0.0.1:{port}"
            super().start()

    return At


def open_page(browser, server, path="/", size=NARROW):
    """Open a window, and wait until it is connected."""
    width, shown, height = size
    page = browser.new_page(
        viewport={"width": width, "height": height},
        device_scale_factor=LESSON_SCALE * shown / width,
        color_scheme="light",
        locale="en-GB",
    )
    page.goto(server.url + path)
    if page.locator("#state").count():
        page.get_by_text(re.compile("by (websocket|polling)")).wait_for()
    return page


def post(page, author, text):
    """Post a notice in a window."""
    page.get_by_label("Your name").fill(author)
    page.get_by_label("Notice").fill(text)
    page.get_by_role("button", name="Post").click()


def run(command, server):
    """Run a command that a README shows, with the test's Redis; return what it prints."""
    port = re.search(r":(\d+)/", server.extra["REDIS_URL"])[1]
    done = subprocess.run(
        ["bash", "-c", command.replace("redis-cli PUBLISH", f"redis-cli -p {port} PUBLISH")],
        cwd=ROOT,
        env=environment(REDIS_URL=server.extra["REDIS_URL"], PYTHONPATH=None) | {"LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@contextmanager
def crowd(server, number):
    """Let so many be here, who answer pings and say nothing else."""
    address = server.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    selector, over = selectors.DefaultSelector(), threading.Event()

    def answer():
        while not over.is_set():
            for key, _ in selector.select(0.5):
                if key.data.recv() == "2":
                    key.data.send("3")

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        for _ in range(number):
            client = websocket.create_connection(address, timeout=60)
            client.recv()
            client.send("40/presence,")
            selector.register(client.sock, selectors.EVENT_READ, client)
        yield
    finally:
        over.set()
        thread.join()
        for key in list(selector.get_map().values()):
            key.data.shutdown()


def shot(caption, page):
    """Return a window as it is now, under a caption."""
    page.evaluate("document.activeElement.blur()")
    size = page.viewport_size
    bottoms = page.locator("li").evaluate_all(
        "all => all.map(li => li.getBoundingClientRect().bottom)"
    )
    # No notice is cut in two.
    fits = [bottom for bottom in bottoms if bottom + MARGIN <= size["height"]]
    height = round(max(fits)) + MARGIN
    clip = {"x": 0, "y": 0, "width": size["width"], "height": height}
    image = base64.b64encode(page.screenshot(scale="device", clip=clip)).decode()
    wide = " class=wide" if size["width"] == WIDE[0] else ""
    image = f'<img src="data:image/png;base64,{image}">'
    return f"<figure{wide}><figcaption>{html.escape(caption)}</figcaption>{image}</figure>"


def terminal(caption, *commands):
    """Return what was typed in a terminal, and what it printed, under a caption."""
    said = [f"<b>$ {html.escape(typed)}</b>\n{html.escape(it)}" for typed, it in commands]
    text = "\n".join(said)
    return f"<figure><figcaption>{html.escape(caption)}</figcaption><pre>{text}</pre></figure>"


def side_by_side(browser, shots):
    """Return a PNG of shots beside each other, or below."""
    sheet = browser.new_page(
        viewport={"width": LESSON_WIDTH, "height": 100}, device_scale_factor=LESSON_SCALE
    )
    sheet.set_content(f"<!doctype html><style>{LESSON_STYLE}</style>{''.join(shots)}")
    picture = sheet.screenshot(full_page=True)
    sheet.close()
    return picture


def with_palette(browser, png):
    """Return a PNG with the colours of which it has most: a third of the size."""
    page = browser.new_page()
    width, height, data = page.evaluate(
        """async (png) => {
          const image = await createImageBitmap(await (await fetch(png)).blob());
          const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
          canvas.drawImage(image, 0, 0);
          const { data } = canvas.getImageData(0, 0, image.width, image.height);
          let text = "";
          for (let at = 0; at < data.length; at += 8192)
            text += String.fromCharCode(...data.subarray(at, at + 8192));
          return [image.width, image.height, btoa(text)];
        }""",
        f"data:image/png;base64,{base64.b64encode(png).decode()}",
    )
    page.close()
    raw = base64.b64decode(data)
    pixels = list(zip(raw[0::4], raw[1::4], raw[2::4], strict=True))
    counted = Counter(pixels)
    palette = [colour for colour, _ in counted.most_common(COLOURS)]

    def nearest(colour):
        return min(
            range(len(palette)),
            key=lambda n: sum((a - b) ** 2 for a, b in zip(colour, palette[n], strict=True)),
        )

    index = {colour: nearest(colour) for colour in counted}
    rows = bytes(index[pixel] for pixel in pixels)
    lines = b"".join(b"\0" + rows[at : at + width] for at in range(0, len(rows), width))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(part for colour in palette for part in colour)),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
