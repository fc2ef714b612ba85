"""The app, as Django finds it."""

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    """The notice board."""

    name = "notices"

    def ready(self):
        """Hear of each session that ends, wherever it does: in a view, in the admin, in a shell."""
        from . import sessions  # noqa: F401
