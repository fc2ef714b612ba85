"""The lesson of step 3."""

from workshop.learn.hint import BOARD_JS
from workshop.learn.lessons import STILL_POSTED, point

POINTS = [
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
        "TestSocket::test_presence_is_told_once_a_second_at_most",
        expected="Presence counts browsers in and out, and tells everybody who is connected, once "
        "a second at most.",
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
        "is_too_much() of notices/post_limit.py, which counts by the browser's cookie.",
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
        "the page comes back by itself, and shows each notice once",
        "TestReconnect::test_what_comes_afterwards_is_shown_once",
        expected="When the server has been away the page connects again, and shows each notice "
        "once.",
        more='notices.on("notice", …) stands outside of notices.on("connect", …): there it would '
        "listen once more at each connection.",
        file=BOARD_JS,
        section="The client's side",
        part="notices.on",
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
