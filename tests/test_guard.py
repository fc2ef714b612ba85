"""What one browser can do to others, from step 3 on: nothing. The cures are in board/guard.py."""

import contextlib
import json
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import psycopg
import pytest
import redis as redis_py
import requests
import websocket

from support import PATIENCE, STEPS, environment, manage, patch, read_cursor, wait_until

SOCKET_IO = "/socket.io/?EIO=4&transport="
POST = '42/notices,{}["post",{{"author":"Raw","text":"{}"}}]'
# All have the same guard, which a test below makes sure of: here in front of what most know.
GUARDED = [4]


@pytest.fixture(scope="module", params=GUARDED, ids=lambda number: f"step{number}")
def step(request):
    """Each step with a guard of its own, or the folder that --dir names."""
    folder = request.config.getoption("--dir")
    if folder and request.param != GUARDED[0]:
        pytest.skip("--dir names one folder")
    return Path(folder or STEPS[request.param])


@pytest.fixture
def bystander(server, connect):
    """Somebody else's browser, that must go on working whatever happens; and no tracebacks."""
    lines = len(server.log)
    client = connect(server)
    yield client
    assert client.post("still here") == {"ok": True}
    client.wait_for_notice("still here")
    assert not [line for line in server.log[lines:] if "Traceback" in line]


def works(browser, text):
    """Post on a raw websocket and wait for the acknowledgement: nothing else is in its way."""
    browser.say(POST.format(99, text))
    return browser.wait("43/notices,99") == '43/notices,99[{"ok":true}]'


def frame(payload, opcode=1, final=True, announced=None):
    """Return a masked websocket frame; announced is the length that it claims to have."""
    length = len(payload) if announced is None else announced
    head = struct.pack(
        "!BB", opcode | final << 7, 0x80 | min(length, 126 if length < 1 << 16 else 127)
    )
    if length > 125:
        head += struct.pack("!H" if length < 1 << 16 else "!Q", length)
    return head + bytes(4) + payload


def raw_websocket(server):
    """Return the socket of a browser that is in /notices, on which anything can be said."""
    browser = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    ws = websocket.WebSocket()
    ws.connect(server.url.replace("http", "ws") + SOCKET_IO + "websocket", socket=browser)
    ws.send("40/notices,")
    return browser


def poll(server, session=requests):
    """Connect by polling, and return the address of that session."""
    sid = json.loads(session.get(server.url + SOCKET_IO + "polling", timeout=PATIENCE).text[1:])
    return f"{server.url}{SOCKET_IO}polling&sid={sid['sid']}"


# Who says what


def test_a_browser_cannot_disconnect_somebody_from_presence_by_an_event(server, bystander, raw):
    browser = raw(server, None)
    browser.say("40/notices,")
    browser.say("40/presence,")
    present = json.loads(browser.wait("42/presence,")[12:])[1]
    browser.say('42/presence,5["disconnect","transport close"]')
    assert works(browser, "after a forged disconnect")
    server.wait_for_log("forged event 'disconnect'")
    raw(server, "/presence")
    assert browser.wait("42/presence,") == f'42/presence,["count",{present + 1}]'


def test_a_browser_cannot_run_on_connect_with_an_environ_of_its_own(server, bystander, raw):
    browser = raw(server)
    browser.say('42/notices,6["connect",{"REMOTE_USER":"admin"},null]')
    browser.say(POST.format(7, "after a forged connect"))
    assert browser.wait("43/notices,").startswith("43/notices,7"), "the forged event was answered"
    server.wait_for_log("forged event 'connect'")


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("header", ["Host", "Origin"])
def test_another_sites_page_is_refused(server, bystander, header, transport):
    evil = {"Host": "evil.example", "Origin": "http://evil.example"}[header]
    headers = {header: evil}
    if transport == "websocket":
        headers |= {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        headers |= {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    answer = server.get(SOCKET_IO + transport, headers=headers)
    assert answer.status_code == 400
    assert "of this site" in answer.text


def test_a_rebound_name_is_refused_though_host_and_origin_agree(serve, step):
    server = serve(step, DEBUG="0")
    evil = {"Host": "evil.example", "Origin": "http://evil.example"}
    assert server.get(SOCKET_IO + "polling", headers=evil).status_code == 400
    assert server.get("/", headers=evil).status_code == 400, "as for pages"


def test_the_sites_own_page_is_let_in(server, bystander):
    answer = server.get(SOCKET_IO + "polling", headers={"Origin": server.url})
    assert answer.status_code == 200


# How much


def test_a_message_over_64_kb_is_refused_before_it_is_here(server, bystander, raw):
    browser = raw(server)
    # 100 MB are announced; what is sent would keep a server that wants them all waiting.
    browser.ws.sock.sendall(frame(b"4" * 70_000, announced=100_000_000))
    assert browser.closed()
    server.wait_for_log("more than 64000 bytes")


def test_a_message_over_64_kb_is_refused_however_it_is_fragmented(server, bystander, raw):
    browser, before = raw(server), refused_as_too_large(server)
    browser.ws.sock.sendall(frame(b"4" * 10_000, final=False))
    for _ in range(6):
        browser.ws.sock.sendall(frame(b"4" * 10_000, opcode=0, final=False))
    # It would be let go in any case, in a while: it can't answer a ping.
    wait_until(lambda: refused_as_too_large(server) > before, "the message to be refused")
    assert browser.closed()


def test_a_message_is_as_long_as_its_bytes(server, bystander, raw):
    """17 000 characters, of four bytes each."""
    browser, before = raw(server), refused_as_too_large(server)
    browser.ws.sock.sendall(frame(b"4" + "\N{PARTY POPPER}".encode() * 17_000))
    wait_until(lambda: refused_as_too_large(server) > before, "the message to be refused")
    assert browser.closed()


def refused_as_too_large(server):
    """Count the messages that were."""
    return sum("more than 64000 bytes" in line for line in server.log)


def test_a_message_under_64_kb_is_taken(server, bystander, raw):
    browser = raw(server)
    browser.say(POST.format(1, "x" * 60_000))
    assert "280 characters" in browser.wait("43/notices,1")
    assert works(browser, "after a long message")


def test_announced_binary_attachments_do_not_pile_up(server, bystander, raw):
    browser = raw(server)
    browser.say('45100000000-/notices,["post",{"_placeholder":true,"num":0}]')
    assert works(browser, "after an announcement")
    browser.ws.send_binary(b"\0" * 60_000)
    assert works(browser, "after an attachment")


def test_a_polling_post_over_64_kb_is_refused_at_once(server, bystander):
    answer = server.get(SOCKET_IO + "polling").text
    sid = json.loads(answer[1:])["sid"]
    address = f"{server.url}{SOCKET_IO}polling&sid={sid}"
    # Without its cure this answer never comes.
    assert requests.post(address, data=b"4" * 70_000, timeout=PATIENCE).status_code == 400


def test_posts_of_one_browser_are_limited_over_every_connection(serve, step, connect):
    """Who has no cookie shares one limit with the others who have none."""
    server = serve(step, POSTS_IN_TEN_SECONDS="3")
    clients = connect(server), connect(server, transports=["polling"])
    # Twice three where ten seconds end meanwhile.
    answers = [clients[number % 2].post(f"number {number}") for number in range(7)]
    refused = [answer["errors"]["__all__"][0] for answer in answers if not answer["ok"]]
    assert answers[:2] == [{"ok": True}] * 2
    assert refused
    assert all("wait ten seconds" in problem["message"] for problem in refused)


# Nonsense

NONSENSE = [
    *[
        "",
        "x",
        "9",
        "4",
        "4x",
        "40",
        "41",
        "44",
        "49",
        "4[",
        "4{}",
        "4[]",
        "4null",
        '4"x"',
        "b",
        "b!",
    ],
    *[
        "42",
        "42[]",
        "42{}",
        '42"post"',
        "421",
        "42/",
        "42/nowhere",
        '42/nowhere,["post"]',
        "42/,[1]",
    ],
    *["42/notices,", "42/notices,[]", "42/notices,[1]", "42/notices,[null]", "42/notices,[[1]]"],
    *['42/notices,["post"]', '42/notices,["post",1,2,3]', '42/notices,["trigger_event","connect"]'],
    *[
        '42/notices,["_"]',
        '42/notices,[""]',
        '42/notices,["no such event"]',
        "42/notices,1[",
        "43/notices,",
    ],
    *[
        "43/notices,1",
        "43/notices,1[]",
        "43/notices,1{}",
        "45",
        "450-",
        "46",
        '451-["x"]',
        "42" + "9" * 200,
    ],
    *[
        "40/nowhere,",
        "40/notices,",
        "41/nowhere,",
        "44/notices,{}",
        "4" + "[" * 60_000,
        "42" + "[" * 60_000,
    ],
    *[
        '42/notices,["post",' + "9" * 5000 + "]",
        '42/notices,1["post",{"author":"\\ud800","text":"x"}]',
    ],
    *['42/notices,1["post",{"author":"\\u0000","text":"\\u0000"}]', '42/notices,1["post",[]]'],
    *[
        '42/notices,1["post",null]',
        '42/notices,1["post",{"author":[],"text":{}}]',
        '42/notices,1["post",NaN]',
    ],
]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_nonsense_is_one_line_in_the_log_and_hurts_nobody_else(server, bystander, transport, raw):
    before = len(server.log)
    for nonsense in NONSENSE:
        if transport == "websocket":
            browser = raw(server)
            browser.say(nonsense)
            with contextlib.suppress(OSError):  # It may have hung up already.
                browser.ws.send_close()
            assert browser.closed()
        else:
            sid = json.loads(server.get(SOCKET_IO + "polling").text[1:])["sid"]
            address = f"{server.url}{SOCKET_IO}polling&sid={sid}"
            requests.post(address, data=b"40/notices,", timeout=PATIENCE)
            requests.post(address, data=nonsense.encode(), timeout=PATIENCE)
        assert bystander.post("and?") == {"ok": True}, f"after {nonsense[:100]!r}"
    raw(server).say("45-the last")
    server.wait_for_log("packet type 5")
    lines = [line for line in server.log[before:] if "HTTP/1.1" not in line]
    assert len(lines) <= len(NONSENSE) + 1, "\n".join(lines)


def test_frames_that_are_not_websocket_hang_up_that_browser_alone(server, bystander, raw):
    for nonsense in [b"\xff" * 20, frame(b"", opcode=3), frame(b"\xff\xfe"), frame(b"x" * 200, 9)]:
        browser = raw(server)
        browser.ws.sock.sendall(nonsense)
        assert browser.closed()


def test_an_upgrade_that_is_none_has_no_answer(server, bystander):
    """Any number of answers would wait for somebody who never polls."""
    with requests.Session() as session:
        address = poll(server, session)
        session.post(address, data="\x1e".join(["5"] * 15 + ["40/notices,"]), timeout=PATIENCE)
        packets = []
        while not any(packet.startswith("40/notices,") for packet in packets):
            packets += session.get(address, timeout=PATIENCE).text.split("\x1e")
    assert "6" not in packets


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_who_has_said_goodbye_does_not_come_back(server, bystander, transport, raw):
    """Such a one would be in the room of all for ever, and each emit would look for it in vain."""
    packets = ["40/notices,", "1", "40/notices,"]
    before = len(server.log)
    if transport == "websocket":
        browser = raw(server, None)
        browser.ws.sock.sendall(b"".join(frame(packet.encode()) for packet in packets))
        assert browser.closed()
    else:
        sid = json.loads(server.get(SOCKET_IO + "polling").text[1:])["sid"]
        address = f"{server.url}{SOCKET_IO}polling&sid={sid}"
        requests.post(address, data="\x1e".join(packets).encode(), timeout=PATIENCE)
    assert bystander.post("after a goodbye") == {"ok": True}
    bystander.wait_for_notice("after a goodbye")
    lines = [line for line in server.log[before:] if "HTTP/1.1" not in line]
    assert lines == [], "\n".join(lines)


def test_an_upgrade_that_begins_with_nonsense_is_dropped(server, bystander):
    sid = json.loads(server.get(SOCKET_IO + "polling").text[1:])["sid"]
    address = server.url.replace("http", "ws") + SOCKET_IO + f"websocket&sid={sid}"
    for nonsense in ["", "x", "9", "2", "2probe"]:
        ws = websocket.create_connection(address, timeout=PATIENCE)
        ws.send(nonsense)
        ws.shutdown()


# Who does not listen


def deaf(server):
    """Connect a browser that is present and then reads nothing more."""
    browser = socket.socket()
    browser.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    browser.connect(("127.0.0.1", server.port))
    ws = websocket.WebSocket()
    ws.connect(server.url.replace("http", "ws") + SOCKET_IO + "websocket", socket=browser)
    ws.send("40/notices,")
    answer = ""
    while (cursor := read_cursor(server.url)) and '"live"' not in answer:  # from step 5 on
        ws.send(f'42/notices,0["since",{json.dumps(cursor)}]')
        while not (answer := ws.recv()).startswith("43/notices,0"):
            assert answer, "hung up"
    ws.send("40/presence,")
    return browser


def is_open(server, browser):
    """Say whether the server still has this connection."""
    ends = psutil.Process(server.process.pid).net_connections("tcp")
    return browser.getsockname()[1] in [end.raddr.port for end in ends if end.raddr]


LONG = "\N{PARTY POPPER}" * 280  # 3360 bytes in JSON


def test_a_browser_that_stops_reading_is_let_go(serve, step, tmp_path, raw):
    server = serve(
        # On a slow machine it must not be let go for its silence first.
        patch(patient(step, tmp_path), tmp_path / "few", MAX_WAITING=50, MAX_SILENCE=10_000),
        POSTS_IN_TEN_SECONDS="9999",
    )
    browser = deaf(server)
    poster = raw(server)
    poster.say("40/presence,")
    poster.wait('42/presence,["count",2]')
    for _ in range(150):  # 10 MB: more than the system keeps for one connection
        for _ in range(20):
            poster.say(POST.format(1, LONG))
        assert works(poster, "that was twenty more")
        if any("does not read" in line for line in server.log):
            break
    server.wait_for_log("does not read")
    poster.say("41/presence,")
    poster.say("40/presence,")
    poster.wait('42/presence,["count",1]')
    browser.close()


def test_a_browser_that_is_gone_without_a_word_is_let_go(serve, step, tmp_path):
    server = serve(patch(step, tmp_path, MAX_SILENCE=1))
    browser = deaf(server)
    wait_until(lambda: not is_open(server, browser), "the silent connection to be closed")
    browser.close()


def test_all_steps_have_the_same_guard():
    guards = {path.read_bytes() for step in STEPS.values() for path in step.glob("board/guard.py")}
    assert len(guards) == 1, "GUARDED should name a step with each"


def test_many_that_fall_silent_at_once_hold_up_nobody(serve, step, tmp_path, raw):
    """Nor is somebody let go whose answer the server has yet to read."""
    copy = ping(patch(step, tmp_path), 1, 3)
    # Another namespace may tell everybody of each who leaves, in the middle of such a telling.
    namespaces = copy / "notices" / "namespaces.py"
    once_a_second = "gevent.spawn_later(1, self.emit_count)"
    assert once_a_second in namespaces.read_text()
    namespaces.write_text(namespaces.read_text().replace(once_a_second, "self.emit_count()"))
    server = serve(copy)
    # More than may be in an event at the same time; only one of them answers its first ping.
    browsers = [raw(server, "/presence", listen=False) for _ in range(30)]
    for browser in browsers:
        browser.wait("2")
    server.process.send_signal(signal.SIGSTOP)
    browsers[-1].say("3")
    time.sleep(3)  # so that the time of all of them is over before the server looks at the first
    server.process.send_signal(signal.SIGCONT)
    browsers[-1].listen()
    browsers[-1].wait('42/presence,["count",1]')
    assert server.get("/").status_code == 200


def test_who_waits_for_a_turn_is_not_silent(serve, step, tmp_path, raw):
    """Its answers lie behind its message, which may take long; what it is told meanwhile comes."""
    copy, go = ping(patch(step, tmp_path), 1, 4), tmp_path / "go"
    namespaces, post = copy / "notices" / "namespaces.py", "    def on_post(self"
    handlers = f"    def on_hold(self, sid):\n        while not Path({str(go)!r}).exists():\n"
    handlers += "            gevent.sleep(0.01)\n        return 'held'\n\n"
    handlers += "    def on_tell(self, sid):\n        self.emit('told', 'meanwhile')\n\n"
    text = namespaces.read_text().replace(post, handlers + post, 1)
    imports = "from pathlib import Path\nimport gevent\nimport "
    namespaces.write_text(text.replace("import ", imports, 1))
    server = serve(copy)
    waits, other = raw(server), raw(server, listen=False)
    waits.say('42/notices,7["hold"]')
    for _ in range(9):  # seconds: longer than anybody may be silent
        other.wait("2")
        other.say("3")
    other.say('42/notices,["tell"]')
    assert waits.wait('42/notices,["told"') == '42/notices,["told","meanwhile"]'
    go.touch()
    assert waits.wait("43/notices,7") == '43/notices,7["held"]'
    assert works(waits, "and goes on")


@pytest.mark.parametrize("number", [4])
def test_the_memory_of_a_browser_that_stops_reading_comes_back(serve, redis, number, raw, tmp_path):
    server = serve(patch(STEPS[number], tmp_path, MAX_WAITING=7))
    publisher = redis_py.Redis.from_url(redis.url)
    # Few that are long: a browser's text could not be, and to check each notice takes its time.
    message = json.dumps({"author": "Flood", "text": LONG, "created": "long ago, " * 30_000})
    healthy = raw(server, listen=False)

    def flood():
        for _ in range(15):
            with publisher.pipeline(transaction=False) as pipeline:
                for _ in range(4):
                    pipeline.publish("notices", message)
                pipeline.publish("notices", '{"author": "Flood", "text": "end"}')
                pipeline.execute()
            # No more at once than may wait, with a ping or two: however slow this machine is, who
            # reads is not let go.
            heard = b""
            while b'"end"' not in heard:  # Without decoding: quicker than the server sends.
                healthy.say("3")  # There may be a ping among them, which nobody looks for.
                some = healthy.ws.sock.recv(1_000_000)
                assert some, "the healthy browser was let go"
                heard = heard[-10:] + some

    flood()
    before = server.memory()
    browser = deaf(server)
    flood()
    server.wait_for_log("does not read")
    # 60 notices are 20 MB, which is what it would cost if all of them waited.
    assert server.memory() - before < 10
    browser.close()


NO_DELAY = """
import socket, django
django.setup()
from board.guard import Handler
with socket.create_server(("127.0.0.1", 0)) as listener:
    browser = socket.create_connection(listener.getsockname())
    connection, address = listener.accept()
    Handler(connection, address, None)
    print("no delay:", connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
"""


def test_the_second_of_two_packets_does_not_wait_for_the_first(step):
    # Nagle's algorithm costs 40 ms, which a busy machine can hide: so the option, not the time.
    settings = environment(DJANGO_SETTINGS_MODULE="board.settings", PYTHONPATH=str(step))
    command = [sys.executable, "-c", NO_DELAY]
    assert subprocess.check_output(command, cwd=step, env=settings, text=True) == "no delay: 1\n"


# What the database bears


def test_who_leaves_while_it_waits_to_be_let_in_is_not_counted(serve, step, tmp_path, raw):
    """All turns are taken; when it is its turn, nobody is there."""
    copy = patch(step, tmp_path, MAX_DATABASE_CONNECTIONS=1)
    namespaces, go = copy / "notices" / "namespaces.py", tmp_path / "go"
    post = "    def on_post(self"
    hold = f"    def on_hold(self, sid):\n        while not Path({str(go)!r}).exists():\n"
    hold += f"            gevent.sleep(0.01)\n\n{post}"
    text = namespaces.read_text().replace(post, hold, 1)
    imports = "from pathlib import Path\nimport gevent\nimport "
    namespaces.write_text(text.replace("import ", imports, 1))
    guard, turn = copy / "board" / "guard.py", "        with self.turns:"
    guard.write_text(guard.read_text().replace(turn, f"        print('to wait', event)\n{turn}"))
    server = serve(copy)
    holds = raw(server)
    holds.say('42/notices,["hold"]')
    server.wait_for_log("to wait hold")
    server.log.clear()
    address = poll(server)
    waits = threading.Thread(target=requests.post, args=(address, "40/presence,"), daemon=True)
    waits.start()
    server.wait_for_log("to wait connect")
    requests.post(address, "1")
    go.touch()
    waits.join()
    there = raw(server, "/presence")
    assert there.wait('42/presence,["count",') == '42/presence,["count",1]'


CONNECTIONS = 20 + 1  # of the browsers' events, and from step 5 on the one that empties the outbox


def ping(step, every, pong):
    """Have a copy of the step ask for a sign of life so often, and wait for it for so long."""
    guard, pings = step / "board" / "guard.py", "PING_EVERY, MAX_PONG = "
    text = guard.read_text()
    assert pings + "5, 8" in text
    guard.write_text(text.replace(pings + "5, 8", f"{pings}{every}, {pong}"))
    return step


def patient(step, tmp_path):
    """Return a copy of the step that does not hang up on a browser for its silence."""
    return ping(patch(step, tmp_path), 60, 60)


def burst(server, raw):
    """Send 500 posts at once over 50 connections, and return how many were acknowledged with ok."""
    browsers = [raw(server) for _ in range(50)]
    for number in range(10):
        for browser in browsers:
            browser.say(POST.format(number, "burst"))
    answers = [browser.wait("43/notices,") for browser in browsers for _ in range(10)]
    return sum('[{"ok":true}]' in answer for answer in answers)


class Peak(threading.Thread):
    """Watch a number until told to stop, and keep its greatest value."""

    def __init__(self, number):
        super().__init__()
        self.number, self.value, self.done = number, 0, threading.Event()

    def run(self):
        while not self.done.wait(0.005):
            self.value = max(self.value, self.number())

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.done.set()
        self.join()


def test_500_posts_at_once_keep_few_connections_to_sqlite(serve, step, raw):
    server = serve(step, POSTS_IN_TEN_SECONDS="9999")
    process = psutil.Process(server.process.pid)

    def open_databases():
        return sum(file.path.endswith("sqlite3") for file in process.open_files())

    with Peak(open_databases) as peak:
        assert burst(server, raw) == 500
    assert peak.value <= CONNECTIONS
    wait_until(lambda: open_databases() == 0, "the connections to be given back")


def test_500_posts_at_once_keep_few_connections_to_postgresql(serve, step, raw, postgresql):
    manage(step, "migrate", "--verbosity=0", DATABASE_URL=postgresql)
    server = serve(step, POSTS_IN_TEN_SECONDS="9999", DATABASE_URL=postgresql)
    with psycopg.connect(postgresql, autocommit=True) as watcher:

        def connections():
            query = "SELECT count(*) - 1 FROM pg_stat_activity WHERE datname = current_database()"
            return watcher.execute(query).fetchone()[0]

        with Peak(connections) as peak:
            assert burst(server, raw) == 500
        assert 0 < peak.value <= CONNECTIONS
        wait_until(lambda: connections() == 0, "the connections to be given back")
