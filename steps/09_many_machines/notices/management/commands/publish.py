"""python manage.py publish "text": a notice from the command line."""

from django.core.management.base import BaseCommand, CommandError

from notices.forms import NoticeForm


class Command(BaseCommand):
    """Save a notice, and thereby publish it."""

    help = "Save a notice, and thereby publish it."

    def add_arguments(self, parser):
        """Take the text, who says it, and where."""
        parser.add_argument("text")
        parser.add_argument("--author", default="manage.py")
        parser.add_argument("--hall", default="", help="default: the first one")

    def handle(self, *args, text, author, hall, **options):
        """Check it as the page's form does, and save it."""
        form = NoticeForm({"author": author, "hall": hall, "text": text})
        if not form.is_valid():
            raise CommandError(form.errors.as_text())
        form.instance.official = True
        self.stdout.write(f"Saved as notice {form.save().id}.")
