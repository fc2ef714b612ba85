"""What the pages show is what the files have: no drift here, and each kind of it is caught."""

import argparse
import json
import shutil

import pytest

from support import ROOT
from workshop.authoring import listings
from workshop.base import paths


def test_nothing_in_this_repository_has_drifted():
    assert [str(finding) for finding in listings.problems()] == []


def test_no_marker_is_seen_on_a_rendered_page():
    from markdown_it import MarkdownIt

    for path in listings.pages():
        if path.suffix == ".md":
            tokens = MarkdownIt("commonmark").parse(path.read_text(encoding="utf-8"))
            shown = [child.content for token in tokens for child in token.children or []]
            assert not [text for text in shown if "<!--" in text], path


# Drift, planted in a copy


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the repository's pages and of what they show."""
    made = shutil.ignore_patterns("__pycache__", "db.sqlite3*", "secret_key.txt", "node_modules")
    shutil.copytree(ROOT / "steps", tmp_path / "steps", ignore=made)
    shutil.copy(ROOT / "README.md", tmp_path)
    stand_in(monkeypatch, tmp_path)
    return tmp_path


def stand_in(monkeypatch, folder):
    """Let a folder be the repository."""
    monkeypatch.chdir(folder)
    for module in (listings, paths):
        monkeypatch.setattr(module, "ROOT", folder)


def replace(path, old, new):
    """Replace what is there once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {path}"
    path.write_text(text.replace(old, new), encoding="utf-8")


LIVE = "steps/04_redis_listener/notices/live.py"
LESSON_2 = "steps/02_gevent_server/README.md"
LESSON_4 = "steps/04_redis_listener/README.md"


# What --fix mends: the file has changed, or the page.
STALE = [
    (LIVE, "gevent.sleep(1)", "gevent.sleep(2)", "+            gevent.sleep(2)"),
    (LIVE, "def listen(", "@cache\ndef listen(", "+@cache"),
    (LESSON_4, "    gevent.spawn(listen, notices)", "    spawn()", "-    spawn()"),
    (LESSON_4, "\n            gevent.sleep(1)\n```", "\n```", "+            gevent.sleep(1)"),
]
# What a person has to mend: something is gone, or not clear,
LISTEN = "<!-- listing: notices/live.py listen -->\n"
SPAWN = 'from "gevent.spawn" to "gevent.spawn"'
NUMBERS = "For numbers 3 and 4:\n"
DETAILS = "What happens</summary>\n\n"
WRONG = [
    (LIVE, "def publish(", "def publish_it(", "notices/live.py has no publish."),
    (LIVE, "def publish(", "def listen(", "ambiguous: notices/live.py has listen more than once"),
    (LIVE, "def publish(", "def publish:(", "notices/live.py is not Python: line "),
    (LESSON_4, SPAWN, SPAWN.replace("gevent.spawn", "import"), "ambiguous: there are 4 lines"),
    (LESSON_4, SPAWN, SPAWN.replace("spawn", "span"), "no line with 'gevent.span'"),
    (LESSON_4, SPAWN, SPAWN.replace('to "gevent.spawn', 'to "import f'), "no line with 'import f"),
    (LESSON_4, SPAWN, SPAWN.replace("to", "till"), 'a region is: from "first line" to'),
    (LESSON_4, SPAWN, SPAWN.replace('" to', " to"), "a quotation without an end"),
    (LESSON_4, LISTEN, LISTEN.replace("notices/", ""), "there is no file live.py"),
    (LESSON_4, LISTEN, LISTEN.replace(" --", " now --"), "'now' in this marker is not understood"),
    # a marker that is missing, or stands where it marks nothing,
    (LESSON_4, LISTEN, "", "nothing says what this block shows"),
    (LESSON_4, LISTEN, LISTEN.replace("listing", "list"), "nothing says what this block shows"),
    (LESSON_4, LISTEN, f"{LISTEN}\n", "has to be alone on the line directly above"),
    (LESSON_4, LISTEN, LISTEN.replace("-->", "--> Look:"), "has to be alone on the line"),
    (LESSON_4, f"{LISTEN}```python", f"{LISTEN}```js", "```js does not fit the file"),
    (LESSON_2, NUMBERS, "<!-- not run: slow -->\n", "<!-- not run: … --> has to be alone"),
    (LESSON_2, NUMBERS, "x <!-- output: varies --> y\n", "<!-- output: … --> has to be alone"),
    (LESSON_2, f"{NUMBERS}\n", "<!-- not run: -->\n", "not run: … --> is for a command"),
    (LESSON_2, f"{NUMBERS}\n", "<!-- output: varies -->\n", "output: varies --> is for what"),
    # a block that is no listing, no command and not its output.
    (LESSON_2, NUMBERS, "```bash\nls\n```\n", "nothing says what this block shows"),
    (LESSON_2, NUMBERS, "```\nls\n```\n", "nothing says what this block shows"),
    (LESSON_2, NUMBERS, "```text\n100\n```\n", "nothing says what this block shows"),
    (LESSON_2, NUMBERS, "- 1\n\n      indented\n", "an indented block of code"),
    (LESSON_2, NUMBERS, "1. 1\n   ```js\n   1\n   ```\n", "nothing says what this block shows"),
    (LESSON_2, DETAILS, f"{DETAILS}```js\n1\n```\n\n", "nothing says what this block shows"),
    (LESSON_2, DETAILS, f"{DETAILS.strip()}\n```sh\nls\n```\n", "code within HTML"),
    (LESSON_2, 'was first")\n```\n', 'was first")\n', "has no end"),
]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"), [*STALE, *WRONG], ids=[row[-1] for row in STALE + WRONG]
)
def test_drift_is_caught_and_mended_where_it_can_be(copy, capsys, file, old, new, said):
    before = {path: path.read_bytes() for path in listings.pages()}
    replace(copy / file, old, new)
    planted = (copy / file).read_bytes()

    assert listings.main(argparse.Namespace(fix=False)) == 1
    printed = capsys.readouterr().out
    assert said in printed
    assert printed.startswith(("README.md:", "steps/")), printed
    assert "Traceback" not in printed

    mendable = "stale. To rewrite" in printed
    assert listings.main(argparse.Namespace(fix=True)) == (0 if mendable else 1)
    printed = capsys.readouterr().out
    assert printed.startswith("Rewrote ") == mendable
    after = {path: path.read_bytes() for path in listings.pages()}
    if not mendable:
        assert said in printed
        assert after.pop(copy / file, planted) == planted
    elif file.endswith(".md"):
        assert after == before
    else:
        assert [path for path in after if after[path] != before[path]] == [copy / LESSON_4]
    assert listings.fix() == []


def test_what_can_be_mended_is_mended_beside_what_cannot(copy, capsys):
    for file, old, new, _ in (STALE[0], WRONG[0]):
        replace(copy / file, old, new)
    assert listings.main(argparse.Namespace(fix=True)) == 1
    rewrote, problem = capsys.readouterr().out.splitlines()
    assert rewrote.startswith(f"Rewrote {LESSON_4}:")
    assert rewrote.endswith(": notices/live.py listen")
    assert problem.endswith(": notices/live.py has no publish.")


# What a marker can name

FILES = {
    "a.py": '''\
"""Not these: def f(): and class C: and LIMIT = 1."""

# What it is.
# And why.
LIMIT: int = 2
other = """
# no comment
"""
late, both = 1, 2
if LIMIT:
    inner = 3


# About f.
@decorated(
    by="def f():",
)
def f():
    """Say def f(): and class C:."""

    def g():
        return 1

    return g


class C:
    def f(self):
        first = 1
        second = 2
        return first

    async def later(self):
        pass

    @property
    def twice(self): ...

    @twice.setter
    def twice(self, value): ...
''',
    "a.js": "on(1, () => {\n  call(() => {\n    x();\n  });\n});\non(2, () => {\n});\n",
    "a.html": "<ul>\n  {% for n in all %}\n  <li>{{ n }}</li>\n  {% endfor %}\n</ul>\n",
    "a.toml": "[a]\nb = 1\nc = 2\n",
    "Dockerfile": "FROM x\n",
    "told.py": '''\
class Told:
    """Tell.

    At length.
    """

    url = "http://x # y"  # no comment in it

    # Before it.
    def tell(self):
        """Say # 1."""
        # Why.
        return 1

    def silent(self):
        """Say nothing."""
''',
    "told.js": 'say("// no");  // yes\n// yes\nsay(2);\nio("http://x");\n',
    "fence.md": "Look:\n\n```sh\nls\n```\n",
}


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Write a page beside those files: page(its text) → its path."""
    stand_in(monkeypatch, tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)

    def write(text):
        path = tmp_path / "README.md"
        path.write_bytes(text.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("marker", "language", "code"),
    [
        ("a.py LIMIT", "python", "# What it is.\n# And why.\nLIMIT: int = 2"),
        ("a.py late", "python", "late, both = 1, 2"),
        ("a.py inner", "py", "    inner = 3"),
        ("a.py f.g", "python", "    def g():\n        return 1"),
        ("a.py C.later", "python", "    async def later(self):\n        pass"),
        ('a.py f elide "def g" to "return 1"', "python",
         '# About f.\n@decorated(\n    by="def f():",\n)\ndef f():\n'
         '    """Say def f(): and class C:."""\n\n    ...\n\n    return g'),
        ('a.py C.f from "first" to "second"', "python", "        first = 1\n        second = 2"),
        ('a.py C.f elide "first" to "first" elide "return" to "return"', "python",
         "    def f(self):\n        ...\n        second = 2\n        ..."),
        ('a.js from "on(1" to "});" elide "call" to "});"', "js", "on(1, () => {\n  // …\n});"),
        ('a.html from "{% for" to "{% end" elide "<li>" to "<li>"', "html",
         "  {% for n in all %}\n  <!-- … -->\n  {% endfor %}"),
        ('a.html from "<ul>" to "</ul>"', "django", FILES["a.html"].rstrip()),
        ('a.toml elide "b =" to "c ="', "toml", "[a]\n# …"),
        ('a.py from "other" to "\\"\\"\\""', "python", 'other = """\n# no comment\n"""'),
        ("Dockerfile", "dockerfile", "FROM x"),
        # What a slide has no room for: all the rest is the file's, line by line.
        ('told.py from "class" to "return 1" elide docstrings elide comments', "python",
         'class Told:\n    url = "http://x # y"\n\n    def tell(self):\n        return 1'),
        ("told.py Told.tell elide comments", "python",
         '    def tell(self):\n        """Say # 1."""\n        return 1'),
        ('told.py Told.tell elide docstrings elide "# Why" to "return 1"', "python",
         "    # Before it.\n    def tell(self):\n        ..."),
        ("told.py Told.silent elide docstrings", "python",
         '    def silent(self):\n        """Say nothing."""'),
        ("told.js elide comments", "js", 'say("// no");\nsay(2);\nio("http://x");'),
    ],
)  # fmt: skip
def test_a_marker_names(page, marker, language, code):
    path = page(f"<!-- listing: {marker} -->\n```{language}\n```\n")
    assert listings.fix() == [path]
    assert listings.blocks(path)[0].code == code
    assert listings.problems() == []


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ("a.py C.twice", "ambiguous: a.py has C.twice more than once, on lines 37, 40"),
        ("a.py C.gone", "a.py has no C.gone"),
        ("a.py C.first", "a.py has no C.first"),
        ("a.html ul", 'a.html is not Python: name a region, from "…" to "…"'),
        ('a.js from "on(" to "});"', "ambiguous: there are 2 lines with 'on('"),
        ('a.js from "x()" to "});"', "no line with '});' in a.js from 'x()' on"),
        ('a.py from "LIMIT" to "return"', "ambiguous: there are 3 lines with 'return'"),
        ("a.js elide docstrings", "a.js is not Python: it has no docstrings"),
        ("fence.md", "use a longer fence"),
    ],
)
def test_a_marker_does_not_name(page, marker, said):
    language = "html" if "html" in marker else "js" if "js" in marker else "python"
    page(f"<!-- listing: {marker} -->\n```{'md' if 'md' in marker else language}\n```\n")
    (finding,) = listings.problems()
    assert str(finding).startswith("README.md:2: ")
    assert said in str(finding)
    assert listings.fix() == []


def test_only_the_code_between_the_fences_changes(page):
    lines = ["    def f(self):", "        first = 1", "        second = 2", "        return first"]
    method = "".join(f"   {line}\n" for line in lines)
    pieces = [  # what stays, what the page shows, what the file has
        ("# Title  \r\n\n1. One:\n\n   <!-- listing: a.py C.f -->\n   ```py\n", "   old\n", method),
        ("   ```\n   more\r<details>\n\n<!-- listing: a.js -->\n~~~~ js [1-2]\r\n", "old\r\n\r\n",
         FILES["a.js"].replace("\n", "\r\n")),
        ("~~~~~\r\n</details>\n\n> <!-- listing: a.py f.g -->\n> ```py\n", "",
         ">     def g():\n>         return 1\n"),
        ("> ```\n\n- <!-- listing: a.toml -->\n  ```toml\n", "  \n", "  [a]\n  b = 1\n  c = 2\n"),
        ("  ```\n- ```sh\n  ls\n  ```\n\n  ```text\n  a\n  ```\n", "", ""),
        ("\n<!-- listing: fence.md -->\n````md\n", "", FILES["fence.md"]),
        ("````\n\u2028 no end of line", "", ""),
    ]  # fmt: skip
    path = page("".join(stays + old for stays, old, new in pieces))
    assert listings.fix() == [path]
    assert listings.problems() == []
    assert path.read_bytes().decode() == "".join(stays + new for stays, old, new in pieces)


def test_an_output_of_a_command_that_is_not_run_says_that_it_varies(page):
    shown = "<!-- not run: it is slow -->\n```sh\nls\n```\n\n```text\na\n```\n"
    page(shown)
    assert ["its command is not run" in str(finding) for finding in listings.problems()] == [True]
    page(shown.replace("```text", "<!-- output: varies -->\n```text"))
    assert listings.problems() == []


# Notebooks

GOOD = "    async def later(self):\n        pass"


@pytest.fixture
def notebook(page, tmp_path):
    """Write a notebook: notebook(code in Markdown, code in a cell, …) → its path."""

    def write(in_markdown=GOOD, in_code=GOOD, listing="../a.py C.later", indent=1):
        sources = [
            ("markdown", {}, "# Publish…\n\n```sh\nls\n```"),
            ("code", {}, "anything()"),
            ("code", {"listing": listing}, in_code),
            ("markdown", {}, f"<!-- listing: ../a.py C.later -->\n```py\n{in_markdown}\n```"),
        ]
        cells = [
            {"cell_type": kind, "metadata": metadata, "source": source.splitlines(keepends=True)}
            for kind, metadata, source in sources
        ]
        content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        path = tmp_path / "notebooks" / "publish.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, indent=indent, ensure_ascii=False) + "\n")
        return path

    return write


def test_a_notebook_is_held_to_its_files(notebook):
    right = notebook().read_bytes()
    assert listings.problems() == []

    path = notebook(in_markdown="old\n\nand older", in_code="old")
    places = [finding.place.partition(":")[2] for finding in listings.problems()]
    assert places == ["cell 3, line 1", "cell 4, line 2"]
    assert listings.fix() == [path]
    assert path.read_bytes() == right


def test_a_notebook_that_cannot_be_mended_is_said(notebook):
    path = notebook(listing="../a.py gone")
    assert ["a.py has no gone" in str(finding) for finding in listings.problems()] == [True]
    for text, said in [
        ("nonsense", "this is no notebook: "),
        ("[]", "no notebook of version 4"),
        (notebook(in_code="old", indent=3).read_text(), "not laid out as Jupyter does it"),
    ]:
        path.write_text(text)
        (finding,) = listings.problems()
        assert str(finding).startswith("notebooks/publish.ipynb: ")
        assert said in str(finding)
        assert listings.fix() == []
        assert path.read_text() == text
