"""Polls of the deck, and their votes: open, closed, or with a result that is hidden."""

import json
import time
from pathlib import Path

import socketio

from workshop.talk.lead import hashed

STATES = ("open", "hidden", "closed")
MAX_VOTERS = 2000  # in one poll


class Polls(socketio.Namespace):
    """The part of /slides that says which poll takes votes, and whose result is seen."""

    def begin_polls(self):
        """Go on with what was set before this server began."""
        self.poll_states = self.kept.get("polls", {})
        self.votes = self.kept.get("votes", {})  # poll: {browser: choice}

    def welcome_polls(self, sid):
        """Send who leads the result of each poll, the hidden ones too."""
        if sid in self.leaders:
            self.emit("counts", self.counts(), to=sid)

    def on_poll(self, sid, poll, state):
        """Open a poll, hide its result while it goes on, or close it."""
        if sid in self.leaders and self.find_poll(poll) and state in STATES:
            self.poll_states[poll] = state
            self.kept.set("polls", self.poll_states)
            self.tell_soon()

    def find_poll(self, poll):
        """Return the slide of a poll, or None."""
        return next((each for each in self.deck if poll and each.poll == poll), None)

    def on_vote(self, sid, poll, choice):
        """Count a vote, one for each browser; it may change its mind."""
        found = self.find_poll(poll)
        browser = hashed(self.browsers[sid])
        if not found or self.poll_states.get(poll) == "closed":
            return
        if type(choice) is int and 0 <= choice < len(found.answers):
            votes = self.votes.setdefault(poll, {})
            if browser in votes or len(votes) < MAX_VOTERS:
                votes[browser] = choice
                self.kept.set("votes", self.votes)
                self.tell_soon()

    def votes_of(self, sid):
        """Return what a browser has chosen in each poll."""
        browser = hashed(self.browsers[sid])
        return {poll: votes[browser] for poll, votes in self.votes.items() if browser in votes}

    def polls_for_all(self):
        """Return for each poll its state and how many have voted; and the votes, if not hidden."""
        votes = {}
        for slide in filter(lambda each: each.poll, self.deck):
            choices = list(self.votes.get(slide.poll, {}).values())
            votes[slide.poll] = [choices.count(each) for each in range(len(slide.answers))]
        states = {
            poll: {"state": self.poll_states.get(poll, "open"), "total": sum(counts)}
            for poll, counts in votes.items()
        }
        return {
            "polls": states,
            "votes": {poll: votes[poll] for poll in votes if states[poll]["state"] != "hidden"},
        }

    def counts(self):
        """Return all polls with their questions, answers and votes."""
        found = []
        for slide in self.deck:
            if slide.poll:
                choices = list(self.votes.get(slide.poll, {}).values())
                found.append(
                    {
                        "poll": slide.poll,
                        "question": slide.title,
                        "state": self.poll_states.get(slide.poll, "open"),
                        "answers": [
                            {"answer": answer, "votes": choices.count(number)}
                            for number, answer in enumerate(slide.answers)
                        ],
                    }
                )
        return found

    def save_results(self, file):
        """Write the polls' results and the questions to a file, if the room took part."""
        polls = [poll for poll in self.counts() if any(each["votes"] for each in poll["answers"])]
        questions = [
            {name: each[name] for name in ("text", "name", "votes", "state")}
            for each in self.all_questions()["all"]
        ]
        if polls or questions:
            ended = time.strftime("%Y-%m-%d %H:%M")
            results = {"ended": ended, "polls": polls, "questions": questions}
            text = json.dumps(results, indent=2, ensure_ascii=False)
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).write_text(text + "\n", encoding="utf-8")
