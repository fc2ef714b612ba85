"""A network between two sides that can be cut. No library had all that is needed here."""

import asyncio
import contextlib
import re
import threading

CHUNK = 65536
UPGRADE = re.compile(rb"^GET [^\n]*[?&]sid=.*^upgrade: websocket", re.I | re.M | re.S)
POLL = re.compile(rb"GET [^\n]*[?&]transport=polling")
# Of an upgrade: a request, its answer, a probe, its answer, the word to go on. Nobody says a second
# thing before the other has answered the first.
STAGES = 5


class Proxy:
    """Pass TCP connections on; refuse, swallow or cut them when told to."""

    def __init__(self, port: int, to: int, host: str = "127.0.0.1", to_host: str = "127.0.0.1"):
        self.port, self.to, self.host, self.to_host = port, to, host, to_host
        self.url = f"http://{host}:{port}"
        self.links: set[Link] = set()
        self.accepted = 0
        self.cuts = 0  # of upgrades
        self.cutting = False  # each upgrade, each at another stage than the one before
        self.loop = asyncio.new_event_loop()
        self.passing = asyncio.Event()
        self.roads: dict[str, asyncio.Event] = {}  # by the address from which they lead here
        self.stranded: list[asyncio.Event] = []
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def open(self) -> "Proxy":
        """Begin."""
        self.thread.start()
        self.passing.set()
        self.mend()
        return self

    def close(self) -> None:
        """Close all connections, and listen no more."""
        self.call(self.end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    __enter__ = open

    def __exit__(self, *_):
        self.close()

    def call(self, what):
        """Run a coroutine in the proxy's thread, and return its result."""
        return asyncio.run_coroutine_threadsafe(what, self.loop).result()

    @property
    def polls(self) -> int:
        """Return how many wait for the answer to a poll."""
        return sum(link.polls for link in list(self.links))

    # What a fault does

    def cut(self) -> None:
        """Close all connections, and refuse new ones."""
        self.call(self.refuse())

    def drop(self, host: str = "") -> None:
        """Close all connections, or an address's, as when a laptop changes its network."""
        self.call(self.hang_up(host))

    def mend(self) -> None:
        """Accept connections, and pass on."""
        self.call(self.listen())

    def swallow(self) -> None:
        """Accept, and pass nothing on: a black hole."""
        self.loop.call_soon_threadsafe(self.passing.clear)

    def flow(self) -> None:
        """End the black hole; as on a real network, what was sent meanwhile arrives now."""
        self.loop.call_soon_threadsafe(self.passing.set)

    def swallow_from(self, host: str) -> None:
        """Be a black hole to one address alone, in both directions."""
        self.loop.call_soon_threadsafe(lambda: self.road(host).clear())

    def flow_from(self, host: str) -> None:
        """End this black hole."""
        self.loop.call_soon_threadsafe(lambda: self.road(host).set())

    def strand(self) -> None:
        """Pass nothing on, for ever, of what is connected now; new connections work."""
        self.loop.call_soon_threadsafe(self.strand_all)

    # How it is done

    def road(self, host):
        """Return what is set as long as something passes from and to an address."""
        if host not in self.roads:
            self.roads[host] = asyncio.Event()
            self.roads[host].set()
        return self.roads[host]

    async def listen(self):
        """Begin to listen."""
        self.server = await asyncio.start_server(
            self.carry, self.host, self.port, reuse_address=True
        )

    async def refuse(self):
        """Stop listening, and close what is open."""
        self.server.close()
        self.close_all()

    async def hang_up(self, host):
        """Close what is open, and go on listening."""
        self.close_all(host)

    async def end(self):
        """End all that goes on."""
        await self.refuse()
        for passing in (self.passing, *self.roads.values(), *self.stranded):
            passing.set()
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            _, late = await asyncio.wait(others, timeout=2)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def close_all(self, host=""):
        """Close what is open, or what an address has open."""
        for link in list(self.links):
            if host in ("", link.host):
                link.abort()

    def strand_all(self):
        """Leave what is open with an event that is set only at the end."""
        self.passing.clear()
        self.stranded.append(self.passing)
        self.passing = asyncio.Event()
        self.passing.set()

    async def carry(self, reader, writer):
        """Connect a client with the server."""
        self.accepted += 1
        link = Link(self, writer)
        self.links.add(link)  # already now, so that a cut reaches it
        try:
            server_reader, server_writer = await asyncio.open_connection(self.to_host, self.to)
            link.writers.append(server_writer)
            await asyncio.gather(link.pump(reader, server_writer), link.pump(server_reader, writer))
        except (OSError, asyncio.CancelledError):  # which asyncio's own callback does not expect
            link.abort()
        finally:
            self.links.discard(link)


class Link:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, writer):
        self.proxy, self.writers = proxy, [writer]
        self.host = writer.get_extra_info("peername")[0]
        self.ways = proxy.passing, proxy.road(self.host)
        self.chunks = 0  # in both directions
        self.polls = False
        self.stage: int | None = None  # at which an upgrade is cut

    async def passing(self):
        """Wait until something passes again."""
        for way in self.ways:
            await way.wait()

    async def pump(self, reader, writer):
        """Pass on in one direction until the end of it."""
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self.passing()
                self.chunks += 1
                self.polls = bool(POLL.match(data))
                if self.proxy.cutting and self.chunks == 1 and UPGRADE.search(data):
                    self.proxy.cuts += 1
                    self.stage = self.proxy.cuts % STAGES + 1
                if self.chunks == self.stage:
                    break
                writer.write(data)
                await writer.drain()
            await self.passing()
        self.abort()

    def abort(self):
        """Close both ends."""
        for writer in self.writers:
            writer.transport.abort()
