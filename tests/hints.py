"""The lesson of each step as its tests tell it: what `check` runs, in order, and its hints.

The tests are those of test_01…04; a point names some of them, and says in the words of the lesson
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
        'for Presence. Presence emits "count" when a browser connects.',
        file="notices/namespaces.py",
        section="The server's side",
        part="Presence",
    ),
    point(
        "a post is acknowledged with ok",
        "TestSocket::test_a_post_is_acknowledged_with_ok[websocket]",
        expected="An event `post` becomes a call of the method on_post. It saves the notice, and "
        'what it returns goes back to that browser as the acknowledgement: {"ok": True}.',
        more="The form does the work: NoticeForm(data, sender=…), is_valid(), save(). Then return "
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
        'after both self.emit("count", len(self.here)).',
        file="notices/namespaces.py",
        section="The server's side",
        part="Presence",
    ),
    point(
        "one sender can't fill everybody's screen",
        "TestLimit::test_too_many_posts_are_refused_with_a_message",
        expected="A bound on how much one sender posts: above it the form refuses, with a message.",
        more='The form gets the sender\'s address, sender=request.META["REMOTE_ADDR"], and its '
        "clean() looks in the cache at when this sender has posted.",
        file="notices/forms.py",
        section="What changes",
        part="NoticeForm",
    ),
    point(
        "nor by the page's form",
        "TestLimit::test_the_form_shares_the_limit",
        expected="The form of the page has the same bound: over HTTP it would be none.",
        more="The view tells the form who sends: NoticeForm(request.POST or None, "
        'sender=request.META["REMOTE_ADDR"]).',
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
        part="const tell",
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
        more='For each message: notices.tell(message["data"]). tell() reads the JSON, checks it '
        "with the form, and fills in id, official and created.",
        file="notices/namespaces.py",
        section="What changes",
        part="Notices.tell",
    ),
    point(
        "what is not a notice is skipped",
        "TestBadMessages::test_it_is_one_line_in_the_log_and_the_next_one_arrives[not JSON]",
        "TestBadMessages::test_it_is_one_line_in_the_log_and_the_next_one_arrives[not an object]",
        "TestBadMessages::test_it_is_one_line_in_the_log_and_the_next_one_arrives[no author]",
        "TestBadMessages::test_it_is_one_line_in_the_log_and_the_next_one_arrives[deep]",
        expected="Anybody may publish anything on a channel: what is not a notice is one line in "
        "the log, which begins with Skipped, and the next one arrives.",
        more="tell() catches AttributeError, RecursionError and ValueError, and logs one line. "
        "Nothing may end the loop in listen().",
        file="notices/namespaces.py",
        section="What changes",
        part="Notices.tell",
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
        'tell_live(); board.js listens with notices.on("live", …).',
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
        "tell_live(False), wait a second, and try again.",
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
    for number, points in enumerate([STEP_1, STEP_2, STEP_3, STEP_4], start=1)
}
