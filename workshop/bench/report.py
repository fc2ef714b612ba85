"""What came of it: a short table on the screen, and a report in Markdown with plots."""

import json
import statistics
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from workshop.base.paths import ME
from workshop.base.words import counted
from workshop.bench import readers
from workshop.bench.plot import bars, dots, lines
from workshop.bench.run import FEW, trouble

BASES = {"step4": "step 4", "node": "Node"}
PHASES = {"arrive": "come", "back": "come back", "leave": "leave"}


class Results:
    """The runs in which nothing was wrong, by server and number of clients."""

    def __init__(self, data: dict):
        self.size = data["size"]
        self.runs: dict[tuple[str, int], dict[int, dict[str, Any]]] = {}
        self.names = {}
        for run in data["runs"]:
            self.names[run["server"]] = run["name"]
            if not trouble(run):
                self.runs.setdefault((run["server"], run["clients"]), {})[run["round"]] = run
        bases = {"step6": "step 6"} if data.get("ladder") else BASES
        if data.get("halls"):
            bases = {"halls-1": "one hall"}
        if data.get("arrivals"):
            bases = {"node-second": "Node, once a second"}
        if data.get("scale"):
            bases = {"node-cluster": "Node's cluster"}
        self.bases = {key: name for key, name in bases.items() if key in self.names}
        self.ladder, self.arrivals = data.get("ladder"), data.get("arrivals")
        self.scale, self.halls = data.get("scale"), data.get("halls")
        self.readers = data.get("readers")
        self.lines: dict = self.names  # of the tables
        if self.readers:
            self.lines = {n: f"{n} processes" for n in self.size["clients"]}

    def values(self, server: str, clients: int, phase: str, what: str) -> dict[int, float]:
        """Return a figure of each round that has it."""
        runs = self.runs.get((server, clients), {})
        return {
            number: run[phase][what]
            for number, run in runs.items()
            if run.get(phase) and run[phase].get(what) is not None
        }

    def median(self, *where) -> float | None:
        """Return the figure in the middle."""
        return statistics.median(each) if (each := self.values(*where).values()) else None

    def cell(self, server: str, clients: int, phase: str, what: str, times: float = 1) -> str:
        """Return a figure with its spread, or so many times that."""
        values = self.values(server, clients, phase, what).values()
        return spread([value * times for value in values])

    def middles(self, server: str, *where) -> str:
        """Return the figures in the middle, of each number of clients."""
        values = [self.median(server, clients, *where) for clients in self.size["clients"]]
        return " / ".join("–" if value is None else number(value) for value in values)

    def ratio(self, server: str, base: str, *where) -> str:
        """Return how many times another server's figure this is, round by round."""
        own, other = self.values(server, *where), self.values(base, *where)
        return spread([own[n] / other[n] for n in own if other.get(n, 0) > 0])


def number(value: float) -> str:
    """Return a figure with as many digits as say something."""
    if abs(value) >= 100 or isinstance(value, int):
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(values: list[float]) -> str:
    """Return the middle of some figures, and the smallest and the largest."""
    if not values:
        return "–"
    middle = number(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({number(min(values))}–{number(max(values))})"


def problems(data: dict) -> list[str]:
    """Return what was wrong, a sentence a run."""
    return [
        f"{run['name']}, {run['clients']} clients, round {run['round']}: {wrong}."
        for run in data["runs"]
        if (wrong := trouble(run))
    ]


def show(data: dict) -> None:
    """Print what matters most."""
    results, console = Results(data), Console(highlight=False)
    most = results.size["paced_clients"]
    about = (
        "CPU of a delivery, one at a time and in bursts; p99 from publish to arrival;\n"
        "memory and new connections of a client; p99 of the second of two notices.\n"
    )
    right = f"{sum(run['deliveries'] for run in data['runs']):,} deliveries: "
    right += "none lost, twice, out of order or changed."
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    columns = {
        "CPU µs": (most, "one", "server_us"),
        "in bursts": (most, "burst", "server_us"),
        "p99 ms": (most, "paced", "p99"),
        "KiB": (most, "memory", "kib"),
        "new/s": (most, "connect", "per_second"),
        "2nd, ms": (FEW, "pair", "p99"),
    }
    if results.arrivals:
        columns = {
            f"{name}\n{unit}": (most, phase, what)
            for phase, name in PHASES.items()
            for unit, what in {"CPU s": "server", "s": "seconds"}.items()
        }
        about = "the server's CPU, and the time until the last one was live or gone.\n"
        right = "Everybody was live, and told how many they are."
    if results.scale:
        most = results.size["clients"][-1]
        columns = {
            "last one, s": (most, "one", "last"),
            "CPU µs": (most, "minute", "net_us"),
            "in bursts": (most, "burst", "net_us"),
            "KiB": (most, "memory", "kib"),
            "all back, s": (most, "back", "last"),
        }
        about = (
            "seconds until the last has a notice; CPU of a delivery, one after\n"
            "the other and in bursts; memory of a client; seconds until all have come back.\n"
        )
    cells: dict[str, Any] = {
        heading: lambda server, where=where: results.cell(server, *where)
        for heading, where in columns.items()
    }
    about = f"With {most} clients: {about}"
    if results.readers:
        cells = readers.shown(results)
        about = "CPU of Redis: for one notice to all, and each second for who is here.\n"
    table.add_column("" if results.readers else "server", no_wrap=True)
    for heading in cells:
        table.add_column(heading, justify="right")
    for key, name in results.lines.items():
        table.add_row(name, *(each(key) for each in cells.values()))
    console.print(f"\n{about}")
    console.print(table)
    for sentence in problems(data):
        console.print(f"[red]WRONG: {sentence}[/red]")
    if not problems(data):
        console.print(f"\n{right}")


def write(data: dict, file: Path) -> None:
    """Write the report, its figures and its plots."""
    results = Results(data)
    plots = plots_of(results)
    for name, svg in plots.items():
        file.with_name(f"{file.stem}-{name}.svg").write_text(svg, encoding="utf-8")
    file.with_suffix(".json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    file.write_text(markdown(data, results, file.stem), encoding="utf-8")
    print(f"Written: {file.name}, {file.stem}.json and {len(plots)} plots.")


def markdown(data: dict, results: Results, stem: str) -> str:
    """Return the report: an introduction, and a section for each row of the issue."""
    parts = [introduction(data)]
    kind = arrivals if results.arrivals else ladder if results.ladder else sections
    kind = scale if results.scale else halls if results.halls else kind
    kind = readers.sections if results.readers else kind
    for section in kind(results):
        title, about, plot, corner, columns, ratio = section
        parts.append(f"## {title}\n\n{about}\n")
        if plot:
            whose = "the" if results.readers else "each server's"
            parts.append(f"![{title}: {whose} figures, as in the table]({stem}-{plot}.svg)\n")
        parts.append(table(results, corner, columns))
        if ratio and results.bases:
            sizes, *where = ratio
            parts.append(table(results, f"ratio: {corner}", ratios(results, sizes, *where)))
    return "\n".join(parts)


def table(results: Results, corner: str, columns: dict) -> str:
    """Return a table with a line for each server; a column is a function of the line's key."""
    lines = [[corner, *columns], ["---", *["---:"] * len(columns)]]
    lines += [
        [name, *(each(key) for each in columns.values())] for key, name in results.lines.items()
    ]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def ratios(results: Results, sizes: list[int], *where) -> dict:
    """Return the columns of the ratios to step 4 and to Node."""
    return {
        f"× {name}, {clients}": lambda key, base=base, clients=clients: results.ratio(
            key, base, clients, *where
        )
        for base, name in results.bases.items()
        for clients in sizes
    }


def sections(results: Results) -> list[tuple]:
    """Return title, text, plot, first heading, columns and what there are ratios of."""
    size, sizes = results.size, list(results.size["clients"])
    most, rate, every = size["paced_clients"], size["rate"], " / ".join(map(str, sizes))
    thousands = [clients for clients in sizes if clients >= 1000] or sizes

    def cell(*where):
        return lambda key: results.cell(key, *where)

    def middles(*where):
        return lambda key: results.middles(key, *where)

    def cost(phase):
        return {str(clients): cell(clients, phase, "server_us") for clients in sizes} | {
            f"load: {every}": middles(phase, "load_us"),
            f"load busy, %: {every}": middles(phase, "load_busy"),
            f"Redis: {every}": middles(phase, "redis_us"),
        }

    def behind(key):
        late, of = (results.values(key, most, "paced", what) for what in ("late", "notices"))
        return f"{sum(late.values())} of {sum(of.values())}" if of else "–"

    def gone(key):
        runs = results.runs.get((key, FEW), {}).values()
        deaf = next((run["deaf"] for run in runs if "deaf" in run), None)
        if deaf is None:
            return "–"
        after = deaf["gone_after"]
        return f"after {after} notices" if after else f"no, in {deaf['notices']} notices"

    return [
        (
            "One notice at a time",
            "The next notice is published when all have the one before. The server's CPU for each "
            "delivery in µs, by number of clients; beside it what the load generator and Redis "
            "took for the same, and how busy the generator was.",
            "cpu", "CPU µs", cost("one"), (sizes, "one", "server_us"),
        ),
        (
            "Many at once",
            f"{size['burst']} notices are published at once, or fewer where that would last long: "
            "the last column says how many. Step 7 may join what is waiting into one event of up "
            "to 100 notices, which saves most of its work. Each notice of it is a delivery.",
            "bursts", "CPU µs, bursts",
            cost("burst") | {f"notices: {every}": middles("burst", "size")},
            (sizes, "burst", "server_us"),
        ),
        (
            "From publish to arrival",
            f"{rate:g} notices a second to {most} clients, all deliveries. The generator reads "
            "one client after the other: its own CPU for a delivery, above, times the number of "
            "clients is the least that it can see. A server that had not told everybody when the "
            "next notice came did not keep up.",
            "latency", "ms",
            {name: cell(most, "paced", name) for name in ("p50", "p99")}
            | {"did not keep up": behind},
            ([most], "paced", "p99"),
        ),
        (
            "A page meanwhile",
            f"`GET /` ten times a second, while {max(sizes)} are told one notice after the other "
            "without a pause. The page of the steps and of classic is made by Django from a "
            "database; the others show a small one that is always the same.",
            None, "ms",
            {name: cell(max(sizes), "page", name) for name in ("p50", "p99", "max")}, None,
        ),
        (
            "Connecting",
            "From the first packet to where a browser is sure to hear the next notice; 64 at once.",
            None, "new clients",
            {f"a second, {n}": cell(n, "connect", "per_second") for n in thousands}
            | {f"CPU µs, {n}": cell(n, "connect", "server_us") for n in thousands}
            | {f"load µs, {n}": cell(n, "connect", "load_us") for n in thousands},
            (thousands, "connect", "per_second"),
        ),
        (
            "Memory of a client",
            "KiB of the server for each client that is connected and hears nothing; the kernel's "
            "buffers are not in it.",
            "memory", "KiB", {str(n): cell(n, "memory", "kib") for n in sizes},
            (sizes[-1:], "memory", "kib"),
        ),
        (
            "Redis",
            f"With {most} clients.",
            None, "Redis",
            {
                "connections of the server": cell(most, "redis", "connections"),
                "CPU µs for each notice": cell(most, "one", "redis_us_notice"),
            },
            None,
        ),
        (
            "One client that never reads",
            "Notices of about 265 characters go on until the server closes its end, or until "
            f"{size['deaf']:g} MB would wait for it. Two others hear all of "
            "them. Memory that a server frees is not always given back to the system.",
            None, "never reads",
            {
                "KiB at most": cell(FEW, "deaf", "most_kib"),
                "KiB at the end": cell(FEW, "deaf", "end_kib"),
                "closed": gone,
            }, None,
        ),
        (
            "The second of two notices",
            "2 ms after the first, to a client that has just said something. About 40 ms mean that "
            "it waited for the first to be acknowledged: Nagle's algorithm was left on.",
            None, "ms", {name: cell(FEW, "pair", name) for name in ("p50", "p99")}, None,
        ),
    ]  # fmt: skip


def ladder(results: Results) -> list[tuple]:
    """Return the one section of the way from step 6 to step 7."""
    size = results.size["clients"][0]
    columns = {
        name: lambda key, where=where: results.cell(key, size, *where)
        for name, where in {
            "CPU µs": ("one", "server_us"),
            "KiB": ("memory", "kib"),
            "load µs": ("one", "load_us"),
        }.items()
    }
    return [
        (
            "What each change brings",
            f"One notice at a time, {size} clients. Each line is the one before with one thing "
            "more. CPU of the server and of the load generator for a delivery, and the server's "
            "memory of a client that hears nothing. The last line is the limit: gevent's `send` of "
            "a ready frame, in a loop, with nothing around it.",
            "cpu", "from step 6 to step 7", columns, ([size], "one", "server_us"),
        )
    ]  # fmt: skip


def halls(results: Results) -> list[tuple]:
    """Return the one section of how step 8's cost grows with its halls."""
    size = results.size["clients"][0]
    columns = {
        name: lambda key, where=where: results.cell(key, size, *where)
        for name, where in {
            "who listens": ("one", "told"),
            "CPU µs a notice": ("one", "server_us_notice"),
            "CPU µs a delivery": ("one", "server_us"),
            "Redis µs a notice": ("one", "redis_us_notice"),
            "KiB": ("memory", "kib"),
        }.items()
    }
    return [
        (
            "With more halls",
            f"{size} clients, each of whom follows one hall: with ten halls a tenth of them is in "
            "each. One notice at a time, all in the same hall. The server's CPU for a notice, and "
            "for each delivery of it; what Redis takes; and the server's memory of a client.",
            "halls", "halls", columns, ([size], "one", "server_us_notice"),
        )
    ]  # fmt: skip


def arrivals(results: Results) -> list[tuple]:
    """Return a section for each phase of a full room."""
    sizes = list(results.size["clients"])
    every = " / ".join(map(str, sizes))

    def cell(*where):
        return lambda key: results.cell(key, *where)

    def middles(*where):
        return lambda key: results.middles(key, *where)

    def returns(key):
        runs = [results.runs.get((key, clients), {}) for clients in sizes]
        said = next((run["options"] for each in runs for run in each.values()), None)
        if said is None:
            return "–"
        first = "polling" if said["polling"] and not said["remembers"] else "websocket"
        return f"{first}, {said['delay_max'] / 1000:g} s"

    def cost(phase, packets, **more):
        return (
            {f"CPU s, {clients}": cell(clients, phase, "server") for clients in sizes}
            | {f"last one, s: {every}": middles(phase, "seconds")}
            | {f"all told, s: {every}": middles(phase, "told")}
            | {f"{packets}: {every}": middles(phase, "packets")}
            | {f"a page meanwhile, at worst, s: {every}": middles(phase, "page")}
            | {f"{name}: {every}": middles(phase, what) for name, what in more.items()}
            | {f"load CPU s: {every}": middles(phase, "load")}
            | {f"load busy, %: {every}": middles(phase, "busy")}
            | {f"Redis CPU s: {every}": middles(phase, "redis")}
        )

    return [
        (
            "All arrive at one moment",
            "Each page is asked for, with its style, its script and socket.io-client, and then "
            "connects, until all are live and know how many they are. The server's CPU for all "
            "that; when the last one was live, and when all had been told; what each was sent; "
            "and a bystander's `GET /`. "
            "Broken: connections that did not come to be, or ended, and were tried again. "
            "Overflows: how often the kernel had to let a connection wait outside, as too many "
            "waited to be accepted; it tries again after 1 s, 2 s, 4 s and so on.",
            "cpu", "all arrive",
            cost("arrive", "packets a page", broken="failed", overflows="overflows"),
            (sizes, "arrive", "server"),
        ),
        (
            "The server is killed, and all come back",
            "Counted from when the server that was started again answers first, how long after "
            "it was killed is in the table: its start is not in its CPU. Until then the pages try "
            "in vain, and wait a while longer each time, as socket.io-client does: the table says "
            "by what they come back first, and how long they wait at most.",
            None, "all come back",
            {"come back by": returns}
            | cost("back", "packets a page", **{"dead for, s": "down"}, broken="failed",
                   overflows="overflows"),
            (sizes, "back", "server"),
        ),
        (
            "All leave at one moment",
            "All but one, who is told. The last one is gone when the one who stays has been told "
            "that it is alone.",
            None, "all leave", cost("leave", "packets to the one who stays"), None,
        ),
    ]  # fmt: skip


def scale(results: Results) -> list[tuple]:
    """Return a section for each thing that is done to very many."""
    size, sizes = results.size, list(results.size["clients"])
    every = " / ".join(map(str, sizes))

    def cells(phase, what, unit):
        return {f"{unit}, {n}": lambda key, n=n: results.cell(key, n, phase, what) for n in sizes}

    def middles(phase, **columns):
        return {
            f"{name.replace('_', ' ')}: {every}": lambda key, what=what: results.middles(
                key, phase, what
            )
            for name, what in columns.items()
        }

    def load(phase):
        busy = {"load busy, %": "load_busy", "load µs": "load_us"}
        return middles(phase, **busy)

    return [
        (
            "One notice to all",
            f"After a second of quiet, {size['one']:g} times; seconds from publishing until the "
            "last browser has it, and the longest of them.",
            "last", "last one has it",
            cells("one", "last", "s") | middles("one", longest="worst") | load("one"),
            (sizes, "one", "last"),
        ),
        (
            "A minute of notices",
            f"For {size['minute']:g} s the next one is published when all have the one before. "
            "The server's CPU of a delivery is that of all its processes, with nginx, less what "
            "as many seconds take when there is nothing to hear, see below; then all of it.",
            None, "CPU µs",
            cells("minute", "net_us", "µs") | middles("minute", with_heartbeats="server_us")
            | middles("minute", notices_a_second="per_second",
                      **{"last one, s": "last", "longest, s": "worst", "Redis µs": "redis_us"})
            | load("minute"),
            (sizes, "minute", "net_us"),
        ),
        (
            "A burst",
            f"{size['burst']} notices at once, {size['bursts']} times. Each notice of an event is "
            "a delivery.",
            None, "all have all",
            cells("burst", "last", "s")
            | middles("burst", **{"CPU µs of a delivery": "net_us"}) | load("burst"),
            (sizes, "burst", "last"),
        ),
        (
            "Everybody away, and back",
            f"All connections are closed at one moment, {size['away']} notices are published, and "
            "all connect again, 64 at once in each process of the load. Seconds until the last is "
            "back and has all that it is ever told; the last column says what it is not told.",
            None, "all are back",
            cells("back", "last", "s")
            | middles("back", **{"CPU µs of a client": "server_us"}) | load("back")
            | middles("back", missed="missed"),
            (sizes, "back", "last"),
        ),
        (
            "Connecting",
            "As above, for the first time.",
            None, "new clients",
            cells("connect", "per_second", "a second")
            | middles("connect", **{"CPU µs of a client": "server_us"}) | load("connect"),
            (sizes, "connect", "per_second"),
        ),
        (
            "Connected, and nothing to hear",
            "KiB of the server for each client, and what heartbeats and the server's own "
            "housekeeping take, in ms of CPU each second.",
            None, "KiB",
            cells("memory", "kib", "KiB")
            | middles("idle", **{"CPU, ms a second": "server_ms", "load busy, %": "load_busy"}),
            (sizes, "memory", "kib"),
        ),
    ]  # fmt: skip


def introduction(data: dict) -> str:
    """Return what was run on what, and how to read it."""
    machine, size = data["machine"], data["size"]
    pinned = "The server has one core to itself, the load generator and Redis share another. "
    if data.get("scale"):
        pinned = f"The server has {counted(machine['each'], 'core')} to itself, all its processes "
        pinned += "together; the load generator and Redis share as many others. "
    if data.get("readers"):
        pinned = "Redis has one core to itself, the load generator and a replica share another. "
    pinned = pinned if machine["pinned"] else "Nothing is pinned to a core. "
    packages = ", ".join(f"{name} {version}" for name, version in data["versions"].items())
    deliveries = sum(run["deliveries"] for run in data["runs"])
    checked = f"{deliveries:,} deliveries were checked: "
    wrong = problems(data)
    checked += "these were wrong." if wrong else "none lost, twice, out of order or changed."
    listed = "".join(f"- **{sentence}** Its figures are left out.\n" for sentence in wrong)
    listed += "".join(f"- Left out: {sentence}\n" for sentence in data["left_out"])
    better = "Less is better, but for connections per second."
    title, option = "Something happens once, N browsers must know: what it costs", ""
    if data.get("ladder"):
        title, option = "From step 6 to step 7: what each change brings", " --ladder"
    if data.get("halls"):
        title, option = "Step 8: what halls cost", " --halls"
    if data.get("arrivals"):
        title, option = "A full room: all come at once, come back and leave", " --arrivals"
        checked = "At the end of each phase everybody was live, and was told the right number"
        checked += ", but for these:" if listed else "."
        better = "Less is better."
    if data.get("scale"):
        most = number(size["clients"][-1])
        title, option = f"Up to {most} browsers: four processes of each server", " --scale"
    who, ratios = "server", " A ratio is taken within each round."
    if data.get("readers"):
        title, option = "One Redis, and many processes: what they cost it", " --readers"
        better, who, ratios = "Less is better.", "way", ""
    rounds = "Each figure was measured once."
    if size["rounds"] > 1:
        rounds = f"Each figure is the middle one of {size['rounds']} rounds, with the smallest and "
        rounds += "the largest in brackets."
    return f"""# {title}

Made by `{ME} bench{option} --report` on {data["date"]}, in {data["seconds"] / 60:.0f} minutes; \
[README.md](README.md) says how it is measured, and what is unfair to whom.

{machine["cpu"]}, {machine["cores"]} cores, {machine["system"]}. {pinned}\
{packages}.

{rounds} In a round each {who} has its turn, so that what slows the machine down slows all of \
them. {better}{ratios}

{checked}
{listed}"""


def plots_of(results: Results) -> dict[str, str]:
    """Return the plots by name."""
    if results.readers:
        return readers.plots(results)
    if results.halls:
        size = results.size["clients"][0]
        figures = [
            (name, results.median(key, size, "one", "server_us_notice"))
            for key, name in results.names.items()
        ]
        return {"halls": bars(f"CPU of the server per notice, {size} clients", "µs", figures)}
    if results.ladder:
        size = results.size["clients"][0]
        figures = [
            (name, results.median(key, size, "one", "server_us"))
            for key, name in results.names.items()
        ]
        return {"cpu": bars(f"CPU of the server per delivery, {size} clients", "µs", figures)}
    if results.arrivals:
        sizes = results.size["clients"]
        rows = [
            (name, [results.median(key, clients, "arrive", "server") for clients in sizes])
            for key, name in results.names.items()
        ]
        series = [f"{clients} pages" for clients in sizes]
        return {"cpu": dots("CPU of the server while all arrive", "s", series, rows)}
    if results.scale:
        ways = {
            name: [
                (n, last)
                for n in results.size["clients"]
                if (last := results.median(key, n, "one", "last"))
            ]
            for key, name in results.names.items()
        }
        title = "One notice: until the last browser has it"
        return {"last": lines(title, "browsers", "s", [way for way in ways.items() if way[1]])}
    sizes, paced = results.size["clients"], results.size["paced_clients"]

    def points(columns):
        return [
            (name, values)
            for key, name in results.names.items()
            if any(values := [results.median(key, *where) for where in columns])
        ]

    def by_size(*where):
        return points([(clients, *where) for clients in sizes])

    clients = [f"{number} clients" for number in sizes]
    return {
        "cpu": dots("CPU per delivery, one notice at a time", "µs", clients,
                    by_size("one", "server_us")),
        "bursts": dots("CPU per delivery, in bursts", "µs", clients, by_size("burst", "server_us")),
        "latency": dots(f"From publish to arrival, {paced} clients", "ms", ["p50", "p99"],
                        points([(paced, "paced", "p50"), (paced, "paced", "p99")])),
        "memory": dots("Memory of a client", "KiB", clients, by_size("memory", "kib")),
    }  # fmt: skip
