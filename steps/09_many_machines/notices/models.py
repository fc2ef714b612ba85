"""What the notice board keeps."""

import uuid

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models, transaction

from . import outbox


def halls():
    """Return the halls to choose from."""
    return [(hall, hall) for hall in settings.HALLS]


def first_hall():
    """Return where a notice goes that says nothing else."""
    return settings.HALLS[0]


class Notice(models.Model):
    """Something that a whole hall is to know, or one person alone."""

    hall = models.CharField(max_length=40, choices=halls, default=first_hall, db_default="")
    to = models.ForeignKey(
        get_user_model(), models.CASCADE, null=True, blank=True, verbose_name="to one person alone"
    )
    author = models.CharField("your name", max_length=40)
    text = models.CharField("notice", max_length=280)
    official = models.BooleanField("from the organisers", default=False)
    created = models.DateTimeField(auto_now_add=True)
    # Made by the browser: what it sends again, as no answer came, is known by it.
    key = models.UUIDField(null=True, blank=True, unique=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self):
        return f"{self.author}: {self.text}"

    def save(self, *args, **kwargs):
        """Save, and put it into the outbox: the database has both for good, or neither."""
        with transaction.atomic():
            super().save(*args, **kwargs)
            Outbox.objects.create(notice=self)
        transaction.on_commit(outbox.empty, robust=True)

    def as_dict(self):
        """Return what a browser needs to show this notice."""
        return {
            "id": self.id,
            "author": self.author,
            "text": self.text,
            "official": self.official,
            "created": self.created.isoformat(),
        }


class Outbox(models.Model):
    """What has yet to be published, under a key that makes sure that it is only once."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, null=True)
    ended = models.CharField(max_length=60, default="", db_default="")  # or a room, instead
    key = models.UUIDField(default=uuid.uuid4)
