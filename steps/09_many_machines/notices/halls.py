"""What the browsers of this process were told of each hall, and of what is for one person alone."""

from redis import RedisError

from .entries import check
from .live import BATCH, place, read_after
from .sessions import person


class Hall:
    """A hall: its stream, and the room of all who follow it and have caught up with it."""

    live = False
    cursor = None  # how far in the stream those in the room were told
    here = 0, []  # how many follow it, in all processes, and the names of those who have one

    def __init__(self, name, stream, namespace):
        self.name, self.stream, self.namespace = name, stream, namespace

    @property
    def manager(self):
        """Return who knows the rooms."""
        return self.namespace.server.manager

    def rooms(self):
        """Return the rooms in which somebody may be."""
        return [self.name]

    def room_of(self, user):
        """Return the room in which somebody hears of this hall."""
        return self.name

    def for_user(self, entries, user):
        """Return those of some entries that somebody may read."""
        return entries

    def follow(self, sid, user, cursor):
        """Tell a browser what came after its cursor, and let it in; return what it is to do now."""
        if not self.live:
            return "wait"
        if self.namespace.server.is_behind(sid, self.namespace.namespace):
            return "again"
        try:
            # What every browser was told, this one has: then there is nothing to ask Redis for.
            entries = [] if cursor == self.cursor else self.read_after(cursor)
        except RedisError:
            self.set_live(False)  # until the listener hears it again
            return "wait"
        if entries is None or self.has_ended(entries, user):
            return "reload"
        if entries:
            after, cursor = cursor, entries[-1][0]
            self.tell(sid, self.for_user(entries, user), after, cursor)
        if place(cursor) < place(self.cursor):
            return "again"
        if not self.manager.is_connected(sid, self.namespace.namespace):
            return "wait"  # It has gone meanwhile.
        # No greenlet runs between that look and this: what is new from here on is broadcast.
        self.namespace.enter_room(sid, self.room_of(user))
        self.namespace.emit("here", (self.name, *self.here), to=sid)
        return "live"

    def has_ended(self, entries, user):
        """Tell whether one of them says that somebody may have to leave."""
        return False

    def read_after(self, cursor):
        """Return what came after a cursor; None: the page has to be loaded anew."""
        return read_after(self.stream, cursor)

    def begin(self, cursor):
        """Go on from this entry, with nobody caught up: it is not the stream that they know."""
        self.cursor = cursor
        for room in self.rooms():
            self.namespace.close_room(room)
        self.live = False  # so that each browser hears that it is live, and asks

    def set_live(self, live):
        """Have every browser told when this hall is not heard, and when it is again."""
        was_live, self.live = self.live, live
        if live != was_live:
            self.namespace.emit("live", (live, self.name))

    def broadcast(self, entries):
        """Tell everybody in the room."""
        # With what they come after: so a browser sees if something before them did not arrive.
        after, self.cursor = self.cursor, entries[-1][0]
        self.tell(self.name, entries, after, self.cursor)

    def tell(self, room, entries, after, cursor):
        """Tell a room these entries, what they come after, and how far they go."""
        self.namespace.emit("notices", (self.name, check(entries), after, cursor), to=room)

    def who(self):
        """Return how many of this process follow it, and the names of those who have one."""
        room = self.manager.get_participants(self.namespace.namespace, self.name)
        sids = [sid for sid, _ in room]
        users = self.namespace.users
        return len(sids), [users[sid].get_username() for sid in sids if sid in users]

    def set_here(self, number, names):
        """Tell the room who is here, in all processes, if that has changed."""
        if self.here != (number, names):
            self.here = number, names
            self.namespace.emit("here", (self.name, number, names), to=self.name)


class People(Hall):
    """What is for one person: one stream for all of them, and a room for each."""

    def rooms(self):
        """Return the rooms of all who are here."""
        rooms = self.manager.rooms.get(self.namespace.namespace, {})
        return [room for room in rooms if str(room).startswith(person(""))]

    def room_of(self, user):
        """Return somebody's room, in which are all of their tabs and phones, and nobody else."""
        return person(user.id)

    def for_user(self, entries, user):
        """Return what is for this person."""
        return [(cursor, fields) for cursor, fields in entries if fields.get("to") == str(user.id)]

    def has_ended(self, entries, user):
        """Tell whether they have: if not before they asked, then while that was looked up."""
        return any(fields.get("ended") == person(user.id) for _, fields in entries)

    def read_after(self, cursor):
        """Return what came after a cursor, unless that is much: most is for others."""
        entries = super().read_after(cursor)
        return entries if entries is None or len(entries) < BATCH else None

    def broadcast(self, entries):
        """Tell each person what is for them; hang up on those who have ended."""
        for cursor, fields in entries:
            self.cursor = cursor
            if "ended" in fields:
                self.namespace.end(fields["ended"])
            else:
                # 0-0: its page can't check for a gap, as it was not told what is for others.
                self.tell(person(fields.get("to")), [(cursor, fields)], "0-0", cursor)
