"""The deck's looks: what the last row can read, which line is lit, type, themes, a phone."""

import json

import pytest
from playwright.sync_api import expect
from test_follow import Deck, joined

from support import FRAMED, ROOT, STEPS, fill, slides_with
from workshop.base.paths import NODE_MODULES
from workshop.talk import export
from workshop.talk import page as slides_page

SMALLEST = 26  # pixels of a slide of 1280×720
COLUMNS = 60
PROJECTOR = {"viewport": {"width": 1280, "height": 720}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}

# The size of each text that is shown on a slide, its number and its drawings included.
SIZES = """() => {
  const found = [], slide = Reveal.getCurrentSlide();
  const look = (root) => {
    for (const each of root.querySelectorAll("*")) {
      if (each.shadowRoot) look(each.shadowRoot);
      if (each.closest("aside.notes, style, title, desc")) continue;
      for (const node of each.childNodes) {
        const range = document.createRange();
        range.selectNodeContents(node);
        if (node.nodeType !== Node.TEXT_NODE || !node.data.trim()) continue;
        if (!range.getBoundingClientRect().width) continue;
        const scale = each.ownerSVGElement ? each.getScreenCTM().a
          : slide.contains(each) ? Reveal.getScale() : 1;
        found.push([parseFloat(getComputedStyle(each).fontSize) * scale, node.data.trim()]);
      }
    }
  };
  look(slide);
  look(document.querySelector(".slide-number"));
  return found;
}"""

# How many letters wide each row of code is, as it is shown.
WIDTHS = """() => [...Reveal.getCurrentSlide().querySelectorAll("pre code")].flatMap((code) => {
  const letter = document.createElement("span");
  letter.textContent = "x".repeat(100);
  code.append(letter);
  letter.style.cssText = "position: absolute; white-space: pre";
  const wide = letter.getBoundingClientRect().width / 100;
  letter.remove();
  return [...code.querySelectorAll(".hljs-ln-code")].map((line) => {
    const range = document.createRange();
    range.selectNodeContents(line);
    return [range.getBoundingClientRect().width / wide, line.textContent];
  });
})"""

# The code that is lit: on top of its block, and not stepped back.
LIT = """() => [...Reveal.getCurrentSlide().querySelectorAll("pre")].map((block) => {
  const top = [...block.querySelectorAll("code")].filter((each) =>
    !each.matches(".fragment") || each.matches(".visible")).at(-1);
  return [...top.querySelectorAll("tr")].filter((row) => getComputedStyle(row).opacity === "1")
    .map((row) => row.textContent.trim()).filter(Boolean);
})"""

DECK = """
# The talk

with a picture to come

---

<!-- .slide: class="opener" -->

## A part begins

---

<!-- .slide: class="sentence" -->

## One sentence that turns the talk

---

![How it goes](pictures/redis.svg)

---

## Two blocks

```python [1|2]
first = 1
second = 2
```

```python [1-2|4]
third = 3
and_third = 3
either = "way"
fourth = 4
```

---

## Two windows

![Two windows](pictures/step-1.png)
<!-- .element: data-live="1" data-windows="2" -->

---

## A long line

```python [1|2]
    if it_is_so:
        return and_this.goes_on(and_on, until_it_has), more_than_sixty, columns
```
"""
TITLE, OPENER, SENTENCE, PICTURE, BLOCKS, LIVE, LONG = range(7)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of the talk's own deck, exported."""
    folder = tmp_path_factory.mktemp("export") / "site"
    export.export_site(folder)
    return folder


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    """The slides with a small deck of the tests' own."""
    return slides_with(DECK, tmp_path_factory.mktemp("slides"))


@pytest.fixture(scope="module")
def small(slides, tmp_path_factory):
    """That deck, exported."""
    folder = tmp_path_factory.mktemp("export") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slides_page, "HERE", slides)
        export.export_site(folder)
    return folder


@pytest.fixture
def show(window):
    """Open a deck: show(folder, slide=0, **options) → its window, still."""

    def show(folder, slide=0, query="", **options):
        options = PROJECTOR | {"reduced_motion": "reduce"} | options
        page = window(f"{(folder / 'index.html').as_uri()}{query}#/{slide + 1}", **options)
        page.wait_for_function("window.Reveal?.isReady()")
        page.evaluate("document.fonts.ready")
        return page

    return show


def each_slide(page):
    """Yield the heading of each slide once it is shown with all its fragments."""
    for number in range(page.evaluate("Reveal.getTotalSlides()")):
        page.evaluate("number => Reveal.slide(number, 0, 99)", number)
        yield page.evaluate("Reveal.getCurrentSlide().querySelector('h1, h2').textContent")


# The last row can read it


def test_no_text_is_smaller_than_the_last_row_can_read(site, show):
    page = show(site)
    small = {
        title: [text for size, text in page.evaluate(SIZES) if size < SMALLEST - 0.01]
        for title in each_slide(page)
    }
    assert {title: texts for title, texts in small.items() if texts} == {}


def test_small_text_would_be_seen(small, show):
    """In the slide, in a drawing, and in its number: the measure measures."""
    page = show(small, PICTURE)
    for selector in (".slide-number", ".present", ".picture"):
        page.evaluate(
            """selector => {
                 const place = document.querySelector(selector);
                 const style = "<style>text { font-size: 25px !important }</style>";
                 if (place.shadowRoot) place.shadowRoot.firstElementChild.innerHTML += style;
                 else place.insertAdjacentHTML("beforeend", "<b style='font-size: 25px'>x</b>");
               }""",
            selector,
        )
    texts = [text for size, text in page.evaluate(SIZES) if size < SMALLEST]
    assert texts.count("x") == 2
    assert "PUBLISH" in texts


def test_no_row_of_code_is_wider_than_sixty_columns(site, show):
    page = show(site)
    hanging = 1.1  # the space at which a row is broken
    wide = {
        title: [line for width, line in page.evaluate(WIDTHS) if width > COLUMNS + hanging]
        for title in each_slide(page)
    }
    assert {title: lines for title, lines in wide.items() if lines} == {}


def test_a_long_line_goes_on_below_further_in(small, show):
    page = show(small, LONG)
    rects = page.evaluate(
        """() => {
             const [, line] = Reveal.getCurrentSlide().querySelectorAll(".hljs-ln-code");
             const range = document.createRange();
             range.setStart(line.firstChild, 4);
             range.setEnd(line, line.childNodes.length);
             const letter = parseFloat(getComputedStyle(line).paddingLeft) / 8;
             const { left } = line.closest("table").getBoundingClientRect();
             const rows = {};
             for (const { x, y, width } of range.getClientRects()) {
               const column = Math.round((x - left) / letter), row = Math.round(y);
               if (width) rows[row] = Math.min(rows[row] ?? column, column);
             }
             return Object.values(rows);
           }"""
    )
    assert rects == [4, 8]


def test_only_the_code_that_is_spoken_of_is_lit(small, show):
    page = show(small, BLOCKS)
    page.evaluate(f"Reveal.slide({BLOCKS}, 0, -1)")
    lit = [page.evaluate(LIT)]
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        lit.append(page.evaluate(LIT))
    assert lit == [
        [["first = 1"], []],
        [["second = 2"], []],
        [[], ["third = 3", "and_third = 3"]],
        [[], ["fourth = 4"]],
    ]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(LIT) == lit[1]
    page.emulate_media(contrast="more")
    assert [len(lines) for lines in page.evaluate(LIT)] == [2, 4], "all, for who needs contrast"


def test_on_paper_all_code_is_lit(small, show):
    page = show(small, query="?view=print")
    page.wait_for_selector(".pdf-page")
    faint = page.evaluate(
        """() => [...document.querySelectorAll("tr, .fragment")]
             .filter((each) => getComputedStyle(each).opacity !== "1").length"""
    )
    assert faint == 0
    assert page.locator(".enlarge").count() == 0


def test_the_slides_that_turn_the_talk_have_room(small, show):
    """An opener has its colour to the edges of any screen, a sentence is large."""
    page = show(small, OPENER, viewport={"width": 1280, "height": 900})
    colour = page.evaluate("getComputedStyle(Reveal.getCurrentSlide()).backgroundColor")
    shadow = page.evaluate("getComputedStyle(Reveal.getCurrentSlide()).boxShadow")
    assert colour in shadow
    page.keyboard.press("ArrowRight")
    size = page.evaluate("getComputedStyle(document.querySelector('.present h2')).fontSize")
    assert float(size.removesuffix("px")) > 70


# One look on every machine


def test_type_comes_with_the_deck(small, show):
    """In the exported folder too, with its licence: from a file, with no server."""
    page = show(small, BLOCKS)
    loaded = page.evaluate(
        "[...document.fonts].filter(font => font.status === 'loaded').map(font => font.family)"
    )
    assert [name.strip('"') for name in loaded] == [
        "Atkinson Hyperlegible Next",
        "Atkinson Hyperlegible Mono",
    ]
    files = {path.name for path in (small / "@fontsource-variable").rglob("*") if path.is_file()}
    assert files == {"LICENSE", *(font.rpartition("/")[2] for font in slides_page.FONTS)}
    for font in slides_page.FONTS:
        package = (NODE_MODULES / font).parent.parent
        assert "SIL Open Font License" in (package / "LICENSE").read_text()
        assert slides_page.find(font) == NODE_MODULES / font
        assert slides_page.find(font.replace("normal", "italic")) is None
        assert slides_page.find(f"{font}/../../package.json") is None


def test_drawings_have_the_decks_type_and_colours(small, show):
    page = show(small, PICTURE, color_scheme="light")
    of_text = """name => getComputedStyle(
      document.querySelector(".picture").shadowRoot.querySelector("text"))[name]"""
    assert "Atkinson Hyperlegible Next" in page.evaluate(of_text, "fontFamily")
    light = page.evaluate(of_text, "fill")
    page.keyboard.press("l")
    assert page.evaluate(of_text, "fill") != light
    expect(page.get_by_role("img", name="How it goes")).to_be_visible()


def test_light_and_dark_are_a_key_and_are_remembered(small, show):
    page = show(small, color_scheme="dark")
    paper = "getComputedStyle(document.querySelector('.reveal-viewport')).backgroundColor"
    dark = page.evaluate(paper)
    page.keyboard.press("l")
    light = page.evaluate(paper)
    assert light != dark
    assert page.evaluate("Reveal.getIndices().h") == 0, "the key turns no slide"
    page.reload()
    assert page.evaluate(paper) == light
    other = page.context.new_page()  # of the same browser: the presenter's view, for example
    other.goto(page.url)
    other.wait_for_function("window.Reveal?.isReady()")
    other.keyboard.press("l")
    page.wait_for_function(f"{paper} === '{dark}'")
    assert show(small, color_scheme="light").evaluate(paper) == light, "another browser has its own"
    assert page.evaluate("matchMedia('print').matches") is False
    page.emulate_media(media="print")
    assert page.evaluate(paper) == light


# A phone


def test_on_a_phone_code_keeps_its_lines_and_moves_sideways(small, show):
    page = show(small, LONG, **PHONE)
    block = page.locator(".present pre")
    page.evaluate(f"Reveal.slide({LONG}, 0, 99)")
    rows = block.locator("tr").evaluate_all("rows => rows.map(row => row.clientHeight)")
    assert len(rows) == 4, "two lines, and each of them in both steps"
    assert len(set(rows)) == 1, "no line is broken"
    block.focus()  # It is a stop for the Tab key, too.
    assert block.evaluate("block => block.scrollWidth > block.clientWidth")
    assert block.evaluate("block => (block.scrollLeft = 50, block.scrollLeft)") == 50
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("by", ["button", "tap"])
def test_on_a_phone_a_picture_opens_large(small, show, by):
    page = show(small, PICTURE, **PHONE)
    if by == "button":
        page.get_by_role("button", name="Show the picture larger").click()
    else:
        page.locator(".present .picture").tap()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("img", name="How it goes")).to_be_visible()
    size = dialog.locator(".picture").evaluate(
        "it => 26 * it.shadowRoot.querySelector('text').getScreenCTM().a"
    )
    assert size > 18
    assert dialog.locator("div").evaluate("it => it.scrollWidth > it.clientWidth")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("Reveal.getIndices().h") == PICTURE
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    page.locator(".present .picture").click()
    page.evaluate("Reveal.next()")  # the presenter goes on
    expect(dialog).to_have_count(0)


def test_on_the_projector_there_is_no_button_for_that(small, show):
    page = show(small, PICTURE)
    expect(page.locator(".present .enlarge")).to_be_hidden()
    page.locator(".present .picture").click()
    assert page.locator("dialog").count() == 0


# The steps in the slides' frames


@pytest.fixture(scope="module", params=[1, 3, 4])
def step(request, serve):
    """A step as the slides serve it."""
    return serve(STEPS[request.param], **FRAMED, PROJECTOR="")


TEXTS = """() => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode, range = document.createRange();
    range.selectNodeContents(node);
    if (!node.data.trim() || !range.getBoundingClientRect().width) continue;
    found.push([parseFloat(getComputedStyle(node.parentElement).fontSize), node.data.trim()]);
  }
  return found;
}"""


def test_a_step_in_a_frame_is_large_and_without_what_is_for_readers(step, window):
    step.post("Grace", "Coffee is ready")
    page = window(step.url)
    assert "organisers" in page.inner_text("body"), "a page of its own is as it was"
    own = min(size for size, _ in page.evaluate(TEXTS))
    page.goto(f"{step.url}/missing/")
    page.evaluate(
        """url => {
             document.body.innerHTML = `<iframe src="${url}" width=590 height=498></iframe>`;
           }""",
        step.url,
    )
    board = page.frame_locator("iframe")
    expect(board.get_by_text("Coffee is ready")).to_be_in_viewport()
    texts = page.frames[1].evaluate(TEXTS)
    assert min(texts)[0] >= SMALLEST > own
    said = " ".join(text for _, text in texts)
    assert "organisers" not in said
    assert "This page is from" not in said
    assert page.frames[1].evaluate("document.documentElement.scrollWidth") <= 590
    # Where nothing else is live, its own link reloads it.
    assert ("reload" in said) == (step.step == STEPS[1])


def test_a_line_of_text_is_large_in_a_frame_only(serve):
    step = serve(STEPS[2], **FRAMED, PROJECTOR="")
    framed = step.get("/slow/", headers={"Sec-Fetch-Dest": "iframe"})
    assert framed.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<pre>5 seconds on" in framed.text
    own = step.get("/slow/")
    assert own.headers["Content-Type"].startswith("text/plain")
    assert own.text.startswith("5 seconds on")


def test_only_the_slides_frames_are_so(serve):
    """The notebooks' are as they were."""
    step = serve(STEPS[1], **FRAMED)
    assert "<style>" not in step.get("/", headers={"Sec-Fetch-Dest": "iframe"}).text


def test_frames_are_large_dark_with_the_deck_and_both_can_post(slides, serve, window):
    """At once: of two pages that come together each would get its own cookie, and one no post."""
    step = serve(STEPS[1], **FRAMED, PROJECTOR="")
    settings = {"STEPS": json.dumps({"1": step.port}), "TOKEN": "only-for-tests"}
    talk = serve(ROOT, Deck, SLIDES=str(slides), PYTHONPATH=None, **settings)
    page = joined(window(f"{talk.url}/#/{LIVE + 1}", color_scheme="light", **PROJECTOR))
    for number in range(2):
        board = page.frame_locator("iframe").nth(number)
        fill(board.get_by_label("Your name"), "Grace")
        fill(board.get_by_label("Notice"), f"From window {number}")
        board.get_by_role("button", name="Post").click()
        expect(board.get_by_text(f"From window {number}")).to_be_in_viewport()
    colour = "getComputedStyle(document.body).backgroundColor"
    first = page.frames[1]
    light = first.evaluate(colour)
    page.locator(".live button").click()
    page.keyboard.press("l")
    first.wait_for_function(f"{colour} !== '{light}'")
    board = page.frame_locator("iframe").first
    first.evaluate("window.before = true")
    board.get_by_role("link", name="reload").click()
    page.wait_for_function("document.querySelectorAll('.live iframe').length === 2")
    for frame in page.frames[1:]:  # loaded, also the one that has the link
        frame.wait_for_function(
            f"!window.before && document.readyState === 'complete' && {colour} !== '{light}'"
        )
    for frame in page.frames[1:]:
        assert min(frame.evaluate(TEXTS))[0] >= SMALLEST
