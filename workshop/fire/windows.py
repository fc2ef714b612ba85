"""Windows: the real page in Chromium, and a note of each change of its list."""

import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from workshop.fire.tally import Viewer
from workshop.serving.ports import any_port

# Runs before the scripts of the page, which are deferred: "interactive" comes before them.
RECORDER = """
window.fire = [];
window.connections = 0; // how often it has come to be live
document.addEventListener("readystatechange", () => {
  const list = document.querySelector("#notices");
  if (document.readyState !== "interactive" || !list) return;
  const text = (item) => item.querySelector(".text").textContent;
  const read = (item) => [Number(item.id.slice("notice-".length)), text(item)];
  const items = (nodes) => [...nodes].filter((node) => node.nodeType === 1);
  const note = (what, data) => fire.push([what, data, Date.now() / 1000]);
  note("loaded", items(list.children).map(read));
  new MutationObserver((changes) => {
    for (const change of changes) {
      const [added, removed] = [items(change.addedNodes), items(change.removedNodes)];
      const [one, other] = [added.length === 1, removed.length === 1];
      if (one && !removed.length) note("told", read(added[0]));
      else if (one && other && added[0].id === removed[0].id) note("mended", read(added[0]));
      else if (added.length) note("loaded", added.map(read));
    }
  }).observe(list, { childList: true });
  const state = document.querySelector("#state");
  let live = false;
  new MutationObserver(() => {
    const was = live;
    live = state.textContent.startsWith("Live");
    if (live && !was) connections += 1;
  }).observe(state, { childList: true });
});
"""


class Window(Viewer):
    """A window of its own, as of a person of its own; or one that can be frozen."""

    theirs = "the page"

    def __init__(self, name: str, browser: "Browser", url: str, can_freeze: bool = False):
        super().__init__()
        self.name = name
        context = browser.plain if can_freeze else browser.playwrights.new_context()
        self.page = context.new_page()
        self.close = self.page.close if can_freeze else context.close
        self.page.add_init_script(RECORDER)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url)
        self.live = False
        self.connections = 0
        self.frozen = False
        self.cdp = context.new_cdp_session(self.page)

    def look(self) -> None:
        """Fetch what the page has noted."""
        if self.frozen:
            return
        changes, state, self.connections = self.page.evaluate(
            "[fire.splice(0), document.querySelector('#state').textContent, connections]"
        )
        self.live = state.startswith("Live")
        for what, data, at in changes:
            if what == "loaded":
                self.loaded(data, at)
            elif what == "told":
                number, text = data
                self.told(number, text, at)
            else:
                self.mended(*data)

    def freeze(self, frozen: bool) -> None:
        """Freeze the page as a laptop that falls asleep does, or wake it."""
        state = "frozen" if frozen else "active"
        self.cdp.send("Page.setWebLifecycleState", {"state": state})
        self.frozen = frozen
        if frozen:
            self.frozen_at = time.time()


@dataclass
class Browser:
    """A Chromium, by two ways."""

    playwrights: Any
    plain: Any  # Playwright's own windows count as looked at, and these are never frozen.


@contextmanager
def chromium(path: str):
    """Start Chromium, and end it whatever happens."""
    from playwright.sync_api import sync_playwright

    playwright = sync_playwright().start()
    try:
        with launched(playwright.chromium, path) as browser:
            yield browser
    finally:
        playwright.stop()


@contextmanager
def launched(browser_type, path: str):
    """Start Chromium by a Playwright that runs."""
    from playwright.sync_api import Error

    port = any_port()
    options = ["--disable-background-networking", f"--remote-debugging-port={port}"]
    if os.geteuid() == 0:  # Chromium's sandbox refuses to run as root.
        options.append("--no-sandbox")
    # Ctrl-C is the tool's: it ends Chromium in its turn.
    left_alone = dict.fromkeys(("handle_sigint", "handle_sigterm", "handle_sighup"), False)
    browser = browser_type.launch(executable_path=path, args=options, **left_alone)
    address = f"http://127.0.0.1:{port}"
    try:
        plain = browser_type.connect_over_cdp(address, no_defaults=True).contexts[0]
        yield Browser(browser, plain)
    finally:
        with suppress(Error):
            browser.close()
