"""What many processes cost one Redis: the ways to tell them, what is measured, and the report."""

from workshop.bench.plot import dots
from workshop.bench.servers import Server
from workshop.bench.size import Size

MOST = 400  # processes that tell each other: with 4000 it would be 16 million times a second
NOTICES = {"stream": "a stream", "channel": "a channel"}
PRESENCE = {"everybody": "each tells all", "one-adds-up": "one adds up"}


def ways() -> list[Server]:
    """Return the ways, each with its class of benchmarks/readers.py; nothing is started for it."""
    names = {key: f"a notice by {name}" for key, name in NOTICES.items()}
    names |= {key: f"who is here, {name}" for key, name in PRESENCE.items()}
    classes = ("Stream", "Channel", "Everybody", "OneAddsUp")
    return [
        Server(key, name, wire, (), processes=0)
        for (key, name), wire in zip(names.items(), classes, strict=True)
    ]


def plan(size: Size, clients: int) -> dict:
    """Return what so many processes do in one run."""
    one = {"seconds": size.one, "least": 5}
    number = max(1, round(size.settle / size.block))
    return {
        "clients": clients,
        # Shorter than anybody waits before they ask again.
        "quiet": {"seconds": 0.7 * size.block, "number": number},
        "silent": {"block": size.block, "number": number},
        "rare": one | {"pause": 0.02},
        "one": one,
        "burst": {"size": size.burst, "number": size.bursts},
        "second": {"seconds": int(size.paced_seconds), "most": MOST},
    }


def told_all(results, number: int) -> str:
    """Return what it takes if each tells all; measured, or derived where they are too many."""
    if number <= MOST:
        return results.cell("everybody", number, "second", "redis_ms")
    derived = results.cell("everybody", number, "burst", "redis_us", number / 1e3)
    return derived if derived == "–" else f"{derived}, derived"


def shown(results) -> dict:
    """Return the columns for the screen: functions of the number of processes."""
    return {
        "by a stream\nµs": lambda n: results.cell("stream", n, "one", "redis_us"),
        "a channel\nµs": lambda n: results.cell("channel", n, "one", "redis_us"),
        "each tells all\nms": lambda n: told_all(results, n),
        "one adds up\nms": lambda n: results.cell("one-adds-up", n, "second", "redis_ms"),
    }


def sections(results) -> list[tuple]:
    """Return title, text, plot, first heading, columns and that there are no ratios."""
    size = results.size
    sizes = size["clients"]
    report = results.median("one-adds-up", sizes[0], "second", "bytes")

    def cell(*where):
        return lambda n: results.cell(where[0], n, *where[1:])

    def notice(key):
        return {
            "one after the other": cell(key, "one", "redis_us"),
            f"{size['burst']} at once": cell(key, "burst", "redis_us"),
            "now and then": cell(key, "rare", "redis_us"),
            "load: one after the other": cell(key, "one", "load_us"),
        }

    return [
        (
            "One notice, by a stream",
            "Each process waits for the stream of the same hall, as from step 5 on, and asks again "
            "when it has been told. A notice is appended as in step 9. CPU of Redis in µs, for one "
            "notice to all of them: appended when all have the one before; of many at once, which "
            "they read together; and when all have waited for a while. Then what the generator "
            "took.",
            "notice", "µs a notice", notice("stream"), None,
        ),
        (
            "One notice, by a channel",
            "For comparison: the same number have subscribed to a channel, and it is published.",
            None, "µs a notice", notice("channel"), None,
        ),
        (
            "Nobody says anything",
            f"Who is told nothing asks again after {size['block']:g} s. What that takes for one "
            "hall, with what Redis takes by itself where so many are connected, which is beside it "
            "and in no other figure. In ms of its CPU each second: 10 ms are 1 % of a core.",
            None, "ms a second",
            {
                "all wait in vain": cell("stream", "silent", "redis_ms"),
                "they ask, a second": cell("stream", "silent", "asked"),
                "by itself": cell("stream", "quiet", "redis_ms"),
            }, None,
        ),
        (
            "Who is here",
            f"Once a second each process says who is there: {report or 0:.0f} characters, twenty "
            "names in each of three halls. Up to step 8 it tells all others; in step 9 it tells "
            "Redis, and one of them adds up. CPU of Redis in ms each second. Where all have only "
            "later what was said in a second, Redis or the generator did not keep up. With more "
            f"than {MOST} processes nobody would: there it is derived, from what a report takes of "
            f"{size['burst'] // 10} at once, times their number.",
            "presence", "ms a second",
            {
                "each tells all": lambda n: told_all(results, n),
                "one adds up": cell("one-adds-up", "second", "redis_ms"),
                "each tells all: messages": lambda n: f"{n * n:,}".replace(",", " "),
                "all have them after, ms": cell("everybody", "second", "took_ms"),
                "load: each tells all": cell("everybody", "second", "load_ms"),
                "load: one adds up": cell("one-adds-up", "second", "load_ms"),
            }, None,
        ),
    ]  # fmt: skip


def plots(results) -> dict[str, str]:
    """Return the plots by name."""
    sizes = results.size["clients"]

    def told(n: int) -> float | None:
        if n <= MOST:
            return results.median("everybody", n, "second", "redis_ms")
        each = results.median("everybody", n, "burst", "redis_us")
        return each and each * n / 1e3

    notice = [
        (f"by {name}", [results.median(key, n, "one", "redis_us") for n in sizes])
        for key, name in NOTICES.items()
    ]
    adds = [results.median("one-adds-up", n, "second", "redis_ms") for n in sizes]
    presence = [
        (PRESENCE["everybody"], [told(n) for n in sizes]),
        (PRESENCE["one-adds-up"], adds),
    ]
    series = [f"{n} processes" for n in sizes]
    return {
        "notice": dots("CPU of Redis for one notice", "µs", series, notice),
        "presence": dots("CPU of Redis for who is here, each second", "ms", series, presence),
    }
