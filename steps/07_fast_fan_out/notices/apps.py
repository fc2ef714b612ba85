"""The app, as Django finds it."""

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    """The notice board."""

    name = "notices"
