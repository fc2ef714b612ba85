"""The deck: its plan, the talk's outline on it, and every slide as a browser shows it.

How the room follows it is tested in test_follow.py.
"""

import itertools
import re
import sys

import pytest

from support import PATIENCE, ROOT, wait_until
from workshop.authoring import listings

DECK = ROOT / "slides" / "deck.md"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SLIDES = [slide.strip() for slide in re.split(r"^---$", DECK.read_text(), flags=re.MULTILINE)]

# Minutes of the outline, which leaves two of the talk's thirty to spare.
PLAN = {
    "Introduction": 3,
    "The client's side": 5,
    "The server's side": 15,
    "Questions": 5,
    "Where to go from here": 0,
}

# Each point of the talk's own outline, in its order, and what a slide says of it, or its notes.
OUTLINE = {
    "traditional HTTP is stateless and client-driven": "HTTP is stateless, and the client drives",
    "the server can't just decide to send things": "can't just decide to send something",
    "we've been working around this restriction": "We have been working around it",
    "socket.io is the newest way": "Socket.IO is that better way",
    "socket.io keeps a stateful connection": "a **stateful** connection",
    "how connect works": 'io("/notices", options)',
    "multiple backends, and it picks the best one": "picks the best transport",
    "websocket, flash, ajax": "| Flash socket | gone",
    "what it does on the backend is a black box": "A black box, and that is its beauty",
    "events": "## Events:",
    "really just listeners": "Really just listeners",
    "the server can broadcast more events than asked for": "send more events than a page listens",
    "a quick overview of what's available": "## What there is for the server",
    "JavaScript on the server: it was designed for node.js": "it was designed for it",
    "but this is PyCon": "this is *Py*Con",
    "greenlets are much easier to debug": '"Greenlets are much easier to debug"',
    "let's set up a gevent server": "## Let's set up a gevent server",
    "the same WSGI application object that Django has": "the very application that Django has",
    "Django has already done most of the work": "Django has done most of the work",
    "a SocketIO server that does the boring stuff": "## It does the boring stuff",
    "the boring stuff isn't enough": "## But the boring stuff isn't enough",
    "setting up the URL and the Django view": "## The URL and the Django view",
    "namespaces: wait, what are these?": "## Namespaces: wait, what are these?",
    "they determine what group of views the client wants": "which group of views the client wants",
    "this is where most of our code goes": "## This is where most of our code goes",
    "this code can talk to Django normally, mostly": "It talks to Django normally… mostly",
    "but request is dangerous": "**`request` is dangerous**",
    "notifications when interesting things happen": "## Whoever saves it, everybody hears it",
    "dependency: Redis": "## The one dependency: Redis",
    "at its most basic, it's two steps": "At its most basic it takes two steps",
    "subscribe, listen": "## Subscribe, and listen",
    "a listener calls emit when Redis broadcasts": "`broadcast` calls `emit`",
    "display something going in and immediately being shown": "## And it just works",
    "Q&A": "## Questions",
}

SCREENS = {
    "projector": {"viewport": {"width": 1280, "height": 720}},
    "large projector": {"viewport": {"width": 1920, "height": 1080}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
    "phone, sideways": {"viewport": {"width": 844, "height": 390}, "color_scheme": "dark"},
}

# What is wider or higher than the slide or than what it stands in.
OVERFLOWS = """() => {
  const slide = Reveal.getCurrentSlide(), { width, height } = Reveal.getConfig(), found = [];
  const scale = Reveal.getScale(), room = slide.getBoundingClientRect();
  for (const each of slide.querySelectorAll("*")) {
    if (each.closest("aside.notes")) continue;
    // On a phone code is moved by a finger: the block is on the slide, its lines may go on.
    if (Reveal.getConfig().width < 1280 && each.closest("pre code")) continue;
    const box = each.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    const over = [room.left - box.left, box.right - room.left - width * scale,
                  room.top - box.top, box.bottom - room.top - height * scale];
    if (Math.max(...over) < 1) continue;
    found.push(`${each.tagName} ${each.className} ${over.map(Math.round)}`);
  }
  return found;
}"""  # fmt: skip


def attribute(slide, name):
    """Return a data attribute of a slide, or None."""
    match = re.search(rf'<!-- \.slide:[^>]*\bdata-{name}="([^"]*)"', slide)
    return match and match[1]


def heading(slide):
    """Return a slide's heading."""
    return re.search(r"^##? (.+)", slide, re.MULTILINE)[1]


def straight(text):
    """Return a text with the quotes of a keyboard in place of a typesetter's."""
    return text.translate(str.maketrans("‘’“”", "''\"\""))


def shown(slide):
    """Return what a slide shows, without its notes."""
    return re.split(r"^Note:$", slide, flags=re.MULTILINE)[0]


# The text


def test_the_plan_adds_up():
    seconds, section = dict.fromkeys(PLAN, 0), None
    for slide in SLIDES:
        section = attribute(slide, "section") or section
        seconds[section] += int(attribute(slide, "timing"))
    assert seconds == {name: 60 * minutes for name, minutes in PLAN.items()}
    assert list(seconds) == list(PLAN), "the sections are in this order"
    assert 30 - sum(PLAN.values()) == 2


def test_every_point_of_the_outline_is_on_a_slide_in_its_order():
    places = {
        point: next((n for n, slide in enumerate(SLIDES) if words in straight(slide)), None)
        for point, words in OUTLINE.items()
    }
    assert [point for point, place in places.items() if place is None] == []
    assert list(places.values()) == sorted(places.values())


@pytest.mark.parametrize("slide", SLIDES, ids=heading)
def test_each_slide_can_be_read_and_told(slide):
    assert len(re.findall(r"^#+ ", shown(slide), re.MULTILINE)) == 1, "one heading"
    notes = slide.partition("\nNote:\n")[2]
    assert "**Say" in notes or "**Do" in notes, "notes say what to say or to do"
    if 'data-live="' in slide:
        assert "**If it fails.**" in notes
    assert "![]" not in slide, "a picture without alternative text"
    for block in re.findall(r"```.*?\n(.*?)```", slide, re.DOTALL):
        assert block.count("\n") <= 15, "at most 15 lines of code"


def test_the_listings_are_the_code_of_the_steps():
    assert [str(problem) for problem in listings.problems(DECK.parent)] == []
    kinds = [block.kind for block in listings.blocks(DECK)]
    assert kinds.count("listing") > 15


# As a browser shows it


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of the deck as it is exported: from a file, without any server."""
    sys.path.insert(0, str(DECK.parent))
    from workshop.talk.slides import export_site

    folder = tmp_path_factory.mktemp("export") / "site"
    export_site(folder)
    return (folder / "index.html").as_uri()


@pytest.fixture
def deck(site, chromium, request):
    """A window on the exported deck; what fails, leaves the machine or complains is a failure."""
    wrong = []
    context = chromium.new_context(reduced_motion="reduce", **getattr(request, "param", {}))
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    page.on("console", lambda said: wrong.append(said.text) if said.type != "log" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda asked: wrong.append(asked.url))
    page.on("request", lambda it: it.url.startswith(("file:", "data:")) or wrong.append(it.url))
    page.goto(site)
    page.wait_for_function("window.Reveal?.isReady()")
    yield page
    context.close()
    assert wrong == []


def turn_to(page, number):
    """Show a slide with all its fragments, and wait until its pictures are there."""
    page.evaluate("number => Reveal.slide(number, 0, 99)", number)
    page.wait_for_function(
        "[...Reveal.getCurrentSlide().querySelectorAll('img')].every(image => image.complete)"
    )


@pytest.mark.parametrize("deck", SCREENS.values(), indirect=True, ids=SCREENS)
def test_no_slide_overflows(deck):
    assert deck.evaluate("Reveal.getTotalSlides()") == len(SLIDES)
    found = {}
    for number, slide in enumerate(SLIDES):
        turn_to(deck, number)
        if over := deck.evaluate(OVERFLOWS):
            found[heading(slide)] = over[:3]
    assert found == {}


@pytest.mark.parametrize("deck", [SCREENS["projector"]], indirect=True)
def test_every_picture_and_heading_is_shown(deck):
    for number, slide in enumerate(SLIDES):
        turn_to(deck, number)
        current = deck.evaluate_handle("Reveal.getCurrentSlide()").as_element()
        title = re.sub(r"[*`]", "", heading(slide))
        assert current.query_selector("h1, h2").inner_text() == title
        sizes = deck.evaluate(
            """slide => [...slide.querySelectorAll('img, .picture')].map(image =>
                 image.naturalWidth ?? image.shadowRoot.querySelector('svg').clientWidth)""",
            current,
        )
        assert len(sizes) == shown(slide).count("![")
        assert all(sizes)
        assert not re.search(r"<!--|Note:|data-", current.inner_text())


WCAG = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
CONTRAST = {"type": "rule", "values": ["color-contrast"]}


@pytest.mark.parametrize(
    ("deck", "rules"),
    [
        ({"color_scheme": "light", "contrast": "more"}, WCAG),
        ({"color_scheme": "dark", "contrast": "more"}, CONTRAST),
    ],
    indirect=["deck"],
    ids=["light, all rules", "dark, contrast"],
)
def test_axe_finds_nothing_wrong(deck, rules):
    """Contrast, names, headings, tables, lists: WCAG 2.2 AA.

    Lines that are not spoken of now recede below what it asks of text to read, and are as strong as
    all others for who asks the system for more contrast: so it is seen here, and nothing is exempt.
    """
    deck.add_script_tag(content=AXE.read_text())
    found = {}
    for number, slide in enumerate(SLIDES):
        turn_to(deck, number)
        result = deck.evaluate(
            "runOnly => axe.run(Reveal.getCurrentSlide(), { runOnly, preload: false })", rules
        )
        for violation in result["violations"]:
            nodes = [f"{each['html'][:90]} {each['failureSummary']}" for each in violation["nodes"]]
            found[f"{heading(slide)}: {violation['id']}"] = nodes[:2]
    assert found == {}


@pytest.mark.parametrize("deck", [SCREENS["projector"]], indirect=True)
def test_code_moves_from_one_step_to_the_next(deck):
    """reveal.js has to find the lines that both slides have."""
    pairs = [
        number
        for number, (one, two) in enumerate(itertools.pairwise(SLIDES))
        if "data-auto-animate" in one and "data-auto-animate" in two
    ]
    assert len(pairs) == 2
    for number in pairs:
        ids = deck.evaluate(
            """number => [number, number + 1].map(at =>
                 Reveal.getSlide(at).querySelector("pre").dataset.id)""",
            number,
        )
        assert ids[0] == ids[1] is not None


@pytest.mark.parametrize("deck", [SCREENS["projector"]], indirect=True)
def test_keys_a_mouse_and_a_clicker_turn_the_slides(deck):
    turned = []
    for turn in ("PageDown", "ArrowRight", " ", "click", "PageUp"):
        if turn == "click":
            deck.locator(".navigate-right.enabled").click()
        else:
            deck.keyboard.press(turn)
        turned.append(deck.evaluate("Reveal.getIndices().h"))
    assert turned == [1, 2, 3, 4, 3]


@pytest.mark.parametrize("deck", [SCREENS["projector"]], indirect=True)
def test_each_step_through_the_code_lies_on_the_one_before(deck):
    """reveal.js shows a copy of the block for each."""
    for number, slide in enumerate(SLIDES):
        turn_to(deck, number)
        places = deck.evaluate(
            """() => [...Reveal.getCurrentSlide().querySelectorAll("pre")].flatMap((block) =>
                 [...block.querySelectorAll("code")].map((code) => {
                   const { x, y, width, height } = code.getBoundingClientRect();
                   const name = block.dataset.id ?? block.innerText;
                   return [name, [x, y, width, height].map(Math.round)];
                 }))"""
        )
        for block in {text for text, _ in places}:
            assert len({tuple(place) for text, place in places if text == block}) == 1, slide


def test_a_line_that_overflows_would_be_seen(site, chromium):
    """The measure measures."""
    page = chromium.new_page()
    page.goto(site)
    page.wait_for_function("window.Reveal?.isReady()")
    wide = "`<div style='width: 2000px'>x</div>`"
    page.evaluate(f"Reveal.getCurrentSlide().insertAdjacentHTML('beforeend', {wide})")
    assert wait_until(lambda: page.evaluate(OVERFLOWS), "an overflow")
    page.close()
