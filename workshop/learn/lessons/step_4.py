"""The lesson of step 4."""

from workshop.learn.hint import BOARD_JS
from workshop.learn.lessons import STILL_ENDS, STILL_POSTED, point

POINTS = [
    point(
        "one greenlet subscribes, and the board is at /",
        "TestStart::test_the_server_answers",
        expected="Subscribe, and listen: one greenlet, which the server spawns, subscribes to the "
        "channel `notices`.",
        more="listen() in notices/live.py subscribes; serve.py starts it with "
        "gevent.spawn(listen, notices) before server.serve_forever().",
        file="notices/live.py",
        section="What changes",
        part="listen",
    ),
    STILL_ENDS,
    STILL_POSTED,
    point(
        "what any program publishes is told",
        "TestEverySource::test_a_published_notice_may_be_no_more_than_author_and_text",
        expected="listen hands what it hears to the namespace, which calls emit with it. author "
        "and text are enough: the rest is made up.",
        more='For each message: notices.broadcast(message["data"]). It reads the JSON, checks it '
        "with the form, and fills in id, official and created.",
        file="notices/namespaces.py",
        section="What changes",
        part="Notices.broadcast",
    ),
    point(
        "what is not a notice is skipped",
        "TestBadMessages::test_it_is_one_line_in_the_log_and_the_next_one_arrives[not JSON]",
        "TestBadMessages::test_it_is_one_line_in_the_log_and_the_next_one_arrives[not an object]",
        "TestBadMessages::test_it_is_one_line_in_the_log_and_the_next_one_arrives[no author]",
        "TestBadMessages::test_it_is_one_line_in_the_log_and_the_next_one_arrives[deep]",
        expected="Anybody may publish anything on a channel: what is not a notice is one line in "
        "the log, which begins with Skipped, and the next one arrives.",
        more="broadcast() catches AttributeError, RecursionError and ValueError, and logs a line. "
        "Nothing may end the loop in listen().",
        file="notices/namespaces.py",
        section="What changes",
        part="Notices.broadcast",
    ),
    point(
        "whoever saves a notice publishes it",
        "TestSocket::test_everybody_is_sent_the_notice[websocket]",
        expected="Whoever saves a notice publishes it: what comes in over a socket is saved, and "
        "comes back by way of Redis.",
        more="save() in notices/models.py publishes. on_post only saves: what Redis says is what "
        "is emitted.",
        file="notices/models.py",
        section="What changes",
        part="Notice.save",
    ),
    point(
        "it is published once the database has it for good",
        "TestAfterCommit::test_what_is_rolled_back_is_not_told",
        expected="A notice is published once the database has it for good. A transaction that is "
        "rolled back has said nothing.",
        more="transaction.on_commit(lambda: publish(self)) in place of publish(self).",
        file="notices/models.py",
        section="What changes",
        part="Notice.save",
    ),
    point(
        "the page says that it is live",
        "TestWindow::test_the_page_says_that_it_is_connected_and_how",
        expected='The page says "Live, by websocket." once the server hears Redis.',
        more='The namespace emits "live", to a new browser in on_connect and to all in '
        'set_live(); board.js listens with notices.on("live", …).',
        file=BOARD_JS,
        section="See it",
        part="let live",
    ),
    point(
        "a notice from the form is on every screen",
        "TestEverySource::test_a_notice_is_on_every_screen[by_form]",
        expected="A notice from the form, which step 3 told nobody, is on every screen at once.",
        more="The form saves the model, and the model publishes: nothing in the view changes.",
        file="notices/models.py",
        section="See it",
        part="Notice.save",
    ),
    point(
        "python manage.py publish saves a notice",
        "TestEverySource::test_manage_py_publish_saves_as_well",
        expected='python manage.py publish "text" saves a notice, and thereby publishes it.',
        more="A Command in notices/management/commands/publish.py, with empty __init__.py files "
        "in both folders: it checks the text with the form, and saves it.",
        file="notices/management/commands/publish.py",
        section="See it",
        part="Command",
    ),
    point(
        "an edit in the admin replaces the notice",
        "TestEverySource::test_an_edit_in_the_admin_replaces_the_notice",
        expected="Edit a notice in the admin: every window shows the new text in the old place.",
        more="board.js gives each item the id notice-…; where one with this id is there, "
        "replaceWith() puts the new item in its place.",
        file=BOARD_JS,
        section="See it",
        part="function show",
    ),
    point(
        "when Redis is gone the page stays up, and says so",
        "TestRedisGone::test_the_page_stays_up_and_says_so",
        "TestRedisGone::test_a_notice_is_saved_all_the_same",
        expected="Without Redis the page stays up and says that it is not live; when Redis is "
        "back, it is live again by itself.",
        more='The loop around it: in listen(), while True, and on RedisError log "Not live…", '
        "set_live(False), wait a second, and try again.",
        file="notices/live.py",
        section="What can go wrong",
        part="listen",
    ),
    point(
        "what is said while a window is away is lost: that still hurts",
        "TestStillHurts::test_what_is_said_while_a_client_is_away_is_not_told_later",
        expected="Publish and subscribe forgets: who was away is not told later.",
        more="Nothing is to be built for that here.",
        file="notices/namespaces.py",
        section="What hurts now",
    ),
]
