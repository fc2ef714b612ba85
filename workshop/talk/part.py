"""How the room takes part, and what who leads can do besides turning the slides."""

from workshop.talk.clock import Clock
from workshop.talk.ink import Ink
from workshop.talk.lead import TOKEN, Lead, hashed
from workshop.talk.polls import Polls
from workshop.talk.questions import Questions


class Part(Questions, Polls, Lead, Clock, Ink):
    """What /slides has besides the slides; each in a module of its own."""

    def begin(self):
        """Go on with what was kept; clock and invitations are of one presentation only."""
        run = hashed(TOKEN)
        if self.kept.get("run") != run:
            for name, value in {"clock": None, "invitations": {}, "run": run}.items():
                self.kept.set(name, value)
        self.begin_questions()
        self.begin_polls()
        self.begin_lead()
        self.begin_clock()

    def welcome(self, sid):
        """Tell a browser that has come what there is."""
        self.welcome_questions(sid)
        self.welcome_polls(sid)
        self.welcome_lead(sid)
        self.welcome_clock(sid)

    def save(self, results, rehearsal):
        """Write what came of the talk to the files that are asked for."""
        self.kept.write()
        if results:
            self.save_results(results)
        if rehearsal:
            self.save_rehearsal(rehearsal)
