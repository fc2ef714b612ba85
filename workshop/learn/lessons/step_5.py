"""The lesson of step 5."""

from workshop.learn.hint import BOARD_JS
from workshop.learn.lessons import STILL_ENDS, STILL_POSTED, point

POINTS = [
    point(
        "one greenlet reads the stream, and the board is at /",
        "TestStart::test_the_server_answers",
        expected="The log of notices is a stream in Redis, `notices`. One greenlet reads what is "
        "new in it, and begins it where there is none.",
        more="listen() in notices/live.py reads with read_after(notices.cursor). Where that gives "
        "None, notices.begin(last_cursor()) begins, and last_cursor() makes a first entry if there "
        "is none.",
        file="notices/live.py",
        section="What changes",
        part="listen",
    ),
    STILL_ENDS,
    STILL_POSTED,
    point(
        "what is saved is in the stream, once",
        "TestOutbox::test_what_is_saved_is_in_the_stream_once",
        expected="save() puts the notice into the outbox, in the same transaction; after the "
        "commit the outbox is emptied, and what was in it is appended to the stream.",
        more="In save(), within transaction.atomic(): super().save(…) and "
        "Outbox.objects.create(notice=self). After it: "
        "transaction.on_commit(outbox.empty, robust=True).",
        file="notices/outbox.py",
        section="What changes",
        part="empty",
    ),
    point(
        "what a process that died has left is told",
        "TestOutbox::test_what_a_process_that_died_has_left_is_told[before]",
        expected="A greenlet of the server empties the outbox once a second: what somebody saved "
        "and could not publish is told, and nothing is in the stream twice.",
        more="serve.py has gevent.spawn(keep_empty). publish() appends once for each key of the "
        "outbox: a script, which is one step to Redis, looks at the key and appends.",
        file="notices/outbox.py",
        section="What changes",
        part="keep_empty",
    ),
    point(
        "the page has a cursor",
        "TestAway::test_the_page_has_a_cursor",
        expected="The page says how far it has been told: the view hands the server's cursor to "
        "the template.",
        more="broadcast() keeps the last entry's id in notices.cursor, board() hands it on as "
        '"cursor", before the notices, and the template has {{ cursor|json_script:"cursor" }}.',
        file="notices/views.py",
        section="What changes",
        part="board",
    ),
    point(
        "who was away is told what was missed",
        "TestAway::test_a_client_that_was_away_is_told_what_it_missed",
        "TestAway::test_catching_up_and_what_is_new_come_complete_and_in_order",
        expected="A browser says `since` with its cursor, and is sent what came after it, a batch "
        'at a time: "again" means ask again, "live" that what is new will come by itself.',
        more='on_since() emits "notices" to=sid, and enters the room "caught up" once the cursor '
        "is not behind the server's own. broadcast() emits to that room.",
        file="notices/namespaces.py",
        section="What changes",
        part="Notices.on_since",
    ),
    point(
        "a cursor that the stream does not have: load the page anew",
        "TestCursor::test_what_is_no_cursor_of_the_stream_is_answered_with_reload",
        "TestCursor::test_a_cursor_that_was_trimmed_away_is_answered_with_reload",
        expected="The stream keeps so much and no more. Whoever's cursor is not in it, whatever a "
        'browser may send, is answered with "reload".',
        more="read_after() asks for the entry with the cursor itself as well: as long as that is "
        "there, nothing after it was trimmed away. Else it returns None.",
        file="notices/live.py",
        section="What changes",
        part="read_after",
    ),
    point(
        "what is not a notice is skipped",
        "TestBadMessages::test_each_is_one_line_in_the_log_and_the_next_one_arrives",
        expected="Anybody may append anything to a stream: what is not a notice is one line in the "
        "log, which begins with Skipped, and the next one arrives.",
        more="read_notice() logs it and returns None, as broadcast() did in step 4; its cursor is "
        "told all the same.",
        file="notices/entries.py",
        section="What changes",
        part="read_notice",
    ),
    point(
        "what is sent again is saved once",
        "TestPost::test_the_same_key_is_saved_once",
        expected="The browser makes a key for each notice. What it sends again, as no answer came, "
        "has the same key: it is acknowledged with ok, and saved once.",
        more="The model has a unique key, and the form takes it. In on_post, "
        'form.has_error("key", "unique") means that it is saved: return {"ok": True}.',
        file="notices/namespaces.py",
        section="What changes",
        part="Notices.on_post",
    ),
    point(
        "the page catches up by itself",
        "TestWindow::test_the_page_says_that_it_is_connected_and_how",
        "TestCatchingUp::test_what_is_said_before_the_page_connects_is_shown",
        expected="The page asks when it connects, from its cursor on. Between the page and its "
        "connection nothing is lost.",
        more='catchUp() in board.js calls emitWithAck("since", cursor) until the answer is '
        'neither "again" nor "reload"; notices.on("connect", …) calls it.',
        file=BOARD_JS,
        section="What changes",
        part="async function catchUp",
    ),
    point(
        "what comes twice is shown once",
        "TestCatchingUp::test_what_comes_twice_is_shown_once",
        expected="A browser may be told the same in two ways, while it catches up and live: it "
        "shows it once.",
        more='In notices.on("notices", …): what is not after the cursor was told before.',
        file=BOARD_JS,
        section="What changes",
        part='notices.on("notices"',
    ),
    point(
        "a window that was cut off is told what it missed",
        "TestCatchingUp::test_a_window_that_was_cut_off_is_told_what_it_missed",
        expected='Without a server the page says "Waiting for the network."; when there is one '
        "again, it shows by itself what was said meanwhile.",
        more="lose() says it. On reconnecting, catchUp() goes on from the cursor that "
        'notices.on("notices", …) has kept.',
        file=BOARD_JS,
        section="See it",
        part="function lose",
    ),
    point(
        "a post waits for the network, and is sent once",
        "TestWaiting::test_a_post_waits_over_a_reload_and_is_sent_once",
        "TestWaiting::test_what_no_answer_came_for_is_sent_again_and_saved_once",
        expected="What is posted without a connection waits in the page, where it can be seen, "
        "over a reload too, and is sent when the connection is back.",
        more="submit puts it into `waiting` with a key of its own and keeps that in "
        "sessionStorage; send() sends the first of them until it is answered; the template has "
        '<ol id="waiting">.',
        file=BOARD_JS,
        section="See it",
        part="async function send",
    ),
    point(
        "a page that is too far behind loads its list anew",
        "TestCatchingUp::test_a_page_that_is_too_far_behind_loads_its_list_anew",
        expected='On "reload" the page takes list and cursor of a new page, and keeps what '
        "somebody is typing and what waits.",
        more="loadAnew() fetches the page, parses it with DOMParser, takes its #cursor, and calls "
        "list.replaceChildren(…).",
        file=BOARD_JS,
        section="What changes",
        part="async function loadAnew",
    ),
    point(
        "what is saved while Redis is gone is told when it is back",
        "TestRedisGone::test_what_is_saved_meanwhile_is_told_when_it_is_back",
        expected="Without Redis the page says that it is not live, and what is saved stays in the "
        "outbox; when Redis is back, with or without what was in it, every screen has it.",
        more="empty() catches RedisError and leaves the rest for later. On RedisError listen() "
        "says set_live(False), waits a second and goes on; begin() is for a stream that is "
        "another one.",
        file="notices/live.py",
        section="What can go wrong",
        part="listen",
    ),
    point(
        "while the server is down nobody is live: that still hurts",
        "TestStillHurts::test_while_the_server_is_down_nobody_is_live",
        expected="One process is one core, and one crash: until it is back, every window waits.",
        more="Nothing is to be built for that here.",
        file="serve.py",
        section="What hurts now",
    ),
]
