"""The presenter's clock, the same in all windows that lead; and how long each slide was shown."""

import json
import time
from pathlib import Path

import socketio

from workshop.talk import deck
from workshop.talk.stage import LEADERS

DAY = 86_400  # seconds


class Clock(socketio.Namespace):
    """The part of /slides that has the time."""

    def begin_clock(self):
        """Go on with the clock of a server before this one."""
        # before, since: how long it has run, and since when it runs; took, mark: how long each
        # slide was shown while it ran, and until when that is counted
        self.clock = self.kept.get("clock")

    def welcome_clock(self, sid):
        """Tell who leads what time it is."""
        if sid in self.leaders:
            self.emit("clock", self.clock_now(), to=sid)

    def on_clock(self, sid, elapsed, runs):
        """Set the clock, stop it or start it; set to 0 and stopped, all is forgotten."""
        if sid not in self.leaders or type(elapsed) not in (int, float) or type(runs) is not bool:
            return
        if 0 <= elapsed < DAY:
            self.count_time()
            now = time.time()
            took = self.clock["took"] if self.clock and (elapsed or runs) else {}
            since = now if runs else None
            self.clock = {"before": elapsed, "since": since, "took": took, "mark": now}
            self.kept.set("clock", self.clock)
            self.emit("clock", self.clock_now(), room=LEADERS, skip_sid=sid)

    def clock_now(self):
        """Return how long the clock has run, and whether it runs; None before it was ever set."""
        if not self.clock:
            return None
        since = self.clock["since"]
        now = self.clock["before"] + (time.time() - since if since else 0)
        return {"elapsed": now, "runs": since is not None}

    def count_time(self):
        """Count the time until now for the slide that is shown."""
        if self.clock and self.clock["since"]:
            slide, now = str(self.state["indexh"] if self.state else 0), time.time()
            took = self.clock["took"]
            took[slide] = took.get(slide, 0) + now - self.clock["mark"]
            self.clock["mark"] = now
            self.kept.set("clock", self.clock)

    def save_rehearsal(self, file):
        """Write how long each slide took, if the clock has run."""
        self.count_time()
        if self.clock and self.clock["took"]:
            took = [
                {"title": slide.title, "seconds": round(self.clock["took"].get(str(number), 0), 1)}
                for number, slide in enumerate(deck.slides())
            ]
            record = {"ended": time.strftime("%Y-%m-%d %H:%M"), "slides": took}
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")
