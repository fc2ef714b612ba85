"""What the board promises, each promise in the smallest test that would notice."""

from django.contrib.auth import get_user_model
from django.test import TestCase

from .forms import NoticeForm
from .models import Notice

NOTICE = {"author": "Ada", "text": "Track B starts late"}


class NoticeTests(TestCase):
    """The model and the form: no page, no server."""

    def test_the_newest_notice_is_first(self):
        for text in ("old", "new"):
            Notice.objects.create(author="Ada", text=text)
        self.assertEqual(Notice.objects.first().text, "new")

    def test_a_notice_needs_an_author_and_a_short_text(self):
        form = NoticeForm({"author": " ", "text": 281 * "x"})
        self.assertEqual(form.errors.keys(), {"author", "text"})


class BoardTests(TestCase):
    """The page, by Django's own client: still no server."""

    def test_what_is_posted_is_on_the_board_once(self):
        page = self.client.post("/", NOTICE, follow=True)
        self.assertRedirects(page, "/")
        self.assertContains(page, "Track B starts late", count=1)

    def test_only_the_organisers_are_official(self):
        self.client.post("/", NOTICE | {"official": "on"})
        self.client.force_login(get_user_model().objects.create_user("grace", is_staff=True))
        self.client.post("/", NOTICE)
        self.assertEqual([notice.official for notice in Notice.objects.all()], [True, False])
