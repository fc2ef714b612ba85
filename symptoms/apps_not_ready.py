"""A script that imports a model, and has not started Django."""

from together import CURED, start

SETTINGS = """
INSTALLED_APPS = ["notices"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
"""
MODELS = """
from django.db import models

class Notice(models.Model):
    text = models.TextField()
"""
SETUP = """
import django

django.setup()
"""
SCRIPT = """
import os

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
SETUP
from notices.models import Notice

print(Notice(text="Hello").text, "from a model")
"""
script = SCRIPT.replace("SETUP", SETUP if CURED else "")
start(
    {"settings.py": SETTINGS, "notices/models.py": MODELS, "script.py": script}, "script.py"
).wait()
