"""The organisers' way in."""

from django.contrib import admin

from .models import Notice


@admin.register(Notice)
class NoticeAdmin(admin.ModelAdmin):
    """Let the organisers write, mend and remove notices."""

    list_display = ["text", "hall", "to", "author", "official", "created"]
    exclude = ["key"]
    autocomplete_fields = ["to"]

    def get_readonly_fields(self, request, obj=None):
        """Let nobody move what was said: it is on screens, and would stay there."""
        return ["hall", "to"] if obj else []
