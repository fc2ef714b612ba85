"""The lesson of step 6."""

from workshop.learn.lessons import point

POINTS = [
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
        "it, and notices/post_limit.py counts in Redis, which all share.",
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
