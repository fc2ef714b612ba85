"""The lesson of step 8."""

from workshop.learn.lessons import point

POINTS = [
    point(
        "a process alone is a whole server",
        "TestStart::test_the_server_answers",
        expected="With the new halls, forms and log-in the board is at / as before.",
        more="Migrate: a notice has columns for its hall and for whom it is. serve.py spawns a "
        "listener for each of notices.halls.values().",
        file="serve.py",
        section="What changes",
        part="serve",
    ),
    point(
        "a page hears its halls and no others",
        "TestHalls::test_a_page_hears_its_halls_and_no_others",
        "TestHalls::test_who_was_away_catches_up_with_all_of_its_halls_in_one_question",
        expected="A browser says its halls and its cursors in one question, and is told what each "
        "of them has after that; then it is in their rooms.",
        more="on_since() goes through self.halls, and lets each that is in cursors be followed: "
        "hall.follow() enters its room at the end. A broadcast goes to the room of its hall.",
        file="notices/namespaces.py",
        section="The server says which room",
        part="Notices.on_since",
    ),
    point(
        "so is what manage.py publishes in one",
        "TestHalls::test_manage_py_publishes_in_a_hall",
        expected="`python manage.py publish --hall Foyer` says something in the Foyer.",
        more="It hands the hall to the form, as it does the author.",
        file="notices/management/commands/publish.py",
        section="What changes",
    ),
    point(
        "who leaves a hall is told nothing more of it",
        "TestHalls::test_who_leaves_a_hall_is_told_nothing_more_of_it",
        expected="What is not in the question is left: these halls, and no others.",
        more="In on_since(): self.leave_room(sid, hall.room_of(user)) for each hall that is not in "
        "cursors.",
        file="notices/namespaces.py",
        section="The server says which room",
        part="Notices.on_since",
    ),
    point(
        "what is for one person is on all of their tabs, and nobody else's",
        "TestPerson::test_it_is_on_all_of_their_tabs_and_nobody_elses",
        "TestPerson::test_a_browser_cannot_name_somebodys_room",
        expected="Each entry of the stream for persons goes to the room of one person, which the "
        "server knows by the session.",
        more="People.broadcast() tells each entry to the room that is named after fields['to'].",
        file="notices/halls.py",
        section="All of somebody's tabs, and nobody else's",
        part="People.broadcast",
    ),
    point(
        "who slept is told later, and nobody else is",
        "TestPerson::test_who_slept_is_told_later_and_nobody_else_is",
        expected="Catching up, a browser is told what is for its own person, and nothing else of "
        "that stream.",
        more="follow() tells self.for_user(entries, user). People.for_user() takes those whose "
        "'to' is this user's id, as text.",
        file="notices/halls.py",
        section="All of somebody's tabs, and nobody else's",
        part="People.for_user",
    ),
    point(
        "when a session ends nothing more is told",
        "TestSession::test_when_it_ends_nothing_more_is_told",
        "TestSession::test_the_other_windows_forget_what_was_for_one_person",
        expected="Whoever is in the room of a session is hung up on when it ends, on all tabs and "
        "in all processes.",
        more="end() goes through get_participants() of that room, and disconnects each. The page "
        'hears "io server disconnect", and connects again.',
        file="notices/namespaces.py",
        section="When a session ends",
        part="Notices.end",
    ),
    point(
        "a window chooses halls and shows them",
        "TestHalls::test_a_window_chooses_halls_and_shows_them",
        "TestHalls::test_what_was_missed_in_two_halls_is_shown_with_the_newest_first",
        expected="A tick loads the list anew, with the cursors of the halls that are ticked, and "
        "the page asks from there. Each hall shows who is there, while the page is connected.",
        more="In board.js cursors has a cursor for each hall; whatever is about a hall that is not "
        "among them is on its way from before. Without a connection, nobodyIsHere(). show() puts a "
        "notice where its number says.",
        file="notices/static/notices/board.js",
        section="What changes",
        part="notices.on",
    ),
    point(
        "each hall hears who follows it, wherever they are",
        "TestWhoIsHere::test_each_hall_hears_who_follows_it_wherever_they_are",
        "TestWhoIsHere::test_what_does_not_say_who_is_where_is_not_counted",
        expected="Each process announces who is in its rooms, and adds what it hears from others.",
        more="add_up() in notices/presence.py adds hall.who() and what was heard of that hall.",
        file="notices/presence.py",
        section="Who is here",
        part="add_up",
    ),
]
