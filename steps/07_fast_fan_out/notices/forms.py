"""What a browser may send."""

import time

from django import forms
from django.conf import settings
from django.core.cache import cache
from redis import RedisError

from .models import Notice


class NoticeForm(forms.ModelForm):
    """Take a notice: who says what."""

    class Meta:
        model = Notice
        fields = ["author", "text", "key"]
        widgets = {
            "author": forms.TextInput({"autocomplete": "nickname"}),
            "text": forms.TextInput({"autocomplete": "off"}),
            "key": forms.HiddenInput,
        }

    def __init__(self, data=None, sender=None):
        super().__init__(data)
        self.sender = sender

    def clean(self):
        """Refuse a sender that has posted too much: each notice now goes to everybody's screen."""
        super().clean()
        if self.sender is None:
            return
        now = time.time()
        try:
            recent = [then for then in cache.get(self.sender, []) if now - then < 10]
            if len(recent) < settings.POSTS_IN_TEN_SECONDS:
                cache.set(self.sender, [*recent, now], timeout=10)
                return
        except RedisError:
            return  # Better too much than nothing: what is posted is saved.
        raise forms.ValidationError("That is a lot of notices: wait ten seconds.", "wait")
