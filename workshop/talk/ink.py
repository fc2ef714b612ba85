"""A pointer and a pen: what who leads does on a slide, everybody sees."""

import socketio

MAX_POINTS = 64  # of one piece of a line
FAR = 1000  # times the size of what is pointed at


class Ink(socketio.Namespace):
    """The part of /slides that hands on a pointer and lines; nothing of it is kept."""

    def on_point(self, sid, slide, on, x, y):
        """Move the pointer to a place on a thing of a slide; slide -1: it is gone."""
        if sid in self.leaders and is_number(slide, on) and is_place([x, y]):
            self.emit("point", (slide, on, x, y), skip_sid=sid)

    def on_ink(self, sid, slide, on, points):
        """Draw a piece of a line; one without points takes all lines away."""
        if (
            sid in self.leaders
            and is_number(slide, on)
            and isinstance(points, list)
            and len(points) <= MAX_POINTS
            and all(map(is_place, points))
        ):
            self.emit("ink", (slide, on, points), skip_sid=sid)


def is_number(*values):
    """Tell whether these are numbers of slides, and of things on them."""
    return all(type(value) is int and -1 <= value < 10_000 for value in values)


def is_place(point):
    """Tell whether this is a place beside a thing, in sizes of it."""
    return (
        isinstance(point, list)
        and len(point) == 2
        and all(type(value) in (int, float) and -FAR < value < FAR for value in point)
    )
