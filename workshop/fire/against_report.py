"""What came of all servers under all faults: a page that says for each loss why, and a picture."""

import json
from pathlib import Path

from workshop.base.paths import ME
from workshop.bench import plot
from workshop.fire.faults import FAULTS
from workshop.fire.report import HEADINGS, row
from workshop.fire.tally import Tally

PARTS = ("date", "machine", "versions", "size", "names", "rows")  # of the figures
DOCS = "https://socket.io/docs/v4"
AT_MOST_ONCE = f"[delivery guarantees]({DOCS}/delivery-guarantees)"
PUBSUB = "[Redis says the same of its pub/sub](https://redis.io/docs/latest/develop/pubsub/)"
UNFAIR = """\
- Each server is set up as its documentation has it, and has the client that this recommends: \
Socket.IO's servers and step 4 have socket.io-client itself, in Node.js; steps 5 and 6 \
python-socketio's client, which does what their page does (`fire 5` adds windows of Chromium); \
classic the protocol of socket.io-client 0.9.
- In favour of Channels: its tutorial opens a websocket, and does not open it again. Here it is \
opened again, with the pauses of socket.io-client.
- In favour of Node with recovery: asked to end, its server closes each connection first, which \
keeps what is to be recovered. It has to be told to.
- In favour of both Nodes and of Channels: who publishes tries until Redis has taken it. With the \
models of step 4 and of classic, and with python-socketio's manager, what is published while Redis \
is away is on no screen.
- Against whoever asks for signs of life less often: Socket.IO's default takes up to 45 s to see \
that a connection is dead, uvicorn's 40 s, classic's 60 s, the steps' 13 s. All of them can be set.
- Against step 4 and classic: what is lost on a screen is in their database, and a page that is \
reloaded shows it.
- How much is lost is how long a fault lasts, times the pace; that something is lost is the point. \
Whoever is `asleep` here wakes before anybody gives it up, so the network holds what it missed.
- Of the silence under Redis' faults up to 10 s are the tool's own: where no page can say whether \
Redis is heard, it is away for 5 s, and then has 5 s to be heard again.
- All but step 6 are one process.
"""
# What the documentation of each server promises; in quotation marks its own words.
PROMISES = {
    "node": f'Nothing, and it says so: "at most once" ({AT_MOST_ONCE}). What a browser misses it '
    f"does not get; {PUBSUB}. Whoever wants more numbers the events and keeps them in a database.",
    "node-recovery": "To restore a connection's state, with the events that were missed, after a "
    'short loss; but "the recovery will not always be successful" '
    f"([connection state recovery]({DOCS}/connection-state-recovery)), and the page has to be able "
    "to do without. Its adapter promises to go on where it was when Redis comes back "
    "([redis-streams-adapter](https://socket.io/docs/v4/redis-streams-adapter/)).",
    "uvicorn": "Nothing: neither its chapter on "
    "[message queues](https://python-socketio.readthedocs.io/en/stable/server.html) nor its "
    "server has anything for events that were missed. For Socket.IO as a whole the promise is "
    f'"at most once" ({AT_MOST_ONCE}).',
    "channels-uvicorn": 'Nothing, and it says so: "at-most-once delivery", and layers are "not '
    'expected to deliver all messages" ([channel layer specification]'
    "(https://channels.readthedocs.io/en/stable/channel_layer_spec.html)).",
    "classic": "Nothing: it is the talk's own server of 2013 ([its page](../classic/README.md)).",
    "step4": "Nothing, and its lesson says so under [What hurts now]"
    "(../steps/04_redis_listener/README.md#what-hurts-now).",
    "step5": "That nothing is lost, shown twice or out of order: [What is promised]"
    "(../steps/05_nothing_missed/README.md#what-is-promised).",
    "step6": "The same, with [many servers](../steps/06_many_servers/README.md).",
}
# What a fault breaks, and why whom it costs notices.
BREAKS = {
    "server": ("server-killed", "server-stopped", "two-at-once"),
    "redis": ("redis-persistent", "redis-forgets", "redis-full"),
    "log": ("trimmed",),
    "network": ("network-cut", "black-hole", "half-open", "asleep", "polling", "upgrade",
                "no-files"),
}  # fmt: skip
AWAY = (
    "The server hands on what it hears to whoever is connected, and keeps nothing for others; what "
    "was on its way in a connection that broke is gone with it."
)
DEAF = (
    "What is published while the server does not listen to Redis, because it is dead or Redis has "
    "just come back, is for nobody: pub/sub keeps nothing."
)
LOST = {"server": DEAF, "redis": DEAF, "network": AWAY}
LOGGED = LOST | {"redis": f"{DEAF} `publish` says in its log what Redis did not take, and goes on."}
UNSEEN = {
    "node": LOST,
    "node-recovery": {
        "server": "What is to be recovered is kept when a connection ends. A server that is killed "
        "keeps nothing, so its pages begin anew with what is published then.",
        "redis": "What Redis had taken and has forgotten, nobody has.",
        "log": "The offset with which a page comes back is no longer in the stream. The page is "
        "told that it was not recovered, and would have to load itself anew.",
        "network": "A page that comes back before the server knows that its old connection is "
        "dead, which takes up to 45 s, finds that nothing has been kept for it yet. And between "
        "the reading of what it missed and its joining the others there is a moment in which a "
        "notice may be lost, or told twice.",
    },
    "uvicorn": LOST
    | {"redis": f"{DEAF} The manager drops what Redis does not take, and raises nothing."},
    "channels-uvicorn": LOST
    | {"network": f"{AWAY} A page's websocket has no heartbeat: if nobody tells it, it waits on."},
    "classic": LOGGED,
    "step4": LOGGED,
}


def why(server: str, fault: str) -> str:
    """Return why a server loses something in a fault."""
    broken = next((what for what, faults in BREAKS.items() if fault in faults), "")
    return UNSEEN.get(server, {}).get(broken, "Not explained yet.")


def tally_of(found: dict) -> Tally:
    """Return what came of a fault, as it is counted."""
    return Tally(
        **{name: value for name, value in found.items() if name not in ("server", "theirs")}
    )


def good(data: dict) -> bool:
    """Tell whether whoever promises something has kept it."""
    theirs = [found for found in data["rows"] if found["server"] not in UNSEEN]
    return all("left_out" in found or tally_of(found).good for found in theirs)


def write(data: dict, file: Path) -> None:
    """Write the page, its picture and its figures."""
    file.with_suffix(".json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    file.with_suffix(".svg").write_text(picture(data), encoding="utf-8")
    file.write_text(page(data, file.stem), encoding="utf-8")
    print(f"Written: {file.name}, {file.stem}.json and {file.stem}.svg.")


def picture(data: dict) -> str:
    """Return what share of all deliveries each server lost in each fault."""
    shares: dict[tuple[str, str], float] = {}
    for found in data["rows"]:
        if found.get("sent"):
            shares[found["fault"], found["server"]] = found["lost"] / (
                found["sent"] * found["viewers"]
            )
    faults = list(dict.fromkeys(found["fault"] for found in data["rows"]))
    rows = [(fault, [shares.get((fault, key)) for key in data["names"]]) for fault in faults]
    return plot.shares("What is lost, of all deliveries", list(data["names"].values()), rows)


def page(data: dict, stem: str) -> str:
    """Return the page."""
    size, machine = data["size"], data["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in data["versions"].items())
    parts = [
        f"""# The same fire for everyone

Made by `{ME} fire --against --report` on {data["date"]}, in {data["seconds"] / 60:.0f} minutes. \
{machine["cpu"]}, {machine["cores"]} cores, {machine["system"]}. {packages}.

What do well-known servers lose under the faults that \
[step 5](../steps/05_nothing_missed/README.md) survives? In each fault {size["notices"]} notices \
are published, {size["pace"]:g} a second, while {size["clients"]} pages look on; in the middle of \
them something happens. The server, Redis and the pages are fresh each time. What is received and \
lost is counted once for each page.

![What share of all deliveries each server loses in each fault: the tables below]({stem}.svg)

## What is unfair, and to whom

{UNFAIR}"""
    ]
    tried = dict.fromkeys(found["fault"] for found in data["rows"])
    parts.append("| fault | what happens, and what steps 5 and 6 do |\n| --- | --- |")
    parts[-1] += "".join(f"\n| {name} | {FAULTS[name].about} |" for name in tried) + "\n"
    for key, name in data["names"].items():
        parts.append(section(name, key, [each for each in data["rows"] if each["server"] == key]))
    return "\n".join(parts)


def section(name: str, key: str, rows: list[dict]) -> str:
    """Return what came of one server."""
    table = [HEADINGS, ["---", *["---:"] * (len(HEADINGS) - 1)]]
    reasons: dict[str, list[str]] = {}
    for found in rows:
        if "left_out" in found:
            table.append([found["fault"], *["–"] * (len(HEADINGS) - 1)])
            reasons.setdefault(f"Not tried: {found['left_out']}.", []).append(found["fault"])
            continue
        tally = tally_of(found)
        table.append(row(tally))
        if tally.lost or tally.twice or tally.disorder:
            reasons.setdefault(why(key, tally.fault), []).append(tally.fault)
        for sentence in tally.wrong:
            reasons.setdefault(f"{sentence[0].upper()}{sentence[1:]}.", []).append(tally.fault)
    lines = "".join(f"| {' | '.join(cells)} |\n" for cells in table)
    notes = "".join(f"- {', '.join(faults)}: {text}\n" for text, faults in reasons.items())
    return f"## {name}\n\nPromised: {PROMISES[key]}\n\n{lines}\n{notes}"
