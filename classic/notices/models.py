"""What the notice board keeps."""

from django.db import models, transaction

from .live import publish


class Notice(models.Model):
    """Something that somebody wants the whole hallway to know."""

    author = models.CharField("your name", max_length=40)
    text = models.CharField("notice", max_length=280)
    official = models.BooleanField("from the organisers", default=False)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self):
        return f"{self.author}: {self.text}"

    def save(self, *args, **kwargs):
        """Save, and publish once the database has it for good."""
        super().save(*args, **kwargs)
        transaction.on_commit(lambda: publish(self))

    def as_dict(self):
        """Return what a browser needs to show this notice."""
        return {
            "id": self.id,
            "author": self.author,
            "text": self.text,
            "official": self.official,
            "created": self.created.isoformat(),
        }
