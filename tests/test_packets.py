"""Step 3's README shows the packets that go over the wire, and says who is sent what: as it is.

The page itself records them, so that they are in the order in which it said and heard them.
"""

import itertools
import re

import pytest
from playwright.sync_api import expect
from test_03_namespace import POST, fill, sees

from support import STEPS, wait_until

STEP = 3
RECORD = r"""
window.packets = [];
const note = (who, how, data) => {
  for (const packet of String(data).split("\x1e")) packets.push([who, how, packet]);
};
const { open, send } = XMLHttpRequest.prototype;
XMLHttpRequest.prototype.open = function (method, ...rest) {
  this.addEventListener("readystatechange", () => {
    if (method === "GET" && this.readyState === 4) note("server", "GET", this.responseText);
  });
  return open.call(this, method, ...rest);
};
XMLHttpRequest.prototype.send = function (body) {
  if (body) note("page", "POST", body);
  return send.call(this, body);
};
window.WebSocket = class extends WebSocket {
  constructor(...options) {
    super(...options);
    this.addEventListener("message", ({ data }) => note("server", "websocket", data));
  }
  send(data) {
    note("page", "websocket", data);
    super.send(data);
  }
};
"""
# Joining, in two namespaces, and upgrading go on side by side, and a ping comes when five seconds
# are over: the order is certain within each of these.
TRACKS = {
    "to join /notices": r"0\{|40/notices",
    "to join /presence": r"40/presence",
    "to upgrade": r"[23]probe$|5$",
    "to end a poll": r"6$",
    "to go on": r"4[23]",
    "to stay": r"[23]$",
}
# These go by whatever the page has just then.
EITHER_WAY = re.compile(r"40/\w+,\{|40/presence,$|6$|42/presence|[23]$")


def shown(step):
    """Return the packets in a lesson's table: who says it, how, and a pattern for it."""
    section = (step / "README.md").read_text().split("### What goes over the wire\n")[1]
    rows = re.findall(
        r"^\| (page|server) \| (\w+) \| `(.*?)` \|", section.split("\n### ")[0], re.MULTILINE
    )
    assert rows, "the section should have a table"
    return rows


def tracks(packets):
    """Sort packets into tracks, without what is said again: each is who, how, what."""
    sorted_ = {}
    for who, how, packet in packets:
        name = next((name for name, start in TRACKS.items() if re.match(start, packet)), None)
        assert name, f"{packet!r} is on no track"
        sorted_.setdefault(name, []).append((who, how, packet))
    for name in ("to end a poll", "to stay"):
        each = [(who, None, packet) for who, _, packet in sorted_.get(name, [])]
        sorted_[name] = list(dict.fromkeys(each))
    return sorted_


def same(shown, said):
    """Tell whether a packet is the one that a table shows: … stands for anything."""
    (who, how, pattern), (speaker, way, packet) = shown, said
    words = ".*".join(map(re.escape, pattern.split("…")))
    return (
        who == speaker
        and (how == way or EITHER_WAY.match(pattern) is not None)
        and re.fullmatch(words, packet) is not None
    )


def differences(table, packets):
    """Return where packets are not those of a table, in each track."""
    table, packets = tracks(table), tracks(packets)
    return [
        (name, one, other)
        for name in TRACKS
        for one, other in itertools.zip_longest(table.get(name, []), packets.get(name, []))
        if not (one and other and same(one, other))
    ]


def record(page, server):
    """Open the board in a page that records its packets; wait until all has been said."""
    page.add_init_script(RECORD)
    page.goto(server.url)
    expect(page.locator("#state")).to_have_text("Connected by websocket.")
    expect(page.locator("#count")).to_have_text(re.compile(r"here\.$"))
    return page


@pytest.fixture(scope="module")
def packets(chromium, serve, step):
    """What a page and the server say, up to the first pong after a post."""
    page = record(chromium.new_page(), serve(step))
    fill(page, "Room 5 is upstairs", author="Ada")
    sees(page, "Room 5 is upstairs")
    expect(page.get_by_label("Notice")).to_have_value("")
    page.wait_for_function("packets.some(([who, how, packet]) => packet === '3')")
    yield page.evaluate("packets")
    page.close()


def test_the_readme_shows_what_goes_over_the_wire(packets):
    """All of it, in order."""
    assert differences(shown(STEPS[STEP]), packets) == []


@pytest.mark.parametrize(
    ("row", "change"),
    [
        (0, ("server", "GET", '0{"sid":"…","upgrades":[],…}')),
        (1, ("page", "websocket", "40/notices,")),
        (4, ("page", "websocket", "2")),
        (9, ("server", "websocket", '42/presence,["count",2]')),
        (12, ("server", "websocket", '43/notices,1[{"ok":true}]')),
        (12, ("page", "websocket", '43/notices,0[{"ok":true}]')),
        *((row, None) for row in range(15)),
    ],
)
def test_a_table_that_is_wrong_is_caught(packets, row, change):
    """A packet that is another, or goes another way, or is left out."""
    table = shown(STEPS[STEP])
    table[row : row + 1] = [change] if change else []
    assert differences(table, packets)


def test_rows_that_are_swapped_are_caught(packets):
    """The notice comes before the acknowledgement."""
    table = shown(STEPS[STEP])
    table[11], table[12] = table[12], table[11]
    assert differences(table, packets)


class TestWhoIsSentWhat:
    """A namespace is what a page asks for, and whatever is emitted there is what it gets."""

    def test_what_no_listener_waits_for_comes_all_the_same(self, server, window, raw):
        """The page drops it."""
        page = record(window("about:blank"), server)
        page.evaluate("notices.off('notice')")
        raw(server).say(POST % "Nobody listens")
        page.wait_for_function("packets.some(([, , packet]) => packet.includes('Nobody listens'))")
        expect(page.locator("#notices")).not_to_contain_text("Nobody listens")

    def test_who_did_not_ask_for_a_namespace_gets_nothing_of_it(self, server, raw):
        """Though it is on the same server."""
        one, other = raw(server), raw(server, "/presence")
        other.wait('42/presence,["count",')
        heard = []

        def until_the_notice():
            heard.append(one.next())
            return "After the count" in heard[-1]

        one.say(POST % "After the count")
        wait_until(until_the_notice, "the notice")
        assert [packet for packet in heard if "/presence" in packet] == []

    def test_anybody_may_join_a_namespace_without_a_page(self, server, raw):
        """No view is asked."""
        assert raw(server, "/presence").wait('42/presence,["count",')

    def test_a_namespace_that_no_class_answers_in_is_refused(self, server, raw):
        """It has to be registered."""
        browser = raw(server, namespace=None)
        browser.say("40/organisers,")
        assert browser.wait("4").startswith("44/organisers,")
