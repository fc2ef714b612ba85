"""Who leads: whoever has the presenter's token, and whom the presenter hands the lead to."""

import hashlib
import os
import secrets

import socketio

from workshop.serving import qr
from workshop.talk.stage import LEADERS, ROOM

TOKEN = os.environ.get("TOKEN") or secrets.token_urlsafe(16)  # who has it leads
MAX_INVITATIONS = 10
PRESENTER = "presenter"


class Lead(socketio.Namespace):
    """The part of /slides that knows who leads; the presenter can hand it on, and take it back."""

    def begin_lead(self):
        """Go on with the invitations of a server before this one."""
        # number: what the token and the browser that came with it first are, in a way that helps
        # nobody who reads it
        self.invitations = self.kept.get("invitations", {})
        self.presenters = set()  # who has the presenter's own token
        self.invited = {}  # sid: the number of its invitation

    def let_lead(self, sid, token):
        """Tell whether a browser leads, by the presenter's token or by an invitation of its own."""
        lead = self.what_lets_lead(token, self.browsers[sid])
        if lead is None:
            return False
        if lead == PRESENTER:
            self.presenters.add(sid)
            self.enter_room(sid, "presenters")
        else:
            self.invited[sid] = lead
            self.tell_invitations()
        self.leaders.add(sid)
        self.enter_room(sid, LEADERS)
        return True

    def what_lets_lead(self, token, browser):
        """Return PRESENTER, the number of a browser's invitation, or None."""
        token, browser = str(token).encode(errors="replace"), hashed(browser)
        if secrets.compare_digest(token, TOKEN.encode()):
            return PRESENTER
        for number, invitation in self.invitations.items():
            # It is good once: for whoever comes first.
            if invitation["token"] == hashed(token) and invitation["browser"] in (None, browser):
                if invitation["browser"] is None:
                    invitation["browser"] = browser
                    self.invitations_changed()
                return number
        return None

    def welcome_lead(self, sid):
        """Tell the presenter whom the lead is handed to."""
        if sid in self.presenters:
            self.emit("invitations", self.open_invitations(), to=sid)

    def goodbye_lead(self, sid):
        """Forget a browser that has gone; its invitation waits for it."""
        self.presenters.discard(sid)
        if self.invited.pop(sid, None):
            self.tell_invitations()

    def on_invite(self, sid):
        """Make an address that lets one other browser lead; acknowledge with it and its QR code."""
        if sid not in self.presenters or len(self.invitations) >= MAX_INVITATIONS:
            return None
        token = secrets.token_hex(8)
        number = str(1 + max(map(int, self.invitations), default=0))
        self.invitations[number] = {"token": hashed(token.encode()), "browser": None}
        self.invitations_changed()
        host = self.server.get_environ(sid, self.namespace).get("HTTP_HOST", "localhost")
        address = f"{ROOM or f'http://{host}'}/remote.html?token={token}"
        return {"number": number, "address": address, "qr": qr.svg(address).decode()}

    def on_take_back(self, sid, number):
        """End an invitation, and the lead of whoever came with it, at once."""
        if sid not in self.presenters or not isinstance(number, str):
            return
        if self.invitations.pop(number, None):
            for each in [each for each, theirs in self.invited.items() if theirs == number]:
                del self.invited[each]
                self.leaders.discard(each)
                self.leave_room(each, LEADERS)
                self.greet(each)
            self.invitations_changed()
            self.tell_soon()

    def invitations_changed(self):
        """Keep the invitations, and tell the presenter."""
        self.kept.set("invitations", self.invitations)
        self.tell_invitations()

    def tell_invitations(self):
        """Tell the presenter whom the lead is handed to."""
        self.emit("invitations", self.open_invitations(), room="presenters")

    def open_invitations(self):
        """Return each invitation: whether somebody has come with it, and is here."""
        here = set(self.invited.values())
        return [
            {"number": number, "used": invitation["browser"] is not None, "here": number in here}
            for number, invitation in self.invitations.items()
        ]


def hashed(text):
    """Return what a token can be known by, and not be made from."""
    data = text if isinstance(text, bytes) else text.encode(errors="replace")
    return hashlib.sha256(data).hexdigest()
