"""The words of the talk: how long they take to say, what they explain, and whence its figures come.

The deck's plan and its outline are tested in test_slides.py.
"""

import re
import shlex
import subprocess
import sys

import pytest
import segno
from test_slides import DECK, PLAN, SLIDES, attribute, heading, shown, straight

from support import ROOT, environment

WORDS_A_MINUTE = 130
SPOKEN = {"Say.", "Next."}
BY_HAND = re.compile(r"(?:Click|Type|Wait), (\d+) s\.")
NOTES = set(SPOKEN) | {"Do.", "Before.", "If it fails.", "If something fails.", "Asked:"}

# What the first slide that has a word, in its code too, says of it.
EXPLAINED = {
    "WSGI": "a function that a web server calls",
    "hub": "gevent's own greenlet",
    "monkey": "puts gevent's sockets and sleep in the place of Python's",
    "sid": "this connection's name in the namespace",
    "guard": "it keeps one browser from harming the others",
    "outbox": "is a table of what is saved and not yet published",
    "effectively once": "at least once, and by its keys",
}

FIGURE = re.compile(r"<!-- figure: (.*?) = (\S+) -->")
MEASURED = re.compile(r"\d[\d.]*(?= (?:KiB|µs|times the CPU|of what step|of Node’s))")


def paragraphs(slide):
    """Return the notes as pairs: what the paragraph is for, and its text."""
    notes = slide.partition("\nNote:\n")[2]
    return re.findall(r"^\*\*([^*]+)\*\* ?(.*(?:\n.+)*)", notes, re.MULTILINE)


def seconds(slide):
    """Return how long a slide takes: what is said, and what the hand does."""
    words = sum(len(text.split()) for kind, text in paragraphs(slide) if kind in SPOKEN)
    by_hand = sum(int(it[1]) for kind, _ in paragraphs(slide) if (it := BY_HAND.fullmatch(kind)))
    return 60 * words / WORDS_A_MINUTE + by_hand


def sections():
    """Return the slides of each section."""
    found, section = {}, None
    for slide in SLIDES:
        section = attribute(slide, "section") or section
        found.setdefault(section, []).append(slide)
    return found


@pytest.mark.parametrize("section", [name for name, minutes in PLAN.items() if minutes])
def test_what_is_written_takes_as_long_as_planned(section):
    slides = sections()[section]
    taken = sum(map(seconds, slides))
    assert taken == pytest.approx(60 * PLAN[section], rel=0.2)
    for slide in slides:  # The clock says at each of them who is late.
        assert seconds(slide) == pytest.approx(int(attribute(slide, "timing")), rel=0.4, abs=5)


def test_whoever_says_it_all_is_at_the_questions_in_time():
    before = [slide for name in list(PLAN)[:3] for slide in sections()[name]]
    assert 21 <= sum(map(seconds, before)) / 60 <= 23.5


@pytest.mark.parametrize("slide", SLIDES, ids=heading)
def test_each_press_has_its_paragraph(slide):
    code = re.findall(r"^```\w+ \[([^]]*)\]", slide, re.MULTILINE)
    presses = sum(mark.count("|") for mark in code) + slide.count('class="fragment"')
    if all(code):  # Of several blocks one is lit after the other: slides.js
        presses += max(0, len(code) - 1)
    assert [kind for kind, _ in paragraphs(slide)].count("Next.") == presses
    for kind, _ in paragraphs(slide):
        known = kind in NOTES or BY_HAND.fullmatch(kind) or ", if " in kind
        assert known, f"{kind}: how long does it take? Say, Next, Click, Type or Wait, N s."


@pytest.mark.parametrize("section", list(PLAN)[:4])
def test_a_section_ends_with_three_questions_and_their_answers(section):
    asked = [
        text
        for slide in sections()[section]
        for kind, text in paragraphs(slide)
        if kind == "Asked:"
    ]
    assert len(asked) >= 3
    assert all(re.match("“[^”]+” .{10}", text, re.DOTALL) for text in asked)


@pytest.mark.parametrize(("word", "words"), EXPLAINED.items(), ids=list(EXPLAINED))
def test_a_word_is_explained_where_it_is_used_first(word, words):
    first = next(slide for slide in SLIDES if re.search(rf"(?i)\b{word}\b", slide))
    assert words in straight(first)


def test_quotes_and_dashes_are_a_typesetters():
    prose = re.sub(r"```.*?\n```|<!--.*?-->|`[^`\n]*`", "", DECK.read_text(), flags=re.DOTALL)
    assert re.findall(r".*[\"'].*|.*\w -{1,2} \w.*", prose) == []


def test_a_thank_you_comes_before_what_nobody_has_to_see():
    marks = [
        mark
        for slide in SLIDES
        for mark in re.findall(r"data-(title|thanks|appendix)\b", shown(slide))
    ]
    assert marks == ["title", "thanks", "appendix"]
    assert "data-thanks" in sections()["Questions"][-1]
    assert "data-appendix" in sections()["Where to go from here"][0]


# The figures


def cells(line):
    """Return what is in a row of a table."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def measured(report, corner, row, column):
    """Return a figure of a report: the middle one of its rounds."""
    for table in re.findall(r"(?:^\|.*\n)+", report.read_text(encoding="utf-8"), re.MULTILINE):
        head, _, *rows = map(cells, table.splitlines())
        if head[0] == corner:
            found = dict(zip(head, next(each for each in rows if each[0] == row), strict=True))
            return found[column].split(" (")[0].replace(" ", "")
    raise AssertionError(f"{report.name} has no table {corner!r}")


FIGURES = [slide for slide in SLIDES if FIGURE.search(slide) or MEASURED.search(slide)]


@pytest.mark.parametrize("slide", FIGURES, ids=heading)
def test_a_figure_is_that_of_the_report(slide):
    said = set()
    text = re.sub(r"<!--.*?-->", "", slide, flags=re.DOTALL)
    for what, figure in FIGURE.findall(slide):
        name, *where = shlex.split(what)
        value = measured(DECK.parent / name, *where)
        places = len(figure.partition(".")[2])
        assert f"{float(value):.{places}f}" == figure, f"{what} is {value} now"
        assert re.search(rf"(?<![\d.]){re.escape(figure)}(?!\.?\d)", text), f"{figure} is not said"
        said.add(figure)
    assert set(MEASURED.findall(text)) <= said, "a figure without a comment that says whence"


# Who speaks, and where it all is


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The exported deck, with both settings."""
    folder = tmp_path_factory.mktemp("export") / "site"
    done = export(folder, "--speaker", "A. <Speaker>", "--address", "https://host.example/a?b&c")
    assert done.returncode == 0, done.stderr
    return (folder / "index.html").as_uri()


def export(where, *options, **settings):
    """Run the tool's export."""
    command = [sys.executable, "-m", "workshop", "slides", "--export", where, *options]
    env = environment(**settings)
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)


def test_the_speaker_and_the_repositorys_address_are_settings(site, chromium):
    page = chromium.new_page()
    page.goto(site)
    page.wait_for_function("window.Reveal?.isReady()")
    assert page.locator("section.present .speaker").inner_text() == "A. <Speaker>"
    page.evaluate("Reveal.slide(Reveal.getSlides().findIndex((it) => 'thanks' in it.dataset))")
    thanks = page.locator("section.present")
    assert thanks.locator(".speaker").inner_text() == "A. <Speaker>"
    assert thanks.locator(".address").inner_text() == "https://host.example/a?b&c"
    code = segno.make("https://host.example/a?b&c", micro=False)
    expected = code.svg_data_uri(border=3, light="#fff", omitsize=True)
    assert thanks.locator("img").get_attribute("src") == expected
    assert thanks.locator("img").evaluate("image => image.decode().then(() => image.width > 100)")
    page.close()


def test_the_appendix_is_not_counted(site, chromium):
    page = chromium.new_page()
    page.goto(site)
    page.wait_for_function("window.Reveal?.isReady()")
    talk = next(number for number, slide in enumerate(SLIDES) if "data-appendix" in slide)
    for number, expected in {0: f"1/{talk}", talk - 1: f"{talk}/{talk}", talk: "+1"}.items():
        page.evaluate("number => Reveal.slide(number)", number)
        assert re.sub(r"\s", "", page.locator(".slide-number").inner_text()) == expected
    page.close()


@pytest.mark.parametrize("address", ["host.example/name", "https://", "javascript:alert()", "x y"])
def test_what_is_no_address_is_a_sentence(address, tmp_path):
    for done in (
        export(tmp_path / "site", f"--address={address}"),
        export(tmp_path / "site", ADDRESS=address),
    ):
        assert done.returncode == 1
        assert "is no address for the last slide" in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "site").exists()
