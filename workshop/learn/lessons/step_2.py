"""The lesson of step 2."""

from workshop.learn.hint import BOARD
from workshop.learn.lessons import STILL_POSTED, point

POINTS = [
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
