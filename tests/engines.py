"""The other engines of a room's phones: Firefox and WebKit, as Debian's packages have them.

Playwright drives only builds of its own, which are in no package registry. So these two are spoken
to in the standards' own words: Firefox has WebDriver BiDi built in, WebKit's driver is WebDriver.
"""

import contextlib
import json
import os
import re
import shutil

import requests
import websocket

from support import PATIENCE, environment, free_port, wait_until
from workshop.base.paths import log_file
from workshop.serving.processes import Child

PHONE = {"width": 390, "height": 844}
# What goes wrong in a page, kept in the page: WebKit's driver tells nothing of it. Firefox runs
# this before the page's own scripts, WebKit once it has loaded.
WATCH = """() => {
  window.wentWrong = [];
  const keep = (what) => window.wentWrong.push(String(what));
  window.addEventListener("error", ({ message }) => keep(message));
  window.addEventListener("unhandledrejection", ({ reason }) => keep(reason));
  console.error = (...what) => keep(what.join(" "));
}"""


class Engine:
    """A browser with one window.

    Each has its own words for goto(url), run(expression) and perform(actions).
    """

    package: str  # Debian's
    programs: tuple[str, ...]  # One of each must be there, by any of its names.

    @classmethod
    def find(cls):
        """Return the paths of its programs, None for one that is not installed."""
        named = [map(shutil.which, names.split()) for names in cls.programs]
        return [next(filter(None, paths), None) for paths in named]

    def __init__(self):
        self.name = type(self).__name__
        assert None not in self.find(), f"no {self.name}: apt install {self.package}"
        self.children = []
        try:
            self.open(*self.find())
        except BaseException:
            self.close()
            raise

    def start(self, log, *command, ready=r"\A", **options):
        """Start a program, which ends with the tests however those end; return what it said."""
        # A name of its own: tests run beside others.
        child = Child(command, log=f"{log}-{os.getpid()}", scratch=True, **options)
        self.children.append(child)
        file = log_file(child.log)

        def said():
            return re.search(ready, file.read_text(errors="replace"))

        child.must(said, log)
        return said()

    def close(self):
        """End the programs, the last first."""
        for child in reversed(self.children):
            child.end()
            log_file(child.log).unlink()

    def value(self, expression):
        """Return what an expression is in the page, by way of JSON."""
        return json.loads(self.run(f"JSON.stringify([{expression}])"))[0]

    def wait_for(self, expression):
        """Wait until an expression is true in the page."""
        wait_until(lambda: self.value(expression), f"{expression} in {self.name}")

    def shows(self, selector, text):
        """Wait until the first element that a selector finds says this, as a person reads it."""
        found = f"document.querySelector({json.dumps(selector)})?.innerText.trim()"
        self.wait_for(f"{found} === {json.dumps(text)}")

    def click(self, selector):
        """Click the middle of an element."""
        place = f"""(() => {{
          const element = document.querySelector({json.dumps(selector)});
          element.scrollIntoView({{ block: "center", behavior: "instant" }});
          const {{ x, y, width, height }} = element.getBoundingClientRect();
          return {{ x: Math.round(x + width / 2), y: Math.round(y + height / 2) }};
        }})()"""
        move = {"type": "pointerMove", "origin": "viewport"} | self.value(place)
        press = [{"type": f"pointer{way}", "button": 0} for way in ("Down", "Up")]
        self.perform([{"type": "pointer", "id": "mouse", "actions": [move, *press]}])

    def type(self, text):
        """Press the keys of a text, one after the other."""
        keys = [{"type": way, "value": key} for key in text for way in ("keyDown", "keyUp")]
        self.perform([{"type": "key", "id": "keyboard", "actions": keys}])


class Firefox(Engine):
    """Firefox without a screen, by WebDriver BiDi."""

    package = "firefox-esr"
    programs = ("firefox-esr firefox",)

    def open(self, program):
        """Start it, and take its first window."""
        options = ["--headless", "--no-remote", "--remote-debugging-port=0", "--profile=."]
        said = self.start("firefox", program, *options, ready=r"BiDi listening on (\S+)")
        url = f"{said[1]}/session"
        self.socket = websocket.create_connection(url, timeout=PATIENCE, suppress_origin=True)
        self.calls = 0
        self.call("session.new", capabilities={})
        self.context = self.call("browsingContext.getTree")["contexts"][0]["context"]
        self.call("browsingContext.setViewport", context=self.context, viewport=PHONE)
        self.call("script.addPreloadScript", functionDeclaration=WATCH)

    def call(self, method, **parameters):
        """Send a command, and return its result."""
        self.calls += 1
        command = {"id": self.calls, "method": method, "params": parameters}
        self.socket.send(json.dumps(command))
        while (answer := json.loads(self.socket.recv())).get("id") != self.calls:
            pass  # an event
        assert answer["type"] == "success", answer
        return answer["result"]

    def goto(self, url):
        """Load a page."""
        self.call("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def run(self, expression):
        """Return the text that an expression is in the page."""
        options = {"target": {"context": self.context}, "awaitPromise": False}
        answer = self.call("script.evaluate", expression=expression, **options)
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        return answer["result"]["value"]

    def perform(self, actions):
        """Move the mouse, press keys."""
        self.call("input.performActions", context=self.context, actions=actions)


class WebKit(Engine):
    """WebKitGTK's own small browser, on a screen that nobody sees, by WebDriver."""

    package = "webkit2gtk-driver xvfb"
    programs = ("WebKitWebDriver", "Xvfb")
    url = ""  # of the driver, then of its session

    def open(self, driver, screen):
        """Start a screen, the driver, and by it the browser."""
        display = self.start(
            "xvfb", screen, "-displayfd", "1", "-nolisten", "tcp", ready=r"(\d+)\n"
        )
        # Its sandbox does not start as root or in a container, and the pages are our own.
        settings = {"DISPLAY": f":{display[1]}", "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"}
        port = free_port()
        self.start("webkit", driver, f"--port={port}", env=environment(**settings))
        self.url = f"http://127.0.0.1:{port}"
        wait_until(self.answers, "WebKitWebDriver to answer")
        self.url += "/session/" + self.call("session", capabilities={})["sessionId"]
        self.call("window/rect", **PHONE)

    def answers(self):
        """Say whether the driver answers."""
        with contextlib.suppress(OSError):
            return requests.get(f"{self.url}/status", timeout=PATIENCE).ok

    def close(self):
        """Have the driver end its browser, then end both."""
        with contextlib.suppress(OSError):
            requests.delete(self.url, timeout=PATIENCE)
        super().close()

    def call(self, path, **body):
        """Send a command, and return its value."""
        answer = requests.post(f"{self.url}/{path}", json=body, timeout=PATIENCE)
        assert answer.ok, answer.text
        return answer.json()["value"]

    def goto(self, url):
        """Load a page."""
        self.call("url", url=url)
        self.call("execute/sync", script=f"({WATCH})()", args=[])

    def run(self, expression):
        """Return the text that an expression is in the page."""
        return self.call("execute/sync", script=f"return {expression}", args=[])

    def perform(self, actions):
        """Move the mouse, press keys."""
        self.call("actions", actions=actions)


ENGINES = {engine.__name__.lower(): engine for engine in (Firefox, WebKit)}


def tried():
    """Return the names of those that are installed, and of those that have to be."""
    required = set(filter(None, os.environ.get("ENGINES", "").split(",")))
    return sorted(required | {name for name, each in ENGINES.items() if None not in each.find()})
