"""What a browser may send."""

from django import forms

from .models import Notice, first_hall
from .post_limit import is_too_much


class NoticeForm(forms.ModelForm):
    """Take a notice: who says what, and where."""

    class Meta:
        model = Notice
        fields = ["author", "hall", "text", "key"]
        widgets = {
            "author": forms.TextInput({"autocomplete": "nickname"}),
            "text": forms.TextInput({"autocomplete": "off"}),
            "key": forms.HiddenInput,
        }

    def __init__(self, data=None, request=None):
        super().__init__(data)
        self.fields["hall"].required = False
        self.request = request

    def clean_hall(self):
        """Take the first hall where none is named."""
        return self.cleaned_data["hall"] or first_hall()

    def clean(self):
        """Refuse who has posted too much: each notice goes to the screens of a whole hall."""
        super().clean()
        if self.request and is_too_much(self.request):
            raise forms.ValidationError("That is a lot of notices: wait ten seconds.", "wait")
