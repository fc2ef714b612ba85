"""A board that strangers write on, in the presenter's hand: pause, approve, hide, clear, publish.

Only in the slides, which name a file in STAGE_FILE; the step itself knows nothing of it. Their
server asks over HTTP, with the tool's token. What was decided is in the file, so that a server that
dies does not come back with the door open.
"""

import json
import os
import secrets
import sys
from pathlib import Path

from django.apps import AppConfig
from django.conf import settings
from django.contrib.auth import get_user
from django.core.exceptions import ValidationError
from django.http import HttpResponseNotFound, JsonResponse

MODES = {
    "open": "",
    "approve": "The presenter looks at each notice before it is up.",
    "paused": "The presenter has paused posting.",
}
HELD = "Thank you. It is up once the presenter has looked at it."
HERE = ("127.0.0.1", "::1")
MAX_HELD = 200  # notices that wait to be looked at
FOR_EACH_ADDRESS = 300  # times what one phone may post: a whole room can be behind one router

# What the step's page lacks: it learns which notices are gone, and whether posting is open.
SCRIPT = """<script>
addEventListener("DOMContentLoaded", () => {
  const said = Object.assign(document.createElement("p"), { id: "stage", textContent: %s });
  said.setAttribute("role", "status");
  form.before(said);
  notices.on("stage", (sentence) => (said.textContent = sentence));
  notices.on("notice", ({ id }) => {
    // Step 3 gives no id to what comes in: it is the first of the list now.
    if (id && !document.getElementById(`notice-${id}`)) list.firstElementChild.id = `notice-${id}`;
  });
  notices.on("gone", (ids) => {
    if (!ids) return list.replaceChildren();
    for (const id of ids) document.getElementById(`notice-${id}`)?.remove();
  });
});
</script></body>"""


class Stage(AppConfig):
    """The presenter's hand on the board."""

    name = "stage"

    def ready(self):
        """Have the board's form ask here, too."""
        from notices import forms

        if not hasattr(forms, "is_too_much"):
            return  # Steps 1 and 2 are for the presenter's own machine.
        clean = forms.NoticeForm.clean

        def clean_and_look(form):
            clean(form)
            if form.request and not form.errors and not get_user(form.request).is_staff:
                look_at(form.cleaned_data["author"], form.cleaned_data["text"])

        forms.NoticeForm.clean = clean_and_look
        forms.is_too_much = is_too_much
        if "socketio" in sys.modules:  # in serve.py, and not in manage.py
            tell_who_connects()


def tell_who_connects():
    """Tell a browser that comes, or comes back, who may post."""
    from notices.namespaces import Notices

    connect = getattr(Notices, "on_connect", None)

    def on_connect(notices, sid, environ, auth):
        if connect:
            connect(notices, sid, environ, auth)
        notices.emit("stage", MODES[read()["mode"]], to=sid)

    Notices.on_connect = on_connect


def is_too_much(request):
    """Count a post by phone; what an address may is for a script that makes up phones."""
    from notices.post_limit import COOKIE, is_over

    address = request.META["REMOTE_ADDR"]
    browser = request.get_signed_cookie(COOKIE, f"nameless-{address}")
    most = settings.POSTS_IN_TEN_SECONDS
    return is_over(browser, most) or is_over(address, FOR_EACH_ADDRESS * most)


def look_at(author, text):
    """Refuse what may not go up, or not yet."""
    kept = read()
    if kept["mode"] == "paused":
        raise ValidationError(MODES["paused"])
    if kept["mode"] == "approve":
        if len(kept["held"]) >= MAX_HELD:
            raise ValidationError("Many notices wait to be looked at: try again later.")
        if [author, text] not in [each[1:] for each in kept["held"]]:
            kept["held"].append([secrets.token_hex(8), author, text])
            write(kept)
        raise ValidationError(HELD)


def read():
    """Return what was decided, and what waits: [key, author, text] each."""
    try:
        return json.loads(Path(os.environ["STAGE_FILE"]).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"mode": "open", "held": []}


def write(kept):
    """Keep it; renamed into place, so that a crash leaves the old or the new."""
    file = Path(os.environ["STAGE_FILE"])
    part = file.with_name(f"{file.name}.part")
    part.write_text(json.dumps(kept), encoding="utf-8")
    part.replace(file)


def middleware(get_response):
    """Do what the slides' server asks for; put the script into everybody else's page."""
    token = os.environ.get("STACKS_TOKEN", "").encode()

    def answer(request):
        given = request.headers.get("X-Stage-Token", "").encode()
        if token and secrets.compare_digest(given, token):
            try:
                return JsonResponse(do(**json.loads(request.body)))
            except ValidationError as error:
                return JsonResponse({"problem": " ".join(error.messages)})
        # To check a password takes half a second in which nobody has a turn: not for strangers.
        if request.path.startswith("/admin/") and request.META["REMOTE_ADDR"] not in HERE:
            return HttpResponseNotFound("Only on the presenter's machine.", "text/plain")
        response = get_response(request)
        page = response.get("Content-Type", "").startswith("text/html") and not response.streaming
        if page and b"notices/board.js" in response.content:
            script = SCRIPT % json.dumps(MODES[read()["mode"]])
            response.content = response.content.replace(b"</body>", script.encode())
            response["Content-Length"] = len(response.content)
        return response

    return answer


def do(mode=None, hide=None, clear=False, approve=None, drop=None, publish=None):
    """Do one of these; return what is decided, what waits, what is up, and what was saved."""
    from notices.models import Notice

    kept, saved = read(), None
    if mode in MODES:
        kept["mode"] = mode
    chosen = [each for each in kept["held"] if each[0] in (approve, drop)]
    kept["held"] = [] if clear else [each for each in kept["held"] if each not in chosen]
    write(kept)  # Before anything that waits: meanwhile somebody else decides, or posts.
    if mode in MODES:
        emit("stage", MODES[mode])
    if hide is not None:
        Notice.objects.filter(pk=hide).delete()
        emit("gone", [hide])
    if clear:
        Notice.objects.all().delete()
        emit("gone", None)
    for key, author, text in chosen:
        if key == approve:
            save(author, text)
    if publish:
        author, text = publish
        saved = save(author, text, official=True)
    latest = Notice.objects.all()[:50]  # as many as the board has
    up = [[each.pk, each.author, each.text, each.created.isoformat()] for each in latest]
    return {**read(), "up": up, "saved": saved}


def save(author, text, official=False):
    """Save a notice as the board's own form does; everybody is told."""
    from notices.forms import NoticeForm

    form = NoticeForm({"author": author, "text": text})
    if not form.is_valid():
        raise ValidationError([str(error) for errors in form.errors.values() for error in errors])
    form.instance.official = official
    notice = form.save()
    if not hasattr(settings, "REDIS_URL"):  # In step 3 only a browser's own event is told to all.
        emit("notice", notice.as_dict())
    return notice.pk


def emit(event, data):
    """Tell every browser that is connected; serve.py has the Socket.IO server."""
    if sio := getattr(sys.modules["__main__"], "sio", None):
        sio.emit(event, data, namespace="/notices")
