"""What a browser may send."""

from django import forms

from .models import Notice


class NoticeForm(forms.ModelForm):
    """Take a notice: who says what."""

    class Meta:
        model = Notice
        fields = ["author", "text"]
        widgets = {
            "author": forms.TextInput({"autocomplete": "nickname"}),
            "text": forms.TextInput({"autocomplete": "off"}),
        }
