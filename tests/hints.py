"""The lesson of each step as its tests tell it: what `check` runs, in order, and its hints.

The tests are those of test_01…05; a point names some of them, and says in the words of the lesson
what they are about. A point whose file is not there yet is a hint by itself.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """Something that works once a part of the lesson is built."""

    works: str  # what is ticked off
    tests: tuple[str, ...]  # as pytest names them, without the file
    expected: str
    more: str  # what a second hint says
    file: str
    section: str  # of the README
    part: str = ""  # of the file: a Python symbol, or how its first line begins
    lesson: int | None = None  # whose README, if not this step's


def point(works, *tests, **about):
    """Return a point of the lesson."""
    return Point(works, tests, **about)


BOARD = "notices/templates/notices/board.html"
BOARD_JS = "notices/static/notices/board.js"

# Said again in later steps, where something that worked may break.
STILL_POSTED = point(
    "a notice from the form is on the board, as before",
    "TestBoard::test_a_posted_notice_is_on_the_board",
    expected="The page's form works as in step 1, by HTTP alone: who says what is saved, and is "
    "on the board.",
    more="board() makes a NoticeForm of request.POST, saves it if it is valid, and redirects.",
    file="notices/views.py",
    section="What we have",
    part="board",
    lesson=1,
)

STEP_1 = [
    point(
        "the board is at /",
        "TestStart::test_the_server_answers",
        expected='The page at / is the notice board, with the heading "Notice board".',
        more='board/urls.py sends the empty path to views.board: path("", views.board, '
        'name="board").',
        file="board/urls.py",
        section="What we have",
        part="urlpatterns",
    ),
    point(
        "the page has its style sheet",
        "TestBoard::test_the_style_sheet_is_served",
        expected="The style sheet is at /static/notices/board.css.",
        more="Django finds it by its place: notices/static/notices/board.css. The app "
        '"django.contrib.staticfiles" has to be in INSTALLED_APPS.',
        file="notices/static/notices/board.css",
        section="What can go wrong",
    ),
    point(
        "a posted notice is on the board",
        "TestBoard::test_a_posted_notice_is_on_the_board",
        expected="The view takes a form and saves it; the board then shows who says what.",
        more="form = NoticeForm(request.POST or None), then form.save() if form.is_valid(). The "
        "template goes through `notices`, and includes notice.html for each.",
        file="notices/views.py",
        section="What we have",
        part="board",
    ),
    point(
        "a post is answered with a redirect",
        "TestBoard::test_a_post_is_answered_with_a_redirect",
        expected="The view takes a form, saves it, and redirects, so that a reload doesn't post "
        "twice.",
        more='After form.save() comes: return redirect("board").',
        file="notices/views.py",
        section="What we have",
        part="board",
    ),
    point(
        "the newest notice is on top",
        "TestBoard::test_the_newest_notice_is_on_top",
        expected="The newest notice comes first: nobody scrolls in a hallway.",
        more='The model says so for everybody who asks: class Meta, ordering = ["-id"].',
        file="notices/models.py",
        section="What changes",
        part="Notice.Meta",
    ),
    point(
        "the board shows the last fifty",
        "TestBoard::test_the_page_lists_the_last_fifty",
        expected="The board shows the last 50 notices, and no more.",
        more="A slice of the query is enough: Notice.objects.all()[:50].",
        file="notices/views.py",
        section="What we have",
        part="board",
    ),
    point(
        "an empty field is refused, and the page says why",
        "TestBoard::test_an_empty_field_is_refused_and_the_page_says_why[   ]",
        expected="A form that isn't valid isn't saved, and the page shows it again with its "
        "errors.",
        more="The form that was refused is what the template gets: {{ form }} then shows its "
        "errors and what was typed.",
        file="notices/views.py",
        section="What we have",
        part="board",
    ),
    point(
        "a notice has at most 280 characters",
        "TestBoard::test_a_text_that_is_too_long_is_refused_and_kept_in_the_form",
        expected="A text of more than 280 characters is refused, and stays in the form.",
        more="The model knows the length, and the form asks the model: text = models.CharField("
        '"notice", max_length=280).',
        file="notices/models.py",
        section="What changes",
        part="Notice",
    ),
    point(
        "text is shown as text",
        "TestBoard::test_text_is_shown_as_text",
        expected="Somebody will post <script>: what is posted never becomes part of the page's "
        "HTML.",
        more="Django's templates see to it by themselves, unless they are told not to: no |safe "
        "and no autoescape off.",
        file="notices/templates/notices/notice.html",
        section="What changes",
    ),
    point(
        "a page from elsewhere can't post",
        "TestBoard::test_a_post_from_another_site_is_refused",
        expected="A post needs the token that is in the page's own form.",
        more="{% csrf_token %} in the form, and CsrfViewMiddleware in the settings.",
        file=BOARD,
        section="What changes",
        part="<form",
    ),
    point(
        "what the organisers write is marked as official",
        "TestBoard::test_what_the_organisers_post_is_official",
        "TestBoard::test_a_visitor_cannot_post_as_official",
        expected="What the organisers write while they are logged in is marked as official, and "
        "what anybody else writes is not.",
        more="Before the form is saved: form.instance.official = request.user.is_staff. It is no "
        "field of the form: a browser may send anything.",
        file="notices/views.py",
        section="What we have",
        part="board",
    ),
    point(
        "the organisers can add a notice in the admin",
        "TestBoard::test_the_organisers_can_add_a_notice_in_the_admin",
        expected="The admin, which comes with Django, knows the notices.",
        more="@admin.register(Notice) in notices/admin.py, and admin.site.urls in board/urls.py.",
        file="notices/admin.py",
        section="What we have",
    ),
    point(
        "the page works without JavaScript",
        "TestWindow::test_it_works_without_javascript",
        expected="In a browser: write a name and a notice, press Post, and it is on the board.",
        more='The form is sent by its button: <form method="post">, {{ form }} and '
        "<button>Post</button>.",
        file=BOARD,
        section="See it",
        part="<form",
    ),
    point(
        "another window stays old until it is reloaded",
        "TestStillHurts::test_another_window_stays_old_until_it_is_reloaded",
        expected="The right window can't know: it shows the notice once it is reloaded, by the "
        'link "reload".',
        more='The page says when it is from, and has <a href="">reload</a> beside it.',
        file=BOARD,
        section="What hurts",
    ),
]

STEP_2 = [
    point(
        "the board is at /, as before",
        "TestStart::test_the_server_answers",
        expected="The same WSGI application is served: the board is at /.",
        more="socketio.WSGIApp gives everything that is not under /socket.io/ to the application "
        "that it is handed: Django's, from board/wsgi.py.",
        file="board/wsgi.py",
        section="What changes",
    ),
    point(
        "serve.py says where the board is",
        "TestServer::test_it_says_where_it_is",
        expected="python serve.py HOST:PORT listens there, and its first line is what to open in "
        "a browser.",
        more="After server.start(), print the address, with flush=True.",
        file="serve.py",
        section="What changes",
        part="serve",
    ),
    point(
        "the page has its style sheet",
        "TestBoard::test_the_style_sheet_is_served",
        expected="StaticFilesHandler adds the static files, which runserver added by itself.",
        more="Wrap Django's application in it: StaticFilesHandler(application).",
        file="serve.py",
        section="What can go wrong",
        part="serve",
    ),
    STILL_POSTED,
    point(
        "the Socket.IO server answers",
        "TestServer::test_the_socketio_server_answers_by_polling",
        expected="socketio.WSGIApp looks at the path. /socket.io/ is for the Socket.IO server, "
        "everything else is for Django.",
        more="app = socketio.WSGIApp(sio, StaticFilesHandler(application)), and app is what "
        "WSGIServer serves.",
        file="serve.py",
        section="What changes",
        part="serve",
    ),
    point(
        "a connection can become a websocket",
        "TestServer::test_the_socketio_server_answers",
        expected="WebSocketHandler lets a connection become a websocket.",
        more="WSGIServer takes it as handler_class=WebSocketHandler, and the Socket.IO server "
        'needs to know who serves it: socketio.Server(async_mode="gevent").',
        file="serve.py",
        section="What changes",
        part="serve",
    ),
    point(
        "a line in the log for each request",
        "TestServer::test_requests_are_logged",
        expected="The server prints a line for each request, as Django's own server did.",
        more='LOGGING in the settings sends the logger "geventwebsocket" to the console, from '
        'level "INFO" on.',
        file="board/settings.py",
        section="What changes",
        part="# One line a request",
    ),
    point(
        "a slow request is a greenlet that waits",
        "TestGreenlets::test_sigusr1_shows_where_each_greenlet_is",
        expected="/slow/ takes 5 seconds in a greenlet of its own. On SIGUSR1 the server prints "
        "each greenlet's stack, and that one is in slow() of notices/views.py.",
        more='slow(request) waits in time.sleep(5), path("slow/", views.slow) is its address, and '
        "gevent.signal_handler(signal.SIGUSR1, print_run_info) shows the stacks.",
        file="notices/views.py",
        section="See it",
        part="slow",
    ),
    point(
        "Ctrl-C and SIGTERM stop it cleanly",
        "TestStop::test_it_stops_cleanly_though_sockets_are_open",
        expected="SIGINT (Ctrl-C) and SIGTERM end the server, with exit code 0 and no traceback.",
        more="For each of the two: gevent.signal_handler(signal.SIGINT, server.stop).",
        file="serve.py",
        section="What changes",
        part="serve",
    ),
    point(
        "a port that is taken is a sentence",
        "TestAddress::test_a_port_that_is_taken_is_a_sentence",
        expected="When somebody else has the port, serve.py ends with a sentence that says what "
        "to type, not with a traceback.",
        more='server.start() raises OSError then: catch it, and sys.exit("…") with its strerror '
        "and the next port.",
        file="serve.py",
        section="What can go wrong",
        part="serve",
    ),
    point(
        "an argument that is no port is a sentence",
        "TestAddress::test_an_argument_that_is_no_port_is_a_sentence[abc]",
        expected="python serve.py abc says how to call it.",
        more='At the end of serve.py: rpartition(":") parts host and port; what is not '
        "isdecimal() is no port.",
        file="serve.py",
        section="What changes",
        part='if __name__ == "__main__":',
    ),
    point(
        "in a browser, all is as in step 1",
        "TestWindow::test_it_works_without_javascript",
        expected="In a browser: write a name and a notice, press Post, and it is on the board.",
        more="The page's template is that of step 1, unchanged.",
        file=BOARD,
        section="See it",
    ),
    point(
        "there is no namespace yet",
        "TestStillHurts::test_there_is_no_namespace_yet",
        expected="Nobody talks to the Socket.IO server yet: it refuses every namespace.",
        more="A bare socketio.Server has no namespaces. They are the next step.",
        file="serve.py",
        section="What hurts now",
    ),
]

STEP_3 = [
    point(
        "the board is at /, as before",
        "TestStart::test_the_server_answers",
        expected="The server of step 2 starts, and the board is at /.",
        more="Begin with a copy of step 2 that works: `check 2` says whether it does.",
        file="serve.py",
        section="What we have, and what hurts",
    ),
    STILL_POSTED,
    point(
        "a client connects to both namespaces",
        "TestSocket::test_a_client_connects[websocket]",
        expected="A client connects to /notices and to /presence, over one websocket, and is "
        "told how many are here.",
        more='serve.py registers them: sio.register_namespace(Notices("/notices")), and the same '
        'for Presence. Presence emits "count" a second after a browser connects.',
        file="notices/namespaces.py",
        section="The server's side",
        part="Presence",
    ),
    point(
        "a post is acknowledged with ok",
        "TestSocket::test_a_post_is_acknowledged_with_ok[websocket]",
        expected="An event `post` becomes a call of the method on_post. It saves the notice, and "
        'what it returns goes back to that browser as the acknowledgement: {"ok": True}.',
        more="The form does the work: NoticeForm(data, request=…), is_valid(), save(). Then return "
        '{"ok": True}.',
        file="notices/namespaces.py",
        section="The server's side",
        part="Notices.on_post",
    ),
    point(
        "everybody is sent the notice",
        "TestSocket::test_everybody_is_sent_the_notice[websocket]",
        expected="emit sends an event to everybody who is connected to the namespace: a "
        "`notice`, with id, author, text, official and created.",
        more='self.emit("notice", notice.as_dict()) once the form is saved; as_dict() of '
        "notices/models.py makes a dictionary of a notice, its time by isoformat().",
        file="notices/namespaces.py",
        section="The server's side",
        part="Notices.on_post",
    ),
    point(
        "a wrong post is acknowledged with the form's errors",
        "TestSocket::test_a_wrong_post_is_acknowledged_with_the_forms_errors",
        "TestSocket::test_a_browser_may_send_anything[null]",
        expected="A post that the form refuses, whatever a browser may send, is acknowledged with "
        'what is wrong with it: {"ok": False, "errors": …}.',
        more="form.errors.get_json_data() is what the page can show. What is not a dictionary "
        "becomes an empty one first.",
        file="notices/namespaces.py",
        section="The server's side",
        part="Notices.on_post",
    ),
    point(
        "who is an organiser is asked in each event",
        "TestUser::test_a_log_out_counts_at_once",
        expected="on_post asks the session again, each time: who has logged out in another tab is "
        "no organiser any more.",
        more="form.instance.official = get_user(request).is_staff, with the request from "
        "get_request(sid): it opens the session anew.",
        file="notices/namespaces.py",
        section='"This code can talk to Django normally… mostly"',
        part="Notices.get_request",
    ),
    point(
        "everybody is told how many are here",
        "TestSocket::test_presence_counts_in_and_out",
        expected="Presence counts browsers in and out, and tells everybody who is connected.",
        more="A set of the sids that are here: add in on_connect, discard in on_disconnect, and "
        'after both emit_soon(), which in a second emits "count" with len(self.here).',
        file="notices/namespaces.py",
        section="The server's side",
        part="Presence",
    ),
    point(
        "one browser can't fill everybody's screen",
        "TestLimit::test_too_many_posts_are_refused_with_a_message",
        expected="A bound on what one browser posts: above it the form refuses, with a message.",
        more="The form gets the request, NoticeForm(data, request=request), and its clean() asks "
        "is_too_much() of notices/limits.py, which counts in the cache by the browser's cookie.",
        file="notices/forms.py",
        section="What changes",
        part="NoticeForm",
    ),
    point(
        "nor by the page's form",
        "TestLimit::test_the_form_shares_the_limit",
        expected="The form of the page has the same bound: over HTTP it would be none.",
        more="The view tells the form who sends: NoticeForm(request.POST or None, "
        "request=request).",
        file="notices/views.py",
        section="What changes",
        part="board",
    ),
    point(
        "the page connects, and says how",
        "TestWindow::test_the_page_says_that_it_is_connected_and_how",
        expected='The page says "Connected by websocket." and how many are here.',
        more="The template loads socket.io.min.js and board.js and has places for the state and "
        "the count (#state, #count); the view gives it `transports`; board.js writes what it "
        "hears.",
        file=BOARD_JS,
        section="The client's side",
        part="const showState",
    ),
    point(
        "a post is in every window without a reload",
        "TestWindow::test_a_post_is_in_every_window_without_a_reload",
        expected="A notice that is posted in one window is in the other at once, without a reload.",
        more='board.js sends the form with emitWithAck("post", …) in place of the browser, and '
        'notices.on("notice", …) puts each notice on top of the list, from the page\'s '
        "<template>.",
        file=BOARD_JS,
        section="The client's side",
        part="form.addEventListener",
    ),
    point(
        "the form's errors are shown, and the text is kept",
        "TestWindow::test_the_forms_errors_are_shown_and_the_text_is_kept",
        expected="The page shows what the acknowledgement says is wrong, and what was typed stays "
        "in the field.",
        more="The field is emptied if answer.ok; the messages in answer.errors go to #answer.",
        file=BOARD_JS,
        section="The client's side",
        part="form.addEventListener",
    ),
    point(
        "text that arrives is shown as text",
        "TestWindow::test_text_that_arrives_is_shown_as_text",
        expected="Somebody will post <script>: what arrives never becomes part of the page's HTML.",
        more="show() fills a copy of the page's <template> by textContent, never by innerHTML.",
        file=BOARD_JS,
        section="The client's side",
        part="function show",
    ),
    point(
        "polling can be forced",
        "TestTransport::test_polling_can_be_forced",
        expected="With ?transport=polling the page connects by polling, and works all the same.",
        more="The view hands `transports` to the template: the one in the URL if it is one of "
        "both, else both. board.js gives them to io().",
        file="notices/views.py",
        section="See it",
        part="board",
    ),
    point(
        "a notice from the form is not told: that still hurts",
        "TestStillHurts::test_a_notice_from_the_form_is_not_told",
        expected="Only what comes in over a socket is told to anybody. A notice from the form is "
        "saved, and no window shows it: that is for step 4.",
        more="The emit belongs into on_post, not into the view or the model.",
        file="notices/namespaces.py",
        section="What hurts now",
        part="Notices.on_post",
    ),
]

STEP_4 = [
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

STEP_5 = [
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

STEP_6 = [
    point(
        "a process alone is a whole server",
        "TestStart::test_the_server_answers",
        expected="Each of the four is the program of step 5: the board is at /.",
        more="serve.py serves as before; nothing of nginx is needed to start one.",
        file="serve.py",
        section="What changes",
        part="serve",
    ),
    point(
        "nginx is in front of four processes",
        "TestFourServers::test_windows_come_to_different_processes_and_hear_each_other",
        expected="One address, and behind it four processes: a browser comes to the one with the "
        "fewest connections, and its page says which that is, and how many are here in all.",
        more="nginx.conf names the four in `upstream` and hands websockets on with Upgrade and "
        'Connection. Presence emits "process" with environ["SERVER_PORT"] in on_connect; '
        "count_all() in notices/presence.py adds the numbers.",
        file="nginx.conf",
        section="One address",
    ),
    point(
        "the page connects by websocket alone",
        "TestWebsocketOnly::test_the_page_does_not_try_to_poll",
        expected="Each request of polling could come to another process: the page does not try.",
        more='In board.js: const options = { transports: ["websocket"] }.',
        file="notices/static/notices/board.js",
        section="Websocket only",
        part="const options",
    ),
    point(
        "when a process dies its windows go on with another",
        "TestFourServers::test_when_a_process_dies_its_windows_go_on_with_another[SIGKILL]",
        expected="A process may die: its windows are live again from another one, and after three "
        "seconds they are no longer counted where they were.",
        more="hear() in notices/presence.py deletes who has said nothing for FORGET seconds.",
        file="notices/presence.py",
        section="How many are here",
        part="hear",
    ),
    point(
        "a rolling restart drops nobody's notices",
        "TestFourServers::test_a_rolling_restart_drops_nobodys_notices",
        expected="While the processes restart one after the other, everything that is posted and "
        "said arrives once, in order.",
        more="That is what step 5 was for: the stream, the cursor in the browser, the outbox.",
        file="nginx.conf",
        section="One address",
    ),
    point(
        "what is no number is not counted",
        "TestPresence::test_what_is_no_number_is_not_counted",
        expected="Anybody may publish anything on a channel: what is no number is a line in the "
        "log, which begins with Skipped, and counting goes on.",
        more="hear() catches ValueError and RecursionError around json.loads, and takes a list of "
        "a text and a whole number alone.",
        file="notices/presence.py",
        section="How many are here",
        part="hear",
    ),
    point(
        "the limit of posts is one for all processes",
        "TestWhoItIs::test_the_limit_of_posts_is_one_for_all_processes_and_one_for_each_address",
        expected="Ten posts in ten seconds from one address, whichever processes they come to.",
        more="nginx says in X-Real-IP who the browser is, BehindNginx in board/proxy.py believes "
        "it, and notices/limits.py counts in Redis, which all share.",
        file="board/proxy.py",
        section="One address",
        part="BehindNginx",
    ),
    point(
        "an address that a browser invents is not believed",
        "TestWhoItIs::test_an_address_that_a_browser_invents_is_not_believed",
        expected="A browser can send an X-Real-IP too: nginx puts the true one in its place.",
        more="proxy_set_header X-Real-IP $remote_addr; in nginx.conf.",
        file="nginx.conf",
        section="One address",
    ),
    point(
        "posts are taken while Redis is away",
        "TestWhoItIs::test_posts_are_taken_while_redis_is_away",
        expected="While Redis is away nobody can count posts: they are taken, and saved.",
        more="clean() in notices/forms.py catches RedisError around the cache, and returns.",
        file="notices/forms.py",
        section="What changes",
        part="NoticeForm",
    ),
    point(
        "https ends at nginx",
        "TestWhoItIs::test_https_ends_at_nginx",
        expected="By https the page is live and its form works: Django and board/guard.py know "
        "from nginx that it was https.",
        more="X-Forwarded-Proto in nginx.conf, and SECURE_PROXY_SSL_HEADER = "
        '("HTTP_X_FORWARDED_PROTO", "https") in board/settings.py.',
        file="board/settings.py",
        section="One address",
        part="SECURE_PROXY_SSL_HEADER",
    ),
]

STEP_7 = [
    point(
        "the server has a client manager of its own, and the board is at /",
        "TestStart::test_the_server_answers",
        "TestStart::test_the_server_has_this_manager",
        expected="python-socketio asks a client manager who gets an event, and takes one of ours. "
        "Everything else is as in step 6: the board is at /.",
        more="In board/fan_out.py: class Manager(guard.Manager). In serve.py: "
        "from board.fan_out import Manager, and sio = Server(client_manager=Manager()).",
        file="serve.py",
        section="What changes",
        part="sio = Server(",
    ),
    point(
        "everybody is told what the library would tell",
        "TestEmit::test_everybody_is_told_whatever_it_is[fan_out]",
        "TestEmit::test_it_is_for_rooms_and_for_one_and_not_for_those_who_are_skipped[fan_out]",
        "TestEmit::test_telling_nobody_is_no_mistake[fan_out]",
        "TestEmit::test_an_acknowledgement_comes_back_with_its_data[fan_out-raw websocket]",
        "TestEmit::test_bytes_are_bytes_wherever_they_are_in_the_data[fan_out-raw websocket]",
        expected="Rooms, to=, skip_sid=, a callback, bytes: emit() of the manager tells the same "
        "browsers the same as before.",
        more="self.get_participants(namespace, to or room) gives the browsers. A tuple is several "
        "arguments, None is none; skip_sid is one or a list. With a callback, or where encode() "
        "gives a list, call super().emit(…) with all that emit() was given, and return.",
        file="board/fan_out.py",
        section="Frame once",
        part="Manager.emit",
    ),
    point(
        "what is the same for everybody is framed once",
        "TestDriver::test_what_is_the_same_for_everybody_is_framed_once[fan_out]",
        expected="A websocket frame is a header and the packet, and the same for each browser: "
        "one is made for each emit, however many browsers there are.",
        more="Before the loop: framed = frame(packet). In it, for a browser that has a websocket: "
        "browser.write(framed).",
        file="board/fan_out.py",
        section="Frame once",
        part="Manager.emit",
    ),
    point(
        "it is on its way when emit returns",
        "TestDriver::test_it_is_on_its_way_when_emit_returns[fan_out]",
        expected="Each browser that has room is written to at once, with one call of send, and "
        "no other greenlet runs meanwhile.",
        more="self.connection.send(data, 0, 0.0): with the timeout 0.0 gevent doesn't wait, and "
        "raises BlockingIOError where there is no room at all.",
        file="board/direct.py",
        section="Write directly",
        part="Socket.write",
    ),
    point(
        "who reads on later is told everything, in order",
        "TestBehind::test_who_reads_on_later_is_told_everything_in_order[fan_out]",
        "TestBehind::test_a_pong_waits_for_the_frame_that_is_cut_in_two[fan_out]",
        "TestBehind::test_what_waits_is_written_in_one_go[fan_out]",
        expected="send may take half of a frame: the rest goes first, and what comes meanwhile "
        "waits for it, in the queue. Then all of that is written in one go.",
        more="While self.writing is true, write() only puts into the queue. write_rest() writes "
        "with sendall, then what take() gives, joined, until that is nothing.",
        file="board/direct.py",
        section="What does not fit",
        part="Socket.write_rest",
    ),
    point(
        "who does not read is let go, and comes back",
        "TestBehind::test_who_does_not_read_is_let_go_and_others_are_told_meanwhile[fan_out]",
        "TestComesBack::test_who_did_not_read_is_told_the_rest_when_it_is_back",
        expected='Somebody who is a megabyte behind is let go: a line in the log that says "does '
        'not read", what waits is forgotten, the connection is closed. Others notice nothing.',
        more="In write(), once self.behind is more than MAX_BEHIND: log it and hang_up(). The "
        "greenlet that hears the browser ends with its connection, and the one that writes fails: "
        "there take() forgets what waits.",
        file="board/direct.py",
        section="What does not fit",
        part="Socket.write",
    ),
    point(
        "an upgrade from polling loses nothing",
        "TestConnection::test_what_is_emitted_during_an_upgrade_comes_once_and_in_order[fan_out]",
        "TestConnection::test_an_upgrade_that_is_not_finished_goes_on_by_polling[fan_out-probe]",
        expected="A browser that polls goes over to its websocket by 2probe, 3probe and 5. What is "
        "emitted meanwhile waits; if it ends before the 5, polling goes on.",
        more="finish_polling() sets self.upgrading, answers 2probe with 3probe, ends the last poll "
        "with a NOOP in the queue, and waits for the 5. After it, send what take() gives.",
        file="board/direct.py",
        section="A greenlet less",
        part="Socket.finish_polling",
    ),
    point(
        "who is idle costs one greenlet",
        "TestDriver::test_who_is_idle_costs_one_greenlet[fan_out]",
        "TestConnection::test_a_sign_of_life_is_asked_for_and_who_gives_none_is_let_go[fan_out]",
        expected="One greenlet hears a browser. None waits to write, and none sleeps until the "
        "next sign of life is asked for.",
        more="_upgrade_websocket() receives in the greenlet that calls it, and spawns none. "
        "schedule_ping() has a timer: gevent.spawn_later(self.server.ping_interval, self.ping).",
        file="board/direct.py",
        section="A greenlet less",
        part="Socket._upgrade_websocket",
    ),
]

# At the end of each: what a step has beside what its tests ask for.
COMPLETE = point(
    "no file is missing",
    "TestStart::test_the_files_are_there",
    expected="A step is a complete folder.",
    more="`workshop diff N --dir my` shows how your folder differs from the step.",
    file="manage.py",
    section="What changes",
)

LESSONS = {
    number: [*points, COMPLETE]
    for number, points in enumerate(
        [STEP_1, STEP_2, STEP_3, STEP_4, STEP_5, STEP_6, STEP_7], start=1
    )
}
