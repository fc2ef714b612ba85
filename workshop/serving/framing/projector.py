"""A step's pages as the slides show them in a frame: large, and without what is for readers.

Only in the slides, which say PROJECTOR, and only in a frame: who opens the step itself has its own
page. What does it is a style in the page; the step knows nothing of it.
"""

from pathlib import Path

from django.utils.html import escape

STYLE = f"<style>{Path(__file__).with_suffix('.css').read_text(encoding='utf-8')}</style>"
# The slides say whether they are light or dark; look.js does.
SCRIPT = """<script>
addEventListener("message", ({ data }) => {
  if ("theme" in Object(data)) document.documentElement.style.colorScheme = data.theme;
});
</script>"""


def middleware(get_response):
    """Add the style to what a browser asks for to show in a frame."""

    def answer(request):
        response = get_response(request)
        # A browser names it where it trusts the address, and on the projector that is this machine.
        if request.headers.get("Sec-Fetch-Dest") != "iframe" or response.streaming:
            return response
        kind = response.get("Content-Type", "")
        if not kind.startswith("text/"):
            return response
        text = response.content.decode(response.charset)
        if kind.startswith("text/html"):
            response.content = text.replace("</head>", f"{STYLE}{SCRIPT}</head>", 1)
        elif kind.startswith("text/plain"):
            # A browser shows plain text in letters that nobody reads from the last row.
            response.content = f"<!doctype html><title>Text</title>{STYLE}<pre>{escape(text)}</pre>"
            response["Content-Type"] = f"text/html; charset={response.charset}"
        return response

    return answer
