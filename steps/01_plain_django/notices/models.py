"""What the notice board keeps."""

from django.db import models


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
