"""Markdown and code as HTML: headings have the names that GitHub gives them, code its colours."""

import html
import re
from pathlib import PurePosixPath

from markdown_it import MarkdownIt
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.util import ClassNotFound

from workshop.base.regions import LISTING
from workshop.base.steps import LINK

COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def to_html(markdown: str) -> str:
    """Return a page's Markdown, which is ours, as HTML."""
    return parser().render(markdown)


def line_to_html(markdown: str) -> str:
    """Return a line of Markdown as HTML."""
    return parser().renderInline(markdown)


def parser() -> MarkdownIt:
    """Return what reads Markdown as GitHub does, as far as our pages need it."""
    made = MarkdownIt("commonmark", {"highlight": lambda code, name, _: in_colour(code, name)})
    made.enable("table")
    made.core.ruler.push("headings", name_headings)
    made.add_render_rule("html_block", html_block)
    made.add_render_rule("html_inline", html_block)
    # With a finger, or by keys: a wide table is no reason for a wide page.
    made.add_render_rule("table_open", lambda *_: '<div class="table" tabindex="0"><table>')
    made.add_render_rule("table_close", lambda *_: "</table></div>")
    return made


def name_headings(state) -> None:
    """Give each heading the name by which links find it."""
    for heading, text in zip(state.tokens, state.tokens[1:], strict=False):
        if heading.type == "heading_open":
            heading.attrSet("id", slug(text.content))


def slug(heading: str) -> str:
    """Return a heading's name in an address."""
    return re.sub(r"[^\w\- ]", "", LINK.sub(r"\1", heading).lower()).replace(" ", "-")


def html_block(renderer, tokens, number, options, env) -> str:
    """Return what our Markdown has as HTML; a listing's comment becomes a link to its file."""
    text = tokens[number].content
    if found := LISTING.match(text.strip()):
        name = html.escape(found[1].split()[0])
        return f'<p class="where"><a href="{name}">{name}</a></p>\n'
    return COMMENT.sub("", text)


def in_colour(code: str, name: str) -> str:
    """Return code in a language that Pygments knows by this name, or as it is."""
    try:
        return colours(code, get_lexer_by_name(name, stripnl=False))
    except ClassNotFound:
        return html.escape(code)


def file_in_colour(code: str, path: str) -> str:
    """Return the text of a file in the colours of its language, if its name says which."""
    # The pages of the steps are Django's templates.
    if PurePosixPath(path).suffix == ".html":
        return in_colour(code, "html+django")
    try:
        return colours(code, get_lexer_for_filename(path, stripnl=False))
    except ClassNotFound:
        return html.escape(code)


def colours(code: str, lexer) -> str:
    """Return code with a class for each of its parts; lesson.css has the colours."""
    return highlight(code, lexer, HtmlFormatter(nowrap=True))
